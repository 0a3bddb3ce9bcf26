"""A pod's status from the states of its containers: phase, conditions, QoS class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.container import Container
from bakeryops.demo.controllers.objects import put_condition, timestamp

__all__ = ["outcome", "qos_class", "ready_entries", "write_conditions"]


def qos_class(spec: Object) -> str:
    """Return the quality-of-service class of a pod spec: Guaranteed, Burstable or BestEffort."""
    every = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    resources = [container.get("resources") or {} for container in every]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    for each in resources:
        limits, requests = each.get("limits") or {}, each.get("requests") or {}
        for name in ("cpu", "memory"):
            if name not in limits or (name in requests and requests[name] != limits[name]):
                return "Burstable"
    return "Guaranteed"


def outcome(containers: Iterable[Container], *, ended: bool) -> str:
    """Return the phase that the containers amount to, "" while they go on (`ended`: nothing restarts any more)."""
    every = list(containers)
    if not ended or any(each.state != "terminated" for each in every if each.instance):
        return ""
    codes = [each.ended.get("exitCode", 0) for each in every if each.instance and not each.sidecar]
    return "Succeeded" if codes and not any(codes) else "Failed"


def ready_entries(containers: Iterable[Container], result: str) -> dict[str, Any]:
    """Return status, reason and message of the conditions Ready and ContainersReady."""
    unready = [each.name for each in containers if not each.ready and (not each.init or each.sidecar)]
    if result == "Succeeded":
        return {"status": "False", "reason": "PodCompleted"}
    if result == "Failed":
        return {"status": "False", "reason": "PodFailed"}
    if not unready:
        return {"status": "True"}
    names = " ".join(unready)
    return {
        "status": "False",
        "reason": "ContainersNotReady",
        "message": f"containers with unready status: [{names}]",
    }


def write_conditions(
    entries: list[Object], containers: list[Container], *, sandbox: bool, result: str, now: float
) -> None:
    """Bring the conditions of a pod in `entries` up to date, in the order the kubelet writes them."""
    before = [each.name for each in containers if each.init and not _initialized(each)]
    ready = ready_entries([each for each in containers if not each.init or each.sidecar], result)
    initialized: dict[str, Any] = {"status": "True"}
    if result == "Succeeded":
        initialized["reason"] = "PodCompleted"
    elif before:
        names = " ".join(before)
        initialized = {
            "status": "False",
            "reason": "ContainersNotInitialized",
            "message": f"containers with incomplete status: [{names}]",
        }
    wanted = {
        "PodReadyToStartContainers": {"status": "True" if sandbox else "False"},
        "Initialized": initialized,
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": {"status": "True"},
    }
    stamp = timestamp(now)
    for kind, fields in wanted.items():
        put_condition(
            entries,
            {"type": kind, "lastProbeTime": None, "lastTransitionTime": stamp, **fields},
            keep_place=True,
        )
    order = list(wanted)
    entries.sort(key=lambda entry: order.index(entry["type"]) if entry["type"] in order else -1)


def _initialized(container: Container) -> bool:
    if container.sidecar:
        return container.started
    return container.state == "terminated" and container.ended.get("exitCode") == 0
