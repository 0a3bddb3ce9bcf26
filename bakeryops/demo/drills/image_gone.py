"""The registry has forgotten the image that runs."""

from __future__ import annotations

from bakeryops.demo.bakery.inventory import APP
from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.scene import OWNER

__all__ = ["ImageGone"]

_GONE = 2
"""Tags that are gone: the one that runs and the one before."""


class ImageGone(Drill):
    """A cleanup rule removed the tags of a service, and its pod was moved."""

    name = "image-gone"
    title = "The image of {service} is gone"
    story = (
        "A cleanup rule of the registry went through the night. In the morning the node cleared its disk of "
        "images, and the pod of {service} was started anew: its image cannot be pulled any more."
    )
    goal = "{service} runs an image that the registry has, and Git says so."
    hints = (
        "Read what the pod waits for, and ask the registry which tags of {service} it still has.",
        "The tag before is gone too: choose an older one that is there, or build the present source once more.",
        "Roll back {service} to a tag that is there: bakeryops rollback {service}. Or bakeryops rebuild {service}",
    )

    def begin(self) -> None:
        """Delete the tags and the pods."""
        scene = self.scene
        for tag in scene.last_tags(self.service, _GONE):
            scene.world.gitea.registry.delete(f"{OWNER}/{self.service}", tag)
            scene.world.images.present.discard(scene.image(self.service, tag))
        for pod in scene.pods(self.service):
            scene.world.store.delete("pods", APP, pod["metadata"]["name"])

    def reached(self) -> str:
        """Return the commit that named an image which is there, once the pods run it."""
        return self.scene.came_by(self.service) if self.scene.runs_well(self.service) else ""
