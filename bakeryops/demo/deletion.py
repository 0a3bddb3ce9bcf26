"""What a deletion does to an object before it may go: grace periods and finalizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig, timestamp
from bakeryops.demo.resources import Resource

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["FOREGROUND", "ORPHAN", "begin", "is_finished"]

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
DEFAULT_GRACE_SECONDS = 30


def begin(store: ObjectStore, resource: Resource, obj: Object, propagation: str, grace: int | None) -> bool:
    """Mark `obj` (a copy) as being deleted; returns True when nothing holds it and it is to go at once."""
    meta = obj["metadata"]
    finalizers = [each for each in meta.get("finalizers") or [] if each not in (FOREGROUND, ORPHAN)]
    if propagation == "Foreground":
        finalizers.append(FOREGROUND)
    elif propagation == "Orphan":
        finalizers.append(ORPHAN)
    seconds = _grace(resource, obj, grace)
    if meta.get("deletionTimestamp") and meta.get("deletionGracePeriodSeconds") is not None:
        seconds = min(seconds, meta["deletionGracePeriodSeconds"])
    if not finalizers and seconds == 0 and resource.key != "namespaces":
        return True
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    if not meta.get("deletionTimestamp") or seconds < (meta.get("deletionGracePeriodSeconds") or 0):
        meta["deletionTimestamp"] = timestamp(store.clock.now() + seconds)
        if "generation" in meta and "deletionGracePeriodSeconds" not in meta:
            meta["generation"] += 1
    if resource.key == "namespaces":
        obj.setdefault("status", {})["phase"] = "Terminating"
        return not finalizers and not dig(obj, "spec", "finalizers")
    meta["deletionGracePeriodSeconds"] = seconds
    return False


def is_finished(resource: Resource, obj: Object) -> bool:
    """Say whether an object that is being deleted has nothing left that holds it."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers"):
        return False
    if resource.key == "namespaces":
        return not dig(obj, "spec", "finalizers")
    return not meta.get("deletionGracePeriodSeconds")


def _grace(resource: Resource, obj: Object, asked: int | None) -> int:
    """Return the grace period in seconds: only a pod that a kubelet runs has one."""
    if resource.key != "pods":
        return 0
    if not dig(obj, "spec", "nodeName") or dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    if asked is not None:
        return max(asked, 0)
    wanted = dig(obj, "spec", "terminationGracePeriodSeconds")
    return DEFAULT_GRACE_SECONDS if wanted is None else int(wanted)
