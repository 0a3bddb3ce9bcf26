"""Deployments: a ReplicaSet for each template, pods moved from the old ones to the newest."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import rollout
from bakeryops.demo.controllers.base import Cluster, Key, Owned, Queue
from bakeryops.demo.controllers.objects import (
    condition,
    controller_uid,
    fresh_conditions,
    key_of,
    labels_match,
    owner_reference,
    put_condition,
    template_hash,
)
from bakeryops.demo.controllers.pods import is_active, is_terminating
from bakeryops.demo.controllers.rollout import REVISION, replicas_of
from bakeryops.units import parse_time

__all__ = ["DeploymentController"]

_COMPONENT = "deployment-controller"
_MANAGER = "kube-controller-manager"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MOST = "deployment.kubernetes.io/max-replicas"


class DeploymentController:
    """Rolls Deployments out."""

    def __init__(self, cluster: Cluster, pods: Owned) -> None:
        """Take the index of pods by their owner."""
        self._cluster = cluster
        self._pods = pods
        self._sets = Owned(cluster.store, "replicasets")
        self._names: dict[str, Key] = {}
        self._queue = Queue(cluster.clock, self._sync, delay=0.003)

    def start(self) -> None:
        """Follow Deployments and their ReplicaSets; those that are settled are left alone."""
        store = self._cluster.store
        for each in store.list("deployments.apps"):
            self._names[each["metadata"]["uid"]] = key_of(each)
            status = each.get("status") or {}
            if status.get("observedGeneration") != each["metadata"].get("generation"):
                self._queue.add(key_of(each))
        store.listen("deployments.apps", self._changed)
        store.listen("replicasets", self._set_changed)
        store.listen("pods", self._pod_changed)

    def _changed(self, change: str, obj: Object, previous: Object | None) -> None:
        uid = obj["metadata"]["uid"]
        if change == "DELETED":
            self._names.pop(uid, None)
            return
        self._names[uid] = key_of(obj)
        before = previous["metadata"] if previous else {}
        if previous is None or previous.get("spec") is not obj.get("spec") or (
            before.get("annotations") != obj["metadata"].get("annotations")
        ):  # fmt: skip
            self._queue.add(key_of(obj))

    def _set_changed(self, change: str, obj: Object, previous: Object | None) -> None:
        owner = self._names.get(controller_uid(obj))
        if owner is not None:
            self._queue.add(owner)

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        """Go on with a Recreate once the last old pod is gone, which no ReplicaSet's status tells."""
        if change != "DELETED":
            return
        owner: Object = next(iter(pod["metadata"].get("ownerReferences") or ()), {})
        replica_set = self._cluster.store.get("replicasets", pod["metadata"]["namespace"], owner.get("name", ""))
        if replica_set is not None and (key := self._names.get(controller_uid(replica_set))):
            self._queue.add(key)

    def _sync(self, key: Key) -> None:
        deployment = self._cluster.store.get("deployments.apps", *key)
        if deployment is None or is_terminating(deployment):
            return
        self._adopt(deployment)
        every = self._sets.of(deployment["metadata"]["uid"])
        newest = self._newest(deployment, every)
        if deployment["spec"].get("paused"):
            self._scale_to_size(deployment, every, newest)
            self._write_status(key, every, newest)
            return
        if newest is None:
            self._create(deployment, every)
            every = self._sets.of(deployment["metadata"]["uid"])
            newest = self._newest(deployment, every)
        else:
            self._raise_revision(deployment, every, newest)
        if newest is None:
            return
        self._roll(deployment, every, newest)
        every = self._sets.of(deployment["metadata"]["uid"])
        newest = self._newest(deployment, every)
        self._write_status(key, every, newest)
        if newest is not None:
            self._clean_up(deployment, every, newest)

    def _adopt(self, deployment: Object) -> None:
        """Take over ReplicaSets that the selector matches and nobody controls (an orphan after a deletion)."""
        store, uid = self._cluster.store, deployment["metadata"]["uid"]
        if self._sets.of(uid):
            return
        for each in store.list("replicasets", deployment["metadata"]["namespace"]):
            labels = each["metadata"].get("labels")
            if controller_uid(each) or not labels_match(deployment["spec"].get("selector"), labels):
                continue

            def change(obj: Object) -> Object:
                obj["metadata"]["ownerReferences"] = [owner_reference(deployment)]
                return obj

            store.mutate("replicasets", *key_of(each), change, manager=_MANAGER)

    def _newest(self, deployment: Object, every: list[Object]) -> Object | None:
        wanted = template_hash(deployment["spec"]["template"])
        for each in sorted(every, key=lambda found: found["metadata"].get("creationTimestamp", "")):
            if template_hash(each["spec"]["template"]) == wanted:
                return each
        return None

    def _create(self, deployment: Object, every: list[Object]) -> None:
        metadata, spec = deployment["metadata"], deployment["spec"]
        revision = str(1 + max((_revision(each) for each in every), default=0))
        number = template_hash(spec["template"])
        template = {**spec["template"], "metadata": {**(spec["template"].get("metadata") or {})}}
        template["metadata"]["labels"] = {
            **(template["metadata"].get("labels") or {}),
            "pod-template-hash": number,
        }
        selector = spec.get("selector") or {}
        matched: dict[str, str] = selector.get("matchLabels") or {}
        name = f"{metadata['name']}-{number}"
        replicas = rollout.grown(deployment, every, None)
        if (spec.get("strategy") or {}).get("type") == "Recreate" and any(replicas_of(each) for each in every):
            replicas = 0
        fresh: Object = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
                "annotations": self._notes(deployment) | {REVISION: revision},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": replicas,
                "selector": {**selector, "matchLabels": matched | {"pod-template-hash": number}},
                "template": template,
            },
            "status": {"replicas": 0},
        }  # fmt: skip
        if spec.get("minReadySeconds"):
            fresh["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        self._cluster.store.create("replicasets", fresh, manager=_MANAGER)
        if replicas:
            self._event(deployment, f"Scaled up replica set {name} from 0 to {replicas}")

        def change(obj: Object) -> Object:
            obj["metadata"].setdefault("annotations", {})[REVISION] = revision
            status = obj.setdefault("status", {})
            text = f'Created new replica set "{name}"'
            self._put(fresh_conditions(status), "Progressing", "True", "NewReplicaSetCreated", text)
            return obj

        self._cluster.store.mutate(
            "deployments.apps", *key_of(deployment), change, manager=_MANAGER, subresource="status"
        )

    def _notes(self, deployment: Object) -> dict[str, str]:
        own = deployment["metadata"].get("annotations") or {}
        skip = ("kubectl.kubernetes.io/last-applied-configuration", REVISION, _DESIRED, _MOST)
        notes = {name: value for name, value in own.items() if name not in skip}
        wanted = replicas_of(deployment)
        return notes | {_DESIRED: str(wanted), _MOST: str(wanted + rollout.limits(deployment)[0])}

    def _raise_revision(self, deployment: Object, every: list[Object], newest: Object) -> None:
        """Give the newest ReplicaSet the highest revision, which a rollback to an old one needs."""
        highest = max((_revision(each) for each in every if each is not newest), default=0)
        revision = str(max(_revision(newest), highest + 1))
        notes = self._notes(deployment) | {REVISION: revision}
        if any((newest["metadata"].get("annotations") or {}).get(name) != value for name, value in notes.items()):

            def note(obj: Object) -> Object:
                obj["metadata"].setdefault("annotations", {}).update(notes)
                return obj

            self._cluster.store.mutate("replicasets", *key_of(newest), note, manager=_MANAGER)
        if (deployment["metadata"].get("annotations") or {}).get(REVISION) == revision:
            return

        def change(obj: Object) -> Object:
            obj["metadata"].setdefault("annotations", {})[REVISION] = revision
            status = obj.setdefault("status", {})
            text = f'Found new replica set "{newest["metadata"]["name"]}"'
            self._put(fresh_conditions(status), "Progressing", "True", "FoundNewReplicaSet", text)
            return obj

        self._cluster.store.mutate("deployments.apps", *key_of(deployment), change, manager=_MANAGER)

    def _roll(self, deployment: Object, every: list[Object], newest: Object) -> None:
        old = [each for each in every if each is not newest]
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            busy = [each for each in old if replicas_of(each)]
            for each in busy:
                self._scale(deployment, each, 0)
            waiting = any(is_active(pod) or is_terminating(pod)
                          for each in old for pod in self._pods.of(each["metadata"]["uid"]))  # fmt: skip
            if not busy and not waiting:
                self._scale(deployment, newest, replicas_of(deployment))
            return
        wanted = replicas_of(deployment)
        if replicas_of(newest) > wanted:
            self._scale(deployment, newest, wanted)
            return
        grown = rollout.grown(deployment, every, newest)
        if grown > replicas_of(newest):
            self._scale(deployment, newest, grown)
            return
        plan = rollout.scale_down_plan(deployment, every, newest, old)
        for each in old:
            name = each["metadata"]["name"]
            if name in plan and plan[name] < replicas_of(each):
                self._scale(deployment, each, plan[name])

    def _scale_to_size(self, deployment: Object, every: list[Object], newest: Object | None) -> None:
        active = newest or next((each for each in every if replicas_of(each)), None)
        others = sum(replicas_of(each) for each in every if each is not active)
        if active is not None:
            self._scale(deployment, active, max(0, replicas_of(deployment) - others))

    def _scale(self, deployment: Object, replica_set: Object, replicas: int) -> None:
        before = replicas_of(replica_set)
        if before == replicas:
            return

        def change(obj: Object) -> Object:
            obj["spec"]["replicas"] = replicas
            obj["metadata"].setdefault("annotations", {}).update(self._notes(deployment))
            return obj

        self._cluster.store.mutate("replicasets", *key_of(replica_set), change, manager=_MANAGER)
        way = "up" if replicas > before else "down"
        name = replica_set["metadata"]["name"]
        self._event(deployment, f"Scaled {way} replica set {name} from {before} to {replicas}")

    def _event(self, deployment: Object, message: str) -> None:
        self._cluster.events.record(deployment, "Normal", "ScalingReplicaSet", message, component=_COMPONENT)

    def _put(self, entries: list[Object], kind: str, status: str, reason: str, message: str) -> None:
        stamp = self._cluster.stamp()
        entry = {
            "type": kind,
            "status": status,
            "lastUpdateTime": stamp,
            "lastTransitionTime": stamp,
            "reason": reason,
            "message": message,
        }
        put_condition(entries, entry, keep_place=False)

    def _write_status(self, key: Key, every: list[Object], newest: Object | None) -> None:
        def change(obj: Object) -> Object:
            before = obj.get("status") or {}
            status = rollout.counts(obj, every, newest)
            conditions = fresh_conditions({"conditions": before.get("conditions")})
            least = replicas_of(obj) - rollout.limits(obj)[1]
            if status.get("availableReplicas", 0) >= least:
                text = "Deployment has minimum availability."
                self._put(conditions, "Available", "True", "MinimumReplicasAvailable", text)
            else:
                text = "Deployment does not have minimum availability."
                self._put(conditions, "Available", "False", "MinimumReplicasUnavailable", text)
            if newest is not None:
                self._progress(obj, before, status, conditions, newest)
            obj["status"] = {**status, "conditions": conditions}
            if "collisionCount" in before:
                obj["status"]["collisionCount"] = before["collisionCount"]
            return obj

        self._cluster.store.mutate("deployments.apps", *key, change, manager=_MANAGER, subresource="status")

    def _progress(
        self, deployment: Object, before: Object, status: Object, conditions: list[Object], newest: Object
    ) -> None:
        """Bring the condition Progressing up to date, and come back when its deadline has passed."""
        deadline = deployment["spec"].get("progressDeadlineSeconds", 600)
        if deadline is None or deployment["spec"].get("paused"):
            return
        settled = status.get("replicas", 0) == status.get("updatedReplicas", 0)
        if settled and rollout.finished_before(deployment):
            return
        name = newest["metadata"]["name"]
        if rollout.is_complete(deployment, status):
            text = f'ReplicaSet "{name}" has successfully progressed.'
            self._put(conditions, "Progressing", "True", "NewReplicaSetAvailable", text)
            return
        entry = condition({"status": {"conditions": conditions}}, "Progressing")
        if rollout.is_progressing(before, status):
            text = f'ReplicaSet "{name}" is progressing.'
            self._put(conditions, "Progressing", "True", "ReplicaSetUpdated", text)
            for each in conditions:
                if each["type"] == "Progressing":
                    each["lastUpdateTime"] = self._cluster.stamp()
            self._queue.add(key_of(deployment), deadline + 1.0)
            return
        if entry is None or entry["reason"] == "ProgressDeadlineExceeded":
            return
        since = parse_time(entry.get("lastUpdateTime")) or 0.0
        left = since + deadline - self._cluster.clock.now()
        if left <= 0:
            text = f'ReplicaSet "{name}" has timed out progressing.'
            self._put(conditions, "Progressing", "False", "ProgressDeadlineExceeded", text)
        else:
            self._queue.add(key_of(deployment), left + 0.5)

    def _clean_up(self, deployment: Object, every: list[Object], newest: Object) -> None:
        keep = deployment["spec"].get("revisionHistoryLimit", 10)
        if keep is None or not rollout.is_complete(deployment, rollout.counts(deployment, every, newest)):
            return
        idle = [
            each for each in every
            if each is not newest and not replicas_of(each) and not (each.get("status") or {}).get("replicas")
            and not is_terminating(each)
        ]  # fmt: skip
        idle.sort(key=_revision)
        for each in idle[: max(0, len(idle) - keep)]:
            self._cluster.store.delete("replicasets", *key_of(each))


def _revision(replica_set: Object) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0
