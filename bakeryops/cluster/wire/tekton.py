"""Tekton: PipelineRuns and TaskRuns, v1 and v1beta1, as far as they are read.

A PipelineRun carries the whole pipeline with every script in it, and thousands of runs are kept: of the pipeline
only its plan is decoded, equal plans are one object, and what a list of runs does not show (references to
children, skipped tasks, statuses embedded by old releases) stays JSON until a run is opened.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bakeryops.cluster.wire.core import Running, Waiting
from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition
from bakeryops.cluster.wire.sharing import share

__all__ = [
    "NOTHING",
    "AttemptStatus",
    "ChildReference",
    "EmbeddedRun",
    "Matrix",
    "MatrixInclude",
    "NamedRef",
    "PipelineRun",
    "PipelineRunSpec",
    "PipelineRunStatus",
    "PipelineSpec",
    "PipelineTask",
    "PlanStep",
    "SkippedTask",
    "StepStatus",
    "TaskRun",
    "TaskRunSpec",
    "TaskRunStatus",
    "TaskSpec",
    "TerminatedStep",
    "Timeouts",
    "Value",
    "WhenExpression",
]

NOTHING = msgspec.Raw(b"null")
"""What an absent part that stays JSON is read as."""

_PLANS_MOST = 500
_ANNOTATION_MOST = 1024
_SHARED_MOST = 32
_TASKS = "$(tasks."
_plans: dict[bytes, PipelineSpec] = {}


class Value(msgspec.Struct, gc=False):
    """A parameter or a result: its value is a text, a list or a mapping of texts."""

    name: str = ""
    value: Any = None


class NamedRef(msgspec.Struct, gc=False):
    """What a run refers to by name; a resolver (git, bundles) has no name here."""

    name: str | None = None
    kind: str | None = None


class WhenExpression(msgspec.Struct, gc=False):
    """A guard: `input` `operator` `values`, or a CEL expression."""

    input: str | None = None
    operator: str | None = None
    values: list[str] | None = None
    cel: str | None = None


class MatrixInclude(msgspec.Struct, gc=False):
    """One explicit combination of a matrix."""

    name: str | None = None
    params: list[Value] | None = None


class Matrix(msgspec.Struct, gc=False):
    """The parameters a task is run over, each with a list or a reference to one."""

    params: list[Value] | None = None
    include: list[MatrixInclude] | None = None


class PipelineTask(msgspec.Struct, gc=False):
    """One task of a pipeline. Of its parameters only those that take something from another task are kept."""

    name: str = ""
    displayName: str | None = None
    runAfter: list[str] | None = None
    params: list[Value] | None = None
    matrix: Matrix | None = None
    when: list[WhenExpression] | None = None
    taskRef: NamedRef | None = None
    retries: int | None = None

    def __post_init__(self) -> None:
        """Forget parameters that say nothing of the order: they make equal plans differ."""
        if self.params:
            self.params = [each for each in self.params if _TASKS in str(each.value)] or None


class PipelineSpec(msgspec.Struct, gc=False):
    """The plan of a pipeline."""

    tasks: list[PipelineTask] | None = None
    finally_: list[PipelineTask] | None = msgspec.field(default=None, name="finally")


class Timeouts(msgspec.Struct, gc=False):
    """Go durations; "0" is without end."""

    pipeline: str | None = None
    tasks: str | None = None
    finally_: str | None = msgspec.field(default=None, name="finally")


class PipelineRunSpec(msgspec.Struct, gc=False):
    """What was asked for. `status` is a wish: "PipelineRunPending", "Cancelled" and the like."""

    pipelineRef: NamedRef | None = None
    pipelineSpec: PipelineSpec | None = None
    params: list[Value] | None = None
    status: str | None = None
    timeouts: Timeouts | None = None
    timeout: str | None = None
    """v1beta1; v1 has `timeouts.pipeline`."""
    managedBy: str | None = None

    def __post_init__(self) -> None:
        """Keep equal plans once."""
        self.pipelineSpec = _share_plan(self.pipelineSpec)


class PipelineRunStatus(msgspec.Struct, gc=False):
    """How a run goes; the parts of type Raw are decoded by who opens the run."""

    conditions: list[Condition] | None = None
    startTime: str | None = None
    completionTime: str | None = None
    finallyStartTime: str | None = None
    results: list[Value] | None = None
    pipelineResults: list[Value] | None = None
    """v1beta1's name of `results`."""
    pipelineSpec: PipelineSpec | None = None
    childReferences: msgspec.Raw = NOTHING
    """A list of ChildReference."""
    skippedTasks: msgspec.Raw = NOTHING
    """A list of SkippedTask."""
    taskRuns: msgspec.Raw = NOTHING
    """EmbeddedRun by name, before Tekton 0.45."""

    def __post_init__(self) -> None:
        """Keep equal plans once, and let go of the page that the JSON parts are views of."""
        self.pipelineSpec = _share_plan(self.pipelineSpec)
        for each in self.conditions or ():
            each.type, each.status = share(each.type), share(each.status)
            if each.reason:
                each.reason = share(each.reason)
            if each.message and len(each.message) < 100:
                each.message = share(each.message)
        self.childReferences = _own(self.childReferences)
        self.skippedTasks = _own(self.skippedTasks)
        self.taskRuns = _own(self.taskRuns)


