"""What workloads and pods are sorted and found by: worked out for thousands of them, unlike their cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bakeryops.model.workload import Amounts, PodView, WorkloadView

__all__ = ["POD_SORT", "WORKLOAD_SORT", "last_end", "pod_search", "share", "workload_search"]


def share(used: float | None, limit: float | None) -> float | None:
    """Return what part of a limit is used, None where either is not known."""
    return used / limit if used is not None and limit else None


def last_end(view: PodView) -> str:
    """Return how the first container that ended did so, such as "OOMKilled 137"; empty for none."""
    for container in view.containers:
        if container.last_reason and (container.restarts or view.finished):
            code = f" {container.last_exit}" if container.last_exit is not None else ""
            return f"{container.last_reason}{code}"
    return ""


def workload_search(view: WorkloadView) -> str:
    """Return the lower-case text that a filter looks in."""
    return (
        f"{view.namespace}/{view.name} {view.service} {view.kind} {view.status} {view.tag} {view.commit}".lower()
    )


def pod_search(view: PodView) -> str:
    """Return the lower-case text that a filter looks in."""
    return f"{view.key} {view.service} {view.status} {last_end(view)} {view.qos} {view.node}".lower()


def _age(view: WorkloadView | PodView) -> float | None:
    """Return what orders as the age does, and does not change with time."""
    return -view.created if view.created is not None else None


def _known(value: float | None) -> float:
    return value if value is not None else -1.0


def _usage() -> tuple[Callable[[Any], Any], ...]:
    def of(each: Callable[[Amounts], float | None]) -> Callable[[Any], float]:
        return lambda view: _known(each(view.amounts))

    return (
        of(lambda amounts: amounts.memory_used),
        of(lambda amounts: share(amounts.memory_used, amounts.memory_limit)),
        lambda view: -1.0,
        of(lambda amounts: amounts.memory_request),
        of(lambda amounts: amounts.memory_limit),
        of(lambda amounts: amounts.cpu_used),
        lambda view: -1.0,
        lambda view: -1.0,
        of(lambda amounts: amounts.cpu_request),
        of(lambda amounts: amounts.cpu_limit),
    )


WORKLOAD_SORT: tuple[Callable[[WorkloadView], Any], ...] = (
    lambda view: view.health.rank,
    lambda view: view.name,
    lambda view: view.namespace,
    lambda view: view.service,
    lambda view: view.kind,
    lambda view: view.ready - view.desired,
    lambda view: view.status,
    lambda view: view.restarts,
    lambda view: view.oom_kills,
    lambda view: view.tag,
    lambda view: view.commit,
    _age,
    *_usage(),
)
"""What each column of workloads sorts by."""

POD_SORT: tuple[Callable[[PodView], Any], ...] = (
    lambda view: view.health.rank,
    lambda view: view.name,
    lambda view: view.namespace,
    lambda view: view.service,
    lambda view: view.ready - view.total,
    lambda view: view.status,
    lambda view: view.restarts,
    last_end,
    lambda view: view.oom_kills,
    lambda view: view.qos,
    _age,
    *_usage(),
)
"""What each column of pods sorts by."""
