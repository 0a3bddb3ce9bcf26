"""A bad deploy, and Gitea is away just then."""

from __future__ import annotations

from bakeryops.demo.controllers.behaviour import Behaviour
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.releases import crashing, released

__all__ = ["GiteaDown"]

_NAMESPACE = "gitea"
_LOOK = 3.0
_PATIENCE = 90.0
"""Seconds after which Gitea goes even if Flux has not fetched the bad commit by then."""
_BACK_AFTER_GOOD = 45.0
_BACK_AT_LAST = 900.0


class GiteaDown(Drill):
    """Nobody can push: the service has to be mended in the cluster, and written back to Git afterwards."""

    name = "gitea-down"
    title = "{service} is broken and Gitea is away"
    story = (
        "A bad deploy of {service} is out, and Gitea does not answer: its database is being checked, and nobody "
        "can say for how long. Until then there is no push, so Git cannot take the deploy back."
    )
    goal = (
        "{service} runs a good image while Gitea is away, and once Gitea is back Git names a good one and Flux "
        "applies again."
    )
    hints = (
        "Flux would undo whatever is changed past Git. What has to be said to it first?",
        "Suspend the Kustomization bakery-ia, then give the Deployment {workload} the image from before: break "
        "the glass. When Gitea answers again Git has to be told, and only then Flux may go on.",
        "bakeryops rollback {service} --break-glass; when Gitea is back bakeryops rollback {service} --write-back",
    )

    _by_hand = False
    """Whether a good image ran while Gitea was away."""
    _gone = False
    """Whether Gitea has been away."""
    _good_since: float | None = None
    _begun = 0.0

    def begin(self) -> None:
        """Release the crash, and let Gitea go once Flux has it."""
        change = crashing(self.service, "jonas", "take the pool's size from the environment", "POOL")
        released(self.scene, self.service, change, ago=12.0)
        self._begun = self.scene.now
        self._await_fetch()

    def reached(self) -> str:
        """Return the commit that named a good image, once Gitea is back and all agree."""
        if self.scene.world.gitea.faults.down or not self._gone:
            return ""
        return self.scene.came_by(self.service) if self.scene.runs_well(self.service) else ""

    def remarks(self) -> list[str]:
        """Say so where the service waited for Gitea."""
        return [] if self._by_hand else ["nobody mended the service while Gitea was away"]

    def _await_fetch(self) -> None:
        late = self.scene.now - self._begun > _PATIENCE
        if self.scene.applied("lastAttemptedRevision") != self.scene.head() and not late:
            self.scene.later(1.0, self._await_fetch)
            return
        self._gone = True
        self.scene.world.gitea.faults.down = "closed"
        self._let_gitea("never-ready")
        self._begun = self.scene.now
        self.scene.later(_LOOK, self._watch)

    def _watch(self) -> None:
        scene = self.scene
        bad = scene.image(self.service, scene.tag(self.service))
        image = scene.running_image(self.service)
        good = image not in ("", bad) and all(map(scene.behaves, scene.pods(self.service)))
        self._good_since = (self._good_since or scene.now) if good else None
        waited = scene.now - self._good_since if self._good_since is not None else 0.0
        self._by_hand = self._by_hand or good
        if waited >= _BACK_AFTER_GOOD or scene.now - self._begun >= _BACK_AT_LAST:
            scene.world.gitea.faults.down = ""
            self._let_gitea("")
        else:
            scene.later(_LOOK, self._watch)

    def _let_gitea(self, kind: str) -> None:
        """Restart Gitea's container, to come up well or not to come up."""
        world = self.scene.world
        pods = world.store.list("pods", _NAMESPACE, {"app.kubernetes.io/name": "gitea"})
        for pod in pods:
            for container in pod["spec"]["containers"]:
                if kind:
                    message = "dial tcp 127.0.0.1:3000: connect: connection refused"
                    world.images.behaviours[container["image"]] = {"kind": kind, "message": message}
                else:
                    world.images.behaviours.pop(container["image"], None)
                    worker = world.kubelet.worker(*key_of(pod))
                    for each in worker.containers if worker is not None else ():
                        each.behaviour = Behaviour()
                world.kubelet.end_container(*key_of(pod), container["name"], 0 if not kind else 2)
