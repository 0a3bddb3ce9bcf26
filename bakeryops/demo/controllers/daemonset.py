"""DaemonSets: one pod each, as there is one node."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Key
from bakeryops.demo.controllers.objects import key_of, template_hash
from bakeryops.demo.controllers.owner import PodOwnerController
from bakeryops.demo.controllers.pods import is_active, is_ready, is_terminating, pod_from
from bakeryops.demo.status import StatusError

__all__ = ["DaemonSetController"]

_COMPONENT = "daemonset-controller"
_MANAGER = "kube-controller-manager"
_HASH = "controller-revision-hash"


class DaemonSetController(PodOwnerController):
    """Keeps one pod of each DaemonSet on the node, and replaces it when the template changes."""

    PLURAL = "daemonsets"
    DELAY = 0.01

    def _sync(self, key: Key) -> None:
        found = self._cluster.store.get("daemonsets", *key)
        if found is None or is_terminating(found):
            return
        revision = template_hash(found["spec"]["template"])
        every = self._pods.of(found["metadata"]["uid"])
        active = [pod for pod in every if is_active(pod)]
        stale = [pod for pod in active if pod["metadata"]["labels"].get(_HASH) != revision]
        strategy = (found["spec"].get("updateStrategy") or {}).get("type")
        for pod in stale if strategy != "OnDelete" else ():
            self._cluster.store.delete("pods", *key_of(pod))
            self._event(found, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        if not every:
            self._create(found, revision)
        ready = sum(1 for pod in active if is_ready(pod))
        updated = sum(1 for pod in active if pod["metadata"]["labels"].get(_HASH) == revision)
        status: Object = {
            "currentNumberScheduled": len(active),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 1,
            "numberReady": ready,
            "observedGeneration": found["metadata"].get("generation", 1),
        }
        optional = {"updatedNumberScheduled": updated, "numberAvailable": ready, "numberUnavailable": 1 - ready}
        status |= {name: count for name, count in optional.items() if count > 0}

        def change(obj: Object) -> Object:
            obj["status"] = status
            return obj

        self._cluster.store.mutate("daemonsets", *key, change, manager=_MANAGER, subresource="status")

    def _create(self, owner: Object, revision: str) -> None:
        own = owner["metadata"]["name"]
        name = f"{own}-{self._cluster.suffix()}"
        labels = {_HASH: revision, "pod-template-generation": str(owner["metadata"].get("generation", 1))}
        pod = pod_from(owner, owner["spec"]["template"], name, labels=labels)
        pod["metadata"]["generateName"] = f"{own}-"
        try:
            self._cluster.store.create("pods", pod, manager=_MANAGER)
        except StatusError as problem:
            self._cluster.events.record(
                owner, "Warning", "FailedCreate", f"Error creating: {problem}", component=_COMPONENT
            )
            self._queue.add(key_of(owner), 5.0)
            return
        self._event(owner, "SuccessfulCreate", f"Created pod: {name}")

    def _event(self, owner: Object, reason: str, message: str) -> None:
        self._cluster.events.record(owner, "Normal", reason, message, component=_COMPONENT)
