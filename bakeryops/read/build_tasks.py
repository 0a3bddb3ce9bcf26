"""The tasks of a build: its plan, the TaskRuns made so far, and what was skipped, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from bakeryops.cluster.wire.meta import AnnotatedMeta
from bakeryops.cluster.wire.tekton import (
    ChildReference,
    EmbeddedRun,
    PipelineRun,
    SkippedTask,
    TaskRun,
    WhenExpression,
)
from bakeryops.model.build import BuildState, BuildTask, TaskState
from bakeryops.model.health import Health
from bakeryops.read.build_plan import PlannedTask, when_texts
from bakeryops.read.build_reasons import skip_sentence
from bakeryops.read.build_taskruns import read_taskrun
from bakeryops.read.build_values import expanded, named
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["RUN_LABEL", "TASK_LABEL", "belongs", "children_of", "embedded_in", "skipped_in", "tasks_of"]

RUN_LABEL = "tekton.dev/pipelineRun"
TASK_LABEL = "tekton.dev/pipelineTask"
_MEMBER_LABEL = "tekton.dev/memberOf"
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_T = TypeVar("_T")


def children_of(run: PipelineRun) -> list[ChildReference]:
    """Return the references a run has to what it made; empty where they cannot be read."""
    return _decoded(run.status.childReferences, list[ChildReference], []) if run.status is not None else []


def skipped_in(run: PipelineRun) -> list[SkippedTask]:
    """Return the tasks a run skipped; empty where they cannot be read."""
    return _decoded(run.status.skippedTasks, list[SkippedTask], []) if run.status is not None else []


def embedded_in(run: PipelineRun) -> list[TaskRun]:
    """Return the TaskRuns whose statuses an old release wrote into the run itself."""
    nothing: dict[str, EmbeddedRun] = {}
    found = _decoded(run.status.taskRuns, dict[str, EmbeddedRun], nothing) if run.status is not None else nothing
    return [
        TaskRun(
            metadata=AnnotatedMeta(
                name=name, namespace=run.metadata.namespace, labels={TASK_LABEL: each.pipelineTaskName or ""}
            ),
            status=each.status,
        )
        for name, each in found.items()
    ]


def belongs(taskrun: TaskRun, run: PipelineRun) -> bool:
    """Return whether a TaskRun is of this run, and not of one that had its name before."""
    meta = taskrun.metadata
    if meta.namespace != run.metadata.namespace:
        return False
    owners = [each.uid for each in meta.ownerReferences or () if each.kind == "PipelineRun" and each.uid]
    if owners and run.metadata.uid:
        return run.metadata.uid in owners
    return (meta.labels or {}).get(RUN_LABEL) == run.metadata.name


class _Child(msgspec.Struct):
    """One thing a run made for a task: by reference, by its TaskRun, or by both."""

    name: str
    task: str
    kind: str = "TaskRun"
    display: str = ""
    when: Sequence[WhenExpression] = ()
    run: TaskRun | None = None


def tasks_of(
    plan: Sequence[PlannedTask],
    children: Iterable[ChildReference],
    skipped: Iterable[SkippedTask],
    taskruns: Iterable[TaskRun],
    *,
    state: BuildState,
    all_well: bool,
) -> tuple[BuildTask, ...]:
    """Return the tasks of a build in the order of `plan`, children of a matrix by title.

    `state` is that of the build; `all_well` says that the run itself tells that none of its tasks failed, which
    is all that is known of children whose TaskRuns are not among `taskruns`.
    """
    found = _made(children, taskruns)
    by_task: dict[str, list[_Child]] = {}
    for child in found.values():
        by_task.setdefault(child.task, []).append(child)
    reasons = {clean(each.name): each for each in skipped}
    planned = {each.name: each for each in plan}
    for name in (*by_task, *reasons):
        if name not in planned:
            planned[name] = PlannedTask(name, "", _closing(by_task.get(name, ())), (), (), False, ())
    tasks: list[BuildTask] = []
    for each in sorted(planned.values(), key=lambda one: one.finally_):
        made = by_task.get(each.name, [])
        if made:
            tasks += _of_children(each, made, state=state, all_well=all_well)
        elif each.name in reasons:
            tasks.append(_skipped(each, reasons[each.name]))
        else:
            tasks.append(_not_started(each, state))
    return tuple(tasks)


def _made(children: Iterable[ChildReference], taskruns: Iterable[TaskRun]) -> dict[str, _Child]:
    found: dict[str, _Child] = {}
    for each in children:
        name = clean(each.name)
        found[name] = _Child(
            name=name,
            task=clean(each.pipelineTaskName or "") or name,
            kind=clean(each.kind or "TaskRun"),
            display=clean(each.displayName or ""),
            when=each.whenExpressions or (),
        )
    for run in taskruns:
        # A TaskRun is often seen before the run refers to it.
        name = clean(run.metadata.name)
        task = clean((run.metadata.labels or {}).get(TASK_LABEL) or "") or name
        found.setdefault(name, _Child(name=name, task=task)).run = run
    return found


def _closing(children: Iterable[_Child]) -> bool:
    return any(
        (each.run.metadata.labels or {}).get(_MEMBER_LABEL) == "finally"
        for each in children
        if each.run is not None
    )


def _of_children(
    plan: PlannedTask, made: Sequence[_Child], *, state: BuildState, all_well: bool
) -> Iterable[BuildTask]:
    """Return the children of one task; several are told apart by what they are called, never by an index."""
    single = len(made) == 1
    keys = [plan.name if single else f"{plan.name}/{each.name}" for each in made]
    tasks = [
        _of_child(plan, each, key=key, state=state, all_well=all_well)
        for key, each in zip(keys, made, strict=True)
    ]
    titles = [each.title for each in tasks]
    if not single:
        tasks = [
            msgspec.structs.replace(each, title=f"{each.title} ({each.run})")
            if titles.count(each.title) > 1
            else each
            for each in tasks
        ]
    return sorted(tasks, key=lambda each: (each.title, each.key))


def _of_child(plan: PlannedTask, child: _Child, *, key: str, state: BuildState, all_well: bool) -> BuildTask:
    run = child.run
    when = when_texts(child.when) or plan.when
    if run is None:
        return _unseen(plan, child, key=key, when=when, state=state, all_well=all_well)
    reading = read_taskrun(run)
    params = named(run.spec.params if run.spec is not None else None)
    status = run.status
    results = (*named(status.results), *named(status.taskResults)) if status is not None else ()
    title = child.display or expanded(plan.display, params)
    if "$(" in title or not title:
        values = [each.value for each in params if each.name in plan.over]
        title = " ".join((plan.name, *values))
    return BuildTask(
        key=key,
        task=plan.name,
        title=title,
        finally_=plan.finally_,
        state=reading.state,
        health=reading.health,
        reason=reading.reason,
        message=reading.message,
        why=reading.why,
        after=plan.after,
        params=params,
        results=results,
        run=child.name,
        pod=reading.pod,
        created=parse_time(run.metadata.creationTimestamp),
        started=reading.started,
        began=reading.began,
        ended=reading.ended,
        steps=reading.steps,
        attempts=reading.attempts,
        when=when,
    )


def _unseen(
    plan: PlannedTask, child: _Child, *, key: str, when: tuple[str, ...], state: BuildState, all_well: bool
) -> BuildTask:
    """Return a child of which only the reference is known."""
    known: tuple[TaskState, Health, str]
    if all_well:
        known = "succeeded", Health.FINE, ""
    elif child.kind != "TaskRun":
        known = "running", Health.UNKNOWN, f"It is a {child.kind}: how it goes is kept in that object."
        if state in ("succeeded", "failed", "cancelled", "timed out"):
            known = "unknown", Health.UNKNOWN, f"It was a {child.kind}: how it went is kept in that object."
    else:
        known = "unknown", Health.UNKNOWN, f"TaskRun {child.name} is gone, or not read yet."
    title = child.display if "$(" not in child.display else ""
    return _empty(plan, *known, key=key, title=title, run=child.name, when=when)


def _skipped(plan: PlannedTask, skipped: SkippedTask) -> BuildTask:
    reason = clean(skipped.reason or "")
    when = when_texts(skipped.whenExpressions) or plan.when
    return _empty(plan, "skipped", Health.HELD, skip_sentence(reason), when=when, reason=reason)


def _not_started(plan: PlannedTask, state: BuildState) -> BuildTask:
    if state in ("cancelled", "failed", "timed out", "succeeded"):
        return _empty(plan, "not started", Health.HELD, "It never ran: the build ended before.", when=plan.when)
    waits = f"It waits for {', '.join(plan.after)}." if plan.after else ""
    if plan.finally_:
        waits = "It runs when all other tasks have ended."
    return _empty(plan, "not started", Health.HELD, waits, when=plan.when)


def _empty(
    plan: PlannedTask,
    state: TaskState,
    health: Health,
    why: str,
    *,
    when: tuple[str, ...],
    key: str = "",
    title: str = "",
    run: str = "",
    reason: str = "",
) -> BuildTask:
    """Return a task without a TaskRun."""
    display = plan.display if "$(" not in plan.display else ""
    return BuildTask(
        key=key or plan.name,
        task=plan.name,
        title=title or display or plan.name,
        finally_=plan.finally_,
        state=state,
        health=health,
        reason=reason,
        message="",
        why=why,
        after=plan.after,
        params=(),
        results=(),
        run=run,
        pod="",
        created=None,
        started=None,
        began=None,
        ended=None,
        steps=(),
        attempts=(),
        when=when,
    )


def _decoded(part: msgspec.Raw, kind: Any, default: _T) -> _T:
    """Return a part that was left as JSON; `default` where it is absent or not of its shape."""
    try:
        found: Mapping[str, Any] | list[Any] | None = msgspec.json.decode(part, type=kind | None)
    except _UNREADABLE:
        return default
    return default if found is None else found  # type: ignore[return-value]
