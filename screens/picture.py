"""What the console knows of one cluster between screens: everything read once, events kept, usage remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from bakeryops.model.workload import PodView
from bakeryops.read.events import EventKeeper
from bakeryops.read.index import KINDS, IndexChanges, WorkloadIndex

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.metrics import StatsSummary
    from bakeryops.model.event import EventGroup

__all__ = ["Picture"]

_NONE = frozenset({"forbidden", "absent"})


class Picture:
    """One reading of one cluster (and one namespace, or all), shared by the screens that show it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock of seconds since the epoch."""
        self.index = WorkloadIndex(clock=clock)
        self.events = EventKeeper()
        self.stats: dict[str, StatsSummary] = {}
        """What each node's kubelet says of its disks, by node."""
        self._clock = clock

    def node_curves(self, name: str) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
        """Return the last samples of a node's CPU (cores), memory and disk (bytes), oldest first."""
        return (), (), ()

    def curves(self, pods: Iterable[str]) -> tuple[Sequence[float], Sequence[float]]:
        """Return the last samples of CPU (cores) and memory (bytes) of pods together, oldest first."""
        return (), ()

    async def keep(self, session: Session, namespace: str | None) -> None:
        """Take events as they come, for as long as it is awaited: the cluster itself keeps them for minutes only."""
        feed = session.feed(("events",), namespace=namespace)
        try:
            async for changes in feed.changes(max_hz=2):
                self.take_events(feed, [changes])
        finally:
            feed.close()

    def take(self, feed: Feed, batches: Iterable[Changes], *, first: bool) -> IndexChanges:
        """Read what changed in a feed; `first` reads all of it, and drops what went while nobody looked."""
        stores = {kind: feed.store(kind) for kind in KINDS if kind in feed.kinds}
        done = IndexChanges()
        if "pods" in stores:
            _join(done, self.index.set_pods_known(stores["pods"].state.phase not in _NONE))
        if first:
            _join(done, self.index.load(stores))
        else:
            for batch in batches:
                _join(done, self.index.update(stores, batch.by_kind))
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


def _join(done: IndexChanges, more: IndexChanges) -> None:
    for keys, gone, new, new_gone in (
        (done.pods, done.pods_removed, more.pods, more.pods_removed),
        (done.workloads, done.workloads_removed, more.workloads, more.workloads_removed),
    ):
        keys -= new_gone
        keys |= new
        gone -= new
        gone |= new_gone
