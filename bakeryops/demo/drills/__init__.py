"""Incidents to practise on: each begins for real, and its goal is read from the cluster and its repository."""

from __future__ import annotations

from bakeryops.demo.drills.api_outage import ApiOutage
from bakeryops.demo.drills.bad_deploy import BadDeploy
from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.conflicting_commits import ConflictingCommits
from bakeryops.demo.drills.flaky_build import FlakyBuild
from bakeryops.demo.drills.flux_stuck import FluxStuck
from bakeryops.demo.drills.gitea_down import GiteaDown
from bakeryops.demo.drills.image_gone import ImageGone
from bakeryops.demo.drills.lost_webhook import LostWebhook
from bakeryops.demo.drills.oom import OutOfMemory
from bakeryops.demo.drills.scene import Scene
from bakeryops.demo.drills.session import DrillSession
from bakeryops.demo.drills.slow_link import SlowLink
from bakeryops.demo.faults import Faults
from bakeryops.demo.world import World

__all__ = ["DRILLS", "Drill", "DrillSession", "Scene", "start_drill"]

_ALL: tuple[type[Drill], ...] = (
    BadDeploy, FlakyBuild, OutOfMemory, GiteaDown, FluxStuck, ApiOutage, LostWebhook, ImageGone,
    ConflictingCommits, SlowLink,
)  # fmt: skip
DRILLS: dict[str, type[Drill]] = {each.name: each for each in _ALL}
"""All drills by the names that `--scenario` takes."""


def start_drill(name: str, world: World, faults: Faults | None = None) -> DrillSession:
    """Begin a drill on a cluster; `faults` are those of its API server. KeyError for a name that is none."""
    session = DrillSession(DRILLS[name](Scene(world, faults)))
    session.begin()
    return session
