"""One collection listed page by page into a store, so that its first rows show before its last are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from bakeryops.cluster.collection import Collection
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.decode import Broken, Decoder, unreadable_answer
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.link import Link
from bakeryops.cluster.store import Store, key_of
from bakeryops.cluster.timing import Timing
from bakeryops.cluster.transport import PAGE, Transport

__all__ = ["Listing"]

_MOST_PAGES = 100_000


class Listing:
    """Makes a store equal to its collection by listing it; unchanged objects cause no change in the store."""

    def __init__(
        self,
        collection: Collection,
        store: Store[Any],
        *,
        transport: Transport,
        link: Link,
        cost: Cost,
        timing: Timing,
    ) -> None:
        """Take what to list, the store to fill and the means."""
        self.decoder: Decoder[Any] = Decoder(collection.kind.struct)
        self._collection = collection
        self._store = store
        self._transport = transport
        self._link = link
        self._cost = cost
        self._timing = timing
        self._unnamed: list[str] = []
        self._expired = 0

    async def run(self, path: str) -> str:
        """List to the end and return the resourceVersion to watch from; raises `KubeError`.

        Objects that are gone leave the store only when the last page has come. A continue token that expired
        raises `KubeError` of kind `gone`: list again. After the second one in a row, pages are not used.
        """
        seen: set[str] = set()
        version = ""
        token = ""
        unnamed: list[str] = []
        for _ in range(_MOST_PAGES):
            query = self._collection.list_query(self._timing.page_limit if self._expired < 2 else None, token)
            try:
                data = await self._transport.get_bytes(
                    path, query=query, accept=self._collection.accept(many=True), timeout=PAGE
                )
            except KubeError as error:
                if error.kind == "gone" and token:
                    self._expired += 1
                raise
            meta, objects, broken = self.decoder.page(data)
            if meta.resourceVersion is None and not objects and b'"items"' not in data:
                raise unreadable_answer(ValueError("a list without items and version"), data)
            self._link.heard()
            await self._take(objects, broken, seen, unnamed)
            version = version or meta.resourceVersion or ""
            token = meta.continue_ or ""
            if not token:
                break
            await asyncio.sleep(0)
        self._expired = 0
        self._unnamed = unnamed
        self._store.keep_only(seen)
        self._cost.lists += 1
        self.tell_unreadable()
        for steps in self._store.on_listed:
            await self._with_turns(steps())
        return version

    def put(self, item: Any, seen: set[str] | None = None) -> str | None:
        """File one decoded object, or a placeholder for a broken one; return its key, None where it has none."""
        if isinstance(item, Broken):
            return self._put_broken(item, seen)
        key = key_of(item.metadata)
        if seen is not None:
            seen.add(key)
        self._store.put(item, item.metadata)
        return key

    def tell_unreadable(self) -> None:
        """Say in the kind's state which objects could not be read."""
        self._store.state.note(self._store.describe_unreadable(self._unnamed))

    async def _with_turns(self, steps: Iterable[object]) -> None:
        """Go through short steps; the loop gets a turn whenever they took long. Metrics know no pages."""
        began = time.perf_counter()
        for number, _ in enumerate(steps):
            if number % 32 == 0 and time.perf_counter() - began > self._timing.work_slice:
                await asyncio.sleep(0)
                began = time.perf_counter()

    async def _take(self, objects: list[Any], broken: list[Broken], seen: set[str], unnamed: list[str]) -> None:
        """File a page."""
        state = self._store.state
        state.last_data = time.time()
        await self._with_turns(self.put(item, seen) for item in objects)
        unnamed.extend(_name_of(bad) for bad in broken if self._put_broken(bad, seen) is None)

    def _put_broken(self, bad: Broken, seen: set[str] | None) -> str | None:
        """File a placeholder: a row that says only that the object exists."""
        meta = bad.meta
        if meta is None or not (meta.uid or meta.name):
            return None
        key = key_of(meta)
        placeholder = self.decoder.placeholder(meta)
        if placeholder is None:
            return None
        if seen is not None:
            seen.add(key)
        self._store.put(placeholder, meta)
        self._store.unreadable[key] = bad.error
        return key


def _name_of(bad: Broken) -> str:
    """Return what a broken object is called, as far as that could be read."""
    return bad.meta.name if bad.meta is not None and bad.meta.name else "one without a readable name"
