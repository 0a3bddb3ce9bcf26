"""Puts workloads into the store as they look after days of running: no start is played."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from bakeryops.demo.bakery.past import Past, PodPast, Trouble
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.controllers.objects import (
    fresh_conditions,
    key_of,
    owner_reference,
    put_condition,
    template_hash,
    timestamp,
)
from bakeryops.demo.controllers.pods import is_ready, pod_from
from bakeryops.demo.controllers.rollout import replicas_of
from bakeryops.demo.controllers.volumes import volume_for
from bakeryops.demo.store import ObjectStore

__all__ = ["Settler"]

_MANAGER = "kube-controller-manager"


class Settler:
    """Creates workloads with their ReplicaSets, pods, claims and volumes, settled."""

    def __init__(
        self, store: ObjectStore, past: Past, images: Images, *, node: str, address: str, seed: int
    ) -> None:
        """Take the store, whose clock `past` is while this works, and the node's name and address."""
        self._store = store
        self._past = past
        self._images = images
        self._node = node
        self._random = random.Random(seed)
        self._pods = PodPast(past, images, address)

    @property
    def next_number(self) -> int:
        """The number of the pod address that is given out next."""
        return self._pods.number + 1

    def at(self, age: float) -> None:
        """Let what is created next be `age` seconds old."""
        self._past.age = age

    def suffix(self) -> str:
        """Return five characters for a pod's name."""
        return "".join(self._random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))

    def deployment(
        self, manifest: Object, *, age: float, rolled_out: float, earlier: Sequence[tuple[str, float]] = (),
        trouble: Trouble | None = None,
    ) -> Object:  # fmt: skip
        """Create a Deployment `age` seconds old, whose present template came `rolled_out` seconds ago.

        `earlier` are the images before its own, oldest first, each with the seconds since it came; each leaves an
        empty ReplicaSet behind.
        """
        self.at(age)
        number = len(earlier) + 1
        notes = {
            **(manifest["metadata"].get("annotations") or {}),
            "deployment.kubernetes.io/revision": str(number),
        }
        body = {**manifest, "metadata": {**manifest["metadata"], "annotations": notes}}
        made = self._store.create("deployments.apps", body, manager=self._manager_of(manifest))
        for place, (image, ago) in enumerate(earlier):
            self.at(ago)
            self._replica_set(made, _with_image(made["spec"]["template"], image), place + 1, 0)
        self.at(rolled_out)
        newest = self._replica_set(made, made["spec"]["template"], number, replicas_of(made))
        pods = [self.pod_of(newest, rolled_out, trouble) for _ in range(replicas_of(made))]
        ready = sum(1 for pod in pods if is_ready(pod))
        self._finish_set(newest, len(pods), ready)
        stuck = trouble is not None and bool(trouble.unscheduled)
        return self._finish_deployment(made, newest, (len(pods), len(pods), ready), age, rolled_out, stuck=stuck)

    def stuck_rollout(self, deployment: Object, image: str, age: float, trouble: Trouble) -> None:
        """Give a settled Deployment a newer image, `age` seconds ago, whose one pod never became ready."""
        before = len(self._store.list("replicasets", deployment["metadata"]["namespace"],
                                      deployment["spec"]["selector"]["matchLabels"]))  # fmt: skip

        def change(obj: Object) -> Object:
            obj["spec"]["template"] = _with_image(obj["spec"]["template"], image)
            obj["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = str(before + 1)
            return obj

        self.at(age)
        made = self._store.mutate("deployments.apps", *key_of(deployment), change, manager="kustomize-controller")
        assert made is not None
        newest = self._replica_set(made, made["spec"]["template"], before + 1, 1)
        self.pod_of(newest, age, trouble)
        self._finish_set(newest, 1, 0)
        wanted = replicas_of(made)
        self._finish_deployment(made, newest, (wanted + 1, 1, wanted), 41 * 86_400.0, age, stuck=True)

    def stateful_set(self, manifest: Object, *, age: float, trouble: Trouble | None = None) -> Object:
        """Create a StatefulSet with its pods, claims and volumes."""
        self.at(age)
        made = self._store.create("statefulsets", manifest, manager=self._manager_of(manifest))
        name, number = made["metadata"]["name"], template_hash(made["spec"]["template"])
        revision = f"{name}-{number}"
        self._revision(made, revision, number)
        replicas = replicas_of(made)
        pods = []
        for ordinal in range(replicas):
            pod_name = f"{name}-{ordinal}"
            labels = {
                "apps.kubernetes.io/pod-index": str(ordinal),
                "controller-revision-hash": revision,
                "statefulset.kubernetes.io/pod-name": pod_name,
            }
            pod = pod_from(made, made["spec"]["template"], pod_name, labels=labels)
            pod["metadata"]["generateName"] = f"{name}-"
            pod["spec"] |= {"hostname": pod_name, "subdomain": made["spec"].get("serviceName", "")}
            volumes = []
            for template in made["spec"].get("volumeClaimTemplates") or ():
                claim = f"{template['metadata']['name']}-{pod_name}"
                volumes.append(
                    {"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim}}
                )
                metadata = {"name": claim, "namespace": made["metadata"]["namespace"],
                            "labels": dict(made["spec"]["selector"]["matchLabels"])}  # fmt: skip
                self.claim({"metadata": metadata, "spec": template["spec"]})
            pod["spec"]["volumes"] = [*volumes, *(pod["spec"].get("volumes") or ())]
            pods.append(self._settled_pod(pod, age - 20.0, trouble))
        ready = sum(1 for pod in pods if is_ready(pod))

        def change(obj: Object) -> Object:
            status = {"observedGeneration": 1, "replicas": replicas}
            counts = {"readyReplicas": ready, "currentReplicas": replicas, "updatedReplicas": replicas}
            status |= {key: value for key, value in counts.items() if value}
            obj["status"] = status | {
                "currentRevision": revision,
                "updateRevision": revision,
                "collisionCount": 0,
                "availableReplicas": ready,
            }
            return obj

        return self._change("statefulsets", made, change)

    def daemon_set(self, manifest: Object, *, age: float) -> Object:
        """Create a DaemonSet with its one pod."""
        self.at(age)
        made = self._store.create("daemonsets", manifest, manager=self._manager_of(manifest))
        number = template_hash(made["spec"]["template"])
        self._revision(made, f"{made['metadata']['name']}-{number}", number)
        pod = pod_from(made, made["spec"]["template"], f"{made['metadata']['name']}-{self.suffix()}",
                       labels={"controller-revision-hash": number, "pod-template-generation": "1"})  # fmt: skip
        pod["metadata"]["generateName"] = f"{made['metadata']['name']}-"
        self._settled_pod(pod, age - 5.0, None)

        def change(obj: Object) -> Object:
            names = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady", "updatedNumberScheduled",
                     "numberAvailable")  # fmt: skip
            obj["status"] = {"numberMisscheduled": 0, "observedGeneration": 1, **dict.fromkeys(names, 1)}
            return obj

        return self._change("daemonsets", made, change)

    def claim(self, claim: Object) -> Object:
        """Create a claim that is bound, and the volume it is bound to."""
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**claim["metadata"], "finalizers": ["kubernetes.io/pvc-protection"]},
            "spec": dict(claim["spec"]),
            "status": {"phase": "Pending"},
        }
        made = self._store.create("persistentvolumeclaims", body, manager=_MANAGER)
        volume = self._store.create(
            "persistentvolumes", volume_for(made, self._node, "Delete"), manager="hostpath-provisioner"
        )

        def change(obj: Object) -> Object:
            obj["metadata"]["annotations"] = {
                "pv.kubernetes.io/bind-completed": "yes",
                "pv.kubernetes.io/bound-by-controller": "yes",
                "volume.kubernetes.io/selected-node": self._node,
                "volume.kubernetes.io/storage-provisioner": "microk8s.io/hostpath",
            }
            obj["spec"]["volumeName"] = volume["metadata"]["name"]
            obj["status"] = {
                "phase": "Bound",
                "accessModes": volume["spec"]["accessModes"],
                "capacity": volume["spec"]["capacity"],
            }
            return obj

        return self._change("persistentvolumeclaims", made, change)

    def pod_of(self, owner: Object, age: float, trouble: Trouble | None) -> Object:
        """Create a settled pod of a ReplicaSet."""
        name = f"{owner['metadata']['name']}-{self.suffix()}"
        pod = pod_from(owner, owner["spec"]["template"], name)
        pod["metadata"]["generateName"] = f"{owner['metadata']['name']}-"
        return self._settled_pod(pod, max(5.0, age - 1.0), trouble)

    def _settled_pod(self, pod: Object, age: float, trouble: Trouble | None) -> Object:
        self.at(age)
        if trouble is None or not trouble.unscheduled:
            pod["spec"]["nodeName"] = self._node
        for spec in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
            if trouble is None or not trouble.waiting.startswith(("ErrImage", "ImagePull")):
                self._images.present.add(spec["image"])
        pod["status"] = self._pods.status(pod, age, trouble)
        return self._store.create("pods", pod, manager="kubelet")

    def _manager_of(self, manifest: Object) -> str:
        labels = manifest["metadata"].get("labels") or {}
        return "kustomize-controller" if "kustomize.toolkit.fluxcd.io/name" in labels else "kubectl"

    def _change(self, plural: str, obj: Object, change: Callable[[Object], Object | None]) -> Object:
        metadata = obj["metadata"]
        found = self._store.mutate(
            plural,
            metadata.get("namespace"),
            metadata["name"],
            change,
            manager=_MANAGER,
            subresource="status",
            check=False,
        )
        assert found is not None
        return found

    def _replica_set(self, owner: Object, template: Object, revision: int, replicas: int) -> Object:
        number = template_hash(template)
        metadata = owner["metadata"]
        labels = {**(template["metadata"].get("labels") or {}), "pod-template-hash": number}
        desired = replicas_of(owner)
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name']}-{number}",
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {
                    "deployment.kubernetes.io/desired-replicas": str(desired),
                    "deployment.kubernetes.io/max-replicas": str(desired + max(1, desired // 4)),
                    "deployment.kubernetes.io/revision": str(revision),
                },
                "ownerReferences": [owner_reference(owner)],
            },
            "spec": {
                "replicas": replicas,
                "selector": {
                    "matchLabels": {**owner["spec"]["selector"]["matchLabels"], "pod-template-hash": number}
                },
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
            "status": {"replicas": 0, "terminatingReplicas": 0, "observedGeneration": 1},
        }
        return self._store.create("replicasets", body, manager=_MANAGER)

    def _finish_set(self, replica_set: Object, replicas: int, ready: int) -> None:
        def change(obj: Object) -> Object:
            status = {"replicas": replicas, "fullyLabeledReplicas": replicas}
            if ready:
                status |= {"readyReplicas": ready, "availableReplicas": ready}
            obj["status"] = status | {"terminatingReplicas": 0, "observedGeneration": 1}
            return obj

        self._change("replicasets", replica_set, change)

    def _finish_deployment(
        self,
        deployment: Object,
        newest: Object,
        pods: tuple[int, int, int],
        age: float,
        rolled_out: float,
        *,
        stuck: bool,
    ) -> Object:
        """Write a Deployment's status; `pods` are all, those of the newest template, and the ready ones."""
        present = self._past.present()
        every, updated, ready = pods

        def change(obj: Object) -> Object:
            wanted = replicas_of(obj)
            status: Object = {"observedGeneration": obj["metadata"].get("generation", 1)}
            counts = {"replicas": every, "updatedReplicas": updated, "readyReplicas": ready,
                      "availableReplicas": ready, "unavailableReplicas": every - ready}  # fmt: skip
            status |= {name: count for name, count in counts.items() if count > 0} | {"terminatingReplicas": 0}
            entries = fresh_conditions(status)
            available = ready >= max(1, wanted * 3 // 4)
            has = "has" if available else "does not have"
            way = "has timed out progressing" if stuck else "has successfully progressed"
            name = newest["metadata"]["name"]
            for kind, good, reason, message, ago in (
                ("Available", available, "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
                 f"Deployment {has} minimum availability.", age - 45.0 if ready else 900.0),
                ("Progressing", not stuck, "ProgressDeadlineExceeded" if stuck else "NewReplicaSetAvailable",
                 f'ReplicaSet "{name}" {way}.', max(5.0, rolled_out - (601.0 if stuck else 40.0))),
            ):  # fmt: skip
                stamp = timestamp(present - ago)
                entry = {"type": kind, "status": "True" if good else "False", "lastUpdateTime": stamp,
                         "lastTransitionTime": stamp, "reason": reason, "message": message}  # fmt: skip
                put_condition(entries, entry, keep_place=False)
            obj["status"] = status
            return obj

        return self._change("deployments.apps", deployment, change)

    def _revision(self, owner: Object, name: str, number: str) -> None:
        labels = {
            **(owner["spec"]["template"]["metadata"].get("labels") or {}),
            "controller.kubernetes.io/hash": number,
        }
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": owner["metadata"]["namespace"],
                "labels": labels,
                "ownerReferences": [owner_reference(owner)],
            },
            "data": {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}},
            "revision": 1,
        }
        self._store.create("controllerrevisions", body, manager=_MANAGER)


def _with_image(template: Object, image: str) -> Object:
    containers = template["spec"]["containers"]
    spec = {**template["spec"], "containers": [{**containers[0], "image": image}, *containers[1:]]}
    return {**template, "spec": spec}
