"""A session without a cluster: real stores and feeds, filled by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import msgspec

from bakeryops.cluster.access import Verdict
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.feed import Feed
from bakeryops.cluster.kinds import KINDS
from bakeryops.cluster.logs import LogEntry
from bakeryops.cluster.stats import NODE_STATS
from bakeryops.cluster.store import Store
from bakeryops.cluster.target import Target
from bakeryops.cluster.usage import UsageHistory

NOW = 1_795_000_000.0
"""What the clock of these tests says: 2026-11-18 11:06:40 UTC."""


class FakeLink:
    """Has the fields of `cluster.link.Link`; `go` changes them and tells."""

    def __init__(self) -> None:
        self.phase = "connecting"
        self.since = NOW
        self.reason = ""
        self.hint = ""
        self.kind = ""
        self.next_try: float | None = None
        self.last_data: float | None = None
        self.server_version = ""
        self.on_change: list[Callable[[], None]] = []

    @property
    def live(self) -> bool:
        return self.phase == "live"

    def go(self, phase: str, reason: str = "", hint: str = "", **fields: Any) -> None:
        self.phase, self.reason, self.hint = phase, reason, hint
        for name, value in fields.items():
            setattr(self, name, value)
        for call in self.on_change:
            call()


class FakeLog:
    """What a test writes into a container's log."""

    def __init__(self, lines: Iterable[LogEntry | bytes] = (), *, ends: bool = False) -> None:
        self.lines = [each if isinstance(each, LogEntry) else LogEntry(text=each) for each in lines]
        self.ends = ends
        self.asked: dict[str, Any] = {}
        self._more = asyncio.Event()

    def write(self, *lines: bytes) -> None:
        self.lines += [LogEntry(text=line) for line in lines]
        self._more.set()

    async def read(self, follow: bool) -> AsyncIterator[list[LogEntry]]:
        at = 0
        while True:
            if at < len(self.lines):
                batch, at = self.lines[at:], len(self.lines)
                yield batch
            if self.ends or not follow:
                return
            await self._more.wait()
            self._more.clear()


class FakeSession:
    """Stands for `cluster.session.Session` in the console's own tests."""

    def __init__(self, target: Target | None = None, *, refuses: str = "") -> None:
        self.target = target or Target(server="https://10.0.0.5:16443", context="bakery-vps", user="ops")
        self.link = FakeLink()
        self.cost = Cost()
        self.usage = UsageHistory()
        self.access = SimpleNamespace(can=self._can)
        self.discovery = SimpleNamespace(path=self._not_served)
        self.transport = SimpleNamespace(get_bytes=self._not_served)
        self.stores: dict[str, Store[Any]] = {}
        self.open_feeds: list[Feed] = []
        self.selectors: list[dict[str, str]] = []
        """Label selectors asked for, one mapping a feed; the stores are not narrowed."""
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.container_logs: dict[tuple[str, str, bool], FakeLog] = {}
        self.logs_asked: list[tuple[str, str, dict[str, Any]]] = []
        self.refuses = refuses
        """Verb and resource that the access rules refuse, such as "get pods/log"."""
        self.woken = 0
        self.closed = False

    async def start(self) -> None:
        """Begin; nothing to do."""

    async def close(self) -> None:
        self.closed = True
        for feed in list(self.open_feeds):
            feed.close()

    def wake(self) -> None:
        self.woken += 1

    def store(self, kind: str) -> Store[Any]:
        store = self.stores.get(kind)
        if store is None:
            assert kind in KINDS or kind == NODE_STATS.name
            store = self.stores[kind] = Store(kind)
            self.usage.follow(kind, store)
        return store

    def feed(
        self, kinds: Iterable[str], *, namespace: str | None = None, selectors: Mapping[str, str] | None = None
    ) -> Feed:
        self.selectors.append(dict(selectors or {}))
        feed = Feed({kind: self.store(kind) for kind in kinds}, closed=self.open_feeds.remove)
        self.open_feeds.append(feed)
        return feed

    async def snapshot(
        self, kinds: Iterable[str], *, namespace: str | None = None, selectors: Mapping[str, str] | None = None
    ) -> Feed:
        self.selectors.append(dict(selectors or {}))
        return Feed({kind: self.store(kind) for kind in kinds})

    async def get(self, kind_name: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        found = self.objects.get((kind_name, namespace or "", name))
        if found is None:
            raise KubeError(f'{kind_name} "{name}" not found', kind="not_found", status=404)
        return found

    def logs(self, namespace: str, pod: str, container: str = "", **options: Any) -> Any:
        self.logs_asked.append((pod, container, options))
        log = self.container_logs.get((pod, container, bool(options.get("previous"))), FakeLog(ends=True))
        return log.read(bool(options.get("follow", True)))

    async def _not_served(self, kind: str, *args: Any, **options: Any) -> Any:
        raise KubeError(f"{kind} are not served here", kind="absent", status=404)

    async def _can(
        self, verb: str, group: str, resource: str, namespace: str | None = None, name: str | None = None,
        subresource: str | None = None,
    ) -> Verdict:  # fmt: skip
        whole = f"{resource}/{subresource}" if subresource else resource
        if f"{verb} {whole}" == self.refuses:
            return Verdict(False, f"you may not {verb} {whole} in {namespace}")
        return Verdict(True)

    # What tests do to the cluster.

    def live(self, version: str = "v1.33.2") -> None:
        """Answer: the link and every kind become live."""
        for store in self.stores.values():
            store.state.enter("live")
            store.state.last_data = NOW
        self.link.go("live", last_data=NOW, server_version=version)

    def put(self, kind: str, *objects: dict[str, Any]) -> None:
        """Put objects, as the API sends them, into a store."""
        struct = (NODE_STATS if kind == NODE_STATS.name else KINDS[kind]).struct
        for each in objects:
            found = msgspec.convert(each, struct)
            self.store(kind).put(found, found.metadata)
            meta = each["metadata"]
            self.objects[kind, meta.get("namespace", ""), meta["name"]] = each
        for steps in self.store(kind).on_listed:
            list(steps())

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """Take an object away."""
        found = self.store(kind).get(namespace, name)
        assert found is not None
        self.store(kind).remove(found.metadata.uid)
        del self.objects[kind, namespace, name]
