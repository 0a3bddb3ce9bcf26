"""The forms that fields of Tekton's kinds have: an object that has others cannot be decoded, let alone run."""

from __future__ import annotations

from typing import Any

__all__ = ["KINDS", "misfit"]

_NAMED: dict[str, Any] = {"name": str}
_PARAM: dict[str, Any] = {"name": str, "type": str}
_STEP: dict[str, Any] = {
    "name": str, "image": str, "script": str, "command": [str], "args": [str], "env": [_NAMED], "envFrom": [{}],
    "computeResources": {}, "onError": str, "volumeMounts": [_NAMED], "timeout": str, "workingDir": str,
}  # fmt: skip
_TASK: dict[str, Any] = {
    "params": [_PARAM], "results": [_PARAM], "steps": [_STEP], "sidecars": [_STEP], "stepTemplate": _STEP,
    "workspaces": [_NAMED | {"mountPath": str}], "volumes": [_NAMED],
    "metadata": {"labels": {}, "annotations": {}},
}  # fmt: skip
_REFERENCE: dict[str, Any] = {"name": str, "kind": str, "resolver": str}
_INCLUDE: dict[str, Any] = {"name": str, "params": [_PARAM]}
_PIPELINE_TASK: dict[str, Any] = {
    "name": str, "displayName": str, "taskRef": _REFERENCE, "taskSpec": _TASK, "runAfter": [str],
    "params": [_PARAM], "when": [{"input": str, "operator": str, "values": [str], "cel": str}], "retries": int,
    "onError": str, "timeout": str,
    "matrix": {"params": [_PARAM], "include": [_INCLUDE]},
    "workspaces": [_NAMED | {"workspace": str, "subPath": str}],
}  # fmt: skip
_PIPELINE: dict[str, Any] = {
    "params": [_PARAM], "tasks": [_PIPELINE_TASK], "finally": [_PIPELINE_TASK], "workspaces": [_NAMED],
    "results": [_NAMED], "description": str,
    "displayName": str,
}  # fmt: skip
_BINDING: dict[str, Any] = {
    "name": str, "subPath": str, "secret": {"secretName": str}, "configMap": {}, "emptyDir": {},
    "persistentVolumeClaim": {"claimName": str},
    "volumeClaimTemplate": {"metadata": {"name": str, "labels": {}, "annotations": {}}, "spec": {}},
}  # fmt: skip
_POD: dict[str, Any] = {"nodeSelector": {}, "volumes": [_NAMED], "priorityClassName": str, "securityContext": {}}
_KINDS: dict[str, dict[str, Any]] = {
    "Pipeline": _PIPELINE,
    "Task": _TASK,
    "PipelineRun": {
        "pipelineRef": _REFERENCE, "pipelineSpec": _PIPELINE, "params": [_PARAM], "workspaces": [_BINDING],
        "timeouts": {"pipeline": str, "tasks": str, "finally": str}, "status": str, "managedBy": str,
        "taskRunTemplate": {"serviceAccountName": str, "podTemplate": _POD},
        "taskRunSpecs": [{"pipelineTaskName": str, "serviceAccountName": str, "podTemplate": _POD, "timeout": str,
                          "computeResources": {}, "metadata": {"labels": {}, "annotations": {}}}],
    },
    "TaskRun": {
        "taskRef": _REFERENCE, "taskSpec": _TASK, "params": [_PARAM], "workspaces": [_BINDING], "timeout": str,
        "retries": int, "status": str, "statusMessage": str, "serviceAccountName": str, "podTemplate": _POD,
        "computeResources": {},
    },
}  # fmt: skip
_NAMELESS = (_STEP, _INCLUDE)
"""Items that may go without a name."""
_GO = {str: "string", int: "number", bool: "bool", float: "number", list: "array", dict: "object"}


KINDS = frozenset(_KINDS)
"""The kinds whose forms are known."""


def misfit(kind: str, spec: Any) -> str:
    """Return what is wrong with the form of a spec of a kind, in the words of Go's decoder, "" where it fits."""
    return _misfit(spec, _KINDS[kind], f"{kind}.spec") if kind in _KINDS else ""


def _misfit(value: Any, form: Any, path: str) -> str:
    if value is None:
        return ""
    wanted: type = form if isinstance(form, type) else type(form)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        return f"json: cannot unmarshal {_GO.get(type(value), 'value')} into Go struct field {path}"
    if isinstance(form, list) and isinstance(value, list):
        return next((found for item in value if (found := _item(item, form[0], path))), "")
    if isinstance(form, dict) and isinstance(value, dict):
        for key, inner in form.items():
            if key in value and (found := _misfit(value[key], inner, f"{path}.{key}")):
                return found
    return ""


def _item(value: Any, form: Any, path: str) -> str:
    if value is None:
        return f"json: cannot unmarshal null into Go struct field {path}"
    found = _misfit(value, form, path)
    if not found and isinstance(form, dict) and "name" in form and form not in _NAMELESS and not value.get("name"):
        return f"missing field(s): {path}.name"
    return found
