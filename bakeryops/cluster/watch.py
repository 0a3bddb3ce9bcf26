"""One collection kept current for ever: list, watch, and what to do when either fails."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from bakeryops.cluster.absent import METRICS, tell_absent
from bakeryops.cluster.backoff import Backoff
from bakeryops.cluster.collection import Collection
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.decode import Broken
from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.failures import from_status
from bakeryops.cluster.lines import apply_lines
from bakeryops.cluster.link import Link
from bakeryops.cluster.listing import Listing
from bakeryops.cluster.state import reason_of
from bakeryops.cluster.store import Store, key_of
from bakeryops.cluster.timing import Timing
from bakeryops.cluster.transport import STREAM, Transport

__all__ = ["Watcher"]

_CONNECTION = frozenset({"unreachable", "timeout", "tls"})


class Watcher:
    """The coroutine behind one store; `run` ends by cancellation only."""

    def __init__(
        self,
        collection: Collection,
        store: Store[Any],
        *,
        transport: Transport,
        discovery: Discovery,
        link: Link,
        cost: Cost,
        timing: Timing,
        gate: asyncio.Semaphore | None = None,
        absent: Callable[[Watcher], None] = lambda _: None,
        namespaces: Callable[[], list[str]] = list,
    ) -> None:
        """Take what to watch, the means, and the session's parts.

        `gate` bounds how many kinds list at a time (None: this one need not wait); `absent` is told when the kind
        is not served, and is to call `wake` when it may be; `namespaces` names some that may be readable.
        """
        self.collection = collection
        self.kind = collection.kind
        self.namespace = collection.namespace
        self.store = store
        self._transport = transport
        self._discovery = discovery
        self._link = link
        self._cost = cost
        self._timing = timing
        self._gate = gate
        self._absent = absent
        self._namespaces = namespaces
        self._listing = Listing(collection, store, transport=transport, link=link, cost=cost, timing=timing)
        self._backoff = Backoff(timing.backoff_first, timing.backoff_cap)
        self._wakeup = asyncio.Event()
        self._jitter = 0.0
        self._scope: asyncio.Timeout | None = None
        self._stop_reason = ""
        self._began = 0.0
        self._heard_at = -1e9
        self._lost_at = -1e9
        self._version = ""
        self._listed_at = -1e9
        self._gone_at = -1e9
        self._list_reason = ""
        self._ask_again = False
        self._path = ""
        self._streaming = False
        self._short_lives = 0
        self._silent = 0
        self._unwatchable_until = -1e9

    def wake(self, *, jitter: float = 0.0) -> None:
        """Try again now, or within `jitter` seconds, if it is waiting to."""
        self._jitter = jitter
        self._wakeup.set()

    def retry(self) -> None:
        """Try again now because a person asked: forget the pauses earned so far."""
        self._backoff.reset()
        self._unwatchable_until = -1e9
        if self._scope is None:
            self.wake()
        elif not self._streaming:
            self._abandon(self._timing.wake_jitter)

    def link_lost(self) -> None:
        """Mark what is there as old."""
        self._lost_at = asyncio.get_running_loop().time()
        if self.store.state.phase in ("live", "polling", "syncing") and self.store.state.last_data is not None:
            self.store.state.enter("stale", self._link.reason, hint=self._link.hint)

    def link_back(self) -> None:
        """Connect again, unless the stream has proved that it survived."""
        if self._scope is None:
            self.wake(jitter=self._timing.wake_jitter)
        elif self._heard_at > max(self._lost_at, self._began):
            if self._streaming:
                self._enter_live()
        elif self._began < self._lost_at:
            self._abandon(0.0)
        else:
            self._abandon(self._timing.wake_jitter)

    async def run(self) -> None:
        """Keep the store current."""
        while True:
            pause: float | None
            self._stop_reason = ""
            self._began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(None) as self._scope:
                    pause = await self._attempt()
            except TimeoutError:
                pause = self._stopped()
            except KubeError as error:
                pause = self._failed(error)
            finally:
                self._scope = None
                self._streaming = False
            await self._sleep(pause)

    async def _attempt(self) -> float:
        """List where that is needed, watch to the end of the stream; return the pause before the next attempt."""
        if self._ask_again:
            await self._discovery.refresh()
            self._ask_again = False
        if not self._path:
            self._path = await self._discovery.path(self.kind.name, self.namespace)
        if not self._version:
            await self._list()
        now = asyncio.get_running_loop().time()
        if self.kind.poll_seconds is not None:
            return self._poll_again(self.kind.poll_seconds, "")
        if now < self._unwatchable_until:
            return self._poll_again(self._timing.poll_without_watch, self.store.state.why)
        try:
            return await self._watch()
        except KubeError as error:
            if error.kind != "forbidden" and error.status != 405:
                raise
            self._unwatchable_until = now + self._timing.forbidden_retry
            seconds = self._timing.poll_without_watch
            return self._poll_again(seconds, f"listed every {seconds:.0f} s instead of watched: {error.message}")

    def _abandon(self, older: float) -> None:
        """End an attempt that has brought nothing for `older` seconds, and make another."""
        now = asyncio.get_running_loop().time()
        if (
            self._scope is not None
            and not self._scope.expired()
            and max(self._began, self._heard_at) <= now - older
        ):
            self._stop_reason = "back"
            self._scope.reschedule(now)

    def _poll_again(self, seconds: float, reason: str) -> float:
        """Say that the kind is polled, and see to it that the next attempt lists."""
        self._version = ""
        self._backoff.reset()
        self.store.state.enter("polling", reason)
        return seconds

    async def _list(self) -> None:
        """List, showing what is there meanwhile."""
        loop = asyncio.get_running_loop()
        state = self.store.state
        again = state.last_data is not None
        async with AsyncExitStack() as stack:
            if self._gate is not None:
                await stack.enter_async_context(self._gate)
            if state.phase != "polling":
                state.enter("syncing", self._list_reason)
                self._list_reason = ""
            if again:
                self._cost.relists += 1
            self._version = await self._listing.run(self._path)
        self._heard_at = self._listed_at = loop.time()

    async def _watch(self) -> float:
        """Follow one stream to its end; return the pause before the next."""
        loop = asyncio.get_running_loop()
        low, high = self._timing.watch_timeout
        query = self.collection.watch_query(self._version, max(1, round(random.uniform(low, high))))
        self._limit(self._timing.answer, "answer")
        accept = self.collection.accept(many=False)
        self._cost.open_watches += 1
        trust: asyncio.TimerHandle | None = None
        opened = loop.time()
        events = 0
        try:
            async with self._transport.open(
                "GET", self._path, query=query, accept=accept, timeout=STREAM
            ) as answer:
                opened = loop.time()
                self._streaming = True
                self._hear(0)
                if self._short_lives < 2:
                    self._enter_live()
                trust = loop.call_later(self._timing.trusted, self._trusted)
                async for count in apply_lines(answer.content, self._hear, self._event, self._timing.work_slice):
                    if events == 0 and count:
                        self._trusted()
                    events += count
        finally:
            self._cost.open_watches -= 1
            self._streaming = False
            if trust is not None:
                trust.cancel()
        return self._ended(loop.time() - opened, events)

    def _ended(self, lived: float, events: int) -> float:
        """Judge a stream that the server ended in good order."""
        if events or lived > self._timing.trusted:
            return random.random() * self._timing.rewatch_jitter
        self._short_lives += 1
        pause = self._backoff.next()
        if self._short_lives >= 2:
            self._old(
                f"the server ends the watch at once ({self._short_lives} times in a row)",
                "the API server may be overloaded or restarting; it is tried again by itself",
                pause,
            )
        return pause

    def _hear(self, count: int) -> None:
        """Note bytes of the stream."""
        self._cost.received(count)
        self._heard_at = asyncio.get_running_loop().time()
        self._silent = 0 if count else self._silent
        self.store.state.last_data = time.time()
        self._link.heard()
        self._limit(self._timing.watch_idle, "idle")
        if count and self._streaming and self.store.state.phase == "stale" and self._short_lives < 2:
            self._enter_live()

    def _event(self, line: bytes) -> int:
        """Apply one line of the stream; return how many events it counts for."""
        decoder = self._listing.decoder
        event = decoder.event(line)
        kind = event.type
        if kind == "BOOKMARK":
            self._version = decoder.bookmark(event.object) or self._version
            return 1
        if kind == "ERROR":
            raise from_status(decoder.status(event.object))
        if kind not in ("ADDED", "MODIFIED", "DELETED"):
            raise KubeError(
                "the watch sent a line that is no event",
                kind="protocol",
                hint="a proxy between here and the API server may have answered instead",
            )
        item = decoder.object(event.object)
        meta = item.meta if isinstance(item, Broken) else item.metadata
        if meta is not None and meta.resourceVersion:
            self._version = meta.resourceVersion
        if kind == "DELETED":
            if meta is not None:
                self.store.remove(key_of(meta))
        else:
            self._listing.put(item)
        if isinstance(item, Broken) or self.store.state.notes:
            self._listing.tell_unreadable()
        self._cost.event(self.kind.name)
        return 1

    def _trusted(self) -> None:
        """The stream has shown that it lasts: begin again with short pauses."""
        self._backoff.reset()
        self._short_lives = 0
        if self._streaming and self._heard_at > self._lost_at:
            self._enter_live()

    def _enter_live(self) -> None:
        """Say that the rows are current."""
        self.store.state.enter("live")

    def _old(self, reason: str, hint: str, pause: float) -> None:
        """Say that the rows, where there are any, are not current."""
        phase: Any = "waiting" if self.store.state.last_data is None else "stale"
        self.store.state.enter(phase, reason, hint=hint, next_try=time.time() + pause)

    def _stopped(self) -> float:
        """Judge an attempt that was cut short from this side."""
        if self._stop_reason == "answer":
            self._link.suspect()
            pause = self._backoff.next()
            self._old("the server accepted the watch and did not answer", "it is tried again by itself", pause)
            return pause
        if self._stop_reason == "back":
            return random.random() * self._timing.wake_jitter
        self._silent += 1
        if self._silent >= 2:
            # Not even bookmarks: a proxy holds the stream back, or the server was restored to an earlier version
            # than ours and would tell nothing before it has caught up.
            self._version = ""
            self._list_reason = "the watch brings nothing: listing again"
        return random.random() * self._timing.rewatch_jitter

    def _failed(self, error: KubeError) -> float | None:
        """Put a failure into the kind's state and return the pause; None waits to be woken."""
        state = self.store.state
        until: float
        match error.kind:
            case "gone":
                return self._gone()
            case "forbidden":
                until = self._timing.forbidden_retry
                hint = self.collection.whom_to_ask(error, self._namespaces())
                state.enter("forbidden", error.message, hint=hint, next_try=time.time() + until)
                return until
            case "unauthorized":
                until = self._timing.forbidden_retry
                state.enter("unauthorized", error.message, hint=error.hint, next_try=time.time() + until)
                self._link.refused(error)
                return until
            case "absent" | "not_found":
                return self._not_served(error)
            case "unavailable" if self.kind.group == METRICS:
                self.store.clear()
                tell_absent(state, self.kind, error)
                return self._timing.forbidden_retry
        if error.kind in _CONNECTION:
            self._link.suspect()
        until = self._backoff.next(error.retry_after)
        self._old(reason_of(error), error.hint, until)
        return until

    def _gone(self) -> float:
        """List again: at once the first time, with long pauses when the server forgets that quickly."""
        self._version = ""
        reason = "the server no longer has the version we watched from: listing again"
        now = asyncio.get_running_loop().time()
        if now - max(self._listed_at, self._gone_at) >= self._timing.trusted:
            self._gone_at = now
            self._list_reason = reason
            return 0.0
        pause = self._backoff.next(steps=2)
        self._old(reason, "", pause)
        return pause

    def _not_served(self, error: KubeError) -> float | None:
        """Show nothing rather than what was: the kind, and with it every object, is gone."""
        served = self._ask_again = bool(self._path)
        self._path = self._version = ""
        self.store.clear()
        tell_absent(self.store.state, self.kind, error)
        if self.kind.group == METRICS:
            return self._timing.forbidden_retry
        self._absent(self)
        return self._backoff.next(steps=2) if served else None

    def _limit(self, seconds: float, reason: str) -> None:
        """Let the attempt end after so many seconds from now."""
        if self._scope is not None and not self._scope.expired() and self._stop_reason != "back":
            self._stop_reason = reason
            self._scope.reschedule(asyncio.get_running_loop().time() + seconds)

    async def _sleep(self, pause: float | None) -> None:
        """Wait before the next attempt, or until woken."""
        self._jitter = 0.0
        try:
            async with asyncio.timeout(pause):
                await self._wakeup.wait()
        except TimeoutError:
            return
        finally:
            self._wakeup.clear()
        if self._jitter:
            await asyncio.sleep(random.random() * self._jitter)
