"""Nodes, as shown."""

from __future__ import annotations

import msgspec

from bakeryops.model.health import Health

__all__ = ["NodeView"]


class NodeView(msgspec.Struct, frozen=True, gc=False):
    """One node: CPU in cores, memory and disk in bytes, None where unknown.

    `*_total` is the capacity, `*_allocatable` what pods may have, `*_requested` what they ask for, `*_used` what
    is measured. `disk_evicts_at` is the used share (0..1) at which the kubelet begins to evict.
    """

    name: str
    health: Health
    status: str
    reason: str
    since: float | None
    cpu_total: float | None
    cpu_allocatable: float | None
    cpu_requested: float
    cpu_used: float | None
    memory_total: float | None
    memory_allocatable: float | None
    memory_requested: float
    memory_used: float | None
    disk_total: float | None
    disk_used: float | None
    disk_evicts_at: float
    pods: int
    pods_allowed: int | None
    pressures: tuple[str, ...]
    taints: tuple[str, ...]
    version: str
    os: str
    runtime: str
    address: str
    created: float | None
    heard: float | None
    recheck: float | None = None
