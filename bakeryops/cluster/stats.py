"""What the kubelet measures of its node: file systems, memory, and how full each volume claim is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from bakeryops.cluster.backoff import Backoff
from bakeryops.cluster.decode import Decoder, unreadable_answer
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.kinds import Kind
from bakeryops.cluster.link import Link
from bakeryops.cluster.state import reason_of
from bakeryops.cluster.store import Store, key_of
from bakeryops.cluster.timing import Timing
from bakeryops.cluster.transport import Deadline, Transport
from bakeryops.cluster.wire.core import PartialObject
from bakeryops.cluster.wire.meta import Meta
from bakeryops.cluster.wire.metrics import StatsSummary

__all__ = ["NODE_STATS", "NodeSummary", "StatsPoll"]

_META_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_DEADLINE = Deadline(total=15.0)


class NodeSummary(msgspec.Struct):
    """One node's stats summary under the node's name."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    stats: StatsSummary = msgspec.field(default_factory=StatsSummary)


NODE_STATS = Kind("nodestats", "", ("v1",), "StatsSummary", False, NodeSummary, poll_seconds=30.0)
"""Asked for like any other kind (`Session.feed(["nodestats"])`), though the API server only passes it on."""


class StatsPoll:
    """Fills a store with the summaries of all nodes again and again; what forbids it is said in the state."""

    def __init__(
        self,
        store: Store[NodeSummary],
        *,
        transport: Transport,
        link: Link,
        timing: Timing,
        nodes: Callable[[], list[str]],
    ) -> None:
        """Take the store, the means, and how to learn the nodes' names without asking (empty: ask)."""
        self.kind = NODE_STATS
        self.namespace = None
        self.store = store
        self._transport = transport
        self._link = link
        self._timing = timing
        self._nodes = nodes
        self._decoder = Decoder(StatsSummary)
        self._names = Decoder(PartialObject)
        self._backoff = Backoff(timing.backoff_first, timing.backoff_cap)
        self._wakeup = asyncio.Event()

    def wake(self, *, jitter: float = 0.0) -> None:
        """Poll now; the one request needs no `jitter`."""
        del jitter
        self._wakeup.set()

    def retry(self) -> None:
        """Poll now because a person asked."""
        self._backoff.reset()
        self._wakeup.set()

    def link_lost(self) -> None:
        """Mark what is there as old."""
        if self.store.state.phase == "polling":
            self.store.state.enter("stale", self._link.reason, hint=self._link.hint)

    def link_back(self) -> None:
        """Poll now."""
        self._wakeup.set()

    async def once(self) -> float:
        """Poll once, put the outcome into the state, and return the seconds until the next poll is due."""
        try:
            await self._poll()
        except KubeError as error:
            return self._failed(error)
        return NODE_STATS.poll_seconds or self._timing.poll_without_watch

    async def run(self) -> None:
        """Poll for ever; ends by cancellation."""
        while True:
            pause = await self.once()
            try:
                async with asyncio.timeout(pause):
                    await self._wakeup.wait()
            except TimeoutError:
                continue
            finally:
                self._wakeup.clear()

    async def _poll(self) -> None:
        """Ask every node's kubelet, through the API server."""
        seen: set[str] = set()
        state = self.store.state
        for name in self._nodes() or await self._ask_names():
            path = f"/api/v1/nodes/{quote(name, safe='')}/proxy/stats/summary"
            data = await self._transport.get_bytes(path, timeout=_DEADLINE)
            stats = self._decoder.object(data)
            if not isinstance(stats, StatsSummary):
                raise unreadable_answer(ValueError(stats.error), data)
            meta = Meta(name=name)
            seen.add(key_of(meta))
            self.store.put(NodeSummary(meta, stats), meta)
            state.last_data = time.time()
        self.store.keep_only(seen)
        self._backoff.reset()
        state.enter("polling")

    async def _ask_names(self) -> list[str]:
        """Return the nodes' names."""
        data = await self._transport.get_bytes("/api/v1/nodes", accept=_META_LIST)
        _, objects, _ = self._names.page(data)
        return [each.metadata.name for each in objects]

    def _failed(self, error: KubeError) -> float:
        """Put a failure into the state and return the pause."""
        state = self.store.state
        phase: Any
        if error.kind in ("forbidden", "unauthorized"):
            pause = self._timing.forbidden_retry
            phase = error.kind
        elif error.kind in ("absent", "not_found", "invalid"):
            pause = self._timing.forbidden_retry
            phase = "absent"
        else:
            pause = max(self._timing.poll_without_watch, self._backoff.next(error.retry_after))
            phase = "waiting" if state.last_data is None else "stale"
            if error.status is None:
                self._link.suspect()
        state.enter(phase, reason_of(error), hint=error.hint, next_try=time.time() + pause)
        return pause
