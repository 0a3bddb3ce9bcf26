"""Pods and workloads kept read: fed with change sets, it reads again only what changed.

A change of a pod also changes its workload, a change of a Job its CronJob, and time alone changes some: a
container that runs long enough is forgiven its crashes. Everything is keyed as the views are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, Protocol

import msgspec

from bakeryops.cluster.wire.core import Pod
from bakeryops.cluster.wire.metrics import PodMetrics
from bakeryops.model.workload import PodView, WorkloadView, pod_key, workload_key
from bakeryops.read.jobs import cronjob, job, loose_pods
from bakeryops.read.pods import pod, with_usage
from bakeryops.read.restarts import RestartLog
from bakeryops.read.rollouts import daemonset, deployment, statefulset
from bakeryops.text import clean

__all__ = ["KINDS", "ChangedUids", "IndexChanges", "Items", "WorkloadIndex", "sliced"]

KINDS = ("deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "pods", "podmetrics")
"""The kinds the index reads, by their plural."""

_KIND_OF = {
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
}
_READERS: Mapping[str, Callable[..., WorkloadView]] = {
    "Deployment": deployment,
    "StatefulSet": statefulset,
    "DaemonSet": daemonset,
    "Job": job,
}


class Items(Protocol):
    """Where objects of one kind are: by uid."""

    @property
    def items(self) -> Mapping[str, Any]:
        """Return the objects by uid."""


class ChangedUids(Protocol):
    """Which objects of one kind changed and which went, by uid."""

    @property
    def changed(self) -> Set[str]:
        """Return the uids of objects that came or changed."""

    @property
    def removed(self) -> Set[str]:
        """Return the uids of objects that went."""


class IndexChanges(msgspec.Struct):
    """Keys of the views that became different, and of those that went."""

    pods: set[str] = msgspec.field(default_factory=set)
    pods_removed: set[str] = msgspec.field(default_factory=set)
    workloads: set[str] = msgspec.field(default_factory=set)
    workloads_removed: set[str] = msgspec.field(default_factory=set)

    def __bool__(self) -> bool:
        """Return whether anything is different."""
        return bool(self.pods or self.pods_removed or self.workloads or self.workloads_removed)


class WorkloadIndex:
    """Every pod and workload, read. `pods_known` is False where pods may not be listed."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.pods: dict[str, PodView] = {}
        self.workloads: dict[str, WorkloadView] = {}
        self.pods_known = True
        self._clock = clock
        self._log = RestartLog()
        self._raw: dict[str, Pod] = {}
        self._pod_key: dict[str, str] = {}
        self._uid: dict[str, str] = {}
        self._pods_of: dict[str, dict[str, None]] = {}
        self._objects: dict[str, Any] = {}
        self._object_key: dict[str, str] = {}
        self._jobs_of: dict[str, dict[str, None]] = {}
        self._usage: dict[str, PodMetrics] = {}
        self._pods_due: dict[str, float] = {}
        self._workloads_due: dict[str, float] = {}

    def load(self, stores: Mapping[str, Items]) -> IndexChanges:
        """Read everything in `stores`, by plural, that was not read yet, and drop what they do not have."""
        return self.update(stores, self.differences(stores))

    def differences(self, stores: Mapping[str, Items]) -> dict[str, ChangedUids]:
        """Return, by plural, the objects that are not those that were read last, and those that are gone."""
        changes: dict[str, ChangedUids] = {}
        for plural, store in stores.items():
            if plural not in KINDS:
                continue
            items = store.items
            read = self._read_of(plural)
            changed = {uid for uid, each in items.items() if read.get(uid) is not each}
            changes[plural] = _Uids(changed, read.keys() - items.keys())
        return changes

    def _read_of(self, plural: str) -> Mapping[str, Any]:
        """Return the objects of a kind that were read last, by uid."""
        if plural == "pods":
            return self._raw
        if plural == "podmetrics":
            return self._usage
        start = f"{_KIND_OF[plural]}/"
        return {uid: self._objects.get(key) for uid, key in self._object_key.items() if key.startswith(start)}

    def update(
        self, stores: Mapping[str, Items], changes: Mapping[str, ChangedUids], *, later: set[str] | None = None
    ) -> IndexChanges:
        """Read again what `changes` names, by plural, from `stores`; other kinds are ignored.

        With `later` the workloads that this concerns are not read: their keys are put there, for
        `read_workloads` when all parts of a long change have been taken.
        """
        now = self._clock()
        done = IndexChanges()
        dirty: dict[str, None] = {}
        for plural, kind in _KIND_OF.items():
            if plural in changes and plural in stores:
                self._take_objects(kind, stores[plural].items, changes[plural], dirty)
        if "pods" in changes and "pods" in stores:
            items, uids = stores["pods"].items, changes["pods"]
            for uid in uids.removed:
                self._drop_pod(uid, done, dirty)
            for uid in uids.changed:
                found = items.get(uid)
                if found is None:
                    self._drop_pod(uid, done, dirty)
                else:
                    self._raw[uid] = found
                    self._read_pod(uid, now, done, dirty)
        if "podmetrics" in changes and "podmetrics" in stores:
            items, uids = stores["podmetrics"].items, changes["podmetrics"]
            for uid in uids.removed:
                self._measure(uid, None, done, dirty)
            for uid in uids.changed:
                self._measure(uid, items.get(uid), done, dirty)
        if later is None:
            self._read_workloads(dirty, now, done)
        else:
            later.update(dirty)
        return done

    def read_workloads(self, keys: Iterable[str]) -> IndexChanges:
        """Read the workloads of these keys again."""
        done = IndexChanges()
        self._read_workloads(dict.fromkeys(keys), self._clock(), done)
        return done

    def set_usage(self, metrics: Iterable[PodMetrics]) -> IndexChanges:
        """Take what pods use; pods that are not measured have it unknown again."""
        done = IndexChanges()
        dirty: dict[str, None] = {}
        measured = {pod_key(each.metadata.namespace, each.metadata.name): each for each in metrics}
        for key in measured.keys() | self._usage.keys():
            self._measure(key, measured.get(key), done, dirty)
        self._read_workloads(dirty, self._clock(), done)
        return done

    def tick(self) -> IndexChanges:
        """Read again what time alone has changed; cheap, meant to be called about once a second."""
        now = self._clock()
        done = IndexChanges()
        dirty: dict[str, None] = {}
        for uid in [uid for uid, due in self._pods_due.items() if due <= now]:
            self._read_pod(uid, now, done, dirty)
        for key in [key for key, due in self._workloads_due.items() if due <= now]:
            dirty[key] = None
        self._read_workloads(dirty, now, done)
        return done

    def set_pods_known(self, known: bool) -> IndexChanges:
        """Say whether pods can be listed: where not, controllers are judged by what they say themselves."""
        done = IndexChanges()
        if known is not self.pods_known:
            self.pods_known = known
            self._read_workloads(dict.fromkeys(self._objects), self._clock(), done)
        return done

    def pods_of(self, key: str) -> list[PodView]:
        """Return the pods of a workload, by name."""
        uids = self._pods_of.get(key, ())
        found = (self.pods.get(self._pod_key[uid]) for uid in uids)
        return sorted((view for view in found if view is not None), key=lambda view: view.name)

    def raw_pod(self, key: str) -> Pod | None:
        """Return the Struct behind a pod's view."""
        return self._raw.get(self._uid.get(key, ""))

    def _take_objects(
        self, kind: str, items: Mapping[str, Any], uids: ChangedUids, dirty: dict[str, None]
    ) -> None:
        for uid in uids.removed:
            key = self._object_key.pop(uid, None)
            if key is not None and self._objects.get(key) is not None and self._objects[key].metadata.uid == uid:
                del self._objects[key]
                dirty[key] = None
        for uid in uids.changed:
            found = items.get(uid)
            if found is None:
                continue
            meta = found.metadata
            key = workload_key(kind, clean(meta.namespace), clean(meta.name))
            self._object_key[uid] = key
            self._objects[key] = found
            dirty[key] = None

    def _drop_pod(self, uid: str, done: IndexChanges, dirty: dict[str, None]) -> None:
        key = self._pod_key.pop(uid, None)
        self._raw.pop(uid, None)
        self._pods_due.pop(uid, None)
        self._log.forget(uid)
        if key is None or self._uid.get(key) != uid:
            return
        del self._uid[key]
        view = self.pods.pop(key)
        done.pods_removed.add(key)
        done.pods.discard(key)
        siblings = self._pods_of.get(view.workload)
        if siblings is not None:
            siblings.pop(uid, None)
            if not siblings:
                del self._pods_of[view.workload]
        dirty[view.workload] = None

    def _read_pod(self, uid: str, now: float, done: IndexChanges, dirty: dict[str, None]) -> None:
        raw = self._raw[uid]
        key = pod_key(clean(raw.metadata.namespace), clean(raw.metadata.name))
        if (other := self._uid.get(key)) is not None and other != uid:
            # Its predecessor of the same name (a StatefulSet's pod) is gone, whether or not that was said yet.
            self._drop_pod(other, done, dirty)
        view = pod(raw, now=now, usage=self._usage.get(key))
        self._log.see(view, now)
        if view.recheck is not None:
            self._pods_due[uid] = view.recheck
        else:
            self._pods_due.pop(uid, None)
        before = self.pods.get(key)
        if before == view:
            return
        if before is not None and before.workload != view.workload:
            self._pods_of.get(before.workload, {}).pop(uid, None)
            dirty[before.workload] = None
        self._uid[key], self._pod_key[uid] = uid, key
        self.pods[key] = view
        self._pods_of.setdefault(view.workload, {})[uid] = None
        done.pods.add(key)
        done.pods_removed.discard(key)
        dirty[view.workload] = None

    def _measure(self, uid: str, metrics: PodMetrics | None, done: IndexChanges, dirty: dict[str, None]) -> None:
        """Take what one pod uses; metrics have no uid, so that they are filed by namespace and name."""
        key = (
            clean(uid)
            if metrics is None
            else pod_key(clean(metrics.metadata.namespace), clean(metrics.metadata.name))
        )
        if metrics is None:
            self._usage.pop(key, None)
        else:
            self._usage[key] = metrics
        before = self.pods.get(key)
        if before is None:
            return
        view = with_usage(before, metrics)
        if view is not before:
            self.pods[key] = view
            done.pods.add(key)
            dirty[view.workload] = None

    def _read_workloads(self, dirty: dict[str, None], now: float, done: IndexChanges) -> None:
        crons: dict[str, None] = {}
        for key in dirty:
            if key.startswith("CronJob/"):
                crons[key] = None
                continue
            before = self.workloads.get(key)
            view = self._read_workload(key, now)
            self._keep(key, before, view, done)
            for each in (before, view):
                if each is not None and each.owner.startswith("CronJob/"):
                    jobs = self._jobs_of.setdefault(each.owner, {})
                    jobs.pop(key, None)
                    if each is view:
                        jobs[key] = None
                    crons[each.owner] = None
        for key in crons:
            wanted = self._objects.get(key)
            jobs = self._jobs_of.get(key, {})
            if wanted is None and not jobs:
                self._jobs_of.pop(key, None)
            made = [self.workloads[each] for each in jobs if each in self.workloads]
            # Pods may name a CronJob as their owner, though it makes none itself.
            view = cronjob(wanted, made, now=now) if wanted is not None else self._read_workload(key, now)
            self._keep(key, self.workloads.get(key), view, done)

    def _read_workload(self, key: str, now: float) -> WorkloadView | None:
        pods = self.pods_of(key)
        wanted = self._objects.get(key)
        if wanted is None:
            return loose_pods(pods, now=now, log=self._log) if pods else None
        reader = _READERS[key.partition("/")[0]]
        return reader(wanted, pods if self.pods_known else None, now=now, log=self._log)

    def _keep(self, key: str, before: WorkloadView | None, view: WorkloadView | None, done: IndexChanges) -> None:
        if view is None:
            self._workloads_due.pop(key, None)
            if self.workloads.pop(key, None) is not None:
                done.workloads_removed.add(key)
            return
        if view.recheck is not None:
            self._workloads_due[key] = view.recheck
        else:
            self._workloads_due.pop(key, None)
        if before != view:
            self.workloads[key] = view
            done.workloads.add(key)


class _Uids(msgspec.Struct):
    changed: set[str]
    removed: set[str]


def sliced(changes: Mapping[str, ChangedUids], most: int = 1000) -> Iterator[dict[str, ChangedUids]]:
    """Yield the same changes in parts of at most `most` objects, to give way between them.

    Reading takes some 20 µs a pod: five thousand at once would hold up the keys. Controllers come before pods.
    """
    rank = {plural: place for place, plural in enumerate(KINDS)}
    for plural in sorted(changes, key=lambda plural: rank.get(plural, len(rank))):
        changed, removed = list(changes[plural].changed), set(changes[plural].removed)
        for start in range(0, max(1, len(changed)), most):
            yield {plural: _Uids(set(changed[start : start + most]), removed)}
            removed = set()
