"""Flux is suspended on a revision that cannot be built."""

from __future__ import annotations

from bakeryops.demo.chain.overlay import OVERLAY
from bakeryops.demo.controllers.objects import condition
from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.releases import Change, released
from bakeryops.demo.drills.scene import BRANCH

__all__ = ["FluxStuck"]

_BASE = b"  - ../../base\n"
_PATIENCE = 120.0


class FluxStuck(Drill):
    """A commit broke the overlay, and somebody suspended the Kustomization to be left in peace."""

    name = "flux-stuck"
    title = "Nothing is deployed any more"
    story = (
        "{service} was built and its tag committed, but it does not arrive in the cluster. Jonas has been at "
        "work on a cache in the overlay, an alarm went off, and somebody made it quiet."
    )
    goal = "Flux applies main again, Ready and not suspended, and {service} runs its last tag."
    hints = (
        "Compare what Flux has applied with the head of main, and look at what the Kustomization says of itself.",
        "It is suspended. Resuming it alone does not help: what it tried last could not be built.",
        "Revert Jonas' commit on infrastructure/kubernetes/overlays/prod/kustomization.yaml and push; then "
        "bakeryops flux resume bakery-ia",
    )

    _broken = ""
    _begun = 0.0

    def begin(self) -> None:
        """Build a good image of a service, break the overlay on top of it, and suspend when Flux has tried."""
        scene = self.scene
        text = '"""How many lines a page has."""\n\nLINES = 50\n'
        files: dict[str, bytes | None] = {f"services/{self.service}/app/core/pages.py": text.encode()}
        change = Change("amira", f"{self.service}: show fifty lines\n", files)
        released(scene, self.service, change, ago=30.0, tell=False)
        raw = scene.repo.read(BRANCH, OVERLAY) or b""
        broken = raw.replace(_BASE, _BASE + b"  - ../../base/cache\n", 1)
        self._broken = scene.push("jonas", "overlay: bring the cache along\n", {OVERLAY: broken})
        self._begun = scene.now
        self._await_failure()

    def reached(self) -> str:
        """Return the commit that Flux applied, once it is one after the broken one."""
        scene = self.scene
        applied = scene.applied()
        if not scene.flux_is_ready() or applied == self._broken or not scene.runs_well(self.service):
            return ""
        if not scene.repo.is_ancestor(self._broken, applied):
            return ""
        [newest] = scene.repo.log([applied], paths=["infrastructure/kubernetes"], limit=1) or [applied]
        return f"{newest[:7]} {scene.repo.commit_info(newest).message.partition(chr(10))[0]}"

    def _await_failure(self) -> None:
        scene = self.scene
        ready = condition(scene.kustomization(), "Ready") or {}
        tried = scene.applied("lastAttemptedRevision") == self._broken
        if (tried and ready.get("status") == "False") or scene.now - self._begun > _PATIENCE:
            scene.suspend()
        else:
            scene.later(1.0, self._await_failure)
