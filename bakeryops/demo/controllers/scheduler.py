"""The scheduler: binds pods to the one node while their requests and volumes fit."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Queue
from bakeryops.demo.controllers.objects import fresh_conditions, key_of, put_condition
from bakeryops.units import parse_quantity

__all__ = ["Scheduler", "requests_of"]

_RETRY = 300.0
"""Seconds after which a pod that did not fit is tried again without anything having changed."""


def requests_of(pod: Object) -> dict[str, float]:
    """Return what a pod asks of a node: cpu in cores, memory in bytes, and 1 of `pods`."""
    spec = pod["spec"]
    total = {"cpu": 0.0, "memory": 0.0, "pods": 1.0}
    for name in ("cpu", "memory"):
        most = 0.0
        for container in spec.get("initContainers") or ():
            amount = _request(container, name)
            if container.get("restartPolicy") == "Always":
                total[name] += amount
            else:
                most = max(most, amount)
        total[name] += sum(_request(container, name) for container in spec["containers"])
        total[name] = max(total[name], most)
    return total


def _request(container: Object, name: str) -> float:
    resources = container.get("resources") or {}
    value = (resources.get("requests") or {}).get(name, (resources.get("limits") or {}).get(name))
    return parse_quantity(str(value)) or 0.0 if value is not None else 0.0


class Scheduler:
    """Binds every pod that names no node, or says why it cannot."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue = Queue(cluster.clock, self._schedule, delay=0.008)
        self._used = {"cpu": 0.0, "memory": 0.0, "pods": 0.0}
        self._bound: dict[Key, dict[str, float]] = {}
        self._waiting: dict[Key, None] = {}

    def start(self) -> None:
        """Count what runs already, and follow pods, claims and the node."""
        store = self._cluster.store
        for pod in store.list("pods"):
            self._changed("ADDED", pod, None)
        store.listen("pods", self._changed)
        store.listen("persistentvolumeclaims", self._claim_changed)
        store.listen("nodes", lambda change, node, before: self._retry(0.05))

    def _changed(self, change: str, pod: Object, previous: Object | None) -> None:
        key = key_of(pod)
        phase = (pod.get("status") or {}).get("phase")
        bound = pod["spec"].get("nodeName") and change != "DELETED" and phase not in ("Succeeded", "Failed")
        if bound and key not in self._bound:
            self._bound[key] = requests = requests_of(pod)
            self._count(requests, 1)
        elif not bound and key in self._bound:
            self._count(self._bound.pop(key), -1)
            self._retry(1.0)
        if change == "DELETED":
            self._waiting.pop(key, None)
        elif change == "ADDED" and not pod["spec"].get("nodeName"):
            self._queue.add(key)

    def _claim_changed(self, change: str, claim: Object, previous: Object | None) -> None:
        self._retry(0.02)

    def _retry(self, delay: float) -> None:
        for key in self._waiting:
            self._queue.add(key, delay)

    def _count(self, requests: dict[str, float], sign: int) -> None:
        for name, amount in requests.items():
            self._used[name] += sign * amount

    def _schedule(self, key: Key) -> None:
        pod = self._cluster.store.get("pods", *key)
        if pod is None or pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
            self._waiting.pop(key, None)
            return
        if pod["spec"].get("schedulingGates"):
            return
        problem = self._problem(pod)
        if problem:
            self._refuse(key, pod, problem)
        else:
            self._bind(key, pod)

    def _problem(self, pod: Object) -> str:
        store = self._cluster.store
        node = store.get("nodes", None, self._cluster.node)
        if node is None:
            return "no nodes available to schedule pods"
        head = "0/1 nodes are available: "
        no_use = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        if waiting := self._claims(pod):
            return f"{head}{waiting}. {no_use}"
        reasons = []
        if node["spec"].get("unschedulable"):
            reasons.append("1 node(s) were unschedulable")
        labels = node["metadata"].get("labels") or {}
        if any(labels.get(name) != value for name, value in (pod["spec"].get("nodeSelector") or {}).items()):
            reasons.append("1 node(s) didn't match Pod's node affinity/selector")
        allocatable = node["status"].get("allocatable") or {}
        for name, amount in requests_of(pod).items():
            have = parse_quantity(str(allocatable.get(name, "0"))) or 0.0
            if amount and self._used[name] + amount > have:
                reasons.append("1 Too many pods" if name == "pods" else f"1 Insufficient {name}")
        if not reasons:
            return ""
        text = ", ".join(sorted(reasons))
        return f"{head}{text}. no new claims to deallocate, {no_use}"

    def _claims(self, pod: Object) -> str:
        """Return what is the matter with the pod's volume claims, or "" when they are bound or bind on use."""
        store, namespace = self._cluster.store, pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if not name:
                continue
            claim = store.get("persistentvolumeclaims", namespace, name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if (claim.get("status") or {}).get("phase") == "Bound":
                continue
            chosen = (claim["metadata"].get("annotations") or {}).get("volume.kubernetes.io/selected-node")
            class_name = claim["spec"].get("storageClassName")
            storage = store.get("storageclasses", None, class_name) if class_name else None
            if storage is None or storage.get("volumeBindingMode") != "WaitForFirstConsumer" or chosen:
                return "pod has unbound immediate PersistentVolumeClaims"
            self._choose(namespace, name)
            return "waiting for its volumes"
        return ""

    def _choose(self, namespace: str, claim: str) -> None:
        def change(obj: Object) -> Object:
            annotations = obj["metadata"].setdefault("annotations", {})
            annotations["volume.kubernetes.io/selected-node"] = self._cluster.node
            return obj

        self._cluster.store.mutate("persistentvolumeclaims", namespace, claim, change, manager="kube-scheduler")

    def _bind(self, key: Key, pod: Object) -> None:
        cluster = self._cluster
        self._waiting.pop(key, None)

        def change(obj: Object) -> Object:
            obj["spec"]["nodeName"] = cluster.node
            status = obj["status"] = dict(obj.get("status") or {"phase": "Pending"})
            put_condition(fresh_conditions(status), self._scheduled("True"), keep_place=True)
            return obj

        bound = cluster.store.mutate("pods", *key, change, manager="kube-scheduler", subresource="binding")
        if bound is not None:
            text = f"Successfully assigned {key[0]}/{key[1]} to {cluster.node}"
            cluster.events.record(bound, "Normal", "Scheduled", text, component="default-scheduler")

    def _refuse(self, key: Key, pod: Object, problem: str) -> None:
        cluster = self._cluster
        self._waiting[key] = None
        self._queue.add(key, _RETRY)
        if problem.startswith("0/1 nodes are available: waiting"):
            return

        def change(obj: Object) -> Object:
            status = obj["status"] = dict(obj.get("status") or {"phase": "Pending"})
            entry = self._scheduled("False") | {"reason": "Unschedulable", "message": problem}
            put_condition(fresh_conditions(status), entry, keep_place=True)
            return obj

        cluster.store.mutate("pods", *key, change, manager="kube-scheduler", subresource="status")
        cluster.events.record(pod, "Warning", "FailedScheduling", problem, component="default-scheduler")

    def _scheduled(self, status: str) -> Object:
        return {
            "type": "PodScheduled",
            "status": status,
            "lastProbeTime": None,
            "lastTransitionTime": self._cluster.stamp(),
        }
