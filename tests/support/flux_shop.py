"""A bakery that Flux deploys: one repository, one source, one Kustomization."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.flux import FluxStage, manifest

__all__ = ["BUSYBOX", "URL", "Shop", "config", "deployment"]

URL = "http://git.example/bakery/app.git"
BUSYBOX = "docker.io/library/busybox:1.35"
Object = dict[str, Any]


def deployment(name: str, image: str = BUSYBOX, **spec: Any) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image}]}}
    return manifest("Deployment", name, spec={"selector": {"matchLabels": labels}, "template": template, **spec})


def config(name: str, **data: str) -> Object:
    return manifest("ConfigMap", name, data=data)


class Shop(FluxStage):
    """One repository, one Kustomization that applies its folder `deploy`."""

    def __init__(self, *objects: Object, gates: tuple[str, ...] = (), **spec: Any) -> None:
        super().__init__(gates=gates, images=(BUSYBOX,), missing=("nope",))
        self.flux = self.start()
        self.push(*objects)
        self.create("GitRepository", "shop", {"interval": "1m", "url": URL, "ref": {"branch": "main"}})
        reference = {"kind": "GitRepository", "name": "shop"}
        self.create(
            "Kustomization", "shop",
            {"interval": "10m", "retryInterval": "20s", "path": "./deploy", "prune": True, "timeout": "1m",
             "sourceRef": reference, **spec},
        )  # fmt: skip

    def push(self, *objects: Object, head: str = "resources: [all.yaml]\n", **files: str) -> str:
        tree = {"deploy/kustomization.yaml": head, "deploy/all.yaml": yaml.safe_dump_all(objects), **files}
        return self.git.push(URL, "main", tree, "deploy")

    def settle(self, reason: str = "ReconciliationSucceeded") -> None:
        self.wait("Kustomization", "shop", reason)
        self.clock.advance(0.5)

    def deliver(self, *objects: Object, reason: str = "ReconciliationSucceeded", **more: str) -> str:
        """Push and have it applied."""
        sha = self.push(*objects, **more)
        self.request("GitRepository", "shop", sha)
        assert self.clock.run_until(lambda: self.status.get("lastAttemptedRevision", "").endswith(sha))
        self.settle(reason)
        return sha

    @property
    def status(self) -> Object:
        found: Object = self.get("Kustomization", "shop")["status"]
        return found

    def live(self, plural: str, name: str) -> Object | None:
        return self.store.get(plural, "bakery", name)
