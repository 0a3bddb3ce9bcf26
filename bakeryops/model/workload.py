"""Pods, their containers, and what keeps them running, as shown: text cleaned, numbers raw.

Times are seconds since the epoch, memory is in bytes, CPU in cores; None means unknown or not set. No text
holds an age, so that two readings of the same objects are equal.
"""

from __future__ import annotations

import msgspec

from bakeryops.model.health import Health

__all__ = ["Amounts", "ContainerView", "PodView", "VolumeView", "WorkloadView", "pod_key", "workload_key"]


def pod_key(namespace: str, name: str) -> str:
    """Return the key of a pod: "NAMESPACE/NAME"."""
    return f"{namespace}/{name}"


def workload_key(kind: str, namespace: str, name: str) -> str:
    """Return the key of a workload: "KIND/NAMESPACE/NAME"."""
    return f"{kind}/{namespace}/{name}"


class Amounts(msgspec.Struct, frozen=True, gc=False):
    """What is asked for, allowed and used: CPU in cores, memory in bytes; None where not set or not measured."""

    cpu_request: float | None = None
    cpu_limit: float | None = None
    cpu_used: float | None = None
    memory_request: float | None = None
    memory_limit: float | None = None
    memory_used: float | None = None


NOTHING = Amounts()


class ContainerView(msgspec.Struct, frozen=True, gc=False):
    """One container; `role` is "main", "init" or "sidecar", `state` "running", "waiting" or "terminated".

    `since` is when the state began. `last_*` tell of the last end, be it this run's or the one before.
    `recheck` is when the reading will change though the object does not.
    """

    name: str
    role: str
    image: str
    tag: str
    state: str
    health: Health
    reason: str = ""
    word: str = ""
    ready: bool = False
    restarts: int = 0
    since: float | None = None
    last_reason: str = ""
    last_exit: int | None = None
    last_ended: float | None = None
    oom: bool = False
    image_id: str = ""
    amounts: Amounts = NOTHING
    recheck: float | None = None


class PodView(msgspec.Struct, frozen=True, gc=False):
    """One pod.

    `status` is the word `kubectl get pods` would show, only truer; `reason` is a sentence, empty when fine;
    `since` is when that began. `restarted` is the last restart. `oom_kills` counts the out-of-memory kills that
    its status still tells of. `owner_*` name the workload it belongs to, as `read.owners` finds it.
    """

    key: str
    uid: str
    namespace: str
    name: str
    health: Health
    status: str
    reason: str
    since: float | None
    ready: int
    total: int
    restarts: int
    restarted: float | None
    containers: tuple[ContainerView, ...]
    amounts: Amounts
    qos: str
    oom_kills: int
    node: str
    ip: str
    phase: str
    created: float | None
    started: float | None
    terminating: float | None
    owner_kind: str
    owner_name: str
    workload: str
    service: str
    claims: tuple[str, ...] = ()
    recheck: float | None = None

    @property
    def finished(self) -> bool:
        """Return whether every container has ended for good."""
        return self.phase in ("Succeeded", "Failed")


class WorkloadView(msgspec.Struct, frozen=True, gc=False):
    """What keeps pods running, or a bare pod.

    `kind` is Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod or the kind of whatever owns the pods.
    `status` is one word, `reason` a sentence (empty when fine). `restarts_hour` counts the restarts of the last
    hour; `restarts_at_least` says that there may have been more before anyone watched.
    `tag`, `commit` and `tag_time` are read from the first main container's image. `pods` are keys of PodViews.
    """

    key: str
    uid: str
    kind: str
    namespace: str
    name: str
    service: str
    component: str
    part_of: str
    health: Health
    status: str
    reason: str
    since: float | None
    ready: int
    desired: int
    updated: int
    available: int
    restarts: int = 0
    restarts_hour: int = 0
    restarts_at_least: bool = False
    restarted: float | None = None
    oom_kills: int = 0
    image: str = ""
    tag: str = ""
    commit: str = ""
    tag_time: float | None = None
    version: str = ""
    revision: str = ""
    created: float | None = None
    amounts: Amounts = NOTHING
    pods: tuple[str, ...] = ()
    owner: str = ""
    schedule: str = ""
    last_run: float | None = None
    last_good: float | None = None
    recheck: float | None = None

    @property
    def one_shot(self) -> bool:
        """Return whether it is meant to end."""
        return self.kind in ("Job", "CronJob", "TaskRun", "PipelineRun")


class VolumeView(msgspec.Struct, frozen=True, gc=False):
    """One claim of storage: bytes asked for, got, used and free, and the pods that mount it."""

    key: str
    namespace: str
    name: str
    health: Health
    status: str
    reason: str
    requested: float | None
    capacity: float | None
    used: float | None
    storage_class: str
    volume: str
    created: float | None
    pods: tuple[str, ...] = ()
