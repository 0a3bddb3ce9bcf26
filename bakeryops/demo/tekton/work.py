"""What the steps of builds do: planned by whoever knows, else read from the step's script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bakeryops.demo.contracts import Object

__all__ = ["StepEnd", "StepPlan", "Work"]


@dataclass(frozen=True)
class StepEnd:
    """How a step ended."""

    exit_code: int = 0
    results: Mapping[str, str] = field(default_factory=dict)
    """The Task's results that the step wrote, by name; arrays and objects as JSON text."""
    lines: tuple[str, ...] = ()
    """Lines printed at the very end, after those of the plan."""
    out_of_memory: bool = False
    """Whether the kernel ended it; the exit code is 137 then, whatever `exit_code` says."""


@dataclass(frozen=True)
class StepPlan:
    """What a step will do from its start on."""

    seconds: float
    """Cluster seconds that it works."""
    lines: tuple[tuple[float, str], ...] = ()
    """What it prints: seconds after its start, and the text without its line break."""
    finish: Callable[[], StepEnd] | None = None
    """Called once when the time is over, to do what is to have an effect; None: it ends well without results."""


class Work(Protocol):
    """Knows what some steps do."""

    def plan(self, run: Object, pod: Object, step: str) -> StepPlan | None:
        """Return what a step of a TaskRun does, asked when it really begins; None: as its script says.

        `run` is the TaskRun as it is in the store, `step` the step's name without the prefix `step-`.
        """
