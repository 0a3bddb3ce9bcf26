"""Pods made from templates, and what their owners want to know of them."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import condition, owner_reference
from bakeryops.demo.controllers.podstatus import qos_class
from bakeryops.units import parse_time

__all__ = ["available_at", "is_active", "is_ready", "is_terminating", "phase_of", "pod_from"]


def pod_from(owner: Object, template: Object, name: str, *, labels: dict[str, str] | None = None) -> Object:
    """Return the pod that a controller's object makes from its template."""
    metadata: Object = {"name": name, "namespace": owner["metadata"]["namespace"]}
    wanted = template.get("metadata") or {}
    metadata["labels"] = {**(wanted.get("labels") or {}), **(labels or {})}
    if wanted.get("annotations"):
        metadata["annotations"] = dict(wanted["annotations"])
    if wanted.get("finalizers"):
        metadata["finalizers"] = list(wanted["finalizers"])
    metadata["ownerReferences"] = [owner_reference(owner)]
    spec: dict[str, Any] = dict(template["spec"])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": qos_class(spec)},
    }


def is_terminating(pod: Object) -> bool:
    """Tell whether a pod is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def phase_of(pod: Object) -> str:
    """Return the phase of a pod."""
    return str((pod.get("status") or {}).get("phase") or "")


def is_active(pod: Object) -> bool:
    """Tell whether a pod counts as a replica: neither ended nor being deleted."""
    return phase_of(pod) not in ("Succeeded", "Failed") and not is_terminating(pod)


def is_ready(pod: Object) -> bool:
    """Tell whether a pod's Ready condition is true."""
    entry = condition(pod, "Ready")
    return entry is not None and entry["status"] == "True"


def available_at(pod: Object, min_ready: float) -> float | None:
    """Return the time from which a ready pod counts as available, None for one that is not ready."""
    entry = condition(pod, "Ready")
    if entry is None or entry["status"] != "True":
        return None
    return (parse_time(entry.get("lastTransitionTime")) or 0.0) + min_ready if min_ready else 0.0
