"""Everything that keeps pods running, as one list, worst first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bakeryops.model.workload import WorkloadView
from bakeryops.read.index import Items, WorkloadIndex
from bakeryops.read.jobs import cronjob, job, loose_pods
from bakeryops.read.rollouts import daemonset, deployment, statefulset

__all__ = [
    "cronjob",
    "daemonset",
    "deployment",
    "job",
    "loose_pods",
    "order",
    "read_all",
    "statefulset",
    "workloads",
]


class _Held(msgspec.Struct):
    items: dict[str, Any]


def order(view: WorkloadView) -> tuple[int, str, str, str]:
    """Return the sort key of a workload: the worst first, then by namespace and name."""
    return view.health.rank, view.namespace, view.name, view.kind


def read_all(objects: Mapping[str, Iterable[Any]], *, now: float | None = None) -> WorkloadIndex:
    """Return an index of objects given by plural; a missing "pods" means that pods cannot be seen."""
    stores: dict[str, Items] = {}
    for plural, found in objects.items():
        stores[plural] = _Held({_identity(each): each for each in found})
    index = WorkloadIndex(clock=time.time if now is None else lambda: now)
    index.pods_known = "pods" in objects
    index.load(stores)
    return index


def workloads(
    stores: Mapping[str, Items], *, now: float | None = None, pods_known: bool = True
) -> list[WorkloadView]:
    """Return every workload in stores given by plural, the worst first."""
    index = WorkloadIndex(clock=time.time if now is None else lambda: now)
    index.pods_known = pods_known
    index.load(stores)
    return sorted(index.workloads.values(), key=order)


def _identity(found: Any) -> str:
    meta = found.metadata
    return meta.uid or f"{meta.namespace}/{meta.name}"
