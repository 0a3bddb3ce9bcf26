"""Flux: what is fetched, what is applied, and what else its controllers keep, in every version that is served.

Times are RFC 3339 text, intervals Go durations. A field that only some kinds or versions have is optional.
"""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition

__all__ = [
    "Artifact",
    "ChartSpec",
    "ChartTemplate",
    "FluxObject",
    "FluxObjectSpec",
    "FluxObjectStatus",
    "HelmRelease",
    "HelmReleaseSpec",
    "HelmReleaseStatus",
    "History",
    "HistoryMeta",
    "Inventory",
    "InventoryEntry",
    "Kustomization",
    "KustomizationSpec",
    "KustomizationStatus",
    "LatestRef",
    "ObjectName",
    "ScanResult",
    "Source",
    "SourceReference",
    "SourceSpec",
    "SourceStatus",
]


class ObjectName(msgspec.Struct, gc=False):
    """Names another object; without kind or namespace it is of the usual kind, in the same namespace."""

    kind: str | None = None
    name: str = ""
    namespace: str | None = None


class SourceReference(msgspec.Struct, gc=False):
    """What of a repository is wanted; `name` is a full ref ("refs/pull/1/head"), and `commit` wins over all."""

    branch: str | None = None
    tag: str | None = None
    semver: str | None = None
    name: str | None = None
    commit: str | None = None
    digest: str | None = None


class SourceSpec(msgspec.Struct, gc=False):
    """What a source fetches; `chart` and `version` are a HelmChart's, `bucketName` and `endpoint` a Bucket's."""

    url: str | None = None
    ref: SourceReference | None = None
    interval: str | None = None
    timeout: str | None = None
    suspend: bool | None = None
    type: str | None = None
    bucketName: str | None = None
    endpoint: str | None = None
    chart: str | None = None
    version: str | None = None
    sourceRef: ObjectName | None = None


class Artifact(msgspec.Struct, gc=False):
    """What a source last fetched ("main@sha1:<40 hex>"), and when that changed."""

    revision: str | None = None
    digest: str | None = None
    lastUpdateTime: str | None = None


class SourceStatus(msgspec.Struct, gc=False):
    """A source's conditions and what it last fetched; -1 as generation means that nothing was looked at yet."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None
    artifact: Artifact | None = None
    lastHandledReconcileAt: str | None = None


class Source(msgspec.Struct, gc=False):
    """A GitRepository, OCIRepository, HelmRepository, HelmChart or Bucket."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: SourceSpec | None = None
    status: SourceStatus | None = None


class KustomizationSpec(msgspec.Struct, gc=False):
    """What a Kustomization applies."""

    sourceRef: ObjectName | None = None
    path: str | None = None
    prune: bool | None = None
    wait: bool | None = None
    force: bool | None = None
    dependsOn: list[ObjectName] | None = None
    interval: str | None = None
    retryInterval: str | None = None
    timeout: str | None = None
    targetNamespace: str | None = None
    suspend: bool | None = None


class InventoryEntry(msgspec.Struct, gc=False):
    """One object that was applied: `<namespace>_<name>_<group>_<kind>` and its version."""

    id: str = ""
    v: str = ""


class Inventory(msgspec.Struct, gc=False):
    """The objects that an applier owns."""

    entries: list[InventoryEntry] | None = None


class HistoryMeta(msgspec.Struct, gc=False):
    """What a Kustomization's history says of its revision."""

    revision: str | None = None


class History(msgspec.Struct, gc=False):
    """One entry of a history: the upper fields are a Kustomization's, the lower a HelmRelease's."""

    digest: str | None = None
    firstReconciled: str | None = None
    lastReconciled: str | None = None
    lastReconciledDuration: str | None = None
    lastReconciledStatus: str | None = None
    totalReconciliations: int | None = None
    metadata: HistoryMeta | None = None
    status: str | None = None
    chartName: str | None = None
    chartVersion: str | None = None
    version: int | None = None
    firstDeployed: str | None = None
    lastDeployed: str | None = None


class KustomizationStatus(msgspec.Struct, gc=False):
    """How far a Kustomization is; after a failed health check the applied revision stays behind."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None
    lastAppliedRevision: str | None = None
    lastAttemptedRevision: str | None = None
    lastHandledReconcileAt: str | None = None
    inventory: Inventory | None = None
    history: list[History] | None = None


class Kustomization(msgspec.Struct, gc=False):
    """A Flux Kustomization."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: KustomizationSpec | None = None
    status: KustomizationStatus | None = None


class ChartSpec(msgspec.Struct, gc=False):
    """Which chart a HelmRelease installs."""

    chart: str | None = None
    version: str | None = None
    sourceRef: ObjectName | None = None


class ChartTemplate(msgspec.Struct, gc=False):
    """Where a HelmRelease keeps its chart."""

    spec: ChartSpec | None = None


class HelmReleaseSpec(msgspec.Struct, gc=False):
    """What a HelmRelease installs; `chartRef` names a HelmChart or OCIRepository in place of `chart`."""

    chart: ChartTemplate | None = None
    chartRef: ObjectName | None = None
    dependsOn: list[ObjectName] | None = None
    interval: str | None = None
    timeout: str | None = None
    targetNamespace: str | None = None
    releaseName: str | None = None
    suspend: bool | None = None


class HelmReleaseStatus(msgspec.Struct, gc=False):
    """How far a HelmRelease is; its conditions carry no generation of their own. Revisions are chart versions."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None
    lastAppliedRevision: str | None = None
    lastAttemptedRevision: str | None = None
    lastHandledReconcileAt: str | None = None
    inventory: Inventory | None = None
    history: list[History] | None = None
    helmChart: str | None = None
    failures: int | None = None


class HelmRelease(msgspec.Struct, gc=False):
    """A Flux HelmRelease."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: HelmReleaseSpec | None = None
    status: HelmReleaseStatus | None = None


class ScanResult(msgspec.Struct, gc=False):
    """What an ImageRepository last found."""

    tagCount: int | None = None
    scanTime: str | None = None


class LatestRef(msgspec.Struct, gc=False):
    """What an ImagePolicy chose."""

    name: str | None = None
    tag: str | None = None
    digest: str | None = None


class FluxObjectSpec(msgspec.Struct, gc=False):
    """What is read of image automation, receivers, alerts and providers."""

    suspend: bool | None = None
    interval: str | None = None
    image: str | None = None
    imageRepositoryRef: ObjectName | None = None
    sourceRef: ObjectName | None = None
    providerRef: ObjectName | None = None
    type: str | None = None
    channel: str | None = None
    events: list[str] | None = None
    eventSeverity: str | None = None
    resources: list[ObjectName] | None = None
    eventSources: list[ObjectName] | None = None


class FluxObjectStatus(msgspec.Struct, gc=False):
    """What image automation and receivers say; alerts and providers of newer versions have no status."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None
    lastHandledReconcileAt: str | None = None
    canonicalImageName: str | None = None
    lastScanResult: ScanResult | None = None
    latestRef: LatestRef | None = None
    latestImage: str | None = None
    lastAutomationRunTime: str | None = None
    lastPushCommit: str | None = None
    lastPushTime: str | None = None
    webhookPath: str | None = None


class FluxObject(msgspec.Struct, gc=False):
    """An ImageRepository, ImagePolicy, ImageUpdateAutomation, Receiver, Alert or Provider."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: FluxObjectSpec | None = None
    status: FluxObjectStatus | None = None
