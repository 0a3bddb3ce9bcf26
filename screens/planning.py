"""The world as the console has read it, for planners; and what tells that a plan made from it still holds."""

from __future__ import annotations

import asyncio
import dataclasses
from importlib import import_module
from typing import TYPE_CHECKING

from bakeryops.errors import BakeryopsError
from bakeryops.model.overview import ObjectRef
from screens.proposal import Stamp

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.config import Config
    from screens.console import Console

__all__ = ["acting_config", "brought", "flux_stamp", "ground_of", "service_stamp"]


async def brought(module: str) -> None:
    """Import a module of `bakeryops.actions` beside the event loop: it takes tens of milliseconds once."""
    await asyncio.to_thread(import_module, f"bakeryops.actions.{module}")


def acting_config(console: Console) -> Config:
    """Return the configuration that a change is made with: that of Git where it has one of its own."""
    return dataclasses.replace(console.code.config or console.config, read_only=console.read_only)


def ground_of(console: Console) -> Ground:
    """Return the world as the console has read it; raises `BakeryopsError` where no cluster is known."""
    from bakeryops.actions.ground import Ground
    from bakeryops.jobs.person import operator

    if console.session is None:
        raise BakeryopsError("no cluster is connected", hint="Wait for the connection, or press r.")
    config, keeper, picture = acting_config(console), console.code.keeper, console.picture
    return Ground(
        config=config,
        session=console.session,
        code=console.code.view,
        repository=keeper.repository if keeper is not None else None,
        resolve=keeper.resolve if keeper is not None else "",
        delivery=picture.delivery,
        workloads=picture.index,
        now=console.now(),
        who=operator(config),
    )


def service_stamp(console: Console, service: str) -> Stamp:
    """Return what tells whether a plan about a service holds: Git's head, what Flux applied, what runs."""

    def stamp() -> object:
        picture = console.picture
        running = sorted(
            (view.key, view.image)
            for view in picture.index.workloads.values()
            if service in (view.service, view.name)
        )
        applied = sorted(
            (sync.key, sync.applied.text if sync.applied is not None else "", sync.suspended)
            for sync in picture.delivery.flux.syncs.values()
        )
        return console.code.view.head, tuple(applied), tuple(running)

    return stamp


def flux_stamp(console: Console, ref: ObjectRef) -> Stamp:
    """Return what tells whether a plan about a Flux object holds: whether it is suspended, and its revisions."""

    def stamp() -> object:
        for view in console.picture.delivery.flux_views().values():
            if view.ref == ref:
                applied = getattr(view, "applied", None) or getattr(view, "revision", None)
                return view.suspended, applied.text if applied is not None else ""
        return None

    return stamp
