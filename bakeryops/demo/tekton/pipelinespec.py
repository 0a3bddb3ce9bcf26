"""The Pipeline that a PipelineRun runs: found, checked against the run, its params filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import copy_json
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.tekton.substitution import Values, substitute
from bakeryops.demo.tekton.taskspec import RefusedError, without_empty
from bakeryops.demo.tekton.words import PIPELINES, TASKS

__all__ = ["NotRunnableError", "ResolvedPipeline", "pipeline_name", "resolve_pipeline"]

_KINDS: dict[type, str] = {str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class ResolvedPipeline:
    """A Pipeline with its params filled in."""

    spec: Object
    """As `status.pipelineSpec` shows it."""
    labels: dict[str, str] = field(default_factory=dict)
    """Of the Pipeline, which the run takes over."""
    annotations: dict[str, str] = field(default_factory=dict)


class NotRunnableError(RefusedError):
    """A PipelineRun that cannot be run; `spec` is its Pipeline where that is known."""

    def __init__(self, reason: str, message: str, detail: str = "", spec: Object | None = None) -> None:
        """Take what the condition says, what the Event says, and the Pipeline."""
        super().__init__(reason, message, detail)
        self.spec = spec


def pipeline_name(run: Object) -> str:
    """Return the name of a run's Pipeline: its own where the Pipeline is written into it."""
    return str((run["spec"].get("pipelineRef") or {}).get("name") or run["metadata"]["name"])


def resolve_pipeline(store: ObjectStore, run: Object) -> ResolvedPipeline:
    """Return the Pipeline of a run, ready to be run; raises `NotRunnableError`."""
    found = _found(store, run)
    values = _values(run, found.spec)
    _check_workspaces(run, found.spec)
    _check_tasks(store, run, found.spec)
    spec = copy_json(found.spec)
    for part in ("tasks", "finally"):
        if spec.get(part):
            spec[part] = [_filled(task, values) for task in spec[part]]
    if spec.get("results"):
        spec["results"] = substitute(spec["results"], values)
    return ResolvedPipeline(spec, found.labels, found.annotations)


def _found(store: ObjectStore, run: Object) -> ResolvedPipeline:
    spec, metadata = run["spec"], run["metadata"]
    if spec.get("pipelineSpec"):
        return ResolvedPipeline(spec["pipelineSpec"])
    reference = spec.get("pipelineRef") or {}
    full, name = f"{metadata['namespace']}/{metadata['name']}", reference.get("name", "")
    detail = f"error when getting Pipeline for PipelineRun {metadata['name']}: "
    if reference.get("resolver"):
        detail += f'the resolver "{reference["resolver"]}" is not installed'
        text = f"Error retrieving pipeline for pipelinerun {full}: {detail}"
        raise NotRunnableError("CouldntGetPipeline", text, detail)
    pipeline = store.get(PIPELINES, metadata["namespace"], name)
    if pipeline is None:
        detail += (
            f'tekton client cannot get pipeline {name} from local cluster: pipelines.tekton.dev "{name}" not found'
        )
        text = f"Error retrieving pipeline for pipelinerun {full}: {detail}"
        raise NotRunnableError("CouldntGetPipeline", text, detail)
    kept = {
        key: value
        for key, value in (pipeline["metadata"].get("annotations") or {}).items()
        if not key.startswith("kubectl.kubernetes.io/")
    }
    return ResolvedPipeline(pipeline["spec"], dict(pipeline["metadata"].get("labels") or {}), kept)


