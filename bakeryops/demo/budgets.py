"""PodDisruptionBudgets: their status, and whether an eviction fits in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.selectors import matches_selector
from bakeryops.demo.status import StatusError, too_many_requests

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["budget_status", "check_budgets"]

_PDB = "poddisruptionbudgets.policy"


def _labels(pod: Object) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _is_ready(pod: Object) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = dig(pod, "status", "conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _share(value: Any, total: int) -> int:
    """Return a number or a percentage of `total`, rounded up."""
    if isinstance(value, str) and value.endswith("%"):
        return math.ceil(int(value[:-1]) * total / 100)
    return int(value)


def budget_status(store: ObjectStore, budget: Object) -> Object:
    """Return what a budget's status should say of the pods as they are now."""
    spec = budget.get("spec") or {}
    namespace = budget["metadata"]["namespace"]
    pods = [pod for pod in store.list("pods", namespace) if matches_selector(spec.get("selector"), _labels(pod))]
    active = [pod for pod in pods if dig(pod, "status", "phase") not in ("Succeeded", "Failed")]
    expected = sum(1 for pod in active if not pod["metadata"].get("deletionTimestamp"))
    healthy = sum(1 for pod in active if _is_ready(pod))
    if spec.get("maxUnavailable") is not None:
        desired = max(expected - _share(spec["maxUnavailable"], expected), 0)
    else:
        desired = _share(spec.get("minAvailable", 1), expected)
    return {
        "disruptionsAllowed": max(healthy - desired, 0) if expected else 0,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }


def check_budgets(store: ObjectStore, pod: Object, *, dry: bool) -> None:
    """Let an eviction pass or raise `StatusError` 429; a budget that lets it pass has one less to give."""
    namespace = pod["metadata"]["namespace"]
    budgets = [
        each
        for each in store.list(_PDB, namespace)
        if matches_selector(dig(each, "spec", "selector"), _labels(pod))
    ]
    if not budgets or dig(pod, "status", "phase") in ("Pending", "Succeeded", "Failed"):
        return
    if len(budgets) > 1:
        message = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise StatusError(500, "InternalError", message)
    budget = budgets[0]
    status = budget_status(store, budget)
    if not _is_ready(pod) and status["currentHealthy"] >= status["desiredHealthy"]:
        return
    if status["disruptionsAllowed"] <= 0:
        why = (
            f"The disruption budget {budget['metadata']['name']} needs {status['desiredHealthy']} healthy pods "
            f"and "
            f"has {status['currentHealthy']} currently"
        )
        raise too_many_requests(
            "Cannot evict pod as it would violate the pod's disruption budget.",
            0,
            {"causes": [{"reason": "DisruptionBudget", "message": why}]},
        )
    if dry:
        return

    def spend(obj: Object) -> Object:
        fresh = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1}
        obj["status"] = {**(obj.get("status") or {}), **fresh}
        return obj

    store.mutate(
        _PDB, namespace, budget["metadata"]["name"], spend, manager="kube-apiserver", subresource="status"
    )
