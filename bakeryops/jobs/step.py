"""What a step is: check, describe, apply, verify; and what it has at hand while it is carried out."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import msgspec

from bakeryops.config import Config
from bakeryops.errors import BakeryopsError, RefusedError, UsageError
from bakeryops.model.plan import Plan, PlanStep

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.writes import Writer
    from bakeryops.git.repository import Repository

__all__ = ["CHANGED", "FAILED", "At", "Check", "Step", "StepFailedError", "Stopped", "registered", "step_of"]

CHANGED = "changed"
"""Note of a step whose request was sent: what the world is called where the step does not come to its end."""
FAILED = "failed"
"""Note of a step that has failed in an earlier run of its job."""
_STEPS: dict[str, Step] = {}


class StepFailedError(BakeryopsError):
    """A step could not do its work, or its work did not show; `outcome` is failed, partial or refused."""

    def __init__(self, message: str, *, why: str = "", hint: str = "", outcome: str = "failed") -> None:
        """Take what happened, its cause, its mend, and what the job is to be called."""
        super().__init__(message, why=why, hint=hint)
        self.outcome = outcome


class Stopped(RefusedError):  # noqa: N818  (it is no error: a person asked for it)
    """A person asked the job to stop; raised where a step can be left."""


class Check(msgspec.Struct, frozen=True):
    """What a look before the work found: `done` where the work is done already, with the evidence."""

    done: bool
    evidence: str = ""
    outputs: dict[str, Any] = msgspec.field(default_factory=dict)


READY = Check(False)
"""The work is to be done."""


class At(Protocol):
    """What a step has at hand: its arguments, what earlier steps gave, the world, and somebody to tell."""

    plan: Plan
    step: PlanStep
    config: Config
    job: str
    """The job's id."""
    who: str
    folder: Path
    """The job's own folder, 0700."""

    @property
    def args(self) -> Mapping[str, Any]:
        """The step's arguments."""

    def output(self, step: str, key: str, default: Any = None) -> Any:
        """Return what an earlier step gave."""

    async def session(self) -> Session:
        """Return a started session on the cluster; raises `UnreachableError` where it does not answer."""

    async def writer(self, manager: str = "") -> Writer:
        """Return what changes the cluster, under a field manager (ours by default)."""

    async def repository(self) -> Repository:
        """Return the repository's private mirror; raises `GitError` where none is known."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def memo(self, key: str) -> Any:
        """Return what this step noted in any run of the job, None where it did not."""

    def note(self, key: str, value: Any) -> None:
        """Note something in the journal, on disk when this returns: what a later run has to know."""

    def tell(self, text: str) -> None:
        """Say what the step does or waits for at the moment."""

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Say how far it is, in `unit` (bytes, pods)."""

    async def sleep(self, seconds: float) -> None:
        """Wait; raises `Stopped` where a person asked to stop."""

    def heed(self) -> None:
        """Raise `Stopped` where a person asked to stop: called where nothing is left half done."""

    async def reached(self, patience: float = 60.0) -> Session:
        """Return a session on a cluster that answers, waiting for it a while; raises `UnreachableError`."""


class Step(abc.ABC):
    """The code of a kind of step. It keeps no state: everything is in arguments, outputs and notes.

    The runner calls `check`, then (unless the work is done) `apply`, then `verify`. Killed at any point, the job
    is run again from `check`: `apply` must therefore be safe to repeat after a `check` that did not find its work.
    """

    kind: ClassVar[str]

    async def check(self, at: At) -> Check:
        """Look whether the work is done already; raises `StepFailedError` where it cannot be done."""
        return READY

    @abc.abstractmethod
    async def apply(self, at: At) -> Mapping[str, Any] | None:
        """Do the work and return what later steps need; raises `BakeryopsError`."""

    async def verify(self, at: At) -> str:
        """Look whether the work shows in the world and return the evidence; raises `StepFailedError`."""
        return ""


def registered(step: type[Step]) -> type[Step]:
    """Make a kind of step known to the runner (a decorator)."""
    if step.kind in _STEPS and type(_STEPS[step.kind]).__qualname__ != step.__qualname__:
        raise ValueError(f"two steps are called {step.kind}")
    _STEPS[step.kind] = step()
    return step


def step_of(kind: str) -> Step:
    """Return the code of a kind of step; raises `UsageError`."""
    if kind not in _STEPS:
        raise UsageError(f"this bakeryops does not know the step {kind}", hint="Make the plan anew.")
    return _STEPS[kind]
