"""The arithmetic of Deployments: how many pods where, and what the conditions say. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import condition, percent_or_count

__all__ = [
    "REVISION",
    "available_in",
    "counts",
    "finished_before",
    "grown",
    "is_complete",
    "is_progressing",
    "limits",
    "replicas_of",
    "scale_down_plan",
    "total",
]

REVISION = "deployment.kubernetes.io/revision"


def replicas_of(obj: Object) -> int:
    """Return the replicas an object asks for, 1 by default."""
    value = obj["spec"].get("replicas")
    return 1 if value is None else int(value)


def available_in(replica_set: Object) -> int:
    """Return the available pods a ReplicaSet's status counts."""
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def total(replica_sets: Iterable[Object], field: str) -> int:
    """Return the sum of a status field over ReplicaSets."""
    return sum(int((each.get("status") or {}).get(field, 0)) for each in replica_sets)


def limits(deployment: Object) -> tuple[int, int]:
    """Return maxSurge and maxUnavailable as counts, one of them at least 1."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, 0
    rolling = strategy.get("rollingUpdate") or {}
    wanted = replicas_of(deployment)
    surge = percent_or_count(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = percent_or_count(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, wanted)


def grown(deployment: Object, every: list[Object], newest: Object | None) -> int:
    """Return how many pods the newest ReplicaSet may have now."""
    wanted = replicas_of(deployment)
    have = replicas_of(newest) if newest is not None else 0
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return wanted
    room = wanted + limits(deployment)[0] - sum(replicas_of(each) for each in every)
    return min(wanted, have + room) if room > 0 else have


def scale_down_plan(deployment: Object, every: list[Object], newest: Object, old: list[Object]) -> dict[str, int]:
    """Return the replicas that old ReplicaSets go down to now, by name: the unhealthy first, then the spare."""
    least = replicas_of(deployment) - limits(deployment)[1]
    unavailable_new = replicas_of(newest) - available_in(newest)
    room = sum(replicas_of(each) for each in every) - least - unavailable_new
    plan: dict[str, int] = {}
    if room <= 0:
        return plan
    ordered = sorted(old, key=lambda each: each["metadata"].get("creationTimestamp", ""))
    for each in ordered:
        have = replicas_of(each)
        unhealthy = min(room, have - available_in(each))
        if unhealthy > 0:
            plan[each["metadata"]["name"]] = have - unhealthy
            room -= unhealthy
    spare = sum(available_in(each) for each in every) - least
    for each in ordered:
        name = each["metadata"]["name"]
        have = plan.get(name, replicas_of(each))
        fewer = min(spare, have)
        if fewer > 0:
            plan[name] = have - fewer
            spare -= fewer
    return plan


def counts(deployment: Object, every: list[Object], newest: Object | None) -> Object:
    """Return the counting part of a Deployment's status; zeros are left out, as the API does."""
    available = total(every, "availableReplicas")
    status: Object = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": total(every, "replicas"),
        "updatedReplicas": total([newest], "replicas") if newest is not None else 0,
        "readyReplicas": total(every, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(replicas_of(each) for each in every) - available),
    }
    status = {name: value for name, value in status.items() if value}
    status["terminatingReplicas"] = total(every, "terminatingReplicas")
    return status


def is_complete(deployment: Object, status: Object) -> bool:
    """Tell whether all pods are of the newest template and available."""
    wanted = replicas_of(deployment)
    return all(status.get(name, 0) == wanted for name in ("updatedReplicas", "replicas", "availableReplicas"))


def is_progressing(before: Object, after: Object) -> bool:
    """Tell whether a rollout went on between two statuses."""
    old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    old_after = after.get("replicas", 0) - after.get("updatedReplicas", 0)
    return old_after < old_before or any(
        after.get(name, 0) > before.get(name, 0)
        for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )


def finished_before(deployment: Object) -> bool:
    """Tell whether the status says already that the newest ReplicaSet has become available."""
    entry = condition(deployment, "Progressing")
    return entry is not None and entry.get("reason") == "NewReplicaSetAvailable"
