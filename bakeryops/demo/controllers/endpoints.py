"""EndpointSlices: the addresses of the ready pods behind each Service."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Queue
from bakeryops.demo.controllers.objects import key_of, labels_match, owner_reference
from bakeryops.demo.controllers.pods import is_ready, is_terminating

__all__ = ["EndpointController", "slice_for"]

_MANAGER = "kube-controller-manager"
_SERVICE = "kubernetes.io/service-name"


def slice_for(service: Object, pods: list[Object], node: str) -> Object:
    """Return the EndpointSlice of a Service: a stable name, and an endpoint for each pod with an address."""
    metadata, spec = service["metadata"], service["spec"]
    endpoints = []
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        if not address:
            continue
        ready = is_ready(pod) and not is_terminating(pod)
        endpoints.append(
            {
                "addresses": [address],
                "conditions": {"ready": ready, "serving": is_ready(pod), "terminating": is_terminating(pod)},
                "nodeName": node,
                "targetRef": {
                    "kind": "Pod",
                    "name": pod["metadata"]["name"],
                    "namespace": pod["metadata"]["namespace"],
                    "uid": pod["metadata"]["uid"],
                },
            }
        )
    ports = [
        {"name": port.get("name", ""), "port": _number(port, pods), "protocol": port.get("protocol", "TCP")}
        for port in spec.get("ports") or ()
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{metadata['name']}-{metadata['uid'][:5]}",
            "namespace": metadata["namespace"],
            "labels": {
                _SERVICE: metadata["name"],
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    }


def _number(port: Object, pods: list[Object]) -> int:
    """Return the port of the pods that a Service port leads to."""
    target = port.get("targetPort", port.get("port", 0))
    if isinstance(target, int):
        return target
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for each in container.get("ports") or ():
                if each.get("name") == target:
                    return int(each["containerPort"])
    return int(port.get("port", 0))


class EndpointController:
    """Keeps the EndpointSlice of each Service with a selector up to date."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._services: dict[str, dict[str, Object]] = {}
        self._queue = Queue(cluster.clock, self._sync, delay=0.1)

    def start(self) -> None:
        """Follow Services and pods; slices that are there already are taken to be right."""
        store = self._cluster.store
        for service in store.list("services"):
            self._know(service)
            namespace, name = key_of(service)
            if service["spec"].get("selector") and not store.list("endpointslices", namespace, {_SERVICE: name}):
                self._queue.add((namespace, name))
        store.listen("services", self._changed)
        store.listen("pods", self._pod_changed)

    def _know(self, service: Object) -> None:
        selector = service["spec"].get("selector")
        if selector:
            known = self._services.setdefault(service["metadata"]["namespace"], {})
            known[service["metadata"]["name"]] = {"matchLabels": selector}

    def _changed(self, change: str, service: Object, previous: Object | None) -> None:
        namespace, name = key_of(service)
        if change == "DELETED":
            self._services.get(namespace, {}).pop(name, None)
            return
        self._know(service)
        self._queue.add((namespace, name))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        if change == "MODIFIED" and previous is not None and _seen(previous) == _seen(pod):
            return
        namespace = pod["metadata"]["namespace"]
        labels = pod["metadata"].get("labels")
        for name, selector in self._services.get(namespace, {}).items():
            if labels_match(selector, labels):
                self._queue.add((namespace, name))

    def _sync(self, key: Key) -> None:
        store = self._cluster.store
        service = store.get("services", *key)
        if service is None or not service["spec"].get("selector"):
            return
        pods = store.list("pods", key[0], service["spec"]["selector"])
        wanted = slice_for(service, pods, self._cluster.node)
        name = wanted["metadata"]["name"]
        if store.get("endpointslices", key[0], name) is None:
            store.create("endpointslices", wanted, manager=_MANAGER)
            return

        def change(obj: Object) -> Object:
            obj["endpoints"], obj["ports"] = wanted["endpoints"], wanted["ports"]
            return obj

        store.mutate("endpointslices", key[0], name, change, manager=_MANAGER)


def _seen(pod: Object) -> tuple[object, ...]:
    return (
        (pod.get("status") or {}).get("podIP"),
        is_ready(pod),
        is_terminating(pod),
        pod["metadata"].get("labels"),
    )
