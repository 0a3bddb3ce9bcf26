"""EndpointSlices and Endpoints: the addresses of the ready pods behind each Service."""

from __future__ import annotations

from collections.abc import Iterator

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Queue
from bakeryops.demo.controllers.objects import key_of, labels_match, owner_reference
from bakeryops.demo.controllers.pods import is_ready, is_terminating

__all__ = ["EndpointController", "endpoints_for", "slice_for"]

_MANAGER = "kube-controller-manager"
_SERVICE = "kubernetes.io/service-name"
_ENDPOINTS_BY = "endpoints.kubernetes.io/managed-by"


def slice_for(service: Object, pods: list[Object], node: str) -> Object:
    """Return the EndpointSlice of a Service: a stable name, and an endpoint for each pod with an address."""
    metadata, spec = service["metadata"], service["spec"]
    endpoints = []
    for address, pod in _reachable(pods):
        ready = is_ready(pod) and not is_terminating(pod)
        endpoints.append(
            {
                "addresses": [address],
                "conditions": {"ready": ready, "serving": is_ready(pod), "terminating": is_terminating(pod)},
                "nodeName": node,
                "targetRef": _reference(pod),
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


def endpoints_for(service: Object, pods: list[Object], node: str) -> Object:
    """Return the Endpoints of a Service, which older clients read."""
    metadata, spec = service["metadata"], service["spec"]
    addresses: dict[str, list[Object]] = {}
    for address, pod in _reachable(pods):
        if not is_terminating(pod):
            group = "addresses" if is_ready(pod) else "notReadyAddresses"
            addresses.setdefault(group, []).append({"ip": address, "nodeName": node, "targetRef": _reference(pod)})
    ports = [
        {**({"name": port["name"]} if port.get("name") else {}), "port": _number(port, pods),
         "protocol": port.get("protocol", "TCP")}
        for port in spec.get("ports") or ()
    ]  # fmt: skip
    found: Object = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": {**(metadata.get("labels") or {}), _ENDPOINTS_BY: "endpoint-controller"},
        },
    }
    if addresses:
        found["subsets"] = [{**addresses, "ports": ports} if ports else addresses]
    return found


def _reachable(pods: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield the pods that have an address and have not ended."""
    for pod in pods:
        status = pod.get("status") or {}
        if status.get("podIP") and status.get("phase") not in ("Succeeded", "Failed"):
            yield status["podIP"], pod


def _reference(pod: Object) -> Object:
    meta = pod["metadata"]
    return {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}


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
    """Keeps the EndpointSlice and the Endpoints of each Service with a selector up to date."""

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
        namespace, name = key_of(service)
        if selector:
            self._services.setdefault(namespace, {})[name] = {"matchLabels": selector}
        else:
            self._services.get(namespace, {}).pop(name, None)

    def _changed(self, change: str, service: Object, previous: Object | None) -> None:
        namespace, name = key_of(service)
        if change == "DELETED":
            self._services.get(namespace, {}).pop(name, None)
            self._queue.add((namespace, name))
            return
        self._know(service)
        self._queue.add((namespace, name))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        if change == "MODIFIED" and previous is not None and _seen(previous) == _seen(pod):
            return
        namespace = pod["metadata"]["namespace"]
        labels = [each["metadata"].get("labels") for each in (pod, previous) if each is not None]
        for name, selector in self._services.get(namespace, {}).items():
            if any(labels_match(selector, each) for each in labels):
                self._queue.add((namespace, name))

    def _sync(self, key: Key) -> None:
        store = self._cluster.store
        service = store.get("services", *key)
        if service is None:
            found = store.get("endpoints", *key)
            if found is not None and _ENDPOINTS_BY in (found["metadata"].get("labels") or {}):
                store.delete("endpoints", *key)
            return
        if not service["spec"].get("selector"):
            return
        pods = store.list("pods", key[0], service["spec"]["selector"])
        node = self._cluster.node
        self._write("endpointslices", slice_for(service, pods, node), ("endpoints", "ports"))
        self._write("endpoints", endpoints_for(service, pods, node), ("subsets",))

    def _write(self, plural: str, wanted: Object, fields: tuple[str, ...]) -> None:
        store = self._cluster.store
        namespace, name = key_of(wanted)
        if store.get(plural, namespace, name) is None:
            store.create(plural, wanted, manager=_MANAGER)
            return

        def change(obj: Object) -> Object:
            for field in fields:
                if field in wanted:
                    obj[field] = wanted[field]
                else:
                    obj.pop(field, None)
            return obj

        store.mutate(plural, namespace, name, change, manager=_MANAGER)


def _seen(pod: Object) -> tuple[object, ...]:
    status = pod.get("status") or {}
    return (
        status.get("podIP"),
        status.get("phase"),
        is_ready(pod),
        is_terminating(pod),
        pod["metadata"].get("labels"),
    )
