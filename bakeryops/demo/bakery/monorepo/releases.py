"""A push to main and the build it started, as the past has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Failing", "PastRelease"]


@dataclass(frozen=True)
class Failing:
    """Where a past build failed."""

    task: str
    """Pipeline task: test or build."""
    service: str
    lines: tuple[str, ...]
    """What its step printed last."""
    out_of_memory: bool = False


@dataclass(frozen=True)
class PastRelease:
    """A push to main and the build it started. Times are seconds since the epoch."""

    run: str
    """Name of the PipelineRun."""
    before: str
    """Full sha that main had before the push, zeros for the first."""
    after: str
    """Full sha that was pushed: the source commit that was built."""
    author: str
    """Login of who pushed."""
    subject: str
    services: tuple[str, ...]
    """What was built, sorted; empty where nothing changed that is built."""
    tag: str
    """Tag of the images, "" where none was made."""
    pushed: float
    started: float
    ended: float
    outcome: str
    """succeeded or failed."""
    deploy_commits: Mapping[str, str] = field(default_factory=dict)
    """Sha of the deploy commit of each service; empty unless it succeeded."""
    failing: Failing | None = None
