"""Builds and Flux as the console has read them, shared by the screens that show them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from bakeryops.cluster.feed import ChangeSet
from bakeryops.read.build_index import BuildIndex
from bakeryops.read.delivery_index import BUILD_KINDS, FLUX_KINDS, HOLD_KINDS, KINDS, DeliveryIndex
from bakeryops.read.flux_index import FluxView
from screens.slices import sliced

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.read.index import ChangedUids, Items

__all__ = ["BUILD_KINDS", "FLUX_KINDS", "HOLD_KINDS", "Delivery", "FluxView"]

_READ = (*KINDS, "taskruns")


class Delivery(DeliveryIndex):
    """The index, fed from feeds of screens; thousands of runs are read in slices, between which keys are heard."""

    def __init__(self, builds: BuildIndex, *, clock: Callable[[], float] = time.time) -> None:
        """Take the builds that other screens read too, and what tells the time, in seconds since the epoch."""
        super().__init__(clock=clock, builds=builds)
        self._taking = asyncio.Lock()

    async def take(
        self, feed: Feed, batches: Iterable[Changes], *, first: bool, namespace: str | None = None
    ) -> None:
        """Read what changed in a feed; `first` reads all of it, and drops what went while nobody looked.

        `namespace` is the only one that the feed looks at, None for all.
        """
        self.set_states({kind: feed.store(kind).state for kind in feed.kinds}, namespace)
        stores = {kind: feed.store(kind) for kind in feed.kinds if kind in _READ}
        async with self._taking:
            if first:
                self.flux.load(stores)
                self.read_holds(stores)
                await self._read(stores, self.builds.differences(stores))
            else:
                for batch in batches:
                    await self._read(stores, batch.by_kind)

    async def _read(self, stores: Mapping[str, Items], changes: Mapping[str, ChangedUids]) -> None:
        for kind, uids in changes.items():
            if kind not in stores:
                continue
            if uids.removed:
                self.update(stores, {kind: ChangeSet(set(), set(uids.removed))})
            async for part in sliced(list(uids.changed)):
                self.update(stores, {kind: ChangeSet(set(part))})

    def flux_views(self) -> Mapping[str, FluxView]:
        """Return every Flux object by its key."""
        return {view.key: view for _, view in self.flux_tree()}
