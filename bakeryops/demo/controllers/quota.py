"""ResourceQuotas: what a namespace uses of what it may."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Queue
from bakeryops.demo.controllers.pods import phase_of
from bakeryops.demo.quotas import in_scope
from bakeryops.units import parse_quantity

__all__ = ["QuotaController", "used_by"]

_COUNTED = {
    "count/deployments.apps": "deployments.apps",
    "count/jobs.batch": "jobs",
    "configmaps": "configmaps",
    "persistentvolumeclaims": "persistentvolumeclaims",
    "secrets": "secrets",
    "services": "services",
}


def used_by(pods: list[Object], name: str) -> str | None:
    """Return how much of a resource pods that have not ended use, None for a resource that is not of pods."""
    alive = [pod for pod in pods if phase_of(pod) not in ("Succeeded", "Failed")]
    if name in ("pods", "count/pods"):
        return str(len(alive))
    field, _, resource = name.rpartition(".")
    if resource not in ("cpu", "memory", "ephemeral-storage"):
        return None
    total = 0.0
    for pod in alive:
        for container in pod["spec"]["containers"]:
            amounts = (container.get("resources") or {}).get(field or "requests") or {}
            total += parse_quantity(str(amounts.get(resource, "0"))) or 0.0
    if resource == "cpu":
        return f"{round(total * 1000)}m" if total % 1 else str(int(total))
    return f"{total / 2**20:.0f}Mi" if total else "0"


class QuotaController:
    """Keeps the status of ResourceQuotas up to date."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._quotas: dict[str, set[str]] = {}
        self._queue = Queue(cluster.clock, self._sync, delay=0.2)

    def start(self) -> None:
        """Follow quotas and pods."""
        store = self._cluster.store
        for quota in store.list("resourcequotas"):
            self._changed("ADDED", quota, None)
        store.listen("resourcequotas", self._changed)
        store.listen("pods", self._pod_changed)

    def _changed(self, change: str, quota: Object, previous: Object | None) -> None:
        namespace, name = quota["metadata"]["namespace"], quota["metadata"]["name"]
        known = self._quotas.setdefault(namespace, set())
        if change == "DELETED":
            known.discard(name)
            return
        known.add(name)
        if previous is None or previous.get("spec") is not quota.get("spec"):
            self._queue.add((namespace, name))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        namespace = pod["metadata"]["namespace"]
        if namespace in self._quotas and (
            previous is None or change == "DELETED" or phase_of(previous) != phase_of(pod)
        ):
            for name in sorted(self._quotas[namespace]):
                self._queue.add((namespace, name))

    def _sync(self, key: Key) -> None:
        store = self._cluster.store

        def change(obj: Object) -> Object:
            pods = [pod for pod in store.list("pods", key[0]) if in_scope(obj, pod)]
            hard = obj["spec"].get("hard") or {}
            used = {}
            for name in hard:
                amount = used_by(pods, name)
                if amount is None and name in _COUNTED:
                    amount = str(len(store.list(_COUNTED[name], key[0])))
                used[name] = amount or "0"
            obj["status"] = {"hard": hard, "used": used}
            return obj

        store.mutate("resourcequotas", *key, change, manager="kube-controller-manager", subresource="status")
