"""The way of a commit to production: the chain as it stands, one commit followed, one service. Epoch seconds."""

from __future__ import annotations

import msgspec

from bakeryops.model.build import Build
from bakeryops.model.code import Commit, Deployment
from bakeryops.model.health import Health
from bakeryops.model.hold import Hold, WriteBack
from bakeryops.model.overview import ObjectRef
from bakeryops.model.workload import PodView, WorkloadView

__all__ = ["Chain", "Follow", "Leg", "Release", "ServiceView"]


class Leg(msgspec.Struct, frozen=True):
    """One leg of the way.

    `stage` is pushed, webhook, build, tests, images, tag, fetched, applied or ready. `state` is done, working,
    stuck, held (by a person), waiting (for an earlier leg), skipped (not needed) or unknown. `text` is what stands
    in a strip ("9f3c2a1", "218 4m12"), `why` a sentence where it is not done. From `started` to `ended` is its own
    time.
    """

    stage: str
    title: str
    state: str
    health: Health
    text: str
    why: str = ""
    started: float | None = None
    ended: float | None = None
    ref: ObjectRef | None = None
    commit: str = ""

    def seconds(self, now: float) -> float | None:
        """Return the time it took, or has taken; None where it has not begun or that is unknown."""
        if self.started is None or (self.ended is None and self.state not in ("working", "stuck")):
            return None
        return max(0.0, (self.ended if self.ended is not None else now) - self.started)


class Chain(msgspec.Struct, frozen=True):
    """The newest change on its way, and the first place where two neighbours differ.

    `stuck` is the index of the first leg that is not done, None when Git and cluster agree; `since` is when that
    leg began. `unknowns` are sentences on what could not be looked at.
    """

    legs: tuple[Leg, ...]
    commit: Commit | None
    stuck: int | None
    since: float | None
    health: Health
    why: str
    unknowns: tuple[str, ...] = ()


class Follow(msgspec.Struct, frozen=True):
    """One commit followed from push to ready pods. `builds` are the runs of it, the newest first."""

    commit: Commit | None
    title: str
    services: tuple[str, ...]
    legs: tuple[Leg, ...]
    stuck: int | None
    builds: tuple[Build, ...]
    deploys: tuple[Commit, ...]
    """The commits that carry its tags."""
    seconds: float | None
    """From push to ready pods, or to now."""
    overtaken_by: str = ""
    """A later commit that went live in its place."""


class Release(msgspec.Struct, frozen=True, gc=False):
    """A deployment of one service with what is known of how it went."""

    deployment: Deployment
    commit: Commit | None
    """The source commit."""
    running: bool
    """Whether its image is what runs."""
    state: str
    """running, replaced, not applied, overtaken (never applied) or unknown."""
    until: float | None
    """When the next one replaced it."""
    stored: bool | None = None
    """Whether the registry still has its image, without which nobody can go back to it; None where not asked."""


class ServiceView(msgspec.Struct, frozen=True):
    """One service: what runs, who deployed it when, its builds, deployments, pods and database."""

    name: str
    health: Health
    state: str
    why: str
    workload: WorkloadView | None
    image: str
    tag: str
    wanted_tag: str
    """The tag that Git wants."""
    commit: Commit | None
    deployed: float | None
    deployed_by: str
    pods: tuple[PodView, ...]
    builds: tuple[Build, ...]
    """Newest first."""
    releases: tuple[Release, ...]
    """Newest first."""
    database: WorkloadView | None
    chain: Chain | None
    unknowns: tuple[str, ...] = ()
    hold: Hold | None = None
    write_back: WriteBack | None = None
