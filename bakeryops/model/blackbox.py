"""What is saved of a failure at the moment it happens. Times are seconds since the epoch."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bakeryops.model.build import Named

__all__ = ["Comparison", "Differing", "Saved", "SavedEvent", "SavedLog", "Timing"]


class SavedLog(msgspec.Struct, frozen=True):
    """The end of a container's log, oldest line first, harmless and with secrets hidden."""

    container: str
    step: str
    """Name of the step, of a task; the container's own otherwise."""
    lines: tuple[str, ...]
    cut: bool = False
    """Whether there was more before the first line."""
    previous: bool = False
    """Whether it is of the run of the container before a restart."""
    missing: str = ""
    """Why there is no log, "" where there is."""


class SavedEvent(msgspec.Struct, frozen=True, gc=False):
    """Events about it, as the cluster had them."""

    warning: bool
    reason: str
    message: str
    object: str
    count: int
    last: float | None


class Timing(msgspec.Struct, frozen=True, gc=False):
    """How long a step took; None where it has not ended, or never began."""

    name: str
    seconds: float | None


class Saved(msgspec.Struct, frozen=True):
    """A failure as it was saved: of a task of a build, of a build as a whole, or of a pod.

    `verdict` is `green` for the last good run of a task, which others are compared with.
    """

    verdict: Literal["failed", "cancelled", "green"]
    kind: str
    """TaskRun, PipelineRun or Pod."""
    namespace: str
    name: str
    uid: str
    part: str
    """Pod of the attempt, or container: what tells failures of one object apart."""
    when: float
    """When it failed."""
    saved: float
    id: int = 0
    build: str = ""
    """Name of the PipelineRun."""
    pipeline: str = ""
    task: str = ""
    """Title of the task, as in "build auth"."""
    step: str = ""
    pod: str = ""
    container: str = ""
    commit: str = ""
    service: str = ""
    reason: str = ""
    exit_code: int | None = None
    why: str = ""
    """A sentence for people."""
    restarts: int = 0
    error: str = ""
    """The first line of the failing container's log that sounds bad, the last one where none does."""
    error_at: int | None = None
    """Its place in that log, counted from 0."""
    logs: tuple[SavedLog, ...] = ()
    events: tuple[SavedEvent, ...] = ()
    object: dict[str, Any] = msgspec.field(default_factory=dict)
    """The object as it was, with secrets hidden."""
    timings: tuple[Timing, ...] = ()
    params: tuple[Named, ...] = ()
    images: tuple[Named, ...] = ()
    """By container."""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What makes two the same."""
        return self.kind, self.namespace, self.name, self.uid, self.part

    @property
    def title(self) -> str:
        """What it is of, for people: a task of a build, or a pod."""
        if self.kind == "Pod":
            named = self.container and not self.name.startswith(self.container)
            return f"{self.name} {self.container}" if named else self.name
        return f"{self.build or self.name} {self.task}".rstrip()

    def log(self) -> SavedLog | None:
        """Return the log of what failed, None where none is known."""
        return next((each for each in self.logs if each.container == self.container), None)


class Differing(msgspec.Struct, frozen=True, gc=False):
    """Something that is not the same in a failed and in a good run; "" where one of them does not have it."""

    what: str
    name: str
    failed: str
    green: str


class Comparison(msgspec.Struct, frozen=True):
    """A failed run of a task beside its last good one."""

    failed: Saved
    green: Saved
    timings: tuple[tuple[str, float | None, float | None], ...]
    """Step, and the seconds it took in the failed and in the good run."""
    differing: tuple[Differing, ...]
    """Parameters, images and settings."""
    step: str
    """Whose logs are compared."""
    same: int
    """Lines from the beginning that are alike."""
    failed_lines: tuple[str, ...]
    """What the failed run logged from there on, cut short."""
    green_lines: tuple[str, ...]
