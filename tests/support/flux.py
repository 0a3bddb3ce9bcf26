"""A git server in memory for the embedded cluster's Flux, and the world in which its recordings were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.controllers import Cluster, Images, start_controllers
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.crds import install
from bakeryops.demo.flux import Fetched, Flux, GitRef, SourceFault, start_flux
from bakeryops.demo.store import ObjectStore

__all__ = ["FakeGit", "FluxStage", "manifest"]

Object = dict[str, Any]


@dataclass
class FakeGit:
    """Repositories by URL; each commit is the whole tree."""

    branches: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    trees: dict[str, dict[str, bytes]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    faults: dict[str, SourceFault] = field(default_factory=dict)
    logins: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def push(self, url: str, branch: str, changes: Mapping[str, str | None], subject: str, sha: str = "") -> str:
        """Add a commit; None deletes a file."""
        line = self.branches.setdefault((url, branch), [])
        tree = dict(self.trees[line[-1]]) if line else {}
        for path, text in changes.items():
            if text is None:
                tree.pop(path, None)
            else:
                tree[path] = text.encode()
        sha = sha or f"{len(self.trees) + 1:040x}"
        self.trees[sha], self.subjects[sha] = tree, subject
        line.append(sha)
        return sha

    def fetch(self, url: str, ref: GitRef, username: str, password: str) -> Fetched:
        self.asked.append((url, username, password))
        if url in self.faults:
            raise self.faults[url]
        if url in self.logins and self.logins[url] != (username, password):
            raise SourceFault.unauthorized()
        if not any(known == url for known, _ in self.branches):
            raise SourceFault.no_repository()
        if ref.commit:
            return Fetched(ref.commit, ref.branch, self.subjects[ref.commit])
        branch = ref.branch or "master"
        line = self.branches.get((url, branch))
        if not line:
            raise SourceFault.no_branch(branch)
        return Fetched(line[-1], branch, self.subjects[line[-1]])

    def files(self, commit: str, folder: str) -> Mapping[str, bytes]:
        return {
            path: data for path, data in self.trees[commit].items() if not folder or path.startswith(f"{folder}/")
        }


class FluxStage:
    """A cluster with workload controllers and Flux, without an API server, on a clock moved by hand."""

    def __init__(
        self,
        *,
        start: float = 1_790_000_000.0,
        gates: tuple[str, ...] = (),
        images: tuple[str, ...] = (),
        missing: tuple[str, ...] = (),
    ) -> None:
        self.clock = ManualClock(start)
        self.store = ObjectStore(self.clock)
        install(self.store)
        for name in ("flux-system", "bakery"):
            self.store.create("namespaces", {"metadata": {"name": name}}, manager="test")
        for definition in definitions():
            self.store.create("customresourcedefinitions", definition, manager="test")
        allocatable = {"cpu": "8", "memory": "24581684Ki", "pods": "110"}
        node = {"metadata": {"name": "node"}, "spec": {}, "status": {"allocatable": allocatable}}
        self.store.create("nodes", node, manager="test")
        self.cluster = Cluster(self.store, self.clock, "node", Recorder(self.store, self.clock, "node"))
        start_controllers(self.cluster, Images(present=set(images), missing=set(missing)))
        self.git = FakeGit()
        self.gates = gates

    def start(self) -> Flux:
        return start_flux(self.cluster, self.git, gates=self.gates)

    def create(
        self, kind: str, name: str, spec: Object, namespace: str = "flux-system", **metadata: Any
    ) -> Object:
        plural = PLURALS[kind]
        body = {"metadata": {"name": name, **metadata}, "spec": spec}
        return self.store.create(plural, body, manager="test", namespace=namespace)

    def get(self, kind: str, name: str, namespace: str = "flux-system") -> Object:
        found = self.store.get(PLURALS[kind], namespace, name)
        assert found is not None
        return found

    def change_spec(self, kind: str, name: str, **fields: Any) -> None:
        def change(obj: Object) -> Object:
            obj["spec"].update(fields)
            return obj

        self.store.mutate(PLURALS[kind], "flux-system", name, change, manager="test")

    def request(self, kind: str, name: str, token: str) -> None:
        """Annotate an object as `flux reconcile` does."""

        def change(obj: Object) -> Object:
            obj["metadata"].setdefault("annotations", {})["reconcile.fluxcd.io/requestedAt"] = token
            return obj

        self.store.mutate(PLURALS[kind], "flux-system", name, change, manager="test")

    def condition(self, kind: str, name: str, of: str = "Ready") -> Object:
        entries = (self.get(kind, name).get("status") or {}).get("conditions") or ()
        return next((each for each in entries if each["type"] == of), {})

    def events(self, name: str) -> list[tuple[str, str, str]]:
        found = [
            each for each in self.store.list("events", "flux-system") if each["involvedObject"]["name"] == name
        ]
        return [(each["type"], each["reason"], each["message"]) for each in found]

    def wait(self, kind: str, name: str, reason: str, timeout: float = 300.0) -> None:
        """Move time on until Ready has a reason."""
        assert self.clock.run_until(lambda: self.condition(kind, name).get("reason") == reason, timeout), (
            self.condition(kind, name)
        )


PLURALS = {
    "GitRepository": "gitrepositories.source.toolkit.fluxcd.io",
    "OCIRepository": "ocirepositories.source.toolkit.fluxcd.io",
    "HelmRepository": "helmrepositories.source.toolkit.fluxcd.io",
    "HelmChart": "helmcharts.source.toolkit.fluxcd.io",
    "Kustomization": "kustomizations.kustomize.toolkit.fluxcd.io",
    "HelmRelease": "helmreleases.helm.toolkit.fluxcd.io",
    "Receiver": "receivers.notification.toolkit.fluxcd.io",
    "ImageRepository": "imagerepositories.image.toolkit.fluxcd.io",
    "ImagePolicy": "imagepolicies.image.toolkit.fluxcd.io",
    "ImageUpdateAutomation": "imageupdateautomations.image.toolkit.fluxcd.io",
}


def manifest(kind: str, name: str, **parts: Any) -> Object:
    """Return a small manifest in namespace `bakery`."""
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "bakery"}, **parts}
