"""The tasks of a pipeline in the order of their dependencies, and what each waits for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bakeryops.cluster.wire.tekton import PipelineRun, PipelineSpec, PipelineTask, WhenExpression
from bakeryops.read.build_values import text_of
from bakeryops.text import clean

__all__ = ["PlannedTask", "plan_of", "when_texts"]

_TAKES = re.compile(r"\$\(tasks\.([\w-]+)\.(?:results|outputs)\b")


class PlannedTask(msgspec.Struct, frozen=True):
    """One task of a pipeline before it has a TaskRun."""

    name: str
    display: str
    """Its display name as written, references to parameters included."""
    finally_: bool
    after: tuple[str, ...]
    over: tuple[str, ...]
    """Names of the parameters its matrix runs over; empty without a matrix."""
    matrix: bool
    when: tuple[str, ...]


_PLANS_MOST = 500
_plans: dict[int, tuple[PipelineSpec, tuple[PlannedTask, ...]]] = {}
"""By identity, which is safe while the specification is kept beside: runs of one pipeline share it."""


def plan_of(run: PipelineRun) -> tuple[PlannedTask, ...]:
    """Return the tasks of a run's pipeline, each after those it waits for, closing tasks last.

    Until the controller has written the pipeline into the status, what the run itself embeds is taken; empty where
    neither is there.
    """
    spec = run.status.pipelineSpec if run.status is not None else None
    if spec is None and run.spec is not None:
        spec = run.spec.pipelineSpec
    if spec is None:
        return ()
    known = _plans.get(id(spec))
    if known is not None:
        return known[1]
    if len(_plans) > _PLANS_MOST:
        _plans.clear()
    plan = _read(spec)
    _plans[id(spec)] = spec, plan
    return plan


def _read(spec: PipelineSpec) -> tuple[PlannedTask, ...]:
    names = {clean(each.name) for each in spec.tasks or ()}
    tasks = [_planned(each, names, closing=False) for each in spec.tasks or ()]
    closing = [_planned(each, names, closing=True) for each in spec.finally_ or ()]
    return (*_ordered(tasks), *closing)


def when_texts(expressions: Iterable[WhenExpression] | None) -> tuple[str, ...]:
    """Return guards as text: `true in [true]`, or a CEL expression."""
    found = []
    for each in expressions or ():
        if each.cel:
            found.append(text_of(each.cel))
        else:
            values = ", ".join(text_of(value) for value in each.values or ())
            found.append(f"{text_of(each.input)} {clean(each.operator or 'in')} [{values}]")
    return tuple(found)


def _planned(task: PipelineTask, names: set[str], *, closing: bool) -> PlannedTask:
    name = clean(task.name)
    matrix = task.matrix
    over = [clean(each.name) for each in (matrix.params if matrix is not None else None) or ()]
    for combination in (matrix.include if matrix is not None else None) or ():
        over += [clean(each.name) for each in combination.params or ()]
    return PlannedTask(
        name=name,
        display=clean(task.displayName or ""),
        finally_=closing,
        after=() if closing else tuple(each for each in _waits_for(task) if each in names and each != name),
        over=tuple(dict.fromkeys(each for each in over if each)),
        matrix=matrix is not None,
        when=when_texts(task.when),
    )


def _waits_for(task: PipelineTask) -> Iterable[str]:
    """Return the tasks that one waits for: those it names, and those whose results or artifacts it takes."""
    found = dict.fromkeys(clean(each) for each in task.runAfter or ())
    values: list[Any] = [each.value for each in task.params or ()]
    if task.matrix is not None:
        values += [each.value for each in task.matrix.params or ()]
        values += [each.value for one in task.matrix.include or () for each in one.params or ()]
    for guard in task.when or ():
        values += [guard.input, guard.values, guard.cel]
    for value in values:
        found.update(dict.fromkeys(_TAKES.findall(str(value))))
    return found


def _ordered(tasks: Sequence[PlannedTask]) -> Iterable[PlannedTask]:
    """Return tasks so that each follows those it waits for, else as written; a circle comes as it is."""
    left = list({each.name: each for each in tasks}.values())
    done: set[str] = set()
    ordered: list[PlannedTask] = []
    while left:
        chosen = next((each for each in left if done.issuperset(each.after)), left[0])
        left.remove(chosen)
        done.add(chosen.name)
        ordered.append(chosen)
    return ordered
