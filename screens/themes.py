"""The looks of the console: dark, light, high contrast, and the terminal's own sixteen colours or none."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from textual.app import App
from textual.filter import Monochrome, NoColor
from textual.theme import Theme

__all__ = ["THEMES", "choose_theme", "register_themes", "terminal_trouble", "unicode_terminal"]

DARK = Theme(
    name="bakery-dark",
    primary="#5fa8e6",
    secondary="#b59be6",
    accent="#66c2c2",
    warning="#e8b04a",
    error="#f2777a",
    success="#8fc98f",
    foreground="#d8dade",
    background="#14161a",
    surface="#1c1f25",
    panel="#23272f",
    dark=True,
    variables={
        "text-primary": "#7fbcf0",
        "text-secondary": "#c3adec",
        "text-accent": "#7fd0d0",
        "text-warning": "#f0c060",
        "text-error": "#ff8b8e",
        "text-success": "#9fd69f",
        "text-muted": "#9aa0aa",
        "text-disabled": "#7d838d",
        "primary-muted": "#26405a",
        "warning-muted": "#3d3218",
        "error-muted": "#45262a",
    },
)

LIGHT = Theme(
    name="bakery-light",
    primary="#1d5fa3",
    secondary="#6b3fa0",
    accent="#006a6a",
    warning="#8a5800",
    error="#b3261e",
    success="#22692b",
    foreground="#1d2126",
    background="#fbfaf7",
    surface="#f0eee9",
    panel="#e6e3dc",
    dark=False,
    variables={
        "text-primary": "#174f8a",
        "text-secondary": "#5b3390",
        "text-accent": "#005a5a",
        "text-warning": "#754a00",
        "text-error": "#a01b14",
        "text-success": "#1b5a23",
        "text-muted": "#595e66",
        "text-disabled": "#6b7078",
        "primary-muted": "#c9dff5",
        "warning-muted": "#f7e6c4",
        "error-muted": "#f8d9d6",
    },
)

CONTRAST = Theme(
    name="bakery-contrast",
    primary="#66ccff",
    secondary="#ff99ff",
    accent="#66ffff",
    warning="#ffff00",
    error="#ff8080",
    success="#66ff66",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    dark=True,
    variables={
        "text-primary": "#80d4ff",
        "text-secondary": "#ffb3ff",
        "text-accent": "#80ffff",
        "text-warning": "#ffff00",
        "text-error": "#ff9999",
        "text-success": "#80ff80",
        "text-muted": "#e0e0e0",
        "text-disabled": "#b8b8b8",
        "primary-muted": "#00407a",
        "warning-muted": "#4d4d00",
        "error-muted": "#660000",
    },
)

THEMES: Mapping[str, str] = {
    "dark": "bakery-dark",
    "light": "bakery-light",
    "contrast": "bakery-contrast",
    "ansi": "ansi-dark",
    "ansi-light": "ansi-light",
}
"""The names a person chooses from, and Textual's names for the themes."""


def register_themes(app: App[Any]) -> None:
    """Make the themes known to the application; Textual brings the two of sixteen colours.

    Where NO_COLOR is set no colour at all is sent from here on. Textual decides that before any theme can be
    chosen, and for its own first theme it decides upon shades of grey.
    """
    for theme in (DARK, LIGHT, CONTRAST):
        app.register_theme(theme)
    if app.no_color:
        filters = app._filters  # noqa: SLF001 (there is no public way)
        filters[:] = [NoColor() if isinstance(each, Monochrome) else each for each in filters]


def choose_theme(wanted: str = "auto", *, no_color: bool = False, environ: Mapping[str, str] | None = None) -> str:
    """Return Textual's name of the theme to use.

    Without colour only the theme of the terminal's own colours is used: with any other one Textual still sends
    shades of grey. "auto" is dark where the terminal says that it can do 256 colours or more, else the sixteen.
    """
    environ = os.environ if environ is None else environ
    if no_color or environ.get("NO_COLOR"):
        return THEMES["ansi-light"] if wanted in ("light", "ansi-light") else THEMES["ansi"]
    if wanted in THEMES:
        return THEMES[wanted]
    term = environ.get("TERM", "")
    rich = environ.get("COLORTERM", "") in ("truecolor", "24bit") or "256" in term or "direct" in term
    return THEMES["dark"] if rich or any(name in term for name in ("kitty", "alacritty")) else THEMES["ansi"]


def terminal_trouble(environ: Mapping[str, str] | None = None) -> str:
    """Return why no screen can be drawn on this terminal, in one sentence, or "" when it can."""
    environ = os.environ if environ is None else environ
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "this is no terminal: the console needs one; the subcommands work without"
    if environ.get("TERM", "") in ("", "dumb", "unknown"):
        return "this terminal cannot move its cursor (TERM is dumb or not set): set TERM, for example to xterm"
    return ""


def unicode_terminal(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether the terminal's character set is UTF-8 as far as the locale says."""
    environ = os.environ if environ is None else environ
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return "utf-8" in locale.lower() or "utf8" in locale.lower()
