"""The defaults that Tekton's webhook fills in."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.tekton.words import DEFAULT_TIMEOUT, duration_text, seconds_of

__all__ = ["complete"]

_KINDS: dict[type, str] = {list: "array", dict: "object"}


def complete(kind: str, obj: Object) -> None:
    """Fill in the defaults of an object of a kind of Tekton's, in place."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    match kind:
        case "PipelineRun":
            template = spec.setdefault("taskRunTemplate", {})
            if isinstance(template, dict):
                template.setdefault("serviceAccountName", "default")
            timeouts = spec.setdefault("timeouts", {})
            if isinstance(timeouts, dict):
                timeouts.setdefault("pipeline", DEFAULT_TIMEOUT)
                for each in ("pipeline", "tasks", "finally"):
                    _normal(timeouts, each)
            _pipeline(spec.get("pipelineSpec"))
        case "TaskRun":
            spec.setdefault("serviceAccountName", "default")
            spec.setdefault("timeout", DEFAULT_TIMEOUT)
            _normal(spec, "timeout")
            _reference(spec)
            _task(spec.get("taskSpec"))
        case "Pipeline":
            _pipeline(spec)
        case "Task":
            _task(spec)


def _pipeline(spec: object) -> None:
    if not isinstance(spec, dict):
        return
    _params(spec)
    for part in ("tasks", "finally"):
        for task in spec.get(part) or ():
            if not isinstance(task, dict):
                continue
            _normal(task, "timeout")
            _reference(task)
            embedded = task.get("taskSpec")
            if isinstance(embedded, dict):
                # Both come from how the type is written in Go.
                embedded.setdefault("metadata", {})
                embedded.setdefault("spec", None)
                _task(embedded)


def _task(spec: object) -> None:
    if not isinstance(spec, dict):
        return
    _params(spec)
    for result in spec.get("results") or ():
        if isinstance(result, dict):
            result.setdefault("type", "object" if result.get("properties") else "string")
    for step in spec.get("steps") or ():
        if isinstance(step, dict):
            step.setdefault("computeResources", {})


def _params(spec: Object) -> None:
    for param in spec.get("params") or ():
        if isinstance(param, dict):
            declared = "object" if param.get("properties") else _KINDS.get(type(param.get("default")), "string")
            param.setdefault("type", declared)


def _reference(holder: Object) -> None:
    reference = holder.get("taskRef")
    if isinstance(reference, dict) and not reference.get("resolver"):
        reference.setdefault("kind", "Task")


def _normal(holder: Object, field: str) -> None:
    seconds = seconds_of(holder.get(field))
    if seconds is not None:
        holder[field] = duration_text(seconds)
