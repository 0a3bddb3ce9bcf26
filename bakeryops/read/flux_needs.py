"""Which Flux objects want a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bakeryops.model.health import Health
from bakeryops.model.overview import NeedsYou
from bakeryops.model.sync import FluxObject, Source, Sync
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS, object_of, source_of, sync_of
from bakeryops.read.holds import needs_of_suspension, needs_of_write_backs

__all__ = ["of_delivery", "views_of"]


def of_delivery(views: Iterable[Source | Sync | FluxObject], now: float) -> list[NeedsYou]:
    """Return what of Flux wants a person.

    That is those that fail, wait or have given up, suspensions that should be over, and what was set past Git.
    """
    found: list[NeedsYou] = []
    for view in views:
        backs = view.write_backs if isinstance(view, Sync) else ()
        found += needs_of_write_backs(backs, view.ref)
        if not backs:
            found += needs_of_suspension(view.suspension, view.ref, now)
        if view.health in (Health.BAD, Health.SOON) and not (backs and view.suspended):
            found.append(
                NeedsYou(
                    health=view.health,
                    name=view.name,
                    what=view.reason or view.state,
                    why=view.why,
                    since=view.since,
                    ref=view.ref,
                    namespace=view.namespace,
                )
            )
    return found


def views_of(plural: str, objects: Iterable[Any]) -> Iterator[Source | Sync | FluxObject]:
    """Yield the Flux objects of one kind, as they came from the cluster, as shown; none of another kind."""
    for each in objects:
        view: Source | Sync | FluxObject
        if plural in SOURCES:
            view = source_of(plural, each)
        elif plural in SYNCS:
            view = sync_of(plural, each)
        elif plural in OBJECTS:
            view = object_of(plural, each)
        else:
            continue
        yield view
