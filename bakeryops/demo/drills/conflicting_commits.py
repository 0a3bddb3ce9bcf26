"""A bad deploy with another one of the same service on top."""

from __future__ import annotations

from bakeryops.demo.drills.bad_deploy import BadDeploy
from bakeryops.demo.drills.releases import Change, crashing, released

__all__ = ["ConflictingCommits"]

_NEIGHBOURS = {
    "inventory": "procurement", "orders": "orchestrator", "production": "procurement", "sales": "recipes",
    "tenant": "suppliers",
}  # fmt: skip
"""A service near each in the overlay, which was deployed in between and is well."""


class ConflictingCommits(BadDeploy):
    """Two bad releases in a row: to revert the first one conflicts, to revert the last leads to the first."""

    name = "conflicting-commits"
    title = "Two bad deploys of {service} in a row"
    story = (
        "Maria's change to {service} crashes. Unai pushed what he thought would mend it, a colleague deployed "
        "something else in between, and now the second try crashes as well."
    )
    goal = "{service} runs the image from before both changes, or another good one, and Git says so."
    hints = (
        "Which images of {service} were deployed lately, and which of them ran well?",
        "git revert of Maria's deploy conflicts with Unai's, and a revert of Unai's brings back Maria's crash.",
        "Roll back {service} to the tag before both: bakeryops rollback {service} --to TAG sets it in the "
        "overlay.",
    )

    def begin(self) -> None:
        """Release the crash, something else, and the crash again."""
        scene, service = self.scene, self.service
        first = crashing(service, "maria", "read the region from the environment", "REGION")
        released(scene, service, first, ago=1500.0, tell=False)
        other = _NEIGHBOURS[service]
        files: dict[str, bytes | None] = {f"services/{other}/app/core/limits.py": b'"""Limits."""\n\nMOST = 200\n'}
        between = Change("amira", f"{other}: allow two hundred lines\n", files)
        released(scene, other, between, ago=900.0, tell=False)
        second = crashing(service, "unai", "call it zone, as the others do", "ZONE")
        released(scene, service, second, ago=12.0)