class PipelineRun(msgspec.Struct, gc=False):
    """A PipelineRun; no status, or one without conditions, means that the controller has not judged it yet."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: PipelineRunSpec | None = None
    status: PipelineRunStatus | None = None

    def __post_init__(self) -> None:
        """Share texts, and forget annotations that hold whole objects."""
        _slim(self.metadata)


class ChildReference(msgspec.Struct, gc=False):
    """One TaskRun, CustomRun or PipelineRun that a run made; `displayName` tells children of a matrix apart."""

    kind: str | None = None
    name: str = ""
    displayName: str | None = None
    pipelineTaskName: str | None = None
    whenExpressions: list[WhenExpression] | None = None


class SkippedTask(msgspec.Struct, gc=False):
    """A task that never ran; `reason` is a sentence of Tekton's."""

    name: str = ""
    reason: str | None = None
    whenExpressions: list[WhenExpression] | None = None


class TerminatedStep(msgspec.Struct, gc=False):
    """How a step ended; a step that Tekton stopped has a made-up exit code 1."""

    exitCode: int | None = None
    signal: int | None = None
    reason: str | None = None
    message: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None


class StepStatus(msgspec.Struct, gc=False):
    """One step as its pod reports it; none of the three states is there while the pod is not."""

    name: str | None = None
    container: str | None = None
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: TerminatedStep | None = None
    terminationReason: str | None = None

    def __post_init__(self) -> None:
        """Share what the same step of every run has in common."""
        if self.name:
            self.name = share(self.name)
        if self.container:
            self.container = share(self.container)


class PlanStep(msgspec.Struct, gc=False):
    """A step as a Task names it."""

    name: str | None = None


class TaskSpec(msgspec.Struct, gc=False):
    """Of a Task, its steps' names: they are known before there is a pod."""

    steps: list[PlanStep] | None = None


class AttemptStatus(msgspec.Struct, gc=False):
    """One attempt of a TaskRun."""

    conditions: list[Condition] | None = None
    startTime: str | None = None
    completionTime: str | None = None
    podName: str | None = None
    steps: list[StepStatus] | None = None
    results: list[Value] | None = None
    taskResults: list[Value] | None = None
    """v1beta1's name of `results`."""


class TaskRunStatus(AttemptStatus, gc=False):
    """How a TaskRun goes, with its earlier attempts, oldest first."""

    retriesStatus: list[AttemptStatus] | None = None
    taskSpec: TaskSpec | None = None


class TaskRunSpec(msgspec.Struct, gc=False):
    """What was asked for; `statusMessage` says why it was cancelled."""

    params: list[Value] | None = None
    taskRef: NamedRef | None = None
    status: str | None = None
    statusMessage: str | None = None
    retries: int | None = None
    timeout: str | None = None


class TaskRun(msgspec.Struct, gc=False):
    """A TaskRun."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: TaskRunSpec | None = None
    status: TaskRunStatus | None = None

    def __post_init__(self) -> None:
        """Share texts, and forget annotations that hold whole objects."""
        _slim(self.metadata)


class EmbeddedRun(msgspec.Struct, gc=False):
    """A TaskRun's status inside its PipelineRun, as releases before 0.45 wrote it."""

    pipelineTaskName: str | None = None
    status: TaskRunStatus | None = None
    whenExpressions: list[WhenExpression] | None = None


def _share_plan(plan: PipelineSpec | None) -> PipelineSpec | None:
    """Return one and the same object for equal plans."""
    if plan is None:
        return None
    if len(_plans) > _PLANS_MOST:
        _plans.clear()
    return _plans.setdefault(msgspec.json.encode(plan), plan)


def _own(part: msgspec.Raw) -> msgspec.Raw:
    """Return a part that holds its own bytes."""
    return NOTHING if len(memoryview(part)) <= 4 else part.copy()


def _slim(meta: AnnotatedMeta) -> None:
    """Share what many runs have in common; drop long annotations (the object as applied, old statuses)."""
    meta.namespace = share(meta.namespace)
    if meta.labels:
        # Longer values are commits and identifiers, of which no two are alike.
        meta.labels = {
            share(key): share(value) if len(value) <= _SHARED_MOST else value for key, value in meta.labels.items()
        }
    if meta.annotations:
        kept = {share(key): value for key, value in meta.annotations.items() if len(value) <= _ANNOTATION_MOST}
        meta.annotations = kept or None
    for owner in meta.ownerReferences or ():
        owner.kind, owner.name, owner.uid = share(owner.kind), share(owner.name), share(owner.uid)
