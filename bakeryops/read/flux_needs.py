"""Which Flux objects want a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bakeryops.model.health import Health
from bakeryops.model.overview import NeedsYou
from bakeryops.model.sync import FluxObject, Source, Sync
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS, object_of, source_of, sync_of

__all__ = ["of_delivery"]


def of_delivery(plural: str, objects: Iterable[Any]) -> list[NeedsYou]:
    """Return the Flux objects of one kind, as they came from the cluster, that fail, wait or have given up."""
    found = []
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
        if view.health in (Health.BAD, Health.SOON):
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
