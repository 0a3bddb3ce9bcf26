"""One TaskRun read: its state, its steps and its earlier attempts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from bakeryops.cluster.wire.meta import Condition
from bakeryops.cluster.wire.tekton import AttemptStatus, StepStatus, TaskRun, TaskRunStatus
from bakeryops.model.build import Attempt, Step, TaskState
from bakeryops.model.health import Health
from bakeryops.read.build_reasons import UNSAID, message_of, out_of_time, task_sentence
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["PULLING", "TaskReading", "culprit", "read_taskrun", "succeeded"]

PULLING = frozenset(
    {"PullImageFailed", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
"""Reasons of a TaskRun, or of a waiting container, that say that an image cannot be had."""

_STOPPED = frozenset({"TaskRunCancelled", "TaskRunTimeout", "Cancelled", "TimeoutExceeded"})
"""Termination reasons of steps that did not end by themselves; their exit code is made up."""

_QUEUED: dict[str, Health] = {
    "ExceededResourceQuota": Health.WORKING,
    "ExceededNodeResources": Health.SOON,
    "TaskRunPending": Health.HELD,
}
_NEVER_RUNS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_UNSCHEDULED = '"PodScheduled":"False"'
_EXIT = re.compile(r'"step-([^"]+)" exited with code (\d+)')


class TaskReading(msgspec.Struct, frozen=True):
    """What a TaskRun says of itself; the times are epoch seconds."""

    state: TaskState
    health: Health
    reason: str
    message: str
    why: str
    pod: str
    started: float | None
    began: float | None
    ended: float | None
    steps: tuple[Step, ...]
    attempts: tuple[Attempt, ...]


def succeeded(conditions: Iterable[Condition] | None) -> Condition | None:
    """Return the condition that tells how a run goes, None while there is none."""
    return next((each for each in conditions or () if each.type == "Succeeded"), None)


def read_taskrun(run: TaskRun) -> TaskReading:
    """Return what a TaskRun says of itself; total over anything the API may send."""
    status = run.status or TaskRunStatus()
    condition = succeeded(status.conditions)
    reason = clean((condition.reason if condition else "") or "")
    message = message_of(condition.message if condition else "")
    attempts = tuple(
        _attempt(number, each) for number, each in enumerate(status.retriesStatus or (), start=1)
    )  # fmt: skip
    done = condition is not None and condition.status in ("True", "False")
    steps = _steps(status, done=done, retrying=not done and _between_attempts(status, reason))
    state, health = _state(condition, reason, message)
    if state == "timed out":
        steps = tuple(_out_of_time(step) for step in steps)
    why = task_sentence(reason, message)
    if condition is None:
        why = "Tekton has not taken it up yet."
    elif state in ("failed", "ignored", "retrying"):
        why = _failed_why(steps, attempts, state, reason, message) or why
    elif not done:
        health, why = _waiting(steps, health, why, reason, message, attempts)
    elif state == "succeeded":
        why = _continued(steps)
    if not why and state in ("failed", "ignored", "timed out"):
        why = message or UNSAID
    began = None if reason in ("ToBeRetried", "ExceededResourceQuota") else _began(steps, message)
    return TaskReading(
        state=state,
        health=health,
        reason=reason,
        message=message,
        why=why,
        pod="" if not done and _between_attempts(status, reason) else clean(status.podName or ""),
        started=parse_time(status.startTime),
        began=began,
        ended=parse_time(status.completionTime) if done else None,
        steps=steps,
        attempts=attempts,
    )


def culprit(steps: Sequence[Step]) -> Step | None:
    """Return the first step that failed, else the first that was stopped or cannot run; None where all is well."""
    for wanted in (_failed_itself, lambda step: step.health is Health.BAD):
        found = next((step for step in steps if wanted(step)), None)
        if found is not None:
            return found
    return None


def _failed_itself(step: Step) -> bool:
    return step.state == "ended" and step.health is Health.BAD and step.reason not in _STOPPED


def _state(condition: Condition | None, reason: str, message: str) -> tuple[TaskState, Health]:
    """Return the state and health that a condition tells; its status decides, never the reason alone."""
    if condition is None:
        return "queued", Health.WORKING
    match condition.status:
        case "True":
            return "succeeded", Health.FINE
        case "False":
            return _ended_badly(reason, message)
        case "Unknown":
            if reason == "ToBeRetried":
                return "retrying", Health.SOON
            if reason in _QUEUED:
                return "queued", _QUEUED[reason]
            return "running", Health.BAD if reason in PULLING else Health.WORKING
    return "running", Health.UNKNOWN


def _ended_badly(reason: str, message: str) -> tuple[TaskState, Health]:
    if reason == "FailureIgnored":
        return "ignored", Health.SOON
    if reason == "TaskRunTimeout" or (reason == "TaskRunCancelled" and out_of_time(message)):
        return "timed out", Health.BAD
    if reason in ("TaskRunCancelled", "Cancelled"):
        return "cancelled", Health.HELD
    return "failed", Health.BAD


def _failed_why(
    steps: Sequence[Step], attempts: Sequence[Attempt], state: TaskState, reason: str, message: str
) -> str:
    """Return why a task failed in terms of its step, "" where no step says it."""
    step = culprit(steps)
    if step is None or step.state != "ended" or step.exit_code is None:
        found = _EXIT.search(message)
        if found is None:
            waiting = next((each for each in steps if each.state == "waiting" and each.message), None)
            return f"{task_sentence(reason, '').removesuffix('.')}: {waiting.message}" if waiting else ""
        name, code, memory = found[1], found[2], "OOM" in message or "OOM" in reason
    else:
        name, code, memory = step.name, str(step.exit_code), step.reason == "OOMKilled" or "OOM" in reason
    sentence = f"Step {name} {'was killed: out of memory' if memory else 'failed'} (exit code {code})"
    if state == "ignored":
        return f"{sentence}, and was allowed to."
    if state == "retrying":
        return f"{sentence}; attempt {len(attempts) + 1} is about to start."
    if attempts:
        return f"{sentence}, in attempt {len(attempts) + 1} as before."
    return f"{sentence}."


def _waiting(
    steps: Sequence[Step], health: Health, why: str, reason: str, message: str, attempts: Sequence[Attempt]
) -> tuple[Health, str]:
    """Return health and sentence of a task that is not finished, after what its steps wait for."""
    for step in steps:
        if step.state == "waiting" and step.health is Health.BAD and reason not in PULLING:
            return Health.BAD, f"Step {step.name} cannot start: {step.message or step.reason}"
        if step.state == "ended" and step.health is Health.BAD and step.exit_code is not None:
            return Health.BAD, f"Step {step.name} failed (exit code {step.exit_code}); the task is about to end."
    if reason == "TaskRunCancelled":
        return health, "It is being stopped."
    if reason == "Pending" and _UNSCHEDULED in message:
        return Health.SOON, f"Its pod fits on no node: {message.rpartition('message: ')[2]}"
    if attempts and not why and health is Health.WORKING:
        return health, f"Attempt {len(attempts) + 1}; earlier ones failed."
    return health, why


def _continued(steps: Sequence[Step]) -> str:
    names = [step.name for step in steps if step.state == "continued"]
    return f"Step {', '.join(names)} failed, and was allowed to." if names else ""


def _attempt(number: int, status: AttemptStatus) -> Attempt:
    condition = succeeded(status.conditions)
    reason = clean((condition.reason if condition else "") or "")
    steps = _steps(status, done=True, retrying=False)
    return Attempt(
        number=number,
        pod=clean(status.podName or ""),
        health=Health.FINE if condition is not None and condition.status == "True" else Health.BAD,
        reason=reason,
        message=message_of(condition.message if condition else ""),
        started=parse_time(status.startTime),
        ended=parse_time(status.completionTime),
        steps=steps,
    )


def _between_attempts(status: TaskRunStatus, reason: str) -> bool:
    """Return whether the pod and the steps reported are still those of the attempt before."""
    before = (status.retriesStatus or [])[-1:]
    return reason == "ToBeRetried" or any(each.podName and each.podName == status.podName for each in before)


def _out_of_time(step: Step) -> Step:
    """Return a step that was stopped as one that failed by it."""
    return msgspec.structs.replace(step, health=Health.BAD) if step.reason in _STOPPED else step


def _began(steps: Sequence[Step], message: str) -> float | None:
    """Return when the first step started; the times of steps whose image never came are made up."""
    if any(f"[{reason}]" in message for reason in PULLING):
        return None
    return min((step.started for step in steps if step.started is not None), default=None)


def _steps(status: AttemptStatus, *, done: bool, retrying: bool) -> tuple[Step, ...]:
    """Return the steps in their order; those of a Task whose pod is not there are waiting."""
    reported = status.steps or []
    if not reported or retrying:
        spec = status.taskSpec if isinstance(status, TaskRunStatus) else None
        planned = (spec.steps if spec is not None else None) or ()
        names = [clean(each.name or f"unnamed-{place}") for place, each in enumerate(planned)]
        state = "skipped" if done else "waiting"
        return tuple(Step(name, f"step-{name}", Health.HELD, state, "", "", None, None, None) for name in names)
    steps: list[Step] = []
    failed = running = False
    for place, each in enumerate(reported):
        step = _step(each, place, done=done, failed=failed, running=running)
        before = steps[-1].ended if steps else None
        if step.state == "running" and before is not None and step.started is not None:
            # All containers of a pod run together; a step begins when the one before it has ended.
            step = msgspec.structs.replace(step, started=max(before, step.started))
        failed = failed or (step.state == "ended" and step.health is Health.BAD)
        running = running or step.state in ("running", "waiting")
        steps.append(step)
    return tuple(steps)


def _step(status: StepStatus, place: int, *, done: bool, failed: bool, running: bool) -> Step:
    """Return one step; `failed` and `running` say that one before it failed, or has not ended."""
    name = clean(status.name or "") or clean(status.container or "").removeprefix("step-") or f"unnamed-{place}"
    container = clean(status.container or "")
    if status.terminated is not None:
        end = status.terminated
        reason = clean(status.terminationReason or end.reason or "")
        message = message_of(end.message)
        if message.startswith("[{"):
            # The termination message, which carries results.
            message = ""
        code = end.exitCode
        state, health = _end(code, reason, failed=failed)
        known = state != "skipped" and reason not in _STOPPED
        return Step(
            name=name,
            container=container,
            health=health,
            state=state,
            reason=reason,
            message=message,
            exit_code=code if known else None,
            started=None if state == "skipped" else parse_time(end.startedAt),
            ended=None if state == "skipped" else parse_time(end.finishedAt),
        )
    if status.running is not None and not done and not running and not failed:
        since = parse_time(status.running.startedAt)
        return Step(name, container, Health.WORKING, "running", "", "", None, since, None)
    waiting = status.waiting
    reason = clean((waiting.reason if waiting else "") or "")
    message = message_of(waiting.message if waiting else "")
    bad = reason in PULLING or reason in _NEVER_RUNS
    if (done or failed) and not bad:
        return Step(name, container, Health.HELD, "skipped", reason, message, None, None, None)
    health = Health.BAD if bad else Health.HELD if running else Health.WORKING
    return Step(name, container, health, "waiting", reason, message, None, None, None)


def _end(code: int | None, reason: str, *, failed: bool) -> tuple[str, Health]:
    """Return state and health of a step that ended."""
    if reason == "Skipped":
        return "skipped", Health.HELD
    if reason == "Continued":
        return "continued", Health.SOON if code else Health.FINE
    if code == 0:
        return "ended", Health.FINE
    if reason in ("TaskRunCancelled", "Cancelled"):
        return "ended", Health.HELD
    if failed and reason not in _STOPPED:
        # Releases without terminationReason let the steps after a failing one end with an error of their own.
        return "skipped", Health.HELD
    return "ended", Health.UNKNOWN if code is None and not reason else Health.BAD
