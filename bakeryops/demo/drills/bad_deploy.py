"""A deploy whose image crashes at its start."""

from __future__ import annotations

from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.releases import crashing, released

__all__ = ["BadDeploy"]


class BadDeploy(Drill):
    """The last release of a service crashes; Git has to name a good image again."""

    name = "bad-deploy"
    title = "A bad deploy of {service}"
    story = (
        "Maria's change to {service} was built and deployed a moment ago. Its tests were green, but the new pods "
        "end as soon as they start. The pod before still answers, for as long as nothing happens to it."
    )
    goal = "{service} runs a good image again, and Git says so."
    hints = (
        "Look at what changed last: which commit gave {service} the image that its new pods have?",
        "That commit touches the tag of {service} alone. The tag before it was good.",
        "Roll back {service}: bakeryops rollback {service}",
    )

    def begin(self) -> None:
        """Release the crash."""
        change = crashing(self.service, "maria", "read the region from the environment", "REGION")
        released(self.scene, self.service, change, ago=12.0)

    def reached(self) -> str:
        """Return the commit that named a good image, once the pods run it."""
        return self.scene.came_by(self.service) if self.scene.runs_well(self.service) else ""
