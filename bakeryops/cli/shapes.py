"""The documents that `-o json` and `-o yaml` print: stable, explained in docs/json.md and held to it by a test.

They are made by hand from the model, so that the model may change without them. Times are RFC 3339 in UTC, CPU is
in cores, memory and disk in bytes; null means unknown or not set.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bakeryops.model.event import EventGroup
from bakeryops.model.node import NodeView
from bakeryops.model.overview import NeedsYou, Overview, Part
from bakeryops.model.workload import Amounts, ContainerView, PodView, WorkloadView

__all__ = ["event", "moment", "pod", "status", "workload"]

Document = dict[str, Any]


def moment(seconds: float | None) -> str | None:
    """Return seconds since the epoch as RFC 3339 in UTC, to the second."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None


def _whole(amount: float | None) -> int | None:
    return None if amount is None else round(amount)


def _cores(amount: float | None) -> float | None:
    return None if amount is None else round(float(amount), 4)


def _amounts(amounts: Amounts) -> Document:
    return {
        "cpu": {
            "used": _cores(amounts.cpu_used),
            "request": _cores(amounts.cpu_request),
            "limit": _cores(amounts.cpu_limit),
        },
        "memory": {
            "used": _whole(amounts.memory_used),
            "request": _whole(amounts.memory_request),
            "limit": _whole(amounts.memory_limit),
        },
    }


def workload(view: WorkloadView) -> Document:
    """Return one entry of `workloads`."""
    return {
        "kind": view.kind,
        "namespace": view.namespace,
        "name": view.name,
        "service": view.service,
        "health": view.health.value,
        "status": view.status,
        "reason": view.reason,
        "since": moment(view.since),
        "ready": view.ready,
        "desired": view.desired,
        "updated": view.updated,
        "available": view.available,
        "restarts": view.restarts,
        "restarts_last_hour": view.restarts_hour,
        "last_restart": moment(view.restarted),
        "oom_kills": view.oom_kills,
        "image": view.image,
        "tag": view.tag,
        "commit": view.commit,
        "created": moment(view.created),
        **_amounts(view.amounts),
        "pods": [key.partition("/")[2] for key in view.pods],
    }


def _container(view: ContainerView) -> Document:
    return {
        "name": view.name,
        "role": view.role,
        "image": view.image,
        "state": view.state,
        "health": view.health.value,
        "reason": view.reason,
        "ready": view.ready,
        "restarts": view.restarts,
        "since": moment(view.since),
        "last_reason": view.last_reason,
        "last_exit_code": view.last_exit,
        "last_ended": moment(view.last_ended),
        **_amounts(view.amounts),
    }


def pod(view: PodView) -> Document:
    """Return one entry of `workloads --pods`."""
    return {
        "namespace": view.namespace,
        "name": view.name,
        "service": view.service,
        "owner": {"kind": view.owner_kind, "name": view.owner_name},
        "health": view.health.value,
        "status": view.status,
        "reason": view.reason,
        "since": moment(view.since),
        "ready": view.ready,
        "total": view.total,
        "restarts": view.restarts,
        "last_restart": moment(view.restarted),
        "oom_kills": view.oom_kills,
        "qos": view.qos,
        "node": view.node,
        "ip": view.ip,
        "created": moment(view.created),
        **_amounts(view.amounts),
        "containers": [_container(each) for each in view.containers],
    }


def event(group: EventGroup) -> Document:
    """Return one entry of `events`."""
    return {
        "type": "Warning" if group.warning else "Normal",
        "reason": group.reason,
        "message": group.message,
        "object": {"kind": group.kind, "namespace": group.namespace, "name": group.name},
        "source": group.source,
        "count": group.count,
        "objects": group.objects,
        "first": moment(group.first),
        "last": moment(group.last),
    }


def _part(part: Part) -> Document:
    return {
        "name": part.name,
        "namespaces": list(part.namespaces),
        "health": part.health.value,
        "reason": part.reason,
        "present": part.present,
        "version": part.version,
        "ready": part.ready,
        "total": part.total,
        "cpu": _cores(part.cpu),
        "memory": _whole(part.memory),
        "budget": _whole(part.budget),
    }


def _need(need: NeedsYou) -> Document:
    return {
        "health": need.health.value,
        "name": need.name,
        "what": need.what,
        "why": need.why,
        "since": moment(need.since),
        "object": {"resource": need.ref.plural, "namespace": need.ref.namespace, "name": need.ref.name},
        "restarts": need.restarts,
    }


def _node(view: NodeView) -> Document:
    return {
        "name": view.name,
        "health": view.health.value,
        "status": view.status,
        "reason": view.reason,
        "version": view.version,
        "cpu": {
            "used": _cores(view.cpu_used),
            "requested": _cores(view.cpu_requested),
            "allocatable": _cores(view.cpu_allocatable),
        },
        "memory": {
            "used": _whole(view.memory_used),
            "requested": _whole(view.memory_requested),
            "allocatable": _whole(view.memory_allocatable),
        },
        "disk": {"used": _whole(view.disk_used), "total": _whole(view.disk_total)},
        "pods": view.pods,
        "pods_allowed": view.pods_allowed,
    }


def status(view: Overview, *, context: str, server: str, version: str) -> Document:
    """Return the document of `status`; `version` is the API server's."""
    return {
        "context": context,
        "server": server,
        "server_version": version or None,
        "health": view.health.value,
        "needs": [_need(each) for each in view.needs],
        "parts": [_part(each) for each in view.parts],
        "cicd": {"memory": _whole(view.cicd_memory), "budget": _whole(view.cicd_budget)},
        "workloads": {"ready": view.workloads_ready, "total": view.workloads_total},
        "databases": {"ready": view.databases_ready, "total": view.databases_total},
        "pods": view.pods_total,
        "restarts_last_hour": view.restarts_hour,
        "nodes": [_node(each) for each in view.nodes],
        "unknown": list(view.unknowns),
    }
