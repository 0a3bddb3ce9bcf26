"""Signs of failure in TaskRuns, PipelineRuns and pods: what is to be saved, and which logs go with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from bakeryops.cluster.wire.core import ContainerStatus, Pod, PodStatus
from bakeryops.cluster.wire.core import Terminated as Ended
from bakeryops.cluster.wire.tekton import PipelineRun, TaskRun
from bakeryops.model.blackbox import Saved
from bakeryops.model.build import Step
from bakeryops.model.health import Health
from bakeryops.read.blackbox import LINES_MOST, timings_of
from bakeryops.read.build_facts import trigger_of
from bakeryops.read.build_taskruns import PULLING, culprit, read_taskrun, succeeded
from bakeryops.read.build_tasks import RUN_LABEL, TASK_LABEL, children_of
from bakeryops.read.build_values import expanded, named
from bakeryops.read.builds import build_of
from bakeryops.read.images import split_image
from bakeryops.read.labels import service
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = [
    "PIPELINE_LABEL",
    "Sign",
    "Want",
    "has_failed",
    "is_asked_to_stop",
    "is_over",
    "of_build",
    "of_pod",
    "of_taskrun",
]

OTHERS: Final = 300
"""Lines that are kept of the steps that did not fail."""
_RECENT: Final = 3600.0
"""Seconds back within which a restart is still news to one who only begins to look."""
_TASKRUN_LABEL = "tekton.dev/taskRun"
_NEVER_RUNS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
PIPELINE_LABEL = "tekton.dev/pipeline"


class Want(msgspec.Struct, frozen=True, gc=False):
    """A log that goes with a failure."""

    pod: str
    container: str
    step: str
    tail: int
    previous: bool = False


class Sign(msgspec.Struct, frozen=True):
    """Something to save. Two with one `mark` are the same and are saved once."""

    saved: Saved
    plural: str
    wants: tuple[Want, ...]
    mark: tuple[str, ...]


def is_over(run: PipelineRun) -> bool:
    """Return whether a build has ended."""
    condition = succeeded(run.status.conditions if run.status is not None else None)
    return condition is not None and condition.status in ("True", "False")


def has_failed(run: PipelineRun) -> bool:
    """Return whether a build has ended, and not well."""
    condition = succeeded(run.status.conditions if run.status is not None else None)
    return condition is not None and condition.status == "False"


def is_asked_to_stop(run: PipelineRun) -> bool:
    """Return whether a build was asked to stop and has not yet: its pods are about to go."""
    wish = (run.spec.status if run.spec is not None else None) or ""
    leaving = run.metadata.deletionTimestamp is not None
    return not is_over(run) and (leaving or (bool(wish) and wish != "PipelineRunPending"))


def of_taskrun(task: TaskRun, run: PipelineRun | None, *, stopping: bool, now: float) -> list[Sign]:
    """Return what a TaskRun gives to save: its failed attempts, its end, or how far one that is stopped came.

    `run` is the build that it is of; `stopping` says that the build was asked to stop.
    """
    found = read_taskrun(task)
    skeleton = _of_task(task, run, now)
    signs = []
    for attempt in found.attempts:
        step = culprit(attempt.steps)
        if attempt.health is Health.BAD:
            saved = msgspec.structs.replace(
                skeleton,
                verdict="failed",
                part=attempt.pod,
                pod=attempt.pod,
                reason=attempt.reason or "Failed",
                why=f"Attempt {attempt.number} failed; the task was tried again.",
                when=attempt.ended or skeleton.when,
            )
            signs.append(_with_step(saved, attempt.steps, step, attempt.started, None))
    asked = task.spec is not None and bool(task.spec.status)
    step = culprit(found.steps)
    failing = step is not None and step.state == "ended" and step.health is Health.BAD
    base = msgspec.structs.replace(
        skeleton, part=found.pod, pod=found.pod, reason=found.reason, why=found.why, when=found.ended or now
    )
    if found.state in ("failed", "timed out") or (
        found.state == "running" and (failing or found.health is Health.BAD)
    ):
        signs.append(_with_step(base, found.steps, step, found.started, found.began))
    elif found.state == "cancelled" or (found.state in ("running", "retrying") and (stopping or asked)):
        running = step or next((each for each in found.steps if _was_stopped(each)), None)
        if found.pod:
            base = msgspec.structs.replace(base, verdict="cancelled", reason=found.reason or "Stopping")
            signs.append(_with_step(base, found.steps, running, found.started, found.began))
    elif found.state == "succeeded":
        base = msgspec.structs.replace(base, verdict="green")
        signs.append(_with_step(base, found.steps, None, found.started, found.began))
    return signs


def _was_stopped(step: Step) -> bool:
    """Return whether a step runs still, or ran when its task was cancelled."""
    return step.state == "running" or (step.state == "ended" and step.health is Health.HELD)


def _of_task(task: TaskRun, run: PipelineRun | None, now: float) -> Saved:
    """Return what is known of a TaskRun whatever became of it."""
    meta = task.metadata
    labels = meta.labels or {}
    params = named(task.spec.params if task.spec is not None else None)
    trigger = trigger_of(run, named(run.spec.params if run.spec is not None else None), ()) if run else None
    title = clean(labels.get(TASK_LABEL) or meta.name)
    for child in children_of(run) if run is not None else ():
        if child.name == meta.name and child.displayName:
            title = clean(expanded(child.displayName, params))
    wanted = next((each.value for each in params if each.name == "service"), "")
    return Saved(
        verdict="failed",
        kind="TaskRun",
        namespace=clean(meta.namespace),
        name=clean(meta.name),
        uid=clean(meta.uid),
        part="",
        when=now,
        saved=now,
        build=clean(labels.get(RUN_LABEL) or ""),
        pipeline=clean(labels.get(PIPELINE_LABEL) or ""),
        task=f"{title} {wanted}" if wanted and wanted not in title.split() else title,
        commit=trigger.revision if trigger is not None else "",
        service=wanted,
        params=params,
    )


def _with_step(
    saved: Saved, steps: Sequence[Step], bad: Step | None, started: float | None, began: float | None
) -> Sign:
    whole = msgspec.structs.replace(
        saved,
        step=bad.name if bad is not None else "",
        container=bad.container if bad is not None else "",
        exit_code=bad.exit_code if bad is not None else None,
        timings=timings_of(steps, started, began),
    )
    green = saved.verdict == "green"
    wants = tuple(
        Want(saved.pod, each.container, each.name, LINES_MOST if green or each is bad else OTHERS)
        for each in steps
        if saved.pod and each.started is not None and each.state != "skipped"
    )
    # The failing one first: its pod may be gone in a second.
    wants = tuple(sorted(wants, key=lambda each: each.container != whole.container))
    mark = (saved.uid, saved.pod, saved.verdict, "" if green else saved.reason, whole.step)
    return Sign(whole, "taskruns", wants, mark)


def of_build(run: PipelineRun, tasks: Iterable[TaskRun], *, now: float) -> Sign | None:
    """Return what to save of a build that failed without any of its tasks being to blame; None for all others."""
    build = build_of(run, tasks, now=now)
    if build.state not in ("failed", "timed out") or build.failure is None or build.failure.task:
        return None
    saved = Saved(
        verdict="failed",
        kind="PipelineRun",
        namespace=build.namespace,
        name=build.name,
        uid=build.uid,
        part="",
        when=build.ended or now,
        saved=now,
        build=build.name,
        pipeline=build.pipeline,
        commit=build.trigger.revision,
        service=", ".join(build.services or ())[:200],
        reason=build.reason,
        why=build.why or build.message,
        error=build.message,
        params=build.params,
    )
    return Sign(saved, "pipelineruns", (), (build.uid, build.reason))


def of_pod(pod: Pod, *, now: float, recent: float = _RECENT) -> list[Sign]:
    """Return what a pod gives to save: containers that ended badly, were restarted, or cannot start.

    A crash loop is told by restarts and ends, never by the word for it, which shows for a moment only. Pods of
    builds give nothing: their TaskRuns do. What ended more than `recent` seconds ago is no news.
    """
    meta, status = pod.metadata, pod.status or PodStatus()
    if _TASKRUN_LABEL in (meta.labels or {}):
        return []
    signs = []
    for each in (*(status.initContainerStatuses or ()), *(status.containerStatuses or ())):
        sign = _of_container(pod, each, now, recent)
        if sign is not None:
            signs.append(sign)
    if status.phase == "Failed" and not signs and status.reason and meta.deletionTimestamp is None:
        saved = _of_pod(pod, "", now)
        saved = msgspec.structs.replace(
            saved, reason=clean(status.reason), why=clean(status.message or ""), part=clean(status.reason)
        )
        signs.append(Sign(saved, "pods", (), (meta.uid, "", clean(status.reason))))
    return signs


def _of_container(pod: Pod, status: ContainerStatus, now: float, recent: float) -> Sign | None:
    name, restarts = clean(status.name), status.restartCount
    state, last = status.state, status.lastState
    ended = state.terminated if state is not None else None
    previous = False
    if (ended is None or ended.exitCode == 0) and last is not None and last.terminated is not None:
        ended, previous = last.terminated, True
    if ended is not None and ended.exitCode != 0 and (not _is_asked(pod) or ended.reason == "OOMKilled"):
        when = parse_time(ended.finishedAt)
        if when is not None and now - when > recent:
            return None
        saved = msgspec.structs.replace(
            _of_pod(pod, name, when or now),
            reason=clean(ended.reason or "Error"),
            exit_code=ended.exitCode,
            why=_sentence(name, ended, restarts),
            restarts=restarts,
        )
        # Of a crash loop the 1st, 2nd, 4th, 8th … end is saved, each in place of the one before.
        turns = (restarts if previous else restarts + 1).bit_length()
        wants = (Want(saved.pod, name, name, LINES_MOST, previous),)
        return Sign(saved, "pods", wants, (pod.metadata.uid, name, saved.reason, str(turns), str(previous)))
    waiting = state.waiting if state is not None else None
    if waiting is not None and (waiting.reason in PULLING or waiting.reason in _NEVER_RUNS):
        reason = clean(waiting.reason or "")
        # Of one image "ErrImagePull" and "ImagePullBackOff" take turns.
        kept = "ImagePullBackOff" if reason == "ErrImagePull" else reason
        saved = msgspec.structs.replace(
            _of_pod(pod, name, now), reason=kept, why=clean(waiting.message or ""), restarts=restarts
        )
        return Sign(saved, "pods", (), (pod.metadata.uid, name, kept))
    return None


def _is_asked(pod: Pod) -> bool:
    return pod.metadata.deletionTimestamp is not None


def _sentence(name: str, ended: Ended, restarts: int) -> str:
    times = f", after {restarts} restarts" if restarts > 1 else ""
    if ended.reason == "OOMKilled":
        return f"Container {name} was killed: out of memory (exit code {ended.exitCode}){times}."
    return f"Container {name} ended with exit code {ended.exitCode}{times}."


def _of_pod(pod: Pod, container: str, when: float) -> Saved:
    meta = pod.metadata
    spec = pod.spec
    boxes = [*(spec.initContainers or ()), *(spec.containers or ())] if spec is not None else []
    image = next((each.image or "" for each in boxes if clean(each.name) == container), "")
    return Saved(
        verdict="failed",
        kind="Pod",
        namespace=clean(meta.namespace),
        name=clean(meta.name),
        uid=clean(meta.uid),
        part=container,
        when=when,
        saved=when,
        pod=clean(meta.name),
        container=container,
        commit=split_image(image).commit if image else "",
        service=service(meta.labels, meta.name),
    )
