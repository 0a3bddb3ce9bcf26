"""A PipelineRun and its TaskRuns read as one build."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bakeryops.cluster.wire.tekton import PipelineRun, PipelineRunSpec, PipelineRunStatus, TaskRun
from bakeryops.model.build import Build, BuildState, BuildTask
from bakeryops.model.health import Health, worst
from bakeryops.read.build_facts import facts_of, trigger_of
from bakeryops.read.build_failure import failure_of
from bakeryops.read.build_plan import plan_of
from bakeryops.read.build_reasons import CANCELLED_RUN, STOPPING_RUN, UNSAID, message_of, run_sentence
from bakeryops.read.build_taskruns import succeeded
from bakeryops.read.build_tasks import belongs, children_of, embedded_in, skipped_in, tasks_of
from bakeryops.read.build_values import named
from bakeryops.text import clean
from bakeryops.units import format_duration, parse_time

__all__ = ["PATIENCE", "build_key", "build_of"]

PATIENCE = 30.0
"""Seconds after which a run that the controller has not taken up is worth a look."""

_COUNTS = re.compile(
    r"Tasks Completed: (?P<completed>\d+) \(Failed: (?P<failed>\d+)(?: \(Ignored: (?P<ignored>\d+)\))?"
    r", Cancell?ed:? (?P<cancelled>\d+)\)(?:, Incomplete: (?P<incomplete>\d+))?(?:, Skipped: (?P<skipped>\d+))?"
)
_PENDING = "PipelineRunPending"
_PIPELINE_LABEL = "tekton.dev/pipeline"
_TEKTON = "tekton.dev/pipeline"
_FINISHED = ("succeeded", "failed", "cancelled", "timed out")


def build_key(run: PipelineRun) -> str:
    """Return the key of a run's build: "namespace/name"."""
    return f"{clean(run.metadata.namespace)}/{clean(run.metadata.name)}"


def build_of(run: PipelineRun, taskruns: Iterable[TaskRun] | None = (), *, now: float) -> Build:
    """Return a run as a build at `now` (seconds since the epoch); total over anything the API may send.

    TaskRuns of other runs are left out. Without TaskRuns the tasks are as far known as the run itself tells; None
    makes a row of a list, without tasks.
    """
    status = run.status or PipelineRunStatus()
    spec = run.spec or PipelineRunSpec()
    condition = succeeded(status.conditions)
    reason = clean((condition.reason if condition else "") or "")
    message = message_of(condition.message if condition else "")
    counts = _counts(message)
    failures = counts["failed"] - counts["ignored"] if counts else 0
    state, health = _state(run, condition.status if condition else None, reason, failures)
    created = parse_time(run.metadata.creationTimestamp) or parse_time(status.startTime) or 0.0
    started, ended = parse_time(status.startTime), parse_time(status.completionTime)

    children, skipped, plan = children_of(run), skipped_in(run), plan_of(run)
    tasks: tuple[BuildTask, ...] = ()
    if taskruns is not None:
        made = [each for each in taskruns if belongs(each, run)] or embedded_in(run)
        well = state == "succeeded" and bool(counts) and not counts["failed"] and not counts["cancelled"]
        tasks = tasks_of(plan, children, skipped, made, state=state, all_well=well)
    health = _with_tasks(state, health, tasks)
    if state == "running" and any(task.state in ("failed", "timed out") for task in tasks):
        state = "stopping"
    why = _why(run, state, reason, message, tasks, failures, created, now)
    if state == "queued" and now - created > PATIENCE:
        health = Health.SOON
    params = named(spec.params)
    results = (*named(status.results), *named(status.pipelineResults))
    facts = facts_of(params, results, children, [clean(each.name) for each in skipped], plan, tasks)
    done, total = _progress(counts, len(plan), tasks)
    labels = run.metadata.labels or {}
    return Build(
        key=build_key(run),
        namespace=clean(run.metadata.namespace),
        name=clean(run.metadata.name),
        uid=clean(run.metadata.uid),
        pipeline=clean((spec.pipelineRef.name if spec.pipelineRef else "") or labels.get(_PIPELINE_LABEL) or ""),
        state=state,
        health=health,
        reason=reason,
        message=message,
        why=why,
        trigger=trigger_of(run, params, (*results, *(each for task in tasks for each in task.results))),
        services=facts.services,
        tag=facts.tag,
        deploy_commit=facts.deploy_commit,
        created=created,
        started=started,
        ended=ended if state in _FINISHED else None,
        finally_started=parse_time(status.finallyStartTime),
        queued=None if started is None else max(0.0, started - created),
        done=done,
        total=total,
        params=params,
        results=results,
        tasks=tasks,
        failure=failure_of(state, health, why, tasks),
    )


