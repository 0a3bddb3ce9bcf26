"""What this machine keeps of an incident: the history, the audit log, jobs, the black box."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from bakeryops.errors import BakeryopsError
from bakeryops.incident.scope import Scope
from bakeryops.jobs.past import PastBook
from bakeryops.jobs.store import KEPT, JobStore
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.model.blackbox import Saved
from bakeryops.model.history import Entry
from bakeryops.model.job import JobView

__all__ = ["Kept", "kept_of"]

_WHOLE: Final = 12
"""Failures whose logs are read."""


class Kept(msgspec.Struct, frozen=True):
    """Newest first; of the newest failures `whole` has everything, by number."""

    entries: tuple[Entry, ...] = ()
    jobs: tuple[JobView, ...] = ()
    saved: tuple[Saved, ...] = ()
    whole: Mapping[int, Saved] = msgspec.field(default_factory=dict)
    missing: tuple[str, ...] = ()


def kept_of(cluster: str, scope: Scope, told: Iterable[Entry], begin: float, until: float) -> Kept:
    """Return what is kept of a cluster and a window; blocks.

    `told` is what Git and Flux tell now; it is joined with the history, and kept with it. Entries are of all
    services, the rest of the scope.
    """
    missing: list[str] = []
    entries = _entries(cluster, told, missing)
    jobs = _jobs(cluster, scope, begin, until, missing)
    saved: list[Saved] = []
    whole: dict[int, Saved] = {}
    store = BlackBoxStore()
    try:
        saved = [each for each in store.failures(cluster) if begin <= each.when <= until and scope.has_saved(each)]
        for each in saved[:_WHOLE]:
            if (found := store.get(each.id)) is not None:
                whole[each.id] = found
        missing += [f"Black box: {word}" for word in (store.word, store.trouble) if word]
    finally:
        store.close()
    return Kept(
        tuple(each for each in entries if _within(each, begin, until)),
        tuple(jobs),
        tuple(saved),
        whole,
        tuple(missing),
    )


def _within(each: Entry, begin: float, until: float) -> bool:
    """Return whether anything of an entry is of the window."""
    return any(
        when is not None and begin <= when <= until for when in (each.when, each.applied, each.ready, each.ended)
    )


def _entries(cluster: str, told: Iterable[Entry], missing: list[str]) -> list[Entry]:
    try:
        book = PastBook(cluster)
        try:
            found = book.update(told, time.time())
            missing += [f"History: {word}" for word in book.words()]
            return found
        finally:
            book.close()
    except (BakeryopsError, OSError) as error:
        missing.append(f"History and audit log: {error}")
        return list(told)


def _jobs(cluster: str, scope: Scope, begin: float, until: float, missing: list[str]) -> list[JobView]:
    try:
        store = JobStore()
        views = store.views(KEPT)
    except (BakeryopsError, OSError) as error:
        missing.append(f"Jobs: {error}")
        return []
    found = []
    for view in views:
        over = view.ended is not None and view.ended < begin
        if view.created > until or over or not scope.has_job(view):
            continue
        try:
            where = store.settings(view.id).cluster
        except BakeryopsError:
            where = ""
        if where in ("", cluster):
            found.append(view)
    return found
