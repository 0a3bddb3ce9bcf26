"""A small cluster to try the embedded controllers on: one node, one namespace, time moved by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bakeryops.demo.clock import ManualClock
from bakeryops.demo.controllers import Cluster, Images, Kubelet, start_controllers
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.store import ObjectStore

__all__ = ["NODE", "SHOP", "SmallCluster", "container", "deployment", "pod"]

NODE = "node-1"
SHOP = "shop"
Object = dict[str, Any]


class SmallCluster:
    """One node with 4 cores and 8 GiB, a namespace `shop`, and all controllers."""

    def __init__(self, *, start: bool = True) -> None:
        self.clock = ManualClock()
        self.store = ObjectStore(self.clock)
        self.store.create("namespaces", {"metadata": {"name": SHOP}}, manager="test")
        allocatable = {"cpu": "4", "memory": "8Gi", "pods": "50"}
        node = {"metadata": {"name": NODE}, "spec": {}, "status": {"allocatable": allocatable}}
        self.store.create("nodes", node, manager="test")
        self.images = Images()
        self.cluster = Cluster(self.store, self.clock, NODE, Recorder(self.store, self.clock, NODE))
        self.kubelet: Kubelet | None = start_controllers(self.cluster, self.images) if start else None

    def create(self, plural: str, obj: Object) -> Object:
        return self.store.create(plural, obj, manager="test", namespace=SHOP)

    def get(self, plural: str, name: str) -> Object:
        found = self.store.get(plural, SHOP, name)
        assert found is not None, f"no {plural} {name}"
        return found

    def pods(self) -> list[Object]:
        return self.store.list("pods", SHOP)

    def reasons(self, name: str = "") -> list[str]:
        """Return the reasons of the Events, of one object if named."""
        return [
            event["reason"]
            for event in self.store.list("events", SHOP)
            if not name or event["involvedObject"]["name"] == name
        ]

    def change(self, plural: str, name: str, path: Iterable[str | int], value: Any) -> None:
        """Set a field of an object."""
        *steps, last = path

        def edit(obj: Object) -> Object:
            place: Any = obj
            for step in steps:
                place = place[step]
            place[last] = value
            return obj

        self.store.mutate(plural, SHOP, name, edit, manager="test")


def container(name: str = "main", *, script: str = "", **more: Any) -> Object:
    found: Object = {"name": name, "image": "example.org/app:1.0"}
    if script:
        found["command"] = ["sh", "-c", script]
    return found | more


def pod(name: str, *containers: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": list(containers) or [container()], **spec},
        "status": {"phase": "Pending"},
    }


def deployment(name: str, replicas: int = 1, *containers: Object, **spec: Any) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers) or [container()]}}
    body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body | spec}