def _state(run: PipelineRun, status: str | None, reason: str, failures: int) -> tuple[BuildState, Health]:
    """Return the state and health that the condition tells; its status decides, never the reason alone."""
    wish = (run.spec.status if run.spec is not None else None) or ""
    match status:
        case "True":
            return "succeeded", Health.FINE
        case "False":
            if reason in CANCELLED_RUN:
                return "cancelled", Health.HELD
            return ("timed out", Health.BAD) if reason == "PipelineRunTimeout" else ("failed", Health.BAD)
        case "Unknown":
            return _unfinished(reason, wish, failures)
        case None:
            if wish == _PENDING:
                return "pending", Health.HELD
            return ("stopping" if wish else "queued"), Health.WORKING
    return "running", Health.UNKNOWN


def _unfinished(reason: str, wish: str, failures: int) -> tuple[BuildState, Health]:
    if reason == _PENDING:
        return "pending", Health.HELD
    if reason in ("PipelineRunStopping", "PipelineRunTimeoutRunningFinally") or failures > 0:
        return "stopping", Health.BAD
    if reason in ("PipelineRunCouldntCancel", "PipelineRunCouldntTimeOut"):
        return "stopping", Health.BAD
    if reason in STOPPING_RUN or (wish and wish != _PENDING):
        return "stopping", Health.WORKING
    return "running", Health.WORKING


def _with_tasks(state: BuildState, health: Health, tasks: Sequence[BuildTask]) -> Health:
    """Return the health of a build that goes on as that of its worst task, where that is worse."""
    if state not in ("running", "stopping") or health is Health.UNKNOWN:
        return health
    judged = [
        task.health for task in tasks if task.health in (Health.BAD, Health.SOON) and task.state != "ignored"
    ]
    return worst([health, *judged])


def _why(
    run: PipelineRun,
    state: BuildState,
    reason: str,
    message: str,
    tasks: Sequence[BuildTask],
    failures: int,
    created: float,
    now: float,
) -> str:
    """Return in a sentence why a build is as it is."""
    manager = clean((run.spec.managedBy if run.spec is not None else None) or "")
    if state == "queued":
        if manager and manager != _TEKTON:
            return f"Tekton leaves it alone: it is managed by {manager}."
        if now - created > PATIENCE:
            waited = format_duration(now - created)
            return f"Tekton has not taken it up for {waited}: is the pipelines controller running?"
        return "Tekton has not taken it up yet."
    sentence = run_sentence(reason, message)
    if state == "pending":
        return sentence or run_sentence(_PENDING, "")
    blamed = _blamed(tasks)
    if blamed and state not in ("succeeded", "cancelled"):
        return blamed if reason in ("Failed", "Running", "") else f"{sentence} {blamed}".strip()
    if failures > 0 and reason in ("Failed", "Running"):
        return f"{failures} task{'s' if failures > 1 else ''} failed."
    if state == "succeeded":
        ignored = [task.title for task in tasks if task.state == "ignored"]
        return f"Finished well; {', '.join(ignored)} failed and was allowed to." if ignored else sentence
    if state == "running":
        slots = [task.title for task in tasks if task.reason == "ExceededResourceQuota"]
        if slots:
            # The names come last: a wide matrix has more than fit, and what is cut must not be the verb.
            count = f"{len(slots)} tasks wait" if len(slots) > 1 else "1 task waits"
            return f"{count} for a build slot: {', '.join(slots)}."
        troubled = next((task for task in tasks if task.health is Health.SOON and task.why), None)
        if troubled is not None and not sentence:
            return f"{troubled.title}: {troubled.why}"
    if state == "stopping" and reason in ("Running", "Started", ""):
        return "It was asked to stop."
    return sentence or (message or UNSAID if state in ("failed", "timed out") else "")


def _blamed(tasks: Sequence[BuildTask]) -> str:
    """Return which tasks failed or cannot go on, and why the first did; "" for none."""
    bad = [task for task in tasks if task.state in ("failed", "timed out") or task.health is Health.BAD]
    if not bad:
        return ""
    first = min(bad, key=lambda task: (task.state not in ("failed", "timed out"), task.ended or 0.0))
    title = f"{first.title} (and {len(bad) - 1} more)" if len(bad) > 1 else first.title
    return f"{title}: {first.why}" if first.why else f"{title} {first.state}"


def _counts(message: str) -> dict[str, int]:
    """Return the numbers in the message of a run ("Tasks Completed: 4 (Failed: 1 …"); empty where it has none."""
    found = _COUNTS.search(message)
    return {name: int(text or 0) for name, text in found.groupdict().items()} if found is not None else {}


def _progress(counts: dict[str, int], planned: int, tasks: Sequence[BuildTask]) -> tuple[int | None, int | None]:
    """Return how many pipeline tasks are done with, and of how many; the children of a matrix count as one."""
    if counts:
        done = counts["completed"] + counts["skipped"]
        return done, max(done + counts["incomplete"], planned)
    if not tasks:
        return None, planned or None
    left: set[str] = {
        task.task for task in tasks if task.state in ("not started", "queued", "running", "retrying", "unknown")
    }
    names = {task.task for task in tasks}
    return len(names - left), len(names)
