"""What is wrong with a Pipeline or a Task, in the words of Tekton's webhook."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.tekton.graph import cycle, results_needed
from bakeryops.demo.tekton.substitution import references

__all__ = ["pipeline_faults", "task_faults"]

_STEP_FIELDS = ("image", "script", "workingDir", "command", "args", "env")


def pipeline_faults(spec: Object, path: str, *, closed: bool) -> Iterator[str]:
    """Yield what is wrong with a pipeline spec at a path.

    `closed` says that the params it may use are those that it declares: one written into a PipelineRun may use the
    run's as well.
    """
    tasks, final = _dicts(spec.get("tasks")), _dicts(spec.get("finally"))
    if not any(spec.get(field) for field in ("description", "params", "tasks", "workspaces")):
        fields = ("description", "params", "resources", "tasks", "workspaces")
        yield f"expected at least one, got none: {', '.join(f'{path}.{field}' for field in fields)}"
        return
    seen: set[str] = set()
    twice = ""
    for part, group in (("tasks", tasks), ("finally", final)):
        for index, task in enumerate(group):
            where = f"{path}.{part}[{index}]"
            name = str(task.get("name") or "")
            if not name:
                yield f"invalid value {name!r}: {where}.name".replace("'", '"')
            elif name in seen:
                yield f"expected exactly one, got both: {where}.name"
                twice = twice or name
            seen.add(name)
            yield from _one_of(task, where, "taskRef", "taskSpec")
            for when in _dicts(task.get("when")):
                if when.get("cel"):
                    flag = "feature flag enable-cel-in-whenexpression should be set to true to use CEL"
                    yield f"invalid value: {flag}: {when['cel']} in WhenExpression: {where}.when"
    if twice:
        why = f"task {twice} is already present in Graph, can't add it again: duplicate pipeline task"
        yield f"invalid value: {why}: {path}.tasks"
        return
    yield from _order_faults(tasks, final, path)
    known = {f"params.{param.get('name')}" for param in _dicts(spec.get("params"))}
    for part, group in (("tasks", tasks), ("finally", final)):
        for index, task in enumerate(group):
            where = f"{path}.{part}[{index}]"
            if closed:
                yield from _unknown_params(task, where, known)
            if isinstance(task.get("taskSpec"), dict):
                yield from task_faults(task["taskSpec"], where, known if closed else None)


def _order_faults(tasks: list[Object], final: list[Object], path: str) -> Iterator[str]:
    names = {task.get("name") for task in tasks}
    for task in tasks:
        for parent in [*(task.get("runAfter") or ()), *(each.task for each in results_needed(task))]:
            if parent not in names:
                name = task.get("name")
                why = f"couldn't add link between {name} and {parent}: task {name} depends on {parent}"
                yield f"invalid value: {why} but {parent} wasn't present in Pipeline: {path}.tasks"
                return
    circle = cycle(tasks)
    if circle is not None:
        needed = ", ".join(f'"{name}"' for name in circle[1])
        yield f'invalid value: cycle detected; task "{circle[0]}" depends on {needed}: {path}.tasks'
    for index, task in enumerate(final):
        if task.get("runAfter"):
            why = f"no runAfter allowed under {path}.finally, final task {task.get('name')} has runAfter specified"
            yield f"invalid value: {why}: {path}.finally[{index}]"


def _unknown_params(task: Object, where: str, known: set[str]) -> Iterator[str]:
    own = {f"params.{param.get('name')}" for param in _dicts((task.get("matrix") or {}).get("params"))}
    for param in _dicts(task.get("params")):
        yield from _unknown(param.get("value"), f"{where}.params[{param.get('name')}].value", known)
    for index, when in enumerate(_dicts(task.get("when"))):
        yield from _unknown(when.get("input"), f"{where}.when[{index}].input", known)
        yield from _unknown(when.get("values"), f"{where}.when[{index}].values", known)
    yield from _unknown(task.get("displayName"), f"{where}.displayName", known | own)


def _unknown(value: Any, where: str, known: set[str]) -> Iterator[str]:
    for text in value if isinstance(value, list) else [value]:
        for name in references(text):
            if name.startswith("params.") and not _declared(name, known):
                yield f'non-existent variable in "{text}": {where}'
                break


def _declared(name: str, known: set[str]) -> bool:
    plain = name.partition("[")[0]
    return plain in known or plain.rpartition(".")[0] in known


def task_faults(spec: Object, path: str, outer: Set[str] | None = frozenset()) -> Iterator[str]:
    """Yield what is wrong with a task spec at a path; `outer` are params known around it, None for any."""
    steps = _dicts(spec.get("steps"))
    if not steps:
        yield f"missing field(s): {path}.steps"
        return
    names: set[str] = set()
    known = {f"params.{param.get('name')}" for param in _dicts(spec.get("params"))} | set(outer or ())
    for index, step in enumerate(steps):
        where = f"{path}.steps[{index}]"
        name = step.get("name")
        if name in names:
            yield f"invalid value: {name}: {where}.name"
        if name:
            names.add(str(name))
        if not step.get("image") and not step.get("ref") and not (spec.get("stepTemplate") or {}).get("image"):
            yield f"missing field(s): {where}.Image"
        if step.get("script") and step.get("command"):
            yield f"script cannot be used with command: {where}.script"
        if outer is None:
            continue
        for field in _STEP_FIELDS:
            for text in _texts(step.get(field)):
                if any(each.startswith("params.") and not _declared(each, known) for each in references(text)):
                    yield f'non-existent variable in "{text}": {where}.{field}'


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item.get("value") if isinstance(item, dict) else item)


def _one_of(holder: Object, path: str, *fields: str) -> Iterator[str]:
    given = [field for field in fields if holder.get(field)]
    if len(given) == 1 or holder.get("pipelineRef") or holder.get("pipelineSpec"):
        return
    word = "neither" if not given else "both"
    yield f"expected exactly one, got {word}: {', '.join(f'{path}.{field}' for field in fields)}"


def _dicts(value: Any) -> list[Object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
