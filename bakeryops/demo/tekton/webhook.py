"""Tekton's admission webhook: defaults for its kinds, and HTTP 400 for what it does not accept."""

from __future__ import annotations

from collections.abc import Iterator

from bakeryops.demo.contracts import Object
from bakeryops.demo.resources import Resource
from bakeryops.demo.status import bad_request
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.tekton import defaulting
from bakeryops.demo.tekton.refusals import pipeline_faults, task_faults
from bakeryops.demo.tekton.shapes import KINDS, misfit
from bakeryops.demo.tekton.words import duration_text, is_done, seconds_of

__all__ = ["TektonWebhook", "install"]

_GROUP = "tekton.dev"
_HEAD = 'admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: '
_DECODE = (
    'admission webhook "webhook.pipeline.tekton.dev" denied the request: mutation failed: cannot decode incoming '
    "new object: "
)
_RUN_MODES = ("Cancelled", "CancelledRunFinally", "StoppedRunFinally", "PipelineRunPending")


def install(store: ObjectStore) -> None:
    """Have the store ask the webhook about Tekton's kinds from now on."""
    store.webhooks[_GROUP] = TektonWebhook()


class TektonWebhook:
    """Looks after Pipelines, PipelineRuns, Tasks and TaskRuns."""

    def complete(self, resource: Resource, obj: Object, old: Object | None) -> None:
        """Fill in defaults, in place; raises `StatusError` 400 for what has another form than the kind's."""
        if old is None or obj.get("spec") != old.get("spec"):
            if resource.kind in KINDS and obj.get("spec") is None:
                obj["spec"] = {}
            if fault := misfit(resource.kind, obj.get("spec")):
                raise bad_request(_DECODE + fault)
            defaulting.complete(resource.kind, obj)

    def check(self, resource: Resource, obj: Object, old: Object | None, subresource: str) -> None:
        """Refuse what is not valid, with all its faults; raises `StatusError` 400."""
        spec = obj.get("spec")
        if subresource or obj["metadata"].get("deletionTimestamp") or not isinstance(spec, dict):
            return
        if old is not None and old.get("spec") == spec:
            return
        faults = list(_faults(resource.kind, spec, old))
        if faults:
            raise bad_request(_HEAD + "\n".join(faults))


def _faults(kind: str, spec: Object, old: Object | None) -> Iterator[str]:
    if old is not None and kind in ("PipelineRun", "TaskRun"):
        changed = list(_change_faults(kind, spec, old))
        if changed:
            yield from changed
            return
    match kind:
        case "Pipeline":
            yield from pipeline_faults(spec, "spec", closed=True)
        case "Task":
            yield from task_faults(spec, "spec")
        case "PipelineRun":
            yield from _pipeline_run_faults(spec)
        case "TaskRun":
            yield from _exactly_one(spec, "taskRef", "taskSpec")
            if isinstance(spec.get("taskSpec"), dict):
                yield from task_faults(spec["taskSpec"], "spec.taskSpec", None)
            if spec.get("status") not in (None, "", "TaskRunCancelled", "TaskRunPending"):
                yield f"invalid value: {spec['status']} should be TaskRunCancelled: spec.status"
            if spec.get("timeout") is not None and seconds_of(spec["timeout"]) is None:
                yield f"invalid value: {spec['timeout']} should be a duration: spec.timeout"


def _change_faults(kind: str, spec: Object, old: Object) -> Iterator[str]:
    if is_done(old):
        yield f"invalid value: Once the {kind} is complete, no updates are allowed: spec"
        return
    if not (old.get("status") or {}).get("startTime"):
        return
    free = ("status", "statusMessage")
    before = {key: value for key, value in old["spec"].items() if key not in free}
    if {key: value for key, value in spec.items() if key not in free} != before:
        what = "only status updates are" if kind == "PipelineRun" else "only status and statusMessage updates are"
        yield f"invalid value: Once the {kind} has started, {what} allowed: spec"
    if spec.get("status") == "PipelineRunPending":
        yield "invalid value: PipelineRun cannot be Pending after it is started: spec.status"


def _pipeline_run_faults(spec: Object) -> Iterator[str]:
    yield from _exactly_one(spec, "pipelineRef", "pipelineSpec")
    if isinstance(spec.get("pipelineSpec"), dict):
        yield from pipeline_faults(spec["pipelineSpec"], "spec.pipelineSpec", closed=False)
    seen: set[object] = set()
    for param in spec.get("params") or ():
        name = param.get("name") if isinstance(param, dict) else None
        if name in seen:
            yield f"expected exactly one, got both: spec.params[{name}].name"
        seen.add(name)
    mode = spec.get("status")
    if mode not in (None, "", *_RUN_MODES):
        allowed = f"{', '.join(_RUN_MODES[:-1])} or {_RUN_MODES[-1]}"
        yield f"invalid value: {mode} should be {allowed}: spec.status"
    yield from _timeout_faults(spec.get("timeouts") or {})


def _timeout_faults(timeouts: Object) -> Iterator[str]:
    parts: dict[str, float] = {}
    for part in ("pipeline", "tasks", "finally"):
        if timeouts.get(part) is None:
            continue
        seconds = seconds_of(timeouts[part])
        if seconds is None or seconds < 0:
            yield f"invalid value: {timeouts[part]} should be >= 0: spec.timeouts.{part}"
            return
        parts[part] = seconds
    whole = parts.get("pipeline")
    if not whole:
        return
    for part in ("tasks", "finally"):
        if parts.get(part, 0.0) > whole:
            late = duration_text(parts[part])
            yield f"invalid value: {late} should be <= pipeline duration: spec.timeouts.{part}"
    if max(parts.get("tasks", 0.0), parts.get("finally", 0.0)) <= whole:
        together = parts.get("tasks", 0.0) + parts.get("finally", 0.0)
        if together > whole:
            both = f"{duration_text(parts['tasks'])} + {duration_text(parts['finally'])}"
            where = "spec.timeouts.finally, spec.timeouts.tasks"
            yield f"invalid value: {both} should be <= pipeline duration: {where}"


def _exactly_one(spec: Object, *fields: str) -> Iterator[str]:
    given = [field for field in fields if spec.get(field)]
    if len(given) != 1:
        word = "both" if given else "neither"
        yield f"expected exactly one, got {word}: {', '.join(f'spec.{field}' for field in fields)}"
