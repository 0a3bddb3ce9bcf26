"""How steps end that did not end by themselves."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.store import ObjectStore

__all__ = ["cancelled_steps", "keeps_pods"]


def cancelled_steps(status: Object, reason: str, now: str) -> list[Object]:
    """Return the steps of a TaskRun's status with those that had not ended ended for a reason."""
    found = []
    for step in status.get("steps") or ():
        if "terminated" in step:
            found.append(step)
            continue
        began = (step.get("running") or {}).get("startedAt") or status.get("startTime") or now
        ended = {
            "exitCode": 1,
            "finishedAt": now,
            "message": f"Step {step['name']} terminated as pod {status.get('podName', '')} is terminated",
            "reason": reason,
            "startedAt": began,
        }
        kept = {key: value for key, value in step.items() if key not in ("running", "waiting")}
        found.append({**kept, "terminated": ended, "terminationReason": reason})
    return found


def keeps_pods(store: ObjectStore) -> bool:
    """Tell whether the pods of cancelled TaskRuns stay (`keep-pod-on-cancel` of Tekton's feature flags)."""
    flags = store.get("configmaps", "tekton-pipelines", "feature-flags") or {}
    return (flags.get("data") or {}).get("keep-pod-on-cancel") == "true"
