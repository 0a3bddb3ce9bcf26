"""Volume claims and volumes: bound on first use by the hostpath provisioner, or to a volume that is there."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Queue
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.controllers.pods import is_terminating, phase_of
from bakeryops.units import parse_quantity

__all__ = ["VolumeController", "volume_for"]

_COMPONENT = "persistentvolume-controller"
_MANAGER = "kube-controller-manager"
_SELECTED = "volume.kubernetes.io/selected-node"
_PROTECTION = "kubernetes.io/pvc-protection"
_RETRY = 15.0
_FOLDER = "/var/snap/microk8s/common/default-storage"


def volume_for(claim: Object, node: str, reclaim: str) -> Object:
    """Return the volume that the hostpath provisioner makes for a claim."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    folder = f"{metadata['namespace']}-{metadata['name']}-{name}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {"pv.kubernetes.io/provisioned-by": "microk8s.io/hostpath"},
            "finalizers": ["kubernetes.io/pv-protection"],
        },
        "spec": {
            "accessModes": list(spec.get("accessModes") or ["ReadWriteOnce"]),
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "hostPath": {"path": f"{_FOLDER}/{folder}", "type": "DirectoryOrCreate"},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [
                            {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
                    ]
                }
            },
            "persistentVolumeReclaimPolicy": reclaim,
            "storageClassName": spec.get("storageClassName", ""),
            "volumeMode": "Filesystem",
        },
        "status": {"phase": "Bound"},
    }  # fmt: skip


