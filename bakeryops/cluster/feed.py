"""What a screen holds: the stores of the kinds it shows, and their changes, coalesced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bakeryops.cluster.store import Store

__all__ = ["ChangeSet", "Changes", "Feed"]


@dataclass(slots=True)
class ChangeSet:
    """The keys (uids) of one kind that changed or went since the batch before; a key is in one of the two."""

    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


@dataclass(slots=True)
class Changes:
    """One batch: a thousand events on one object are one key here, which bounds it by the number of objects."""

    by_kind: dict[str, ChangeSet] = field(default_factory=dict)
    """By plural; kinds without a change are left out."""
    states: bool = False
    """Whether the state of a kind or of the link changed."""

    def __bool__(self) -> bool:
        return self.states or bool(self.by_kind)


class _Pending:
    """The changes of one store that its feed has not handed out yet."""

    __slots__ = ("changes", "feed")

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.changes = ChangeSet()

    def changed(self, uid: str) -> None:
        """Note that an object is there or is different."""
        self.changes.changed.add(uid)
        self.changes.removed.discard(uid)
        self.feed.touch()

    def removed(self, uid: str) -> None:
        """Note that an object is gone."""
        self.changes.removed.add(uid)
        self.changes.changed.discard(uid)
        self.feed.touch()

    def state_changed(self) -> None:
        """Note that the kind's state is different."""
        self.feed.touch(states=True)


class Feed:
    """Stores of some kinds, kept current while the feed is open; made by `Session.feed` and `Session.snapshot`.

    `changes` serves one reader: what it hands out is handed out once.
    """

    def __init__(self, stores: Mapping[str, Store[Any]], *, closed: Callable[[Feed], None] | None = None) -> None:
        """Take the stores by plural and what to call when the feed is closed."""
        self._stores = dict(stores)
        self._on_close = closed
        self._dirty = asyncio.Event()
        self._states = False
        self._closed = False
        self._settle_waiters: list[asyncio.Event] = []
        self._pending: dict[str, _Pending] = {}
        for name, store in self._stores.items():
            pending = self._pending[name] = _Pending(self)
            pending.changes.changed.update(store.items)
            store.connect(pending)

    @property
    def kinds(self) -> Iterable[str]:
        """The plurals of the kinds in this feed."""
        return self._stores.keys()

    @property
    def closed(self) -> bool:
        """Whether the feed was closed; its stores then stand still, or change unseen."""
        return self._closed

    def store(self, kind: str) -> Store[Any]:
        """Return the store of a kind of this feed (its plural); KeyError for another."""
        return self._stores[kind]

    async def changes(self, max_hz: float = 10) -> AsyncIterator[Changes]:
        """Yield what changed, at most `max_hz` batches a second, until the feed is closed.

        The first batch comes at once with all that is there. A change after a quiet time comes at once too; only
        while changes follow each other are they held back and joined. A slow reader gets fewer, larger batches.
        """
        loop = asyncio.get_running_loop()
        pause = 1 / max_hz if max_hz > 0 else 0.0
        self._dirty.set()
        self._states = True
        last = loop.time() - pause
        first = True
        while True:
            await self._dirty.wait()
            wait = last + pause - loop.time()
            if wait > 0 and not self._closed:
                await asyncio.sleep(wait)
            if self._closed:
                return
            batch = self.take()
            # Neither what was there already nor the word that a list has begun delays the objects that come next.
            if not first and batch.by_kind:
                last = loop.time()
            first = False
            if batch:
                yield batch

    def take(self) -> Changes:
        """Return what changed since the last call, without waiting."""
        self._dirty.clear()
        batch = Changes(states=self._states)
        self._states = False
        for name, pending in self._pending.items():
            if pending.changes:
                batch.by_kind[name] = pending.changes
                pending.changes = ChangeSet()
        return batch

    async def settled(self, timeout: float) -> bool:
        """Wait until every kind is live, polling or finally answered; return False after `timeout` seconds."""
        waiter = asyncio.Event()
        self._settle_waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                while not all(store.state.settled for store in self._stores.values()):
                    if self._closed:
                        return False
                    await waiter.wait()
                    waiter.clear()
        except TimeoutError:
            return False
        finally:
            self._settle_waiters.remove(waiter)
        return True

    def touch(self, *, states: bool = False) -> None:
        """Wake the reader; `states` says that the state of a kind or of the link changed."""
        if states:
            self._states = True
            for waiter in self._settle_waiters:
                waiter.set()
        self._dirty.set()

    def close(self) -> None:
        """Let go of the watches; `changes` ends. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        for name, pending in self._pending.items():
            self._stores[name].disconnect(pending)
        for waiter in self._settle_waiters:
            waiter.set()
        self._dirty.set()
        if self._on_close is not None:
            self._on_close(self)
