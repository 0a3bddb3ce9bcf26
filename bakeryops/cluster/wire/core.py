"""The core group: pods, nodes, namespaces, events, claims, services, quotas."""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition, Meta
from bakeryops.cluster.wire.sharing import share

__all__ = [
    "ClaimSource",
    "ConfigMap",
    "Container",
    "ContainerState",
    "ContainerStatus",
    "Event",
    "EventSeries",
    "EventSource",
    "Namespace",
    "NamespaceStatus",
    "Node",
    "NodeAddress",
    "NodeCondition",
    "NodeInfo",
    "NodeSpec",
    "NodeStatus",
    "ObjectReference",
    "PartialObject",
    "PersistentVolumeClaim",
    "PersistentVolumeClaimSpec",
    "PersistentVolumeClaimStatus",
    "Pod",
    "PodSpec",
    "PodStatus",
    "Probe",
    "ResourceQuota",
    "ResourceQuotaSpec",
    "ResourceQuotaStatus",
    "Resources",
    "Running",
    "Service",
    "ServicePort",
    "ServiceSpec",
    "Taint",
    "Terminated",
    "Volume",
    "Waiting",
]


class Resources(msgspec.Struct, gc=False):
    """Requests and limits as Kubernetes quantities ("250m", "64Mi")."""

    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class Probe(msgspec.Struct, gc=False):
    """A probe: only that there is one."""


class Container(msgspec.Struct, gc=False):
    """One container as asked for; an init container with `restartPolicy` "Always" is a sidecar."""

    name: str = ""
    image: str | None = None
    resources: Resources | None = None
    restartPolicy: str | None = None
    livenessProbe: Probe | None = None
    readinessProbe: Probe | None = None
    startupProbe: Probe | None = None


class ClaimSource(msgspec.Struct, gc=False):
    """The claim behind a volume."""

    claimName: str = ""


class Volume(msgspec.Struct, gc=False):
    """One volume; only claims are read."""

    persistentVolumeClaim: ClaimSource | None = None


class PodSpec(msgspec.Struct, gc=False):
    """What a pod asks for."""

    nodeName: str | None = None
    restartPolicy: str | None = None
    containers: list[Container] | None = None
    initContainers: list[Container] | None = None
    volumes: list[Volume] | None = None


class Waiting(msgspec.Struct, gc=False):
    """A container that does not run yet, or not again."""

    reason: str | None = None
    message: str | None = None


class Running(msgspec.Struct, gc=False):
    """A container that runs."""

    startedAt: str | None = None


class Terminated(msgspec.Struct, gc=False):
    """A container that ended."""

    exitCode: int = 0
    signal: int | None = None
    reason: str | None = None
    message: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None


class ContainerState(msgspec.Struct, gc=False):
    """At most one of the three is there; none is read as waiting."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, gc=False):
    """One container as the kubelet reports it."""

    name: str = ""
    ready: bool = False
    started: bool | None = None
    restartCount: int = 0
    imageID: str | None = None
    state: ContainerState | None = None
    lastState: ContainerState | None = None


class PodStatus(msgspec.Struct, gc=False):
    """A pod as the kubelet reports it."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    podIP: str | None = None
    hostIP: str | None = None
    startTime: str | None = None
    qosClass: str | None = None
    conditions: list[Condition] | None = None
    containerStatuses: list[ContainerStatus] | None = None
    initContainerStatuses: list[ContainerStatus] | None = None


class Pod(msgspec.Struct, gc=False):
    """A pod."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: PodSpec | None = None
    status: PodStatus | None = None

    def __post_init__(self) -> None:
        """Let equal texts of different pods be one object, which halves what thousands of pods take."""
        meta, spec, status = self.metadata, self.spec, self.status
        meta.namespace = share(meta.namespace)
        if meta.labels:
            meta.labels = {key: share(value) for key, value in meta.labels.items()}
        for owner in meta.ownerReferences or ():
            owner.kind, owner.name, owner.uid = share(owner.kind), share(owner.name), share(owner.uid)
        if spec is not None:
            if spec.nodeName:
                spec.nodeName = share(spec.nodeName)
            for container in spec.containers or ():
                container.name = share(container.name)
                if container.image:
                    container.image = share(container.image)
        if status is not None:
            if status.hostIP:
                status.hostIP = share(status.hostIP)
            for condition in status.conditions or ():
                condition.type, condition.status = share(condition.type), share(condition.status)
            for container_status in status.containerStatuses or ():
                container_status.name = share(container_status.name)
                if container_status.imageID:
                    container_status.imageID = share(container_status.imageID)


class NodeCondition(msgspec.Struct, gc=False):
    """One condition of a node, with the kubelet's last sign of life."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    lastTransitionTime: str | None = None
    lastHeartbeatTime: str | None = None


