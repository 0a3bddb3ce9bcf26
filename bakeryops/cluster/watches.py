"""The watches of one session: shared between feeds, counted, kept a little longer than they are used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bakeryops.cluster.absent import Absences
from bakeryops.cluster.collection import Collection
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.kinds import KINDS, Kind
from bakeryops.cluster.link import Link
from bakeryops.cluster.stats import NODE_STATS, StatsPoll
from bakeryops.cluster.store import Store
from bakeryops.cluster.timing import Timing
from bakeryops.cluster.transport import Transport
from bakeryops.cluster.usage import UsageHistory
from bakeryops.cluster.watch import Watcher

__all__ = ["Key", "Watches", "key_for", "kind_named"]

Key = tuple[str, str | None, str]
"""Plural, namespace (None: all, or cluster-scoped) and label selector ("": everything)."""

_CRDS: Key = ("customresourcedefinitions", None, "")

_Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


def kind_named(name: str) -> Kind:
    """Return a kind of the catalogue, or "nodestats", which is none; raises KeyError."""
    return NODE_STATS if name == NODE_STATS.name else KINDS[name]


def key_for(name: str, namespace: str | None, selector: str = "") -> Key:
    """Return what a watch is shared under; raises KeyError for a kind that the catalogue does not have."""
    kind = kind_named(name)
    return kind.name, namespace if kind.namespaced else None, selector


class _Entry:
    """A store, the watch that keeps it, and how many use it."""

    def __init__(self, watcher: Watcher | StatsPoll) -> None:
        self.watcher = watcher
        self.users = 0
        self.task: asyncio.Task[None] | None = None
        self.linger: asyncio.TimerHandle | None = None


class Watches:
    """Makes, shares and ends watches."""

    def __init__(
        self,
        *,
        transport: Transport,
        discovery: Discovery,
        link: Link,
        cost: Cost,
        timing: Timing,
        usage: UsageHistory,
        spawn: _Spawn,
    ) -> None:
        """Take the session's parts, and how to run a coroutine until the session closes."""
        self._transport = transport
        self._discovery = discovery
        self._link = link
        self._cost = cost
        self._timing = timing
        self._usage = usage
        self._spawn = spawn
        self._entries: dict[Key, _Entry] = {}
        self._gate = asyncio.Semaphore(timing.start_concurrency)
        self._running = False
        self._absences = Absences(
            discovery, timing, acquire=lambda: self.acquire(_CRDS), release=lambda: self.release(_CRDS)
        )
        link.watched = lambda: bool(self._entries)
        link.on_lost.append(self._link_lost)
        link.on_back.append(self._link_back)

    def __len__(self) -> int:
        return len(self._entries)

    def start(self) -> None:
        """Run every watch that was asked for, from now on."""
        self._running = True
        for entry in self._entries.values():
            self._launch(entry)

    async def look_out(self) -> None:
        """Wake the watches of absent kinds when they are served; ends by cancellation."""
        await self._absences.run()

    def close(self) -> None:
        """Start and end nothing more; the tasks are ended by who runs them."""
        self._running = False
        for entry in self._entries.values():
            if entry.linger is not None:
                entry.linger.cancel()
        self._entries.clear()

    def retry(self) -> None:
        """Retry everything now."""
        for entry in self._entries.values():
            entry.watcher.retry()

    def acquire(self, key: Key, *, urgent: bool = False) -> Store[Any]:
        """Return the store of a collection with one user more, beginning its watch where needed."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(self._watcher(key, urgent=urgent))
            if key[1:] == (None, ""):
                self._usage.follow(key[0], entry.watcher.store)
            if self._running:
                self._launch(entry)
        entry.users += 1
        if entry.linger is not None:
            entry.linger.cancel()
            entry.linger = None
        return entry.watcher.store

    def release(self, key: Key) -> None:
        """Take one user off; the last one leaves the watch lingering."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.users -= 1
        if entry.users == 0:
            loop = asyncio.get_running_loop()
            entry.linger = loop.call_later(self._timing.linger, self._forget, key, entry)

    def stats(self, store: Store[Any]) -> StatsPoll:
        """Make the poll of the nodes' summaries."""
        return StatsPoll(
            store,
            transport=self._transport,
            link=self._link,
            timing=self._timing,
            nodes=lambda: self._known("nodes"),
        )

    def _watcher(self, key: Key, *, urgent: bool) -> Watcher | StatsPoll:
        """Make the watch of a collection."""
        name, namespace, selector = key
        if name == NODE_STATS.name:
            return self.stats(Store(name))
        return Watcher(
            Collection(KINDS[name], namespace, selector),
            Store(name),
            transport=self._transport,
            discovery=self._discovery,
            link=self._link,
            cost=self._cost,
            timing=self._timing,
            gate=None if urgent else self._gate,
            absent=self._absences.add,
            namespaces=lambda: self._known("namespaces") or [self._transport.target.namespace],
        )

    def _launch(self, entry: _Entry) -> None:
        """Run a watch."""
        if entry.task is None:
            watcher = entry.watcher
            entry.task = self._spawn(watcher.run(), f"watch {watcher.kind.name} {watcher.namespace or '*'}")
            entry.task.add_done_callback(lambda task: _tell_fault(task, watcher.store))

    def _forget(self, key: Key, entry: _Entry) -> None:
        """End a watch that nobody came back for."""
        if entry.users == 0 and self._entries.get(key) is entry:
            del self._entries[key]
            if isinstance(entry.watcher, Watcher):
                self._absences.discard(entry.watcher)
            if entry.task is not None:
                entry.task.cancel()

    def _known(self, kind: str) -> list[str]:
        """Return the names of the objects of a cluster-scoped kind, as far as it is kept."""
        entry = self._entries.get((kind, None, ""))
        return [] if entry is None else [each.metadata.name for each in entry.watcher.store.items.values()]

    def _link_lost(self) -> None:
        """Mark everything as old."""
        for entry in self._entries.values():
            entry.watcher.link_lost()

    def _link_back(self) -> None:
        """Connect everything again."""
        for entry in self._entries.values():
            entry.watcher.link_back()


def _tell_fault(task: asyncio.Task[None], store: Store[Any]) -> None:
    """Say in the state that nothing keeps the rows current any more, where a fault of ours has ended a watch."""
    if not task.cancelled() and (error := task.exception()) is not None:
        reason = f"a fault of bakeryops has ended the watch ({type(error).__name__})"
        store.state.enter("stale", reason, hint="start bakeryops anew, and report the fault")
