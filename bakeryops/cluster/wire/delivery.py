"""Flux: metadata, whether suspended, conditions, and the few revisions that say how far delivery is."""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition

__all__ = [
    "Artifact",
    "DeliveryObject",
    "FluxSpec",
    "GitRepository",
    "HelmRelease",
    "Kustomization",
    "KustomizationStatus",
    "ReadyStatus",
    "SourceStatus",
]


class ReadyStatus(msgspec.Struct, gc=False):
    """A status of which only the conditions are read."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None


class FluxSpec(msgspec.Struct, gc=False):
    """Whether a person suspended the object."""

    suspend: bool | None = None


class Artifact(msgspec.Struct, gc=False):
    """What a source last fetched ("main@sha1:<40 hex>"), and when."""

    revision: str | None = None
    lastUpdateTime: str | None = None


class SourceStatus(msgspec.Struct, gc=False):
    """A Flux source's conditions and what it last fetched."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None
    artifact: Artifact | None = None


class GitRepository(msgspec.Struct, gc=False):
    """A Flux source: GitRepository, OCIRepository, HelmRepository, Bucket."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: FluxSpec | None = None
    status: SourceStatus | None = None


class KustomizationStatus(msgspec.Struct, gc=False):
    """A Kustomization's conditions and revisions; after a failed health check the applied one stays behind."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None
    lastAppliedRevision: str | None = None
    lastAttemptedRevision: str | None = None


class Kustomization(msgspec.Struct, gc=False):
    """A Flux Kustomization."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: FluxSpec | None = None
    status: KustomizationStatus | None = None


class HelmRelease(msgspec.Struct, gc=False):
    """A Flux HelmRelease."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: FluxSpec | None = None
    status: ReadyStatus | None = None


class DeliveryObject(msgspec.Struct, gc=False):
    """Any other Tekton or Flux object: metadata, suspended or not, conditions."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: FluxSpec | None = None
    status: ReadyStatus | None = None