def _values(run: Object, spec: Object) -> dict[str, Any]:
    metadata = run["metadata"]
    full = f"{metadata['namespace']}/{metadata['name']}"
    pipeline = f"{metadata['namespace']}/{pipeline_name(run)}"
    given = {param["name"]: param.get("value") for param in run["spec"].get("params") or ()}
    values: dict[str, Any] = {
        "context.pipelineRun.name": metadata["name"],
        "context.pipelineRun.namespace": metadata["namespace"],
        "context.pipelineRun.uid": metadata["uid"],
        "context.pipeline.name": pipeline_name(run),
    }
    declared = {param["name"]: param for param in spec.get("params") or ()}
    missing = [name for name, param in declared.items() if name not in given and "default" not in param]
    if missing:
        detail = f"pipelineRun missing parameters: [{' '.join(missing)}]"
        text = (
            f"[User error] PipelineRun {full} is missing some parameters required by Pipeline {pipeline}: {detail}"
        )
        raise NotRunnableError("ParameterMissing", text, detail, spec)
    wrong = []
    for name, param in declared.items():
        value = given.get(name, param.get("default"))
        if _KINDS.get(type(value), "string") != (param.get("type") or "string"):
            wrong.append(name)
        values[f"params.{name}"] = value
    if wrong:
        detail = f"parameters have mismatching types: [{' '.join(wrong)}]"
        text = f"[User error] PipelineRun {full} parameters have mismatching types with Pipeline {pipeline}'s "
        raise NotRunnableError("ParameterTypeMismatch", f"{text}parameters: {detail}", detail, spec)
    for name, value in given.items():
        # A Pipeline written into the run knows the run's params without declaring them.
        values.setdefault(f"params.{name}", value)
    return values


def _check_workspaces(run: Object, spec: Object) -> None:
    bound = {each["name"] for each in run["spec"].get("workspaces") or ()}
    for each in spec.get("workspaces") or ():
        if each["name"] in bound or each.get("optional"):
            continue
        metadata = run["metadata"]
        full = f"{metadata['namespace']}/{metadata['name']}"
        pipeline = f"{metadata['namespace']}/{pipeline_name(run)}"
        detail = f'pipeline requires workspace with name "{each["name"]}" be provided by pipelinerun'
        text = f"[User error] PipelineRun {full} doesn't bind Pipeline {pipeline}'s Workspaces correctly: {detail}"
        raise NotRunnableError("InvalidWorkspaceBindings", text, detail, spec)


def _check_tasks(store: ObjectStore, run: Object, spec: Object) -> None:
    metadata = run["metadata"]
    for task in (*(spec.get("tasks") or ()), *(spec.get("finally") or ())):
        reference = task.get("taskRef")
        if not reference:
            continue
        name = reference.get("name", "")
        if reference.get("resolver"):
            detail = f'Couldn\'t retrieve Task "{name}": the resolver "{reference["resolver"]}" is not installed'
        elif store.get(TASKS, metadata["namespace"], name) is None:
            detail = f'Couldn\'t retrieve Task "{name}": tasks.tekton.dev "{name}" not found'
        else:
            continue
        full = f"{metadata['namespace']}/{metadata['name']}"
        text = f"Pipeline {full} can't be Run; it contains Tasks that don't exist: {detail}"
        raise NotRunnableError("CouldntGetTask", text, detail, spec)


def _filled(task: Object, values: Values) -> Object:
    """Fill the run's params into a pipeline task; in a Task written into it, params of its own come first."""
    embedded = task.get("taskSpec")
    plain = substitute({key: value for key, value in task.items() if key != "taskSpec"}, values)
    if not embedded:
        return dict(plain)
    own: dict[str, Any] = dict(values)
    for param in embedded.get("params") or ():
        if "default" in param and f"params.{param['name']}" in values:
            own[f"params.{param['name']}"] = param["default"]
    for param in plain.get("params") or ():
        if f"params.{param['name']}" in values:
            own[f"params.{param['name']}"] = param.get("value")
    for param in (plain.get("matrix") or {}).get("params") or ():
        own.pop(f"params.{param['name']}", None)
    kept = {key: value for key, value in embedded.items() if key in ("params", "results", "metadata")}
    filled = substitute({key: value for key, value in embedded.items() if key not in kept}, own)
    for step in filled.get("steps") or ():
        if step.get("env"):
            step["env"] = without_empty(step["env"])
    return {**plain, "taskSpec": {**copy_json(kept), **filled}}