class Taint(msgspec.Struct, gc=False):
    """What keeps pods away from a node."""

    key: str = ""
    value: str | None = None
    effect: str = ""


class NodeSpec(msgspec.Struct, gc=False):
    """What was asked of a node."""

    unschedulable: bool | None = None
    taints: list[Taint] | None = None


class NodeAddress(msgspec.Struct, gc=False):
    """One address of a node."""

    type: str = ""
    address: str = ""


class NodeInfo(msgspec.Struct, gc=False):
    """Versions a node reports."""

    kubeletVersion: str | None = None
    osImage: str | None = None
    kernelVersion: str | None = None
    containerRuntimeVersion: str | None = None
    architecture: str | None = None


class NodeStatus(msgspec.Struct, gc=False):
    """A node as its kubelet reports it; amounts are Kubernetes quantities."""

    capacity: dict[str, str] | None = None
    allocatable: dict[str, str] | None = None
    conditions: list[NodeCondition] | None = None
    addresses: list[NodeAddress] | None = None
    nodeInfo: NodeInfo | None = None


class Node(msgspec.Struct, gc=False):
    """A node."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class NamespaceStatus(msgspec.Struct, gc=False):
    """Whether a namespace is Active or Terminating, and what keeps it from going."""

    phase: str | None = None
    conditions: list[Condition] | None = None


class Namespace(msgspec.Struct, gc=False):
    """A namespace."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    status: NamespaceStatus | None = None


class ObjectReference(msgspec.Struct, gc=False):
    """What an event is about; `fieldPath` names a container ("spec.containers{web}")."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    fieldPath: str | None = None


class EventSource(msgspec.Struct, gc=False):
    """Who wrote an event, in the older form."""

    component: str | None = None
    host: str | None = None


class EventSeries(msgspec.Struct, gc=False):
    """How often an event of the events.k8s.io form happened, and when last."""

    count: int | None = None
    lastObservedTime: str | None = None


class Event(msgspec.Struct, gc=False):
    """A core/v1 Event; any of its three times and its message may be missing."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    involvedObject: ObjectReference | None = None
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    firstTimestamp: str | None = None
    lastTimestamp: str | None = None
    eventTime: str | None = None
    series: EventSeries | None = None
    source: EventSource | None = None
    reportingComponent: str | None = None


class PersistentVolumeClaimSpec(msgspec.Struct, gc=False):
    """What a claim asks for."""

    volumeName: str | None = None
    storageClassName: str | None = None
    accessModes: list[str] | None = None
    resources: Resources | None = None


class PersistentVolumeClaimStatus(msgspec.Struct, gc=False):
    """Whether a claim is Pending, Bound or Lost, and how much it got."""

    phase: str | None = None
    capacity: dict[str, str] | None = None
    conditions: list[Condition] | None = None


class PersistentVolumeClaim(msgspec.Struct, gc=False):
    """A claim of storage."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: PersistentVolumeClaimSpec | None = None
    status: PersistentVolumeClaimStatus | None = None


class ServicePort(msgspec.Struct, gc=False):
    """One port of a Service; the target is a number or a container port's name."""

    name: str | None = None
    port: int | None = None
    targetPort: int | str | None = None
    nodePort: int | None = None
    protocol: str | None = None


class ServiceSpec(msgspec.Struct, gc=False):
    """Where a Service listens and which pods it leads to."""

    type: str | None = None
    clusterIP: str | None = None
    selector: dict[str, str] | None = None
    ports: list[ServicePort] | None = None


class Service(msgspec.Struct, gc=False):
    """A Service."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: ServiceSpec | None = None


class ResourceQuotaSpec(msgspec.Struct, gc=False):
    """What a namespace may use, as quantities by resource name."""

    hard: dict[str, str] | None = None


class ResourceQuotaStatus(msgspec.Struct, gc=False):
    """What a namespace may use and uses, as quantities by resource name."""

    hard: dict[str, str] | None = None
    used: dict[str, str] | None = None


class ResourceQuota(msgspec.Struct, gc=False):
    """A quota of a namespace."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: ResourceQuotaSpec | None = None
    status: ResourceQuotaStatus | None = None


class ConfigMap(msgspec.Struct, gc=False):
    """A ConfigMap with its texts."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    data: dict[str, str] | None = None


class PartialObject(msgspec.Struct, gc=False):
    """An object of any kind of which only the metadata is read (ConfigMaps, Secrets, CRDs…)."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
