"""Names that Tekton gives to things: kinds, labels, annotations, defaults, and small helpers on its objects."""

from __future__ import annotations

import hashlib
import re

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import condition

__all__ = [
    "API_VERSION",
    "CANCELLED_BY_RUN",
    "CANCELLED_BY_TIMEOUT",
    "DEFAULT_TIMEOUT",
    "MANAGER",
    "ON_ERROR",
    "PIPELINES",
    "PIPELINE_RUNS",
    "PROVENANCE",
    "READY",
    "RELEASE",
    "TASKS",
    "TASK_RUNS",
    "child_name",
    "duration_text",
    "is_done",
    "seconds_of",
    "succeeded",
]

API_VERSION = "tekton.dev/v1"
PIPELINES, PIPELINE_RUNS = "pipelines.tekton.dev", "pipelineruns.tekton.dev"
TASKS, TASK_RUNS = "tasks.tekton.dev", "taskruns.tekton.dev"
MANAGER = "pipelines-controller"
"""The field manager that Tekton's controller writes as."""
READY = "tekton.dev/ready"
"""Annotation of a pod that lets its first step begin."""
RELEASE = ("pipeline.tekton.dev/release", "unknown")
"""Annotation of TaskRuns and pods: which build of Tekton made them."""
ON_ERROR = "pipeline.tekton.dev/pipeline-task-on-error"
"""Annotation of a TaskRun whose failure does not count."""
CANCELLED_BY_RUN = "TaskRun cancelled as the PipelineRun it belongs to has been cancelled."
CANCELLED_BY_TIMEOUT = "TaskRun cancelled as the PipelineRun it belongs to has timed out."
DEFAULT_TIMEOUT = "1h0m0s"
_LONGEST_NAME = 63
_PART = re.compile(r"([0-9.]+)(h|ms|us|ns|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

PROVENANCE: Object = {
    "featureFlags": {
        "awaitSidecarReadiness": True,
        "coschedule": "workspaces",
        "enableAPIFields": "beta",
        "enableProvenanceInStatus": True,
        "enforceNonfalsifiability": "none",
        "maxResultSize": 4096,
        "resultExtractionMethod": "termination-message",
        "runningInEnvWithInjectedSidecars": True,
        "sendCloudEventsForRuns": True,
        "verificationNoMatchPolicy": "ignore",
    }
}
"""What every status says of the settings it was made with (the recorded cluster's)."""


def child_name(parent: str, suffix: str) -> str:
    """Return the name of a child: shortened with a hash where it would be longer than 63 characters."""
    whole = f"{parent}{suffix}"
    if len(whole) <= _LONGEST_NAME:
        return whole
    mark = hashlib.md5(parent.encode(), usedforsecurity=False).hexdigest()
    keep = _LONGEST_NAME - len(mark) - len(suffix)
    if keep <= 0:
        return hashlib.md5(whole.encode(), usedforsecurity=False).hexdigest()
    return f"{parent[:keep]}{mark}{suffix}"


def seconds_of(text: object) -> float | None:
    """Return the seconds of a duration such as `1h0m0s`, None where it is none."""
    if not isinstance(text, str) or not text:
        return None
    if text == "0":
        return 0.0
    found, end = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != end:
            return None
        try:
            found += float(part[1]) * _UNITS[part[2]]
        except ValueError:
            return None
        end = part.end()
    return found if end == len(text) else None


def duration_text(seconds: float) -> str:
    """Return a duration as Tekton writes it: `9s`, `6m0s`, `1h0m0s`."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    tail = f"{left}s" if seconds == whole else f"{left + seconds - whole:g}s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail


def succeeded(run: Object) -> Object:
    """Return the condition `Succeeded` of a run, empty while there is none."""
    return condition(run, "Succeeded") or {}


def is_done(run: Object) -> bool:
    """Tell whether a run has ended, well or badly."""
    return succeeded(run).get("status") in ("True", "False")
