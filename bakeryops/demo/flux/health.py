"""Whether applied objects have settled, by the rules that Flux shares with kubectl's kstatus library."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import condition
from bakeryops.demo.flux.conditions import is_true

__all__ = ["CURRENT", "FAILED", "IN_PROGRESS", "NOT_FOUND", "TERMINATING", "state_of"]

CURRENT = "Current"
FAILED = "Failed"
IN_PROGRESS = "InProgress"
NOT_FOUND = "NotFound"
TERMINATING = "Terminating"


def state_of(obj: Object | None) -> str:
    """Return the state of an object, None standing for one that is not there."""
    if obj is None:
        return NOT_FOUND
    metadata, status = obj["metadata"], obj.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return TERMINATING
    observed = status.get("observedGeneration")
    if observed is not None and observed != metadata.get("generation"):
        return IN_PROGRESS
    if is_true(obj, "Reconciling"):
        return IN_PROGRESS
    if is_true(obj, "Stalled"):
        return FAILED
    rule = _RULES.get((obj["apiVersion"].rpartition("/")[0], obj["kind"]))
    if rule is not None:
        return rule(obj, obj.get("spec") or {}, status)
    ready = condition(obj, "Ready")
    return CURRENT if ready is None or ready.get("status") == "True" else IN_PROGRESS


def _deployment(obj: Object, spec: Object, status: Object) -> str:
    progressing = condition(obj, "Progressing") or {}
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return FAILED
    wanted = spec.get("replicas", 1)
    counts = [
        status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
    ]
    if "observedGeneration" not in status or any(count != wanted for count in counts):
        return IN_PROGRESS
    rolled_out = progressing.get("status") == "True" and progressing.get("reason") == "NewReplicaSetAvailable"
    return CURRENT if is_true(obj, "Available") and (rolled_out or not progressing) else IN_PROGRESS


def _stateful_set(obj: Object, spec: Object, status: Object) -> str:
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return CURRENT
    wanted = spec.get("replicas", 1)
    if "observedGeneration" not in status or status.get("replicas", 0) != wanted:
        return IN_PROGRESS
    if status.get("readyReplicas", 0) != wanted:
        return IN_PROGRESS
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    if partition:
        return CURRENT if status.get("updatedReplicas", 0) >= wanted - partition else IN_PROGRESS
    if status.get("currentReplicas", 0) != wanted:
        return IN_PROGRESS
    return CURRENT if status.get("currentRevision") == status.get("updateRevision") else IN_PROGRESS


def _daemon_set(obj: Object, spec: Object, status: Object) -> str:
    wanted = status.get("desiredNumberScheduled")
    if wanted is None or "observedGeneration" not in status:
        return IN_PROGRESS
    counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    return CURRENT if all(status.get(name, 0) >= wanted for name in counts) else IN_PROGRESS


def _replica_set(obj: Object, spec: Object, status: Object) -> str:
    wanted = spec.get("replicas", 1)
    counts = ("fullyLabeledReplicas", "availableReplicas", "readyReplicas")
    settled = status.get("replicas", 0) == wanted and all(status.get(name, 0) >= wanted for name in counts)
    return CURRENT if settled else IN_PROGRESS


def _job(obj: Object, spec: Object, status: Object) -> str:
    if is_true(obj, "Failed"):
        return FAILED
    if is_true(obj, "Complete"):
        return CURRENT
    return IN_PROGRESS


def _claim(obj: Object, spec: Object, status: Object) -> str:
    return CURRENT if status.get("phase") == "Bound" else IN_PROGRESS


def _pod(obj: Object, spec: Object, status: Object) -> str:
    phase = status.get("phase")
    if phase == "Succeeded":
        return CURRENT
    if phase == "Failed":
        return FAILED
    return CURRENT if is_true(obj, "Ready") else IN_PROGRESS


def _service(obj: Object, spec: Object, status: Object) -> str:
    if spec.get("type") == "LoadBalancer" and not (status.get("loadBalancer") or {}).get("ingress"):
        return IN_PROGRESS
    return CURRENT


def _definition(obj: Object, spec: Object, status: Object) -> str:
    if (condition(obj, "NamesAccepted") or {}).get("status") == "False":
        return FAILED
    return CURRENT if is_true(obj, "Established") else IN_PROGRESS


def _always(obj: Object, spec: Object, status: Object) -> str:
    return CURRENT


_RULES = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _always,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("policy", "PodDisruptionBudget"): _always,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
