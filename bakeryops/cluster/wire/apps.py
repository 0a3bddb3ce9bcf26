"""The apps group: what keeps pods running."""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.core import PodSpec
from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition, Meta

__all__ = [
    "ClaimTemplate",
    "DaemonSet",
    "DaemonSetSpec",
    "DaemonSetStatus",
    "Deployment",
    "DeploymentSpec",
    "DeploymentStatus",
    "PodTemplate",
    "ReplicaSet",
    "ReplicaSetSpec",
    "ReplicaSetStatus",
    "RollingUpdate",
    "Selector",
    "StatefulSet",
    "StatefulSetSpec",
    "StatefulSetStatus",
    "Strategy",
]


class Selector(msgspec.Struct, gc=False):
    """Which pods belong to a controller; expressions are not read."""

    matchLabels: dict[str, str] | None = None


class PodTemplate(msgspec.Struct, gc=False):
    """The pod that a controller makes."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: PodSpec | None = None


class RollingUpdate(msgspec.Struct, gc=False):
    """How far a rolling update may go at once: numbers, or percentages as text."""

    maxSurge: int | str | None = None
    maxUnavailable: int | str | None = None
    partition: int | None = None


class Strategy(msgspec.Struct, gc=False):
    """How pods are replaced: RollingUpdate, Recreate or OnDelete."""

    type: str | None = None
    rollingUpdate: RollingUpdate | None = None


class DeploymentSpec(msgspec.Struct, gc=False):
    """What a Deployment asks for; no `replicas` means 1."""

    replicas: int | None = None
    paused: bool | None = None
    progressDeadlineSeconds: int | None = None
    minReadySeconds: int | None = None
    selector: Selector | None = None
    strategy: Strategy | None = None
    template: PodTemplate | None = None


class DeploymentStatus(msgspec.Struct, gc=False):
    """How far a Deployment has come; Go leaves out counts of zero."""

    replicas: int | None = None
    updatedReplicas: int | None = None
    readyReplicas: int | None = None
    availableReplicas: int | None = None
    unavailableReplicas: int | None = None
    observedGeneration: int | None = None
    conditions: list[Condition] | None = None


class Deployment(msgspec.Struct, gc=False):
    """A Deployment."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: DeploymentSpec | None = None
    status: DeploymentStatus | None = None


class ReplicaSetSpec(msgspec.Struct, gc=False):
    """What a ReplicaSet asks for."""

    replicas: int | None = None
    template: PodTemplate | None = None


class ReplicaSetStatus(msgspec.Struct, gc=False):
    """How many pods a ReplicaSet has; a ReplicaFailure condition says why it cannot make more."""

    replicas: int | None = None
    readyReplicas: int | None = None
    availableReplicas: int | None = None
    observedGeneration: int | None = None
    conditions: list[Condition] | None = None


class ReplicaSet(msgspec.Struct, gc=False):
    """A ReplicaSet; annotation `deployment.kubernetes.io/revision` numbers it."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: ReplicaSetSpec | None = None
    status: ReplicaSetStatus | None = None


class ClaimTemplate(msgspec.Struct, gc=False):
    """A claim made for each pod of a StatefulSet, named TEMPLATE-POD."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class StatefulSetSpec(msgspec.Struct, gc=False):
    """What a StatefulSet asks for; no `replicas` means 1."""

    replicas: int | None = None
    serviceName: str | None = None
    podManagementPolicy: str | None = None
    selector: Selector | None = None
    updateStrategy: Strategy | None = None
    template: PodTemplate | None = None
    volumeClaimTemplates: list[ClaimTemplate] | None = None


class StatefulSetStatus(msgspec.Struct, gc=False):
    """How far a StatefulSet has come; a rollout is over when the two revisions are equal."""

    replicas: int | None = None
    readyReplicas: int | None = None
    currentReplicas: int | None = None
    updatedReplicas: int | None = None
    availableReplicas: int | None = None
    currentRevision: str | None = None
    updateRevision: str | None = None
    observedGeneration: int | None = None
    conditions: list[Condition] | None = None


class StatefulSet(msgspec.Struct, gc=False):
    """A StatefulSet."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: StatefulSetSpec | None = None
    status: StatefulSetStatus | None = None


class DaemonSetSpec(msgspec.Struct, gc=False):
    """What a DaemonSet asks for."""

    selector: Selector | None = None
    updateStrategy: Strategy | None = None
    template: PodTemplate | None = None


class DaemonSetStatus(msgspec.Struct, gc=False):
    """How far a DaemonSet has come, counted in nodes."""

    desiredNumberScheduled: int | None = None
    currentNumberScheduled: int | None = None
    updatedNumberScheduled: int | None = None
    numberReady: int | None = None
    numberAvailable: int | None = None
    numberUnavailable: int | None = None
    numberMisscheduled: int | None = None
    observedGeneration: int | None = None
    conditions: list[Condition] | None = None


class DaemonSet(msgspec.Struct, gc=False):
    """A DaemonSet."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: DaemonSetSpec | None = None
    status: DaemonSetStatus | None = None
