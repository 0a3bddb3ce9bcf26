"""One cluster, shared by every screen: the connection, the watches behind the feeds, and single requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from bakeryops.cluster.absent import METRICS, Absences, tell_absent
from bakeryops.cluster.access import Access
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.feed import Feed
from bakeryops.cluster.kinds import KINDS, Kind
from bakeryops.cluster.link import Link
from bakeryops.cluster.listing import Listing
from bakeryops.cluster.logs import LogStream
from bakeryops.cluster.stats import NODE_STATS, StatsPoll
from bakeryops.cluster.store import Store
from bakeryops.cluster.target import Target
from bakeryops.cluster.timing import Timing
from bakeryops.cluster.transport import PAGE, Deadline, Transport
from bakeryops.cluster.usage import UsageHistory
from bakeryops.cluster.watch import Watcher

__all__ = ["Session"]

_CRDS = ("customresourcedefinitions", None)
_FATAL = frozenset({"unreachable", "timeout", "tls", "unauthorized", "protocol"})
"""Failures that concern the whole cluster, and not one kind."""

_Key = tuple[str, str | None]


class _Entry:
    """A store, the watch that keeps it, and how many use it."""

    def __init__(self, watcher: Watcher | StatsPoll) -> None:
        self.watcher = watcher
        self.users = 0
        self.task: asyncio.Task[None] | None = None
        self.linger: asyncio.TimerHandle | None = None


class Session:
    """Everything about one cluster; made once, started once, closed once."""

    def __init__(self, target: Target, *, timing: Timing | None = None) -> None:
        """Take the cluster; nothing is sent or loaded before `start`."""
        self.target = target
        self.timing = timing or Timing()
        self.cost = Cost()
        self.transport = Transport(target, cost=self.cost)
        self.discovery = Discovery(self.transport)
        self.access = Access(self.transport)
        self.link = Link(self._probe, self.timing)
        self.link.watched = lambda: bool(self._entries)
        self.link.on_change.append(self._link_changed)
        self.link.on_lost.append(self._link_lost)
        self.link.on_back.append(self._link_back)
        self._entries: dict[_Key, _Entry] = {}
        self._feeds: list[Feed] = []
        self._gate = asyncio.Semaphore(self.timing.start_concurrency)
        self._absences = Absences(
            self.discovery,
            self.timing,
            acquire=lambda: self._acquire(_CRDS).watcher.store,
            release=lambda: self._release(_CRDS),
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self._closed = False
        self._first_feed = True
        self.usage = UsageHistory()
        """CPU and memory of the last samples, while a feed holds "podmetrics" or "nodemetrics"."""

    async def start(self) -> None:
        """Load the transport and begin; trouble with the connection shows in `link` and is not raised.

        Raises `UsageError` where the target itself cannot be used.
        """
        await self.transport.start()
        self._started = True
        for entry in self._entries.values():
            self._launch(entry)
        if self._feeds:
            self._look_out()

    async def close(self) -> None:
        """End every watch and close every connection, within about a second."""
        if self._closed:
            return
        self._closed = True
        for feed in list(self._feeds):
            feed.close()
        tasks = set(self._tasks)
        for entry in self._entries.values():
            if entry.linger is not None:
                entry.linger.cancel()
            if entry.task is not None:
                tasks.add(entry.task)
        self._entries.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self.timing.close)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timing.close):
                await self.transport.close()

    def feed(self, kinds: Iterable[str], *, namespace: str | None = None) -> Feed:
        """Keep these kinds (plurals of the catalogue) current, in one namespace or all, until the feed is closed.

        Watches are shared between feeds of the same kind and namespace, and outlive the last of them by
        `Timing.linger`. The kinds of a session's first feed are listed at once, others three at a time.
        Raises KeyError for a kind that the catalogue does not have.
        """
        keys = {name: _key(_kind(name), namespace) for name in dict.fromkeys(kinds)}
        urgent = self._first_feed
        self._first_feed = False
        stores = {name: self._acquire(key, urgent=urgent).watcher.store for name, key in keys.items()}

        def closed(feed: Feed) -> None:
            self._feeds.remove(feed)
            for key in keys.values():
                self._release(key)

        feed = Feed(stores, closed=closed)
        self._feeds.append(feed)
        if self._started:
            self._look_out()
        return feed

    async def snapshot(self, kinds: Iterable[str], *, namespace: str | None = None) -> Feed:
        """List these kinds once, without a watch; a kind that is forbidden or absent says so in its state.

        Raises `KubeError` where the cluster as a whole cannot be reached or does not accept us.
        """
        stores: dict[str, Store[Any]] = {name: Store(name) for name in dict.fromkeys(kinds)}
        gate = asyncio.Semaphore(2 * self.timing.start_concurrency)
        found = await asyncio.gather(
            *(self._list_once(_kind(name), namespace, store, gate) for name, store in stores.items()),
            return_exceptions=True,
        )
        for error in found:
            if isinstance(error, BaseException):
                raise error
        return Feed(stores)

    async def get(self, kind_name: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """Return one object as the server has it now, whole; raises `KubeError`."""
        path = await self.discovery.object_path(kind_name, name, namespace)
        return _mapping(await self.transport.get_bytes(path))

    async def list_raw(
        self, kind_name: str, namespace: str | None = None, *, query: Iterable[tuple[str, str]] = ()
    ) -> list[dict[str, Any]]:
        """Return all objects of a kind, whole, page by page; `query` may hold selectors. Raises `KubeError`."""
        path = await self.discovery.path(kind_name, namespace)
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            pairs = [*query, ("limit", str(self.timing.page_limit)), *([("continue", token)] if token else [])]
            page = _mapping(await self.transport.get_bytes(path, query=pairs, timeout=PAGE))
            found.extend(page.get("items") or ())
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return found

    def logs(self, namespace: str, pod: str, container: str = "", **options: Any) -> LogStream:
        """Return the log of a container; the options are those of `LogStream`. It goes on after an outage."""
        return LogStream(self.transport, namespace, pod, container, link=self.link, timing=self.timing, **options)

    def wake(self) -> None:
        """Retry everything now."""
        self.link.wake()
        for entry in self._entries.values():
            entry.watcher.retry()

    # Watches.

    def _acquire(self, key: _Key, *, urgent: bool = False) -> _Entry:
        """Return the entry of a kind and namespace with one user more, beginning its watch where needed."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(self._watcher(key, urgent=urgent))
            if key[1] is None:
                self.usage.follow(key[0], entry.watcher.store)
            if self._started:
                self._launch(entry)
        entry.users += 1
        if entry.linger is not None:
            entry.linger.cancel()
            entry.linger = None
        return entry

    def _release(self, key: _Key) -> None:
        """Take one user off; the last one leaves the watch lingering."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.users -= 1
        if entry.users == 0 and not self._closed:
            loop = asyncio.get_running_loop()
            entry.linger = loop.call_later(self.timing.linger, self._forget, key, entry)

    def _forget(self, key: _Key, entry: _Entry) -> None:
        """End a watch that nobody came back for."""
        if entry.users == 0 and self._entries.get(key) is entry:
            del self._entries[key]
            if isinstance(entry.watcher, Watcher):
                self._absences.discard(entry.watcher)
            if entry.task is not None:
                entry.task.cancel()

    def _watcher(self, key: _Key, *, urgent: bool) -> Watcher | StatsPoll:
        """Make the watch of a kind in a namespace (None: all)."""
        name, namespace = key
        if name == NODE_STATS.name:
            return self._stats(Store(name))
        return Watcher(
            KINDS[name],
            namespace,
            Store(name),
            transport=self.transport,
            discovery=self.discovery,
            link=self.link,
            cost=self.cost,
            timing=self.timing,
            gate=None if urgent else self._gate,
            absent=self._absences.add,
            namespaces=self._known_namespaces,
        )

    def _stats(self, store: Store[Any]) -> StatsPoll:
        """Make the poll of the nodes' summaries."""
        nodes = partial(self._known, "nodes")
        return StatsPoll(store, transport=self.transport, link=self.link, timing=self.timing, nodes=nodes)

    def _launch(self, entry: _Entry) -> None:
        """Begin a watch."""
        if entry.task is None and not self._closed:
            watcher = entry.watcher
            entry.task = self._spawn(watcher.run(), f"watch {watcher.kind.name} {watcher.namespace or '*'}")

    def _look_out(self) -> None:
        """Begin the heartbeat and the look-out for absent kinds, once."""
        names = {task.get_name() for task in self._tasks}
        if "link" not in names:
            self._spawn(self.link.run(), "link")
            self._spawn(self._absences.run(), "absent kinds")

    def _spawn(self, work: Any, name: str) -> asyncio.Task[None]:
        """Run a coroutine until the session closes."""
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let go of a task; one that failed has a fault of ours, which the loop's handler is to tell."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": f"the task {task.get_name()!r} failed", "exception": error, "task": task}
            )

    async def _list_once(
        self, kind: Kind, namespace: str | None, store: Store[Any], gate: asyncio.Semaphore
    ) -> None:
        """List one kind into a store and set its state; raises `KubeError` for failures of the whole cluster."""
        if kind is NODE_STATS:
            await self._stats(store).once()
            return
        if namespace is None:
            self.usage.follow(kind.name, store)
        listing = Listing(
            kind, store, transport=self.transport, link=self.link, cost=self.cost, timing=self.timing
        )
        async with gate:
            for attempt in (1, 2):
                try:
                    path = await self.discovery.path(kind.name, namespace if kind.namespaced else None)
                    await listing.run(path)
                except KubeError as error:
                    if error.kind in _FATAL:
                        raise
                    if error.kind == "gone" and attempt == 1:
                        continue
                    _tell(store, kind, error)
                else:
                    store.state.enter("live")
                return

    # Link.

    async def _probe(self, timeout: float) -> bytes:
        """Ask the server for its version."""
        return await self.transport.get_bytes("/version", timeout=Deadline(total=timeout, connect=timeout))

    def _link_changed(self) -> None:
        """Pass word to every feed."""
        for feed in self._feeds:
            feed.touch(states=True)

    def _link_lost(self) -> None:
        """Mark everything as old."""
        for entry in self._entries.values():
            entry.watcher.link_lost()

    def _link_back(self) -> None:
        """Connect everything again."""
        for entry in self._entries.values():
            entry.watcher.link_back()

    def _known_namespaces(self) -> list[str]:
        """Return namespaces that may be readable: those that are known, else the context's own."""
        return self._known("namespaces") or [self.target.namespace]

    def _known(self, kind: str) -> list[str]:
        """Return the names of the objects of a cluster-scoped kind, as far as it is kept."""
        entry = self._entries.get((kind, None))
        return [] if entry is None else [each.metadata.name for each in entry.watcher.store.items.values()]


def _kind(name: str) -> Kind:
    """Return a kind of the catalogue, or the one kind that is none; raises KeyError."""
    return NODE_STATS if name == NODE_STATS.name else KINDS[name]


def _key(kind: Kind, namespace: str | None) -> _Key:
    """Return what a watch is shared under."""
    return kind.name, namespace if kind.namespaced else None


def _mapping(data: bytes) -> dict[str, Any]:
    """Return a JSON object; raises `KubeError` for anything else."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KubeError("the answer is not JSON", kind="protocol", why=str(error)) from error
    if not isinstance(found, dict):
        raise KubeError("the answer is not an object", kind="protocol")
    return found


def _tell(store: Store[Any], kind: Kind, error: KubeError) -> None:
    """Put the failure of a single list into the state of its kind."""
    match error.kind:
        case "forbidden":
            store.state.enter("forbidden", error.message, hint=error.hint)
        case "absent" | "not_found":
            tell_absent(store.state, kind, error)
        case "unavailable" if kind.group == METRICS:
            tell_absent(store.state, kind, error)
        case _:
            store.state.enter("waiting", error.message, hint=error.hint)
