"""ReplicaSets: as many pods as asked for, and a status that counts them."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Owned, Queue
from bakeryops.demo.controllers.objects import controller_uid, fresh_conditions, key_of, put_condition
from bakeryops.demo.controllers.pods import available_at, is_active, is_ready, is_terminating, phase_of, pod_from
from bakeryops.demo.status import StatusError

__all__ = ["ReplicaSetController"]

_BURST = 500
_COMPONENT = "replicaset-controller"


class ReplicaSetController:
    """Creates and deletes the pods of ReplicaSets."""

    def __init__(self, cluster: Cluster, pods: Owned) -> None:
        """Take the index of pods by their owner."""
        self._cluster = cluster
        self._pods = pods
        self._queue = Queue(cluster.clock, self._sync, delay=0.006)
        self._names: dict[str, Key] = {}

    def start(self) -> None:
        """Follow ReplicaSets and their pods; those that are settled are left alone."""
        store = self._cluster.store
        for each in store.list("replicasets"):
            self._names[each["metadata"]["uid"]] = key_of(each)
            status = each.get("status") or {}
            if status.get("replicas", 0) != each["spec"].get("replicas", 1):
                self._queue.add(key_of(each))
        store.listen("replicasets", self._changed)
        store.listen("pods", self._pod_changed)

    def _changed(self, change: str, obj: Object, previous: Object | None) -> None:
        uid = obj["metadata"]["uid"]
        if change == "DELETED":
            self._names.pop(uid, None)
            return
        self._names[uid] = key_of(obj)
        if previous is None or previous.get("spec") is not obj.get("spec") or is_terminating(obj):
            self._queue.add(key_of(obj))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        owner = self._names.get(controller_uid(pod))
        if owner is not None:
            self._queue.add(owner)

    def _sync(self, key: Key) -> None:
        store = self._cluster.store
        found = store.get("replicasets", *key)
        if found is None:
            return
        every = self._pods.of(found["metadata"]["uid"])
        active = [pod for pod in every if is_active(pod)]
        problem = None
        if not is_terminating(found):
            problem = self._manage(found, active)
        self._write_status(key, found, every, active, problem)

    def _manage(self, owner: Object, active: list[Object]) -> StatusError | None:
        wanted = owner["spec"].get("replicas", 1)
        if wanted is None:
            wanted = 1
        if len(active) < wanted:
            for _ in range(min(_BURST, wanted - len(active))):
                if problem := self._create(owner):
                    self._queue.add(key_of(owner), 5.0)
                    return problem
        for pod in sorted(active, key=_deletion_rank)[: max(0, len(active) - wanted)]:
            name = pod["metadata"]["name"]
            self._cluster.store.delete("pods", pod["metadata"]["namespace"], name)
            self._event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")
        return None

    def _create(self, owner: Object) -> StatusError | None:
        name = f"{owner['metadata']['name']}-{self._cluster.suffix()}"
        pod = pod_from(owner, owner["spec"]["template"], name)
        pod["metadata"]["generateName"] = f"{owner['metadata']['name']}-"
        try:
            self._cluster.store.create("pods", pod, manager="kube-controller-manager")
        except StatusError as problem:
            self._event(owner, "Warning", "FailedCreate", f"Error creating: {problem}")
            return problem
        self._event(owner, "Normal", "SuccessfulCreate", f"Created pod: {name}")
        return None

    def _event(self, owner: Object, kind: str, reason: str, message: str) -> None:
        self._cluster.events.record(owner, kind, reason, message, component=_COMPONENT)

    def _write_status(
        self, key: Key, owner: Object, every: list[Object], active: list[Object], problem: StatusError | None
    ) -> None:
        now = self._cluster.clock.now()
        min_ready = owner["spec"].get("minReadySeconds") or 0
        ready = available = 0
        for pod in active:
            if not is_ready(pod):
                continue
            ready += 1
            since = available_at(pod, min_ready)
            if since is not None and since <= now:
                available += 1
            elif since is not None:
                self._queue.add(key, since - now + 0.01)
        counts = {
            "replicas": len(active),
            "fullyLabeledReplicas": len(active),
            "readyReplicas": ready,
            "availableReplicas": available,
        }
        status: Object = {name: count for name, count in counts.items() if count or name == "replicas"}
        status["terminatingReplicas"] = sum(1 for pod in every if is_terminating(pod) and _is_running(pod))
        status["observedGeneration"] = owner["metadata"].get("generation", 1)

        def change(obj: Object) -> Object:
            entries = [
                entry
                for entry in fresh_conditions({"conditions": (obj.get("status") or {}).get("conditions")})
                if problem is not None or entry["type"] != "ReplicaFailure"
            ]
            if problem is not None:
                entry = {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": str(problem),
                }
                put_condition(entries, entry | {"lastTransitionTime": self._cluster.stamp()}, keep_place=False)
            obj["status"] = {**status, "conditions": entries} if entries else status
            return obj

        self._cluster.store.mutate(
            "replicasets", *key, change, manager="kube-controller-manager", subresource="status"
        )


def _is_running(pod: Object) -> bool:
    return phase_of(pod) not in ("Succeeded", "Failed")


def _deletion_rank(pod: Object) -> tuple[bool, bool, bool, float, str]:
    """Sort key of the pods that go first: unbound, pending, unready, often restarted, young."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    restarts = max((each.get("restartCount", 0) for each in statuses), default=0)
    return (
        bool(pod["spec"].get("nodeName")),
        phase_of(pod) == "Running",
        is_ready(pod),
        -restarts,
        _reversed(pod["metadata"].get("creationTimestamp", "")),
    )


def _reversed(text: str) -> str:
    return "".join(chr(255 - ord(letter) % 128) for letter in text)
