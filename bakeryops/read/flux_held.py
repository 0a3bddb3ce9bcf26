"""Flux objects that people hold back: who suspended one, and what was set past Git while it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from bakeryops.model.health import Health
from bakeryops.model.hold import Suspension
from bakeryops.model.sync import FluxObject, Source, Sync
from bakeryops.read.holds import suspension_of, write_backs_of

__all__ = ["with_notes"]

_View = TypeVar("_View", Source, Sync, FluxObject)


def with_notes(view: _View, notes: Mapping[str, str] | None) -> _View:
    """Return an object with what its annotations tell of its suspension and of what was set past Git."""
    found = suspension_of(view.kind, view.namespace, view.name, view.suspended, notes)
    changes: dict[str, Any] = {"suspension": found} if found is not None else {}
    why = view.why
    if found is not None and (says := _says(found)):
        why = f"suspended {says}; " + why.removeprefix("suspended: ")
        changes |= {"why": why} | ({"since": found.since} if found.since is not None else {})
    if isinstance(view, Sync) and (backs := write_backs_of(view.namespace, view.name, notes)):
        # Until Git is told, Git and cluster differ by intent, and the next apply would undo it.
        past = ", ".join(f"{each.service} by {each.owner}" for each in backs)
        why = f"set past Git, to be written back: {past}" + (f"; {why}" if why else "")
        changes |= {"write_backs": backs, "health": Health.BAD, "why": why}
    return msgspec.structs.replace(view, **changes) if changes else view


def _says(found: Suspension) -> str:
    by = f"by {found.owner}" if found.owner else "by somebody" if found.reason or found.until is not None else ""
    why = f": {found.reason}" if found.reason else ""
    until = f", until {_clock(found.until)}" if found.until is not None else ""
    return f"{by}{why}{until}"


def _clock(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "?"
