"""The main views, each made when it is first shown: a screen's import is paid for by who looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

__all__ = ["VIEWS"]


def _overview() -> Screen[Any]:
    from screens.overview import OverviewScreen

    return OverviewScreen()


def _styled(screen: Screen[Any]) -> Screen[Any]:
    """Say that a screen made now has the style rules of now.

    Textual 8.2.8 reads every rule anew, twice, for the first screen of each mode.
    """
    screen._css_update_count = screen.app._css_update_count  # noqa: SLF001
    return screen


def _builds() -> Screen[Any]:
    from screens.builds import BuildsScreen

    return _styled(BuildsScreen())


def _gitops() -> Screen[Any]:
    from screens.gitops import GitOpsScreen

    return _styled(GitOpsScreen())


def _workloads() -> Screen[Any]:
    from screens.workloads import WorkloadsScreen

    return _styled(WorkloadsScreen())


def _history() -> Screen[Any]:
    from screens.history import HistoryScreen

    return _styled(HistoryScreen())


def _events() -> Screen[Any]:
    from screens.events import EventsScreen

    return _styled(EventsScreen())


VIEWS: dict[str, Callable[[], Screen[Any]]] = {
    "overview": _overview,
    "builds": _builds,
    "gitops": _gitops,
    "workloads": _workloads,
    "history": _history,
    "events": _events,
}
"""Factories by the name that the registry of commands uses."""
