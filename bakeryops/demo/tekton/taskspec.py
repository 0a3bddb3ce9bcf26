"""The Task that a TaskRun runs: found, its params and variables filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import copy_json
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.tekton.substitution import substitute
from bakeryops.demo.tekton.words import TASKS

__all__ = ["RefusedError", "ResolvedTask", "resolve_task", "step_name", "without_empty"]


class RefusedError(Exception):
    """A run cannot be run: the text is the message, `reason` the condition's reason."""

    def __init__(self, reason: str, message: str, detail: str = "") -> None:
        """Take reason and message of the condition, and what the Event `InternalError` says."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.detail = detail or message


@dataclass(frozen=True)
class ResolvedTask:
    """A Task with everything filled in."""

    spec: Object
    labels: dict[str, str]
    """Labels that the TaskRun takes over from the Task."""


def step_name(step: Object, index: int) -> str:
    """Return the name of a step, made up for one that has none."""
    return str(step.get("name") or f"unnamed-{index}")


def resolve_task(store: ObjectStore, run: Object, attempt: int) -> ResolvedTask:
    """Return the Task of a TaskRun, filled in for its attempt (0 the first); raises `RefusedError`."""
    spec, labels = _task_of(store, run)
    values: dict[str, Any] = _context(run, attempt)
    values.update(_params(run, spec))
    for result in spec.get("results") or ():
        values[f"results.{result['name']}.path"] = f"/tekton/results/{result['name']}"
    values.update(_workspaces(run, spec))
    for index, step in enumerate(spec.get("steps") or ()):
        name = f"step-{step_name(step, index)}"
        values[f"steps.{name}.exitCode.path"] = f"/tekton/steps/{name}/exitCode"
    filled = substitute({key: value for key, value in spec.items() if key != "params"}, values)
    filled["steps"] = [_with_template(step, filled.get("stepTemplate") or {}) for step in filled["steps"]]
    if spec.get("params"):
        filled["params"] = copy_json(spec["params"])
    for index, step in enumerate(filled["steps"]):
        step.setdefault("name", step_name(step, index))
    return ResolvedTask(filled, labels)


def _task_of(store: ObjectStore, run: Object) -> tuple[Object, dict[str, str]]:
    if run["spec"].get("taskSpec"):
        return run["spec"]["taskSpec"], {}
    reference = run["spec"].get("taskRef") or {}
    metadata = run["metadata"]
    name = reference.get("name", "")
    where = f"error when listing tasks for taskRun {metadata['name']}: "
    if reference.get("resolver"):
        why = f'{where}the resolver "{reference["resolver"]}" is not installed'
        raise RefusedError("TaskRunResolutionFailed", why)
    task = store.get(TASKS, metadata["namespace"], name)
    if task is None:
        why = f'tekton client cannot get task {name} from local cluster: tasks.tekton.dev "{name}" not found'
        raise RefusedError("TaskRunResolutionFailed", where + why)
    labels = {**(task["metadata"].get("labels") or {}), "tekton.dev/task": name}
    return task["spec"], labels


def _context(run: Object, attempt: int) -> dict[str, Any]:
    metadata = run["metadata"]
    labels = metadata.get("labels") or {}
    reference = run["spec"].get("taskRef") or {}
    return {
        "context.taskRun.name": metadata["name"],
        "context.taskRun.namespace": metadata["namespace"],
        "context.taskRun.uid": metadata["uid"],
        "context.task.name": reference.get("name") or labels.get("tekton.dev/pipelineTask") or "",
        "context.task.retry-count": str(attempt),
        "credentials.path": "/tekton/creds",
    }


def _params(run: Object, spec: Object) -> dict[str, Any]:
    given = {param["name"]: param.get("value") for param in run["spec"].get("params") or ()}
    values: dict[str, Any] = {}
    missing = []
    for param in spec.get("params") or ():
        name = param["name"]
        if name in given:
            values[f"params.{name}"] = given[name]
        elif "default" in param:
            values[f"params.{name}"] = param["default"]
        else:
            missing.append(name)
    if missing:
        task = (run["spec"].get("taskRef") or {}).get("name", "")
        why = (
            f"invalid input params for task {task}: missing values for these params which have no default values: "
        )
        raise RefusedError("TaskRunValidationFailed", f"[User error] {why}[{' '.join(missing)}]")
    for param in spec.get("params") or ():
        wanted, value = param.get("type") or "string", values[f"params.{param['name']}"]
        found = "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "string"
        if "type" in param and found != wanted:
            why = "invalid input params for task: param types don't match the user-specified type"
            raise RefusedError("TaskRunValidationFailed", f"[User error] {why}: [{param['name']}]")
    for name, value in given.items():
        # Params that a Pipeline hands to a Task which does not declare them are known to embedded specs.
        values.setdefault(f"params.{name}", value)
    return values


def _workspaces(run: Object, spec: Object) -> dict[str, Any]:
    bound = {each["name"]: each for each in run["spec"].get("workspaces") or ()}
    values: dict[str, Any] = {}
    for declared in spec.get("workspaces") or ():
        name = declared["name"]
        binding = bound.get(name)
        if binding is None and not declared.get("optional"):
            why = f'expected workspace "{name}" to be provided by TaskRun'
            raise RefusedError(
                "TaskRunValidationFailed",
                f"[User error] bound workspaces did not match declared workspaces: {why}",
            )
        path = declared.get("mountPath") or f"/workspace/{name}"
        claim = ((binding or {}).get("persistentVolumeClaim") or {}).get("claimName", "")
        values[f"workspaces.{name}.path"] = path if binding else ""
        values[f"workspaces.{name}.bound"] = "true" if binding else "false"
        values[f"workspaces.{name}.claim"] = claim
        values[f"workspaces.{name}.volume"] = f"ws-{name}" if binding else ""
    return values


def without_empty(env: list[Object]) -> list[Object]:
    """Return variables as Go writes them: a value that is empty is left out."""
    return [{key: value for key, value in each.items() if key != "value" or value != ""} for each in env]


def _with_template(step: Object, template: Object) -> Object:
    """Lay a step over the Task's stepTemplate; lists of env are joined, the step's entries last."""
    merged = {**template, **step}
    if merged.get("env"):
        merged["env"] = without_empty(merged["env"])
    if template.get("env") and step.get("env"):
        own = {each["name"] for each in step["env"]}
        merged["env"] = [*(each for each in template["env"] if each["name"] not in own), *step["env"]]
    return merged
