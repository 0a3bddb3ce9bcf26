"""A deploy whose image needs more memory than its pods may have."""

from __future__ import annotations

import json

from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.releases import leaking, released

__all__ = ["OutOfMemory"]


class OutOfMemory(Drill):
    """Pods are killed for their memory: an image that needs less, or a limit that allows more."""

    name = "oom"
    title = "{service} is killed for its memory"
    story = (
        "Since Tom's change the pods of {service} come up, answer for some seconds, and are gone again. Nothing "
        "in their log says why."
    )
    goal = "{service} runs without being killed, and Git says with which image and which limit."
    hints = (
        "Look at how the last container ended: its exit code and its reason.",
        "It is OOMKilled. Either the image needs less memory again, or the pods may have more: 450Mi are enough.",
        "Roll back {service}, or set resources.limits.memory to 512Mi in "
        "infrastructure/kubernetes/base/services/{workload}.yaml and push that.",
    )

    def begin(self) -> None:
        """Release what needs too much."""
        change = leaking(self.service, "tom", "keep all rows at hand")
        released(self.scene, self.service, change, ago=12.0)

    def reached(self) -> str:
        """Return what Git says of it, once the pods stay."""
        if not self.scene.runs_well(self.service) or self._by_hand():
            return ""
        behaviours = self.scene.world.images.behaviours
        if self.scene.image(self.service, self.scene.tag(self.service)) in behaviours:
            return "a higher limit in Git"
        return self.scene.came_by(self.service)

    def _by_hand(self) -> bool:
        """Tell whether somebody set limits past Git, which Flux will take back."""
        entries = self.scene.deployment(self.service).get("metadata", {}).get("managedFields") or ()
        others = [each for each in entries if each.get("manager") != "kustomize-controller"]
        return any('"f:limits"' in json.dumps(each.get("fieldsV1") or {}) for each in others)
