"""What a person wants rolled back, and how."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

__all__ = ["Wish", "command_of"]


@dataclass(frozen=True)
class Wish:
    """What is to be rolled back, and how.

    One of `service`, `release` (a PipelineRun) and `point` (a commit) is given; `to` is a tag or commit.
    """

    service: str = ""
    release: str = ""
    point: str = ""
    to: str = ""
    reason: str = ""
    hold: bool = True
    """Whether the services are held, so that no build writes over it."""
    cancel_builds: bool = False
    """Whether builds that would write over it are cancelled, gracefully."""
    resume: bool = False
    """Whether a suspended Kustomization is resumed; otherwise the plan is refused."""
    commit_only: bool = False
    """Whether the work ends with the push."""
    watch: float = 30.0
    """Seconds for which the pods are watched at the end."""


def command_of(wish: Wish, verb: str) -> str:
    """Return the command line that does the same."""
    if verb == "reapply":
        return shlex.join(["bakeryops", "rollback", wish.service, "--undo"])
    words = ["bakeryops", "rollback"]
    words += [wish.service] if wish.service else []
    words += ["--release", wish.release] if wish.release else []
    words += ["--point", wish.point] if wish.point else []
    words += ["--to", wish.to] if wish.to else []
    words += ["--reason", wish.reason] if wish.reason else []
    words += [] if wish.hold else ["--no-hold"]
    words += ["--cancel-builds"] if wish.cancel_builds else []
    words += ["--resume"] if wish.resume else []
    words += ["--commit-only"] if wish.commit_only else []
    return shlex.join(words)
