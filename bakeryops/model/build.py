"""A build: one PipelineRun with its tasks, attempts and steps, and the first failure. Times are epoch seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

from bakeryops.model.health import Health

__all__ = ["Attempt", "Build", "BuildState", "BuildTask", "Failure", "Named", "Step", "TaskState", "Trigger"]

BuildState = Literal["queued", "pending", "running", "stopping", "succeeded", "failed", "cancelled", "timed out"]
"""`queued` has not been seen by the controller, `pending` was created to wait, `stopping` ends after a failure or
a cancel."""

TaskState = Literal[
    "not started", "queued", "running", "retrying", "succeeded", "failed", "ignored", "skipped", "cancelled",
    "timed out", "unknown",
]  # fmt: skip
"""`ignored` failed and was allowed to (onError: continue); `not started` has no TaskRun and is not skipped;
`unknown` has one that was not read."""


class Named(msgspec.Struct, frozen=True, gc=False):
    """A parameter or a result; lists and objects are JSON text."""

    name: str
    value: str


class Step(msgspec.Struct, frozen=True, gc=False):
    """One step of a TaskRun, a container of its pod.

    `state` is waiting, running, ended, skipped (an earlier one failed) or continued (failed, onError: continue).
    """

    name: str
    container: str
    health: Health
    state: str
    reason: str
    message: str
    exit_code: int | None
    started: float | None
    ended: float | None


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One try of a task, in one pod; `number` counts from 1."""

    number: int
    pod: str
    health: Health
    reason: str
    message: str
    started: float | None
    ended: float | None
    steps: tuple[Step, ...]


class BuildTask(msgspec.Struct, frozen=True):
    """One task of a build: a TaskRun, or the place of one that was skipped or has not started.

    `key` is unique within the build and stays the same while the task gets its TaskRun where there is one only;
    `task` is the pipeline task's name, shared by the children of a matrix; `title` tells them apart by displayName
    or parameters, never by the index in a name. `after` are names of pipeline tasks it waits for (runAfter, and
    results it takes). `why` is a sentence for people on any state that is not plainly good. `began` is when its
    first step started; from `started` to `began` is the pod's scheduling, pulling and initialising.
    """

    key: str
    task: str
    title: str
    finally_: bool
    state: TaskState
    health: Health
    reason: str
    message: str
    why: str
    after: tuple[str, ...]
    params: tuple[Named, ...]
    results: tuple[Named, ...]
    run: str
    pod: str
    created: float | None
    started: float | None
    began: float | None
    ended: float | None
    steps: tuple[Step, ...]
    attempts: tuple[Attempt, ...]
    """Earlier attempts, oldest first; the present one is the task itself."""
    when: tuple[str, ...]
    """Its when expressions as text."""

    @property
    def matrix_title(self) -> str:
        """The title without the task's own name in front: "auth" of "build auth"."""
        return self.title.removeprefix(f"{self.task} ")


class Failure(msgspec.Struct, frozen=True, gc=False):
    """The first failing step of a build: whose log to open, and what is known without it.

    `pod` and `container` are empty where no container ever ran (the text then says all there is).
    """

    task: str
    """Key of the BuildTask; "" for the run as a whole."""
    title: str
    step: str
    pod: str
    container: str
    exit_code: int | None
    text: str


class Trigger(msgspec.Struct, frozen=True, gc=False):
    """What started a build, as far as its labels, annotations and parameters say."""

    revision: str
    """Commit that is built, full or short; "" when unknown."""
    before: str
    ref: str
    pusher: str
    event: str
    """Triggers' event id."""
    listener: str
    rerun_of: str
    """Name of the run it repeats, ""."""


class Build(msgspec.Struct, frozen=True):
    """One PipelineRun. `tasks` is empty where only the run itself was read (a list); their order is that of the
    pipeline, matrix children by parameter, `finally` last.

    `queued` is the seconds between creation and start. `done`/`total` count tasks as the run's message and
    references tell, None when unknown.
    """

    key: str
    """"namespace/name"."""
    namespace: str
    name: str
    uid: str
    pipeline: str
    state: BuildState
    health: Health
    reason: str
    message: str
    why: str
    trigger: Trigger
    services: tuple[str, ...] | None
    """What it builds; None while unknown, empty when nothing changed."""
    tag: str
    """Tag of the images it makes, "" while unknown."""
    deploy_commit: str
    """Commit that carries the tag, "" while unknown."""
    created: float
    started: float | None
    ended: float | None
    finally_started: float | None
    queued: float | None
    done: int | None
    total: int | None
    params: tuple[Named, ...]
    results: tuple[Named, ...]
    tasks: tuple[BuildTask, ...] = ()
    failure: Failure | None = None

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in ("succeeded", "failed", "cancelled", "timed out")

    def seconds(self, now: float) -> float | None:
        """Return how long it has run, or ran; None before it starts."""
        return None if self.started is None else max(0.0, (self.ended or now) - self.started)
