"""Nodes read: what they have, promise and use, and what presses them."""

from __future__ import annotations

from collections.abc import Iterable

from bakeryops.cluster.wire.core import Node, NodeCondition, NodeInfo, NodeSpec, NodeStatus
from bakeryops.cluster.wire.metrics import FsStats, NodeMetrics, NodeStats, StatsSummary
from bakeryops.model.health import Health
from bakeryops.model.node import NodeView
from bakeryops.model.workload import PodView
from bakeryops.text import clean
from bakeryops.units import parse_quantity, parse_time

__all__ = ["DISK_EVICTS_AT", "node"]

DISK_EVICTS_AT = 0.85
"""Used share of the image file system at which the kubelet's default (imagefs.available<15%) evicts."""

_DISK_WARNS_BEFORE = 0.07
_MEMORY_WARNS_AT = 0.95
_PRESSURES = {
    "MemoryPressure": "memory",
    "DiskPressure": "disk",
    "PIDPressure": "process ids",
    "NetworkUnavailable": "network",
}
_EMPTY_STATS = NodeStats()
_EMPTY_FS = FsStats()


def node(
    node: Node,
    pods: Iterable[PodView] = (),
    *,
    usage: NodeMetrics | None = None,
    stats: StatsSummary | None = None,
    evicts_at: float = DISK_EVICTS_AT,
) -> NodeView:
    """Return a node read with the pods on it, its metrics and its kubelet's summary, where there are any."""
    status, spec = node.status or NodeStatus(), node.spec or NodeSpec()
    name = clean(node.metadata.name)
    mine = [pod for pod in pods if pod.node == name and not pod.finished]
    conditions = {condition.type: condition for condition in status.conditions or ()}
    measured = stats.node if stats is not None else _EMPTY_STATS
    disk = _disk(measured)
    cpu_used, memory_used = _used(usage, measured)
    allocatable, capacity = status.allocatable or {}, status.capacity or {}
    memory_allocatable = parse_quantity(allocatable.get("memory"))
    pressures = tuple(
        word for kind, word in _PRESSURES.items() if kind in conditions and conditions[kind].status == "True"
    )
    disk_share = disk.usedBytes / disk.capacityBytes if disk.usedBytes is not None and disk.capacityBytes else None
    memory_share = memory_used / memory_allocatable if memory_used is not None and memory_allocatable else None
    health, word, reason, since = _judge(conditions, pressures, spec, disk_share, memory_share, evicts_at)
    info = status.nodeInfo or NodeInfo()
    ready = conditions.get("Ready")
    allowed = parse_quantity(allocatable.get("pods"))
    return NodeView(
        name=name,
        health=health,
        status=word,
        reason=reason,
        since=since,
        cpu_total=parse_quantity(capacity.get("cpu")),
        cpu_allocatable=parse_quantity(allocatable.get("cpu")),
        cpu_requested=sum(pod.amounts.cpu_request or 0.0 for pod in mine),
        cpu_used=cpu_used,
        memory_total=parse_quantity(capacity.get("memory")),
        memory_allocatable=memory_allocatable,
        memory_requested=sum(pod.amounts.memory_request or 0.0 for pod in mine),
        memory_used=memory_used,
        disk_total=disk.capacityBytes or parse_quantity(capacity.get("ephemeral-storage")),
        disk_used=disk.usedBytes,
        disk_evicts_at=evicts_at,
        pods=len(mine),
        pods_allowed=int(allowed) if allowed is not None else None,
        pressures=pressures,
        taints=tuple(
            clean(f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}")
            for taint in spec.taints or ()
        ),
        version=clean(info.kubeletVersion or ""),
        os=clean(info.osImage or ""),
        runtime=clean(info.containerRuntimeVersion or ""),
        address=next((clean(each.address) for each in status.addresses or () if each.type == "InternalIP"), ""),
        created=parse_time(node.metadata.creationTimestamp),
        heard=parse_time(ready.lastHeartbeatTime) if ready is not None else None,
    )


def _disk(measured: NodeStats) -> FsStats:
    """Return the fuller of the node's two file systems: it is the one that evicts first."""
    images = measured.runtime.imageFs if measured.runtime is not None else None
    known = [
        fs for fs in (measured.fs, images) if fs is not None and fs.capacityBytes and fs.usedBytes is not None
    ]
    if not known:
        return _EMPTY_FS
    # usedBytes of the image file system counts images alone; what is not available counts against eviction.
    filled = [
        FsStats(
            capacityBytes=fs.capacityBytes,
            availableBytes=fs.availableBytes,
            usedBytes=(fs.capacityBytes or 0) - fs.availableBytes
            if fs.availableBytes is not None
            else fs.usedBytes,
        )
        for fs in known
    ]
    return max(filled, key=lambda fs: (fs.usedBytes or 0) / (fs.capacityBytes or 1))


def _used(usage: NodeMetrics | None, measured: NodeStats) -> tuple[float | None, float | None]:
    """Return (cores, bytes) in use, from metrics.k8s.io or else from the kubelet's summary."""
    amounts = (usage.usage if usage is not None else None) or {}
    cpu, memory = parse_quantity(amounts.get("cpu")), parse_quantity(amounts.get("memory"))
    if cpu is None and measured.cpu is not None and measured.cpu.usageNanoCores is not None:
        cpu = measured.cpu.usageNanoCores / 1e9
    if memory is None and measured.memory is not None and measured.memory.workingSetBytes is not None:
        memory = float(measured.memory.workingSetBytes)
    return cpu, memory


def _judge(
    conditions: dict[str, NodeCondition],
    pressures: tuple[str, ...],
    spec: NodeSpec,
    disk: float | None,
    memory: float | None,
    evicts_at: float,
) -> tuple[Health, str, str, float | None]:
    ready = conditions.get("Ready")
    if ready is None:
        return Health.UNKNOWN, "Unknown", "it does not say whether it is ready", None
    since = parse_time(ready.lastTransitionTime)
    said = clean(ready.message or ready.reason or "")
    if ready.status == "Unknown":
        return Health.BAD, "Unknown", said or "its kubelet no longer reports", since
    if ready.status != "True":
        return Health.BAD, "NotReady", said or "not ready", since
    if pressures:
        pressed = next(conditions[kind] for kind, word in _PRESSURES.items() if word == pressures[0])
        what = ", ".join(pressures)
        return Health.BAD, "Pressure", f"short of {what}: pods are evicted", parse_time(pressed.lastTransitionTime)
    if disk is not None and disk >= evicts_at:
        return Health.BAD, "Ready", f"disk {disk:.0%} full: the kubelet evicts at {evicts_at:.0%}", since
    if disk is not None and disk >= evicts_at - _DISK_WARNS_BEFORE:
        return Health.SOON, "Ready", f"disk {disk:.0%} full: the kubelet evicts at {evicts_at:.0%}", since
    if memory is not None and memory >= _MEMORY_WARNS_AT:
        return Health.SOON, "Ready", f"memory {memory:.0%} of what pods may have is in use", since
    if spec.unschedulable:
        return Health.HELD, "Cordoned", "takes no pods: it is cordoned", since
    return Health.FINE, "Ready", "", since
