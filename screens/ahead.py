"""What the next keys will need, made while nobody waits: modules of screens, and style rules of their widgets."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from screens.panel import TextPanel

__all__ = ["MODULES", "prepare"]

MODULES = (
    "screens.builds", "screens.build", "screens.workloads", "screens.object", "screens.logs", "screens.gitops",
    "screens.sync", "screens.service", "screens.follow", "screens.build_logs", "screens.events", "screens.history",
    "screens.confirm", "screens.job", "screens.jobs",
)  # fmt: skip
"""Modules of screens, those first that are opened most."""

PAUSE = 0.05
"""Seconds between two steps: each takes some milliseconds, and keys come first."""


async def prepare(app: App[Any]) -> None:
    """Import the screens one by one and read their style rules, with pauses.

    A screen that is opened before its turn does the same by itself, and takes that much longer.
    """
    for name in MODULES:
        await asyncio.sleep(PAUSE)
        module = import_module(name)
        for screen in _screens_of(module):
            _read_styles(app.stylesheet, screen)
        # Asking for the rules parses what was added: a screen that is opened next finds all or nothing of its own.
        _ = app.stylesheet.rules
    from screens.widgets.dag import Dag
    from screens.widgets.logtail import LogTail
    from screens.widgets.timeline import Timeline

    await asyncio.sleep(PAUSE)
    for widget in (Dag(), Timeline(), LogTail(), TextPanel(), ContentSwitcher()):
        widget._post_register(app)  # noqa: SLF001 (reads the default rules, as the first mount of such a widget does)
    _ = app.stylesheet.rules


def _screens_of(module: Any) -> Iterator[type[Screen[Any]]]:
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, Screen) and each.__module__ == module.__name__:
            yield each


def _read_styles(stylesheet: Stylesheet, screen: type[Screen[Any]]) -> None:
    """Read the file of style rules that a screen class names."""
    css = vars(screen).get("CSS_PATH")
    if isinstance(css, str):
        path = Path(inspect.getfile(screen)).parent / css
        if not stylesheet.has_source(str(path)):
            stylesheet.read(path)