class VolumeController:
    """Binds claims, and takes away what was provisioned for claims that are gone."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue = Queue(cluster.clock, self._sync, delay=0.02)

    def start(self) -> None:
        """Follow claims, volumes and, for the protection of claims in use, pods."""
        store = self._cluster.store
        for claim in store.list("persistentvolumeclaims"):
            if (claim.get("status") or {}).get("phase") != "Bound" or is_terminating(claim):
                self._queue.add(key_of(claim))
        store.listen("persistentvolumeclaims", self._claim_changed)
        store.listen("persistentvolumes", self._volume_changed)
        store.listen("pods", self._pod_changed)

    def _claim_changed(self, change: str, claim: Object, previous: Object | None) -> None:
        if change == "DELETED":
            self._cluster.clock.call_later(0.05, lambda: self._reclaim(claim))
            return
        self._queue.add(key_of(claim))

    def _volume_changed(self, change: str, volume: Object, previous: Object | None) -> None:
        name = volume["metadata"]["name"]
        if change == "ADDED" and not (volume.get("status") or {}).get("phase"):
            self._set_phase(name, "Available")
        elif change == "MODIFIED" and is_terminating(volume):
            self._cluster.clock.call_later(0.1, lambda: self._free(name))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        if change != "DELETED" and phase_of(pod) not in ("Succeeded", "Failed"):
            return
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name:
                self._queue.add((pod["metadata"]["namespace"], name))

    def _sync(self, key: Key) -> None:
        store = self._cluster.store
        claim = store.get("persistentvolumeclaims", *key)
        if claim is None:
            return
        if is_terminating(claim):
            self._release(claim)
            return
        if (claim.get("status") or {}).get("phase") == "Bound":
            return
        class_name = claim["spec"].get("storageClassName")
        volume = self._fitting(claim)
        if volume is not None:
            self._bind(claim, volume)
            return
        storage = store.get("storageclasses", None, class_name) if class_name else None
        if not class_name:
            text = "no persistent volumes available for this claim and no storage class is set"
            self._wait(claim, "Normal", "FailedBinding", text)
        elif storage is None:
            text = f'storageclass.storage.k8s.io "{class_name}" not found'
            self._wait(claim, "Warning", "ProvisioningFailed", text)
        elif storage.get("volumeBindingMode") == "WaitForFirstConsumer" and not (
            (claim["metadata"].get("annotations") or {}).get(_SELECTED)
        ):
            text = "waiting for first consumer to be created before binding"
            self._wait(claim, "Normal", "WaitForFirstConsumer", text)
        else:
            text = (
                "Waiting for a volume to be created either by the external provisioner "
                f'"{storage["provisioner"]}" or manually by the system administrator.'
            )
            self._event(claim, "Normal", "ExternalProvisioning", text)
            self._cluster.clock.call_later(1.2, lambda: self._provision(key, storage))

    def _wait(self, claim: Object, kind: str, reason: str, message: str) -> None:
        self._event(claim, kind, reason, message)
        self._queue.add(key_of(claim), _RETRY)

    def _event(self, claim: Object, kind: str, reason: str, message: str) -> None:
        self._cluster.events.record(claim, kind, reason, message, component=_COMPONENT)

    def _fitting(self, claim: Object) -> Object | None:
        """Return the smallest volume that is free, or kept for this claim, and large enough."""
        wanted = parse_quantity(str(claim["spec"]["resources"]["requests"]["storage"])) or 0.0
        found: list[tuple[float, str, Object]] = []
        for volume in self._cluster.store.list("persistentvolumes"):
            reference = volume["spec"].get("claimRef")
            if reference and (reference.get("namespace"), reference.get("name")) != key_of(claim):
                continue
            if volume["spec"].get("storageClassName", "") != (claim["spec"].get("storageClassName") or ""):
                continue
            size = parse_quantity(str(volume["spec"]["capacity"]["storage"])) or 0.0
            if size >= wanted and (volume.get("status") or {}).get("phase") != "Released":
                found.append((size, volume["metadata"]["name"], volume))
        return min(found, key=lambda each: each[:2])[2] if found else None

    def _provision(self, key: Key, storage: Object) -> None:
        store = self._cluster.store
        claim = store.get("persistentvolumeclaims", *key)
        if claim is None or is_terminating(claim) or claim["spec"].get("volumeName"):
            return
        volume = volume_for(claim, self._cluster.node, storage.get("reclaimPolicy", "Delete"))
        made = store.get("persistentvolumes", None, volume["metadata"]["name"])
        if made is None:
            made = store.create("persistentvolumes", volume, manager="hostpath-provisioner")
        text = f"Successfully provisioned volume {volume['metadata']['name']}"
        self._cluster.events.record(
            claim, "Normal", "ProvisioningSucceeded", text, component="microk8s.io/hostpath_hostpath-provisioner"
        )
        self._bind(claim, made)

    def _bind(self, claim: Object, volume: Object) -> None:
        store, key = self._cluster.store, key_of(claim)
        name = volume["metadata"]["name"]

        def take(obj: Object) -> Object:
            obj["spec"]["claimRef"] = {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "name": key[1],
                "namespace": key[0],
                "uid": claim["metadata"]["uid"],
            }
            obj["status"] = {"phase": "Bound"}
            return obj

        def name_volume(obj: Object) -> Object:
            notes = obj["metadata"].setdefault("annotations", {})
            notes |= {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
            obj["spec"]["volumeName"] = name
            return obj

        def bound(obj: Object) -> Object:
            obj["status"] = {
                "phase": "Bound",
                "accessModes": volume["spec"]["accessModes"],
                "capacity": volume["spec"]["capacity"],
            }
            return obj

        store.mutate("persistentvolumes", None, name, take, manager=_MANAGER)
        store.mutate("persistentvolumeclaims", *key, name_volume, manager=_MANAGER)
        store.mutate("persistentvolumeclaims", *key, bound, manager=_MANAGER, subresource="status")

    def _release(self, claim: Object) -> None:
        """Let a deleted claim go once no pod uses it."""
        namespace, name = key_of(claim)
        for pod in self._cluster.store.list("pods", namespace):
            if phase_of(pod) in ("Succeeded", "Failed"):
                continue
            volumes = pod["spec"].get("volumes") or ()
            if any((each.get("persistentVolumeClaim") or {}).get("claimName") == name for each in volumes):
                return
        self._drop_finalizer("persistentvolumeclaims", namespace, name, _PROTECTION)

    def _reclaim(self, claim: Object) -> None:
        store = self._cluster.store
        name = claim["spec"].get("volumeName")
        volume = store.get("persistentvolumes", None, name) if name else None
        if volume is None:
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            store.delete("persistentvolumes", None, volume["metadata"]["name"])
        else:
            self._set_phase(volume["metadata"]["name"], "Released")

    def _free(self, name: str) -> None:
        self._drop_finalizer("persistentvolumes", None, name, "kubernetes.io/pv-protection")

    def _drop_finalizer(self, plural: str, namespace: str | None, name: str, finalizer: str) -> None:
        def change(obj: Object) -> Object:
            obj["metadata"]["finalizers"] = [
                each for each in obj["metadata"].get("finalizers") or () if each != finalizer
            ]
            return obj

        self._cluster.store.mutate(plural, namespace, name, change, manager=_MANAGER)

    def _set_phase(self, name: str, phase: str) -> None:
        def change(obj: Object) -> Object:
            obj["status"] = {"phase": phase}
            return obj

        self._cluster.store.mutate("persistentvolumes", None, name, change, manager=_MANAGER, subresource="status")
