"""What metrics.k8s.io and the kubelet's stats summary measure."""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.meta import Meta

__all__ = [
    "ContainerMetrics",
    "CpuStats",
    "FsStats",
    "MemoryStats",
    "NodeMetrics",
    "NodeStats",
    "PodMetrics",
    "PodReference",
    "PodStats",
    "RuntimeStats",
    "StatsSummary",
    "VolumeStats",
]


class ContainerMetrics(msgspec.Struct, gc=False):
    """What one container uses: quantities under "cpu" and "memory"."""

    name: str = ""
    usage: dict[str, str] | None = None


class PodMetrics(msgspec.Struct, gc=False):
    """What one pod used over `window` (a Go duration) up to `timestamp`."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    timestamp: str | None = None
    window: str | None = None
    containers: list[ContainerMetrics] | None = None


class NodeMetrics(msgspec.Struct, gc=False):
    """What one node used over `window` (a Go duration) up to `timestamp`."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    timestamp: str | None = None
    window: str | None = None
    usage: dict[str, str] | None = None


class CpuStats(msgspec.Struct, gc=False):
    """CPU of a node or pod, in billionths of a core."""

    time: str | None = None
    usageNanoCores: int | None = None


class MemoryStats(msgspec.Struct, gc=False):
    """Memory of a node or pod, in bytes; the working set is what cannot be freed."""

    time: str | None = None
    availableBytes: int | None = None
    usageBytes: int | None = None
    workingSetBytes: int | None = None


class FsStats(msgspec.Struct, gc=False):
    """A file system, in bytes and inodes."""

    time: str | None = None
    availableBytes: int | None = None
    capacityBytes: int | None = None
    usedBytes: int | None = None
    inodesFree: int | None = None
    inodes: int | None = None


class RuntimeStats(msgspec.Struct, gc=False):
    """Where the container runtime keeps images; often the same file system as the node's."""

    imageFs: FsStats | None = None


class NodeStats(msgspec.Struct, gc=False):
    """A node as its kubelet measures it."""

    nodeName: str = ""
    startTime: str | None = None
    cpu: CpuStats | None = None
    memory: MemoryStats | None = None
    fs: FsStats | None = None
    runtime: RuntimeStats | None = None


class PodReference(msgspec.Struct, gc=False):
    """A pod or claim by name."""

    name: str = ""
    namespace: str = ""
    uid: str = ""


class VolumeStats(msgspec.Struct, gc=False):
    """One volume of a pod, in bytes; `pvcRef` names its claim."""

    name: str = ""
    pvcRef: PodReference | None = None
    availableBytes: int | None = None
    capacityBytes: int | None = None
    usedBytes: int | None = None


class PodStats(msgspec.Struct, gc=False):
    """One pod as the kubelet measures it: its volumes and its ephemeral storage."""

    podRef: PodReference = msgspec.field(default_factory=PodReference)
    volume: list[VolumeStats] | None = None
    ephemeral_storage: FsStats | None = msgspec.field(default=None, name="ephemeral-storage")


class StatsSummary(msgspec.Struct, gc=False):
    """GET /api/v1/nodes/NAME/proxy/stats/summary."""

    node: NodeStats = msgspec.field(default_factory=NodeStats)
    pods: list[PodStats] | None = None
