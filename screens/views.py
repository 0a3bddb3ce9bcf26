"""The main views, each made when it is first shown: a screen's import is paid for by who looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

__all__ = ["VIEWS"]


def _overview() -> Screen[Any]:
    from screens.overview import OverviewScreen

    return OverviewScreen()


def _builds() -> Screen[Any]:
    from screens.builds import BuildsScreen

    return BuildsScreen()


def _gitops() -> Screen[Any]:
    from screens.gitops import GitOpsScreen

    return GitOpsScreen()


def _workloads() -> Screen[Any]:
    from screens.workloads import WorkloadsScreen

    return WorkloadsScreen()


def _events() -> Screen[Any]:
    from screens.events import EventsScreen

    return EventsScreen()


VIEWS: dict[str, Callable[[], Screen[Any]]] = {
    "overview": _overview,
    "builds": _builds,
    "gitops": _gitops,
    "workloads": _workloads,
    "events": _events,
}
"""Factories by the name that the registry of commands uses."""
