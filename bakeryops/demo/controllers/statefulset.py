"""StatefulSets: pods in order, each with its volume claims, and a revision for each template."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Key
from bakeryops.demo.controllers.objects import controller_uid, key_of, owner_reference, template_hash
from bakeryops.demo.controllers.owner import PodOwnerController
from bakeryops.demo.controllers.pods import is_ready, is_terminating, phase_of, pod_from
from bakeryops.demo.controllers.rollout import replicas_of
from bakeryops.demo.status import StatusError

__all__ = ["StatefulSetController", "ordinal_of"]

_COMPONENT = "statefulset-controller"
_MANAGER = "kube-controller-manager"
_HASH = "controller-revision-hash"


def ordinal_of(pod: Object) -> int:
    """Return the number at the end of a pod's name, -1 where there is none."""
    tail = pod["metadata"]["name"].rpartition("-")[2]
    return int(tail) if tail.isdigit() else -1


class StatefulSetController(PodOwnerController):
    """Creates, replaces and deletes the pods of StatefulSets one after the other."""

    PLURAL = "statefulsets"
    DELAY = 0.012

    def _sync(self, key: Key) -> None:
        found = self._cluster.store.get("statefulsets", *key)
        if found is None or is_terminating(found):
            return
        pods = {ordinal_of(pod): pod for pod in self._pods.of(found["metadata"]["uid"])}
        update = self._revision(found)
        current = (found.get("status") or {}).get("currentRevision") or update
        status = _status(found, list(pods.values()), current, update)
        self._act(found, pods, current, update)
        done = status.get("updatedReplicas", 0) == status.get("readyReplicas", 0) == replicas_of(found)
        if done and status["replicas"] == replicas_of(found):
            status["currentRevision"], status["currentReplicas"] = update, status.get("updatedReplicas", 0)

        def change(obj: Object) -> Object:
            obj["status"] = status
            return obj

        self._cluster.store.mutate("statefulsets", *key, change, manager=_MANAGER, subresource="status")

    def _act(self, owner: Object, pods: dict[int, Object], current: str, update: str) -> None:
        wanted = replicas_of(owner)
        parallel = owner["spec"].get("podManagementPolicy") == "Parallel"
        rolling = (owner["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        partition = int(rolling.get("partition") or 0)
        for number in range(wanted):
            pod = pods.get(number)
            if pod is None:
                if not self._create(owner, number, update if number >= partition else current) or not parallel:
                    return
            elif phase_of(pod) in ("Failed", "Succeeded") and not is_terminating(pod):
                self._delete(owner, pod)
                return
            elif not parallel and (is_terminating(pod) or not is_ready(pod)):
                self._replace_stuck(owner, pod, update, number >= partition)
                return
        condemned = sorted((number for number in pods if number >= wanted), reverse=True)
        for number in condemned:
            if not is_terminating(pods[number]):
                self._delete(owner, pods[number])
            if not parallel:
                return
        if (owner["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            return
        for number in range(wanted - 1, partition - 1, -1):
            pod = pods.get(number)
            if pod is None or is_terminating(pod):
                return
            if pod["metadata"]["labels"].get(_HASH) != update:
                self._delete(owner, pod)
                return
            if not is_ready(pod):
                return

    def _replace_stuck(self, owner: Object, pod: Object, update: str, updates: bool) -> None:
        """Replace a pod of an old template that never ran, so that a mended template is not stuck behind it."""
        old = pod["metadata"]["labels"].get(_HASH) != update
        if updates and old and not is_terminating(pod) and phase_of(pod) == "Pending":
            self._delete(owner, pod)

    def _delete(self, owner: Object, pod: Object) -> None:
        name, own = pod["metadata"]["name"], owner["metadata"]["name"]
        self._cluster.store.delete("pods", pod["metadata"]["namespace"], name)
        self._event(owner, "Normal", "SuccessfulDelete", f"delete Pod {name} in StatefulSet {own} successful")

    def _create(self, owner: Object, number: int, revision: str) -> bool:
        own = owner["metadata"]["name"]
        name = f"{own}-{number}"
        labels = {
            "apps.kubernetes.io/pod-index": str(number),
            _HASH: revision,
            "statefulset.kubernetes.io/pod-name": name,
        }
        pod = pod_from(owner, self._template(owner, revision), name, labels=labels)
        pod["metadata"]["generateName"] = f"{own}-"
        pod["spec"] |= {"hostname": name, "subdomain": owner["spec"].get("serviceName", "")}
        volumes = list(pod["spec"].get("volumes") or ())
        try:
            for claim in owner["spec"].get("volumeClaimTemplates") or ():
                claim_name = f"{claim['metadata']['name']}-{name}"
                source = {"claimName": claim_name}
                volumes = [each for each in volumes if each["name"] != claim["metadata"]["name"]]
                volumes.insert(0, {"name": claim["metadata"]["name"], "persistentVolumeClaim": source})
                self._claim(owner, claim, claim_name, name)
            if volumes:
                pod["spec"]["volumes"] = volumes
            self._cluster.store.create("pods", pod, manager=_MANAGER)
        except StatusError as problem:
            text = f"create Pod {name} in StatefulSet {own} failed error: {problem}"
            self._event(owner, "Warning", "FailedCreate", text)
            self._queue.add(key_of(owner), 5.0)
            return False
        self._event(owner, "Normal", "SuccessfulCreate", f"create Pod {name} in StatefulSet {own} successful")
        return True

    def _claim(self, owner: Object, template: Object, name: str, pod: str) -> None:
        store, namespace = self._cluster.store, owner["metadata"]["namespace"]
        if store.get("persistentvolumeclaims", namespace, name) is not None:
            return
        labels = {**(template["metadata"].get("labels") or {}),
                  **((owner["spec"].get("selector") or {}).get("matchLabels") or {})}  # fmt: skip
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": labels,
                "finalizers": ["kubernetes.io/pvc-protection"],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        store.create("persistentvolumeclaims", claim, manager=_MANAGER)
        own = owner["metadata"]["name"]
        text = f"create Claim {name} Pod {pod} in StatefulSet {own} success"
        self._event(owner, "Normal", "SuccessfulCreate", text)

    def _template(self, owner: Object, revision: str) -> Object:
        store, namespace = self._cluster.store, owner["metadata"]["namespace"]
        found = store.get("controllerrevisions", namespace, revision)
        data = ((found or {}).get("data") or {}).get("spec") or {}
        template: Object = data.get("template") or owner["spec"]["template"]
        return template

    def _revision(self, owner: Object) -> str:
        """Return the name of the revision of the present template, writing it down when it is met first."""
        store, metadata = self._cluster.store, owner["metadata"]
        number = template_hash(owner["spec"]["template"])
        name = f"{metadata['name']}-{number}"
        if store.get("controllerrevisions", metadata["namespace"], name) is None:
            known = [
                each["revision"] for each in store.list("controllerrevisions", metadata["namespace"])
                if controller_uid(each) == metadata["uid"]
            ]  # fmt: skip
            labels = {**((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}),
                      "controller.kubernetes.io/hash": number}  # fmt: skip
            fresh = {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": name,
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "ownerReferences": [owner_reference(owner)],
                },
                "data": {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}},
                "revision": 1 + max(known, default=0),
            }
            store.create("controllerrevisions", fresh, manager=_MANAGER)
        return name

    def _event(self, owner: Object, kind: str, reason: str, message: str) -> None:
        self._cluster.events.record(owner, kind, reason, message, component=_COMPONENT)


def _status(owner: Object, pods: list[Object], current: str, update: str) -> Object:
    made = [pod for pod in pods if phase_of(pod)]
    ready = [pod for pod in made if is_ready(pod) and not is_terminating(pod)]
    alive = [pod for pod in made if not is_terminating(pod)]
    counts = {
        "readyReplicas": len(ready),
        "currentReplicas": sum(pod["metadata"]["labels"].get(_HASH) == current for pod in alive),
        "updatedReplicas": sum(pod["metadata"]["labels"].get(_HASH) == update for pod in alive),
    }
    return {
        "observedGeneration": owner["metadata"].get("generation", 1),
        "replicas": len(made),
        **{name: count for name, count in counts.items() if count},
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": 0,
        "availableReplicas": len(ready),
    }
