"""What every namespace gets: the ServiceAccount `default` and the ConfigMap with the cluster's certificate."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Queue
from bakeryops.demo.store import ObjectStore

__all__ = ["NamespaceController", "furnish"]

_MANAGER = "kube-controller-manager"


def furnish(store: ObjectStore, namespace: str) -> None:
    """Create what is missing of a namespace's furniture."""
    if store.get("serviceaccounts", namespace, "default") is None:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        store.create("serviceaccounts", account, manager=_MANAGER, namespace=namespace)
    if store.get("configmaps", namespace, "kube-root-ca.crt") is None:
        note = "Contains a CA bundle that can be used to verify the kube-apiserver."
        bundle = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kube-root-ca.crt", "annotations": {"kubernetes.io/description": note}},
            "data": {"ca.crt": "(the embedded cluster speaks plain HTTP on loopback)\n"},
        }
        store.create("configmaps", bundle, manager=_MANAGER, namespace=namespace)


class NamespaceController:
    """Furnishes namespaces as they are made."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._queue = Queue(cluster.clock, self._sync, delay=0.01)

    def start(self) -> None:
        """Follow namespaces."""
        for namespace in self._cluster.store.list("namespaces"):
            self._queue.add(("", namespace["metadata"]["name"]))
        self._cluster.store.listen("namespaces", self._changed)

    def _changed(self, change: str, namespace: Object, previous: Object | None) -> None:
        if change != "DELETED":
            self._queue.add(("", namespace["metadata"]["name"]))

    def _sync(self, key: Key) -> None:
        found = self._cluster.store.get("namespaces", None, key[1])
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        if (found.get("status") or {}).get("phase") is None:

            def change(obj: Object) -> Object:
                obj["status"] = {"phase": "Active"}
                return obj

            self._cluster.store.mutate("namespaces", None, key[1], change, manager=_MANAGER, subresource="status")
        furnish(self._cluster.store, key[1])
