"""What a TaskRun says of its pod: the states of the steps, the results, and the condition they amount to."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from bakeryops.demo.contracts import Object

__all__ = ["Verdict", "message_entries", "results_of", "step_states", "verdict_of"]

_PULL_REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RegistryUnavailable",
)
_TASK_RESULT, _INTERNAL = 1, 3
_KINDS: dict[type, str] = {str: "string", list: "array", dict: "object"}


class Verdict(NamedTuple):
    """The condition `Succeeded` that a pod amounts to."""

    status: str
    reason: str
    message: str


def message_entries(text: str) -> list[Object]:
    """Return the entries of a step's termination message, empty where it is none of Tekton's."""
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def step_states(pod: Object, task: Object) -> list[Object]:
    """Return `status.steps` of a TaskRun, one for each step, in the order of the Task."""
    statuses = {each["name"]: each for each in (pod.get("status") or {}).get("containerStatuses") or ()}
    found = []
    for step in task["steps"]:
        container = f"step-{step['name']}"
        status = statuses.get(container)
        entry: Object = {"name": step["name"], "provenance": {}}
        if status is not None:
            entry["container"] = container
            if status.get("imageID"):
                entry["imageID"] = status["imageID"]
            entry.update(_state(status.get("state") or {}))
        found.append(entry)
    return found


def _state(state: Object) -> Object:
    if "terminated" not in state:
        return dict(state)
    ended: Object = dict(state["terminated"])
    entries = message_entries(ended.pop("message", ""))
    results = [each for each in entries if each.get("type") == _TASK_RESULT]
    internal = {each.get("key"): str(each.get("value")) for each in entries if each.get("type") == _INTERNAL}
    if results:
        ended["message"] = json.dumps(
            sorted(results, key=lambda each: str(each.get("key"))), separators=(",", ":")
        )
    if started := internal.get("StartedAt"):
        ended["startedAt"] = f"{started[:19]}Z"
    found: Object = {"terminated": ended}
    if (code := internal.get("ExitCode", "")).isdigit():
        ended["exitCode"] = int(code)
        return {**found, "terminationReason": "Continued"}
    if ended.get("reason") != "OOMKilled":
        found["terminationReason"] = internal.get("Reason") or ended.get("reason", "")
    return found


def results_of(steps: list[Object], task: Object) -> tuple[list[Object], list[str]]:
    """Return the results that ended steps wrote, by name, and the names of those of the wrong type."""
    declared = {each["name"]: each.get("type") or "string" for each in task.get("results") or ()}
    values: dict[str, str] = {}
    for step in steps:
        for each in message_entries((step.get("terminated") or {}).get("message", "")):
            if each.get("key") in declared:
                values[each["key"]] = str(each.get("value"))
    found, wrong = [], []
    for name in sorted(values):
        value = _typed(values[name], declared[name])
        if _KINDS[type(value)] != declared[name]:
            kinds = f'expected to be "{declared[name]}" type but was initialized to a different type'
            wrong.append(f'"{name}": task result is {kinds} "{_KINDS[type(value)]}"')
        else:
            found.append({"name": name, "type": declared[name], "value": value})
    return found, wrong


def _typed(text: str, kind: str) -> str | list[str] | dict[str, str]:
    if kind == "string":
        return text
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, list):
        return [each if isinstance(each, str) else json.dumps(each) for each in value]
    if isinstance(value, dict):
        return {str(key): each if isinstance(each, str) else json.dumps(each) for key, each in value.items()}
    return text


def verdict_of(pod: Object, steps: list[Object]) -> Verdict:
    """Return what a pod and its steps amount to."""
    phase = (pod.get("status") or {}).get("phase") or "Pending"
    if (steps and all("terminated" in step for step in steps)) or phase in ("Succeeded", "Failed"):
        return _ended(pod, steps, phase)
    waiting = [step for step in steps if (step.get("waiting") or {}).get("reason")]
    for step in waiting:
        reason, message = step["waiting"]["reason"], step["waiting"].get("message", "")
        if reason in _PULL_REASONS:
            text = f'build step "{step["container"]}" is pending with reason "{_quoted(message)}"'
            return Verdict("Unknown", "PullImageFailed", text)
        if reason == "CreateContainerConfigError":
            return Verdict("False", reason, "Failed to create pod due to config error")
    for entry in (pod.get("status") or {}).get("conditions") or ():
        if entry.get("reason") == "Unschedulable" and "Insufficient" in str(entry.get("message")):
            return Verdict("Unknown", "ExceededNodeResources", "TaskRun Pod exceeded available resources")
    if phase == "Running":
        return Verdict("Unknown", "Running", "Not all Steps in the Task have finished executing")
    return Verdict("Unknown", "Pending", _pending(pod, waiting))


def _pending(pod: Object, waiting: list[Object]) -> str:
    for step in waiting:
        if message := step["waiting"].get("message"):
            return f'build step "{step["container"]}" is pending with reason "{_quoted(message)}"'
    for entry in (pod.get("status") or {}).get("conditions") or ():
        if entry.get("status") != "True":
            return (
                f'pod status "{entry["type"]}":"{entry["status"]}"; message: "{_quoted(entry.get("message", ""))}"'
            )
    return "Pending"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _ended(pod: Object, steps: list[Object], phase: str) -> Verdict:
    status = pod.get("status") or {}
    if status.get("reason") == "Evicted":
        return Verdict("False", "PodEvicted", status.get("message") or "The pod was evicted")
    for step in steps:
        ended = step.get("terminated") or {}
        if not ended.get("exitCode") or step.get("terminationReason") in ("Continued", "Skipped"):
            continue
        text = f'"{step["container"]}" exited with code {ended["exitCode"]}'
        if ended.get("reason") == "OOMKilled":
            return Verdict("False", "StepOOM", f"{text}: OOMKilled")
        return Verdict("False", "StepFailed", f"{text}: {ended.get('reason') or 'Error'}")
    if phase == "Failed":
        for container in status.get("initContainerStatuses") or ():
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode"):
                text = f'init container "{container["name"]}" exited with code {ended["exitCode"]}'
                return Verdict("False", "InitContainerFailed", f"{text}: {ended.get('reason') or 'Error'}")
        return Verdict("False", "Failed", status.get("message") or "build failed for unspecified reasons.")
    return Verdict("True", "Succeeded", "All Steps have completed executing")
