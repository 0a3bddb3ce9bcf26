"""What the console knows of one cluster between screens: everything read once, events kept, usage remembered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from bakeryops.cluster.feed import ChangeSet
from bakeryops.cluster.store import Store
from bakeryops.cluster.usage import SAMPLES, UsageHistory
from bakeryops.model.workload import PodView
from bakeryops.read.build_index import BuildChanges, BuildIndex
from bakeryops.read.delivery_index import HOLD_KINDS
from bakeryops.read.events import EventKeeper
from bakeryops.read.index import KINDS, ChangedUids, IndexChanges, WorkloadIndex
from screens.delivery import Delivery
from screens.slices import sliced

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.metrics import StatsSummary
    from bakeryops.model.event import EventGroup

__all__ = ["Picture"]

KEPT = ("events", "podmetrics", "nodemetrics", "nodestats", *HOLD_KINDS)
"""Kinds that are read as long as there is a session, whichever screen is shown."""

GROUP = 6
"""Samples that one value of a slow curve stands for."""

_NONE = frozenset({"forbidden", "absent"})


class Picture:
    """One reading of one cluster (and one namespace, or all), shared by the screens that show it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock of seconds since the epoch."""
        self.index = WorkloadIndex(clock=clock)
        self.builds = BuildIndex(clock=clock)
        """The builds as rows of a list, without their tasks."""
        self.delivery = Delivery(self.builds, clock=clock)
        """Builds and Flux, and the chain that they make."""
        self.events = EventKeeper()
        self.stats: dict[str, StatsSummary] = {}
        """What each node's kubelet says of its disks, by node."""
        self.stats_refused = ""
        """Why they are not known, where the cluster says so."""
        self.usage = UsageHistory()
        self._disks: dict[str, deque[float]] = {}
        self._clock = clock
        self._taking = asyncio.Lock()

    def node_curves(self, name: str) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
        """Return the last samples of a node's CPU (cores), memory and disk (bytes), oldest first."""
        series = self.usage.node(name)
        return series.cpu, series.memory, self._disks.get(name, ())

    def curves(self, pods: Sequence[str]) -> tuple[Sequence[float], Sequence[float]]:
        """Return the last samples of CPU (cores) and memory (bytes) of pods, by key, together; oldest first.

        Where pods have samples of different length (some are younger), the missing ones count as nothing.
        """
        found = [self.usage.pod(*key.split("/", 1)) for key in pods]
        if len(found) == 1:
            return found[0].cpu, found[0].memory
        return _sum([series.cpu for series in found]), _sum([series.memory for series in found])

    def slow_curves(self, pods: Sequence[str]) -> tuple[Sequence[float], Sequence[float]]:
        """Return the means of every `GROUP` samples of pods together, oldest first, as `curves` does.

        They differ once in `GROUP` samplings only, for cells of which every repaint crosses the link.
        """
        cpu, memory = self.curves(pods)
        newest = self.usage.samplings % GROUP
        return _means(cpu, newest), _means(memory, newest)

    async def keep(self, session: Session, namespace: str | None) -> None:
        """Take events, usage, disks and holds as they come, for as long as it is awaited.

        The cluster itself keeps events for minutes only, and usage not at all.
        """
        self.usage = session.usage
        feed = session.feed(KEPT, namespace=namespace)
        try:
            async for changes in feed.changes(max_hz=2):
                self.take_events(feed, [changes])
                self._take_stats(feed, changes)
                self.delivery.read_holds({kind: feed.store(kind) for kind in HOLD_KINDS})
        finally:
            feed.close()

    def _take_stats(self, feed: Feed, changes: Changes) -> None:
        """Take what the kubelets say of their disks and volumes."""
        store = feed.store("nodestats")
        state = store.state
        self.stats_refused = state.reason if state.phase in ("forbidden", "absent", "unauthorized") else ""
        self.stats = {each.metadata.name: each.stats for each in store.items.values()}
        changed = changes.by_kind.get("nodestats")
        for uid in changed.changed if changed else ():
            each = store.items.get(uid)
            if each is not None and each.stats.node.fs is not None and each.stats.node.fs.usedBytes is not None:
                curve = self._disks.setdefault(each.metadata.name, deque(maxlen=SAMPLES))
                curve.append(float(each.stats.node.fs.usedBytes))

    async def take(self, feed: Feed, batches: Iterable[Changes], *, first: bool) -> IndexChanges:
        """Read what changed in a feed; `first` reads all of it, and drops what went while nobody looked.

        Thousands of pods are read in slices, between which the event loop has its turns. One screen that takes
        waits for another: what that one has half read is told to it alone.
        """
        async with self._taking:
            return await self._take(feed, batches, first)

    async def _take(self, feed: Feed, batches: Iterable[Changes], first: bool) -> IndexChanges:
        stores = {kind: feed.store(kind) for kind in KINDS if kind in feed.kinds}
        done = IndexChanges()
        if "pods" in stores:
            _join(done, self.index.set_pods_known(stores["pods"].state.phase not in _NONE))
        if first:
            await self._read(stores, self.index.differences(stores), done)
        else:
            for batch in batches:
                await self._read(stores, batch.by_kind, done)
        return done

    async def _read(
        self, stores: Mapping[str, Store[Any]], changes: Mapping[str, ChangedUids], done: IndexChanges
    ) -> None:
        """Read what changed, the objects first and each workload that they belong to once."""
        later: set[str] = set()
        for kind in KINDS:
            uids = changes.get(kind)
            if uids is None or kind not in stores:
                continue
            if uids.removed:
                _join(done, self.index.update(stores, {kind: ChangeSet(set(), set(uids.removed))}, later=later))
            async for part in sliced(list(uids.changed)):
                _join(done, self.index.update(stores, {kind: ChangeSet(set(part))}, later=later))
        async for keys in sliced(later, 16):
            _join(done, self.index.read_workloads(keys))

    async def take_builds(self, feed: Feed, batches: Iterable[Changes], *, first: bool) -> BuildChanges:
        """Read what changed of the PipelineRuns in a feed, in slices; `first` as for `take`."""
        async with self._taking:
            stores = {"pipelineruns": feed.store("pipelineruns")}
            done = BuildChanges()
            changes = [self.builds.differences(stores)] if first else [batch.by_kind for batch in batches]
            for each in changes:
                uids = each.get("pipelineruns")
                if uids is None:
                    continue
                _join_builds(
                    done, self.builds.update(stores, {"pipelineruns": ChangeSet(set(), set(uids.removed))})
                )
                async for part in sliced(list(uids.changed)):
                    _join_builds(done, self.builds.update(stores, {"pipelineruns": ChangeSet(set(part))}))
            return done

    def take_events(self, feed: Feed, batches: Iterable[Changes]) -> tuple[set[str], set[str]]:
        """Group what happened; return the keys of the groups that are different, and of those that went."""
        store = feed.store("events")
        keys: set[str] = set()
        for batch in batches:
            changes = batch.by_kind.get("events")
            if changes:
                keys |= self.events.update(store.items, changes.changed, changes.removed)
        gone = self.events.prune(self._clock())
        return keys - gone, gone

    def events_of(self, kind: str, namespace: str, name: str) -> list[EventGroup]:
        """Return the events of an object and, for a workload, of its ReplicaSets, Jobs and pods, newest first."""
        names = {(kind, name)}
        pods = self.pods_of(kind, namespace, name)
        names.update(("Pod", pod.name) for pod in pods)
        if kind == "Deployment":
            names.update(("ReplicaSet", pod.owner_name) for pod in pods if pod.owner_kind == "ReplicaSet")
        return [
            group
            for group in self.events.groups()
            if group.namespace in (namespace, "", "default") and (
                (group.kind, group.name) in names
                or (kind == "Deployment" and group.kind == "ReplicaSet" and group.name.rpartition("-")[0] == name)
            )
        ]  # fmt: skip

    def pods_of(self, kind: str, namespace: str, name: str) -> Sequence[PodView]:
        """Return the pods of a workload, or the pod itself."""
        if kind == "Pod":
            pod = self.index.pods.get(f"{namespace}/{name}")
            return [pod] if pod is not None else []
        return self.index.pods_of(f"{kind}/{namespace}/{name}")


def _join_builds(done: BuildChanges, more: BuildChanges) -> None:
    done.builds = (done.builds - more.removed) | more.builds
    done.removed = (done.removed - more.builds) | more.removed


def _join(done: IndexChanges, more: IndexChanges) -> None:
    for keys, gone, new, new_gone in (
        (done.pods, done.pods_removed, more.pods, more.pods_removed),
        (done.workloads, done.workloads_removed, more.workloads, more.workloads_removed),
    ):
        keys -= new_gone
        keys |= new
        gone -= new
        gone |= new_gone


def _means(samples: Sequence[float], newest: int) -> list[float]:
    """Return the means of whole groups; the newest samples are left out until they fill one."""
    end = len(samples) - newest
    starts = range(end % GROUP, end, GROUP)
    return [sum(samples[start : start + GROUP]) / GROUP for start in starts]


def _sum(curves: Sequence[Sequence[float]]) -> Sequence[float]:
    backwards = zip_longest(*(reversed(curve) for curve in curves if curve), fillvalue=0.0)
    return [sum(values) for values in backwards][::-1]
