"""Load: thousands of settled pods in many namespaces."""

from __future__ import annotations

from bakeryops.demo.bakery.inventory import Workload
from bakeryops.demo.bakery.manifests import workload
from bakeryops.demo.bakery.settle import Settler
from bakeryops.demo.controllers.namespaces import furnish
from bakeryops.demo.store import ObjectStore

__all__ = ["crowd"]

_REPLICAS = 5
_WORDS = ("crumb", "crust", "dough", "flour", "oven", "proof", "salt", "starter", "steam", "yeast")


def crowd(settler: Settler, store: ObjectStore, pods: int) -> None:
    """Create Deployments of five pods each in namespaces `load-00` and so on, until there are `pods` more."""
    number = 0
    while pods > 0:
        namespace = f"load-{number // len(_WORDS):02d}"
        if number % len(_WORDS) == 0:
            settler.at(20 * 86_400.0)
            labels = {"kubernetes.io/metadata.name": namespace}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels},
                    "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}  # fmt: skip
            store.create("namespaces", body, manager="kubectl")
            furnish(store, namespace)
        replicas = min(_REPLICAS, pods)
        work = Workload(
            _WORDS[number % len(_WORDS)], namespace, "registry.example.org/load/worker:1.4.2", replicas=replicas,
            cpu=10, memory=16, limit=64, port=8000, part_of="load", component="worker",
        )  # fmt: skip
        age = 86_400.0 + number * 977 % 1_500_000
        settler.deployment(workload(work, work.image), age=age, rolled_out=age - 10)
        pods -= replicas
        number += 1
