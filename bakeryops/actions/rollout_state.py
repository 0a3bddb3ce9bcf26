"""How far a rollout is, by the rules of kstatus, and what of its new pods says that it will not get there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from bakeryops.cluster.wire import apps
from bakeryops.cluster.wire.core import Pod
from bakeryops.model.workload import PodView
from bakeryops.read.owners import controller
from bakeryops.text import clean

__all__ = ["PLURALS", "Rollout", "is_new", "rollout", "trouble"]

PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
"""Kind -> plural of what rolls out."""

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_CONTROLLER_HASH = "controller-revision-hash"
_GENERATION = "deprecated.daemonset.template.generation"
_NEVER = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError",
                    "CreateContainerError"})  # fmt: skip
_LOOPS = frozenset({"CrashLoopBackOff", "OOMKilled"})
_CRASHES = 2
"""Restarts after which a new pod's container counts as one that will not come up."""


class Rollout(msgspec.Struct, frozen=True, gc=False):
    """How far it is: `ready` of `desired` pods; `done` when all is settled, `failed` why it never will be."""

    done: bool
    ready: int
    desired: int
    text: str
    failed: str = ""


def rollout(obj: Any) -> Rollout:
    """Return how far a Deployment, StatefulSet or DaemonSet is."""
    if isinstance(obj, apps.Deployment):
        return _deployment(obj)
    if isinstance(obj, apps.StatefulSet):
        return _statefulset(obj)
    return _daemonset(obj)


def _deployment(obj: apps.Deployment) -> Rollout:
    spec, status = obj.spec or apps.DeploymentSpec(), obj.status or apps.DeploymentStatus()
    desired = 1 if spec.replicas is None else spec.replicas
    total, updated = status.replicas or 0, status.updatedReplicas or 0
    ready, available = status.readyReplicas or 0, status.availableReplicas or 0
    if not _seen(obj, status.observedGeneration):
        return Rollout(False, 0, desired, "its controller has not taken up the change yet")
    by_type = {each.type: each for each in status.conditions or ()}
    progressing = by_type.get("Progressing")
    if progressing is not None and progressing.reason == "ProgressDeadlineExceeded":
        limit = 600 if spec.progressDeadlineSeconds is None else spec.progressDeadlineSeconds
        return Rollout(False, min(ready, updated), desired, "stalled", f"no progress within {limit} s")
    failure = by_type.get("ReplicaFailure")
    if failure is not None and failure.status == "True" and updated < desired:
        why = clean(failure.message or failure.reason or "")
        return Rollout(False, min(ready, updated), desired, f"pods cannot be created: {why}")
    if spec.paused and updated < desired:
        return Rollout(False, min(ready, updated), desired, "paused", "its rollouts are paused")
    if updated < desired:
        return Rollout(False, min(ready, updated), desired, f"{updated} of {desired} pods are new")
    if total > updated:
        return Rollout(False, min(ready, desired), desired, f"{total - updated} former pods are still there")
    if total > desired:
        return Rollout(False, min(ready, desired), desired, f"{total - desired} pods too many are still there")
    if ready < desired or available < desired:
        return Rollout(False, min(ready, available), desired, f"{ready} of {desired} new pods are ready")
    there = by_type.get("Available")
    settled = progressing is None or progressing.reason in ("NewReplicaSetAvailable", None) or desired == 0
    done = settled and (there is None or there.status == "True" or desired == 0)
    return Rollout(done, ready, desired, f"{ready} of {desired} new pods are ready")


def _statefulset(obj: apps.StatefulSet) -> Rollout:
    spec, status = obj.spec or apps.StatefulSetSpec(), obj.status or apps.StatefulSetStatus()
    desired = 1 if spec.replicas is None else spec.replicas
    ready, updated, total = status.readyReplicas or 0, status.updatedReplicas or 0, status.replicas or 0
    if not _seen(obj, status.observedGeneration):
        return Rollout(False, 0, desired, "its controller has not taken up the change yet")
    strategy = spec.updateStrategy
    changed = bool(status.updateRevision) and status.updateRevision != status.currentRevision
    if changed and strategy is not None and strategy.type == "OnDelete":
        return Rollout(
            ready >= desired, ready, desired, f"{ready} of {desired} pods are ready, replaced on deletion"
        )
    partition = (strategy.rollingUpdate.partition or 0) if strategy and strategy.rollingUpdate else 0
    wanted = max(0, desired - partition)
    if changed and updated < wanted:
        return Rollout(False, min(ready, updated), desired, f"{updated} of {wanted} pods are new")
    if ready < desired:
        return Rollout(False, ready, desired, f"{ready} of {desired} pods are ready")
    if total > desired:
        return Rollout(False, desired, desired, f"{total - desired} pods too many are still there")
    done = not changed or bool(partition)
    return Rollout(done, ready, desired, f"{ready} of {desired} pods are ready")


def _daemonset(obj: apps.DaemonSet) -> Rollout:
    spec, status = obj.spec or apps.DaemonSetSpec(), obj.status or apps.DaemonSetStatus()
    desired, updated = status.desiredNumberScheduled or 0, status.updatedNumberScheduled or 0
    ready, available = status.numberReady or 0, status.numberAvailable or 0
    if not _seen(obj, status.observedGeneration):
        return Rollout(False, 0, desired, "its controller has not taken up the change yet")
    if updated < desired and not (spec.updateStrategy is not None and spec.updateStrategy.type == "OnDelete"):
        return Rollout(False, min(ready, updated), desired, f"{updated} of {desired} pods are new")
    return Rollout(
        ready >= desired and available >= desired, ready, desired, f"{ready} of {desired} pods are ready"
    )


def _seen(obj: Any, observed: int | None) -> bool:
    return obj.status is not None and (observed or 0) >= (obj.metadata.generation or 0)


def is_new(obj: Any, pod: Pod, replicasets: Iterable[apps.ReplicaSet] = ()) -> bool:
    """Return whether a pod was made from a workload's present template; `replicasets` are a Deployment's."""
    labels = pod.metadata.labels or {}
    if isinstance(obj, apps.Deployment):
        newest = (obj.metadata.annotations or {}).get(_REVISION)
        made_by = controller(pod.metadata.ownerReferences)
        return any(
            made_by is not None
            and each.metadata.uid == made_by.uid
            and (each.metadata.annotations or {}).get(_REVISION) == newest
            for each in replicasets
        )
    if isinstance(obj, apps.StatefulSet):
        wanted = obj.status.updateRevision if obj.status else None
        return not wanted or labels.get(_CONTROLLER_HASH, wanted) == wanted
    generation = (obj.metadata.annotations or {}).get(_GENERATION)
    return not generation or labels.get("pod-template-generation", generation) == generation


def trouble(pods: Iterable[PodView]) -> str:
    """Return why new pods will not come up, "" where nothing says so: pull errors, and crashes that repeat."""
    for pod in pods:
        for each in pod.containers:
            if each.word in _NEVER:
                return f"pod {pod.name}: {each.word}: {each.reason}"
            if each.word in _LOOPS and each.restarts >= _CRASHES:
                return f"pod {pod.name}: {each.reason}"
    return ""
