"""The cluster as a drill sees and changes it: which image of a service runs, what Git says, who pushes what."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from bakeryops.demo.bakery.delivery import FLUX_NAMESPACE, KUSTOMIZATION
from bakeryops.demo.bakery.inventory import APP, REGISTRY
from bakeryops.demo.chain.overlay import OVERLAY, source_of, tag_of
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.behaviour import behaviour_of
from bakeryops.demo.controllers.pods import is_ready
from bakeryops.demo.faults import Faults
from bakeryops.demo.flux.conditions import is_true
from bakeryops.demo.git import BareRepo
from bakeryops.demo.gitea.accounts import ADMIN, PEOPLE
from bakeryops.demo.world import World

__all__ = ["BRANCH", "OWNER", "REPOSITORY", "Scene"]

OWNER, REPOSITORY = ADMIN, "bakery-ia"
BRANCH = "refs/heads/main"
_SERVICES = ("inventory", "orders", "production", "sales", "tenant")
"""Services that drills are about: well at first, one pod each, and Flux waits for their health."""
_KUSTOMIZATIONS = "kustomizations.kustomize.toolkit.fluxcd.io"
_DEPLOYMENTS = "deployments.apps"
_NAMES = dict(PEOPLE)


class Scene:
    """Reads and changes a running cluster."""

    def __init__(self, world: World, faults: Faults | None = None) -> None:
        """Take the cluster and, where it is served, the faults of its API server."""
        self.world = world
        self.faults = faults or Faults()

    @property
    def repo(self) -> BareRepo:
        """The repository that everything is deployed from."""
        return self.world.gitea.repo(OWNER, REPOSITORY)

    @property
    def now(self) -> float:
        """The cluster's time."""
        return self.world.clock.now()

    def pick(self, drill: str) -> str:
        """Return the service that a drill is about; the seed of the cluster decides."""
        return random.Random(f"drill/{drill}/{self.world.gitea.seed}").choice(_SERVICES)

    @staticmethod
    def workload(service: str) -> str:
        """Return the name of a service's Deployment."""
        return service if service in ("gateway", "frontend") else f"{service}-service"

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` in some cluster seconds."""
        self.world.clock.call_later(seconds, action)

    # ---- what is ------------------------------------------------------------------------------------------------

    def head(self) -> str:
        """Return the commit of main."""
        return self.repo.head(BRANCH) or ""

    def tag(self, service: str, revision: str = BRANCH) -> str:
        """Return the tag of a service in the overlay at a revision, "" where it has none."""
        raw = self.repo.read(revision, OVERLAY) or b""
        return tag_of(raw.decode("utf-8", "replace"), f"{REGISTRY}/{OWNER}/{service}") or ""

    def image(self, service: str, tag: str) -> str:
        """Return the full name of an image."""
        return f"{REGISTRY}/{OWNER}/{service}:{tag}"

    def is_there(self, service: str, tag: str) -> bool:
        """Tell whether the registry has a tag."""
        return self.world.gitea.registry.digest(f"{OWNER}/{service}", tag) is not None

    def behaves(self, pod: Object) -> bool:
        """Tell whether the containers of a pod run for as long as nobody ends them."""
        known = self.world.images.behaviours
        found = [behaviour_of(pod, each, by_image=known) for each in pod["spec"]["containers"]]
        return all(each.ends_after is None and each.ready_after is not None for each in found)

    def deployment(self, service: str) -> Object:
        """Return a service's Deployment, {} where somebody has deleted it."""
        return self.world.store.get(_DEPLOYMENTS, APP, self.workload(service)) or {}

    def pods(self, service: str) -> list[Object]:
        """Return a service's pods, those that are going left out."""
        found = self.world.store.list("pods", APP, {"app.kubernetes.io/name": self.workload(service)})
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def running_image(self, service: str) -> str:
        """Return the image that all pods of a service are ready with, as its Deployment asks for; "" otherwise."""
        wanted = self.deployment(service)
        pods = self.pods(service)
        if not wanted or not pods or len(pods) < int(wanted["spec"].get("replicas", 1)):
            return ""
        image = str(wanted["spec"]["template"]["spec"]["containers"][0]["image"])
        fits = all(pod["spec"]["containers"][0]["image"] == image and is_ready(pod) for pod in pods)
        return image if fits else ""

    def kustomization(self) -> Object:
        """Return the Kustomization that applies the overlay, {} where somebody has deleted it."""
        return self.world.store.get(_KUSTOMIZATIONS, FLUX_NAMESPACE, KUSTOMIZATION) or {}

    def suspend(self) -> None:
        """Suspend the Kustomization, as somebody does with kubectl."""

        def change(obj: Object) -> Object:
            obj["spec"]["suspend"] = True
            return obj

        self.world.store.mutate(_KUSTOMIZATIONS, FLUX_NAMESPACE, KUSTOMIZATION, change, manager="kubectl-patch")

    def suspended(self) -> bool:
        """Tell whether Flux applies nothing."""
        found = self.kustomization()
        return not found or bool(found["spec"].get("suspend"))

    def applied(self, field: str = "lastAppliedRevision") -> str:
        """Return the commit that Flux has applied last."""
        return str((self.kustomization().get("status") or {}).get(field, "")).rpartition(":")[2]

    def flux_is_ready(self) -> bool:
        """Tell whether the Kustomization is Ready and not suspended."""
        return not self.suspended() and is_true(self.kustomization(), "Ready")

    def runs_well(self, service: str) -> bool:
        """Tell whether a service's pods are well with the image that Git names, and Flux goes on applying."""
        tag = self.tag(service)
        if self.running_image(service) != self.image(service, tag) or self.suspended():
            return False
        return self.is_there(service, tag) and all(map(self.behaves, self.pods(service)))

    def runs_commit(self, service: str, commit: str) -> bool:
        """Tell whether a service runs well with an image that was built from a commit or a later one."""
        source = source_of(self.tag(service))
        return bool(source) and self.repo.is_ancestor(commit, source) and self.runs_well(service)

    def came_by(self, service: str) -> str:
        """Return the commit that gave the overlay the tag of a service that it has now, as `sha subject`."""
        wanted = self.tag(service)
        newest = ""
        for sha in self.repo.log([BRANCH], paths=[OVERLAY], limit=200):
            if self.tag(service, sha) != wanted:
                break
            newest = sha
        if not newest:
            return ""
        return f"{newest[:7]} {self.repo.commit_info(newest).message.partition(chr(10))[0]}"

    def last_tags(self, service: str, count: int) -> list[str]:
        """Return the last tags of a service in the overlay, newest first, each once."""
        found: list[str] = []
        for sha in self.repo.log([BRANCH], paths=[OVERLAY]):
            tag = self.tag(service, sha)
            if tag and tag not in found:
                found.append(tag)
                if len(found) == count:
                    break
        return found

    # ---- what people do -----------------------------------------------------------------------------------------

    def commit(self, login: str, message: str, changes: Mapping[str, bytes | None], when: float) -> str:
        """Commit on main in a developer's name and tell nobody; returns the sha."""
        email = f"{login}@bakery-ia.local"
        return self.repo.commit("main", changes, message, _NAMES.get(login, login), email, when)

    def push(self, login: str, message: str, changes: Mapping[str, bytes | None]) -> str:
        """Push a commit in a developer's name: webhooks follow; returns the sha."""
        before = self.head()
        sha = self.commit(login, message, changes, self.now)
        self.world.gitea.pushed(OWNER, REPOSITORY, BRANCH, before, sha, login)
        return sha
