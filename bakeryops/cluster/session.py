"""One cluster, shared by every screen: the connection, the watches behind the feeds, and single requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakSet

import msgspec

from bakeryops.cluster.absent import METRICS, tell_absent
from bakeryops.cluster.access import Access
from bakeryops.cluster.collection import Collection
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.decode import UNREADABLE
from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.feed import Feed
from bakeryops.cluster.kinds import Kind
from bakeryops.cluster.link import Link
from bakeryops.cluster.listing import Listing
from bakeryops.cluster.logs import LogStream
from bakeryops.cluster.stats import NODE_STATS
from bakeryops.cluster.store import Store
from bakeryops.cluster.target import Target
from bakeryops.cluster.timing import Timing
from bakeryops.cluster.transport import Deadline, Transport
from bakeryops.cluster.usage import UsageHistory
from bakeryops.cluster.watches import Watches, key_for, kind_named

__all__ = ["Session"]

_FATAL = frozenset({"unreachable", "timeout", "tls", "unauthorized", "protocol"})
"""Failures that concern the whole cluster, and not one kind."""


class Session:
    """Everything about one cluster; made once, started once, closed once."""

    def __init__(
        self, target: Target, *, timing: Timing | None = None, places: Mapping[str, str] | None = None
    ) -> None:
        """Take the cluster; nothing is sent or loaded before `start`.

        `places` are the namespaces of kinds, by plural, that are read in one namespace alone, whichever is chosen.
        """
        self.target = target
        self._places = dict(places or {})
        self.timing = timing or Timing()
        self.cost = Cost()
        self.transport = Transport(target, cost=self.cost)
        self.discovery = Discovery(self.transport)
        self.access = Access(self.transport)
        self.link = Link(self._probe, self.timing)
        self.link.on_change.append(self._link_changed)
        self.usage = UsageHistory()
        """CPU and memory of the last samples, while a feed holds "podmetrics" or "nodemetrics"."""
        self._watches = Watches(
            transport=self.transport,
            discovery=self.discovery,
            link=self.link,
            cost=self.cost,
            timing=self.timing,
            usage=self.usage,
            spawn=self._spawn,
        )
        self._feeds: list[Feed] = []
        self._logs: WeakSet[LogStream] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self._closed = False
        self._first_feed = True

    async def start(self) -> None:
        """Load the transport and begin; trouble with the connection shows in `link` and is not raised.

        Raises `UsageError` where the target itself cannot be used.
        """
        await self.transport.start()
        if self._closed:
            await self.transport.close()
            return
        self._started = True
        self._watches.start()
        if self._feeds:
            self._look_out()

    async def close(self) -> None:
        """End every watch and close every connection, within about a second."""
        if self._closed:
            return
        self._closed = True
        for feed in list(self._feeds):
            feed.close()
        self._watches.close()
        tasks: set[asyncio.Task[None]] = set(self._tasks)
        tasks.update(task for log in self._logs if (task := log.task) is not None)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self.timing.close)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timing.close):
                await self.transport.close()

    def feed(
        self, kinds: Iterable[str], *, namespace: str | None = None, selectors: Mapping[str, str] | None = None
    ) -> Feed:
        """Keep these kinds (plurals of the catalogue) current, in one namespace or all, until the feed is closed.

        `selectors` narrows kinds, by plural, to what a label selector chooses ("a=b,c in (d,e)"); what no longer
        fits leaves the store. Watches are shared between feeds of the same kind, namespace and selector, and
        outlive the last of them by `Timing.linger`. The kinds of a session's first feed are listed at once,
        others three at a time. Raises KeyError for a kind that the catalogue does not have.
        """
        chosen = selectors or {}
        keys = {
            name: key_for(name, self._places.get(name, namespace), chosen.get(name, ""))
            for name in dict.fromkeys(kinds)
        }
        urgent = self._first_feed
        self._first_feed = False
        stores = {name: self._watches.acquire(key, urgent=urgent) for name, key in keys.items()}

        def closed(feed: Feed) -> None:
            self._feeds.remove(feed)
            for key in keys.values():
                self._watches.release(key)

        feed = Feed(stores, closed=closed)
        self._feeds.append(feed)
        if self._started:
            self._look_out()
        return feed

    async def snapshot(
        self, kinds: Iterable[str], *, namespace: str | None = None, selectors: Mapping[str, str] | None = None
    ) -> Feed:
        """List these kinds once, without a watch; a kind that is forbidden or absent says so in its state.

        `selectors` is that of `feed`.

        Raises `KubeError` where the cluster as a whole cannot be reached or does not accept us.
        """
        stores: dict[str, Store[Any]] = {name: Store(name) for name in dict.fromkeys(kinds)}
        gate = asyncio.Semaphore(2 * self.timing.start_concurrency)
        tasks = [
            asyncio.create_task(
                self._list_once(_collection(name, self._places.get(name, namespace), selectors), store, gate)
            )
            for name, store in stores.items()
        ]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        return Feed(stores)

    async def get(self, kind_name: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """Return one object as the server has it now, whole; raises `KubeError`."""
        path = await self.discovery.object_path(kind_name, name, namespace)
        return _mapping(await self.transport.get_bytes(path))

    def logs(self, namespace: str, pod: str, container: str = "", **options: Any) -> LogStream:
        """Return the log of a container; the options are those of `LogStream`. It goes on after an outage."""
        log = LogStream(self.transport, namespace, pod, container, link=self.link, timing=self.timing, **options)
        self._logs.add(log)
        return log

    def wake(self) -> None:
        """Retry everything now, with credentials and rights asked for anew."""
        self.transport.credentials.forget()
        self.access.forget()
        self.link.wake()
        self._watches.retry()

    def _look_out(self) -> None:
        """Begin the heartbeat and the look-out for absent kinds, once."""
        names = {task.get_name() for task in self._tasks}
        if "link" not in names:
            self._spawn(self.link.run(), "link")
            self._spawn(self._watches.look_out(), "absent kinds")

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

    async def _list_once(self, what: Collection, store: Store[Any], gate: asyncio.Semaphore) -> None:
        """List a collection into a store and set its state; raises `KubeError` where the whole cluster fails."""
        if what.kind is NODE_STATS:
            await self._watches.stats(store).once()
            return
        if what.whole:
            self.usage.follow(what.kind.name, store)
        listing = Listing(
            what, store, transport=self.transport, link=self.link, cost=self.cost, timing=self.timing
        )
        async with gate:
            for attempt in (1, 2):
                try:
                    path = await self.discovery.path(what.kind.name, what.namespace)
                    await listing.run(path)
                except KubeError as error:
                    if error.kind in _FATAL:
                        raise
                    if error.kind == "gone" and attempt == 1:
                        continue
                    _tell(store, what.kind, error)
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


def _collection(name: str, namespace: str | None, selectors: Mapping[str, str] | None) -> Collection:
    """Return what is listed of a kind; raises KeyError for one that the catalogue does not have."""
    kind = kind_named(name)
    return Collection(kind, namespace if kind.namespaced else None, (selectors or {}).get(name, ""))


def _mapping(data: bytes) -> dict[str, Any]:
    """Return a JSON object; raises `KubeError` for anything else."""
    try:
        found = msgspec.json.decode(data)
    except UNREADABLE as error:
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
