"""A job: a plan being carried out, or carried out, as its journal tells. Times are seconds since the epoch."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bakeryops.model.plan import Plan

__all__ = ["FINISHED", "JobState", "JobView", "StepState", "StepView"]

JobState = Literal["waiting", "running", "stopping", "lost", "done", "partial", "failed", "cancelled", "refused"]
"""`waiting` for its runner or a lock, `stopping` after a cancel, `lost` where its runner died (it can be resumed),
`partial` where it failed or was cancelled after something had been changed, `refused` before anything was."""

StepState = Literal["pending", "checking", "applying", "verifying", "done", "failed", "stopped"]

FINISHED = frozenset({"done", "partial", "failed", "cancelled", "refused"})
"""States in which nothing goes on."""


class StepView(msgspec.Struct, frozen=True):
    """One step with what came of it so far."""

    id: str
    title: str
    state: StepState = "pending"
    text: str = ""
    """What it waits for or does at the moment; of a step that is done: the evidence."""
    already: bool = False
    """Whether its work was found done."""
    started: float | None = None
    ended: float | None = None
    done: float | None = None
    """Progress in `unit`, None where it is not measured."""
    total: float | None = None
    unit: str = ""
    rate: float | None = None
    """Units a second."""
    eta: float | None = None
    """Seconds that are left."""
    log: tuple[str, ...] = ()
    """What it said, oldest first."""
    outputs: dict[str, Any] = msgspec.field(default_factory=dict)

    def seconds(self, now: float) -> float | None:
        """Return how long it took, or has taken."""
        if self.started is None:
            return None
        return max(0.0, (self.ended if self.ended is not None else now) - self.started)


class JobView(msgspec.Struct, frozen=True):
    """A job as its journal tells."""

    id: str
    plan: Plan
    state: JobState
    who: str
    created: float
    steps: tuple[StepView, ...]
    started: float | None = None
    ended: float | None = None
    text: str = ""
    """The outcome in a sentence, or what it waits for."""
    why: str = ""
    hint: str = ""
    lock: str = ""
    """The lock that it holds, for people; why it holds none."""
    resumes: int = 0
    exit_code: int = 0
    """What the command line exits with for this outcome."""
    evidence: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing goes on any more."""
        return self.state in FINISHED

    @property
    def at(self) -> int:
        """The number of the step that it is at, counted from 0."""
        for number, step in enumerate(self.steps):
            if step.state not in ("done",):
                return number
        return max(0, len(self.steps) - 1)
