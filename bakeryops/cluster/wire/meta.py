"""Metadata and conditions, as every kind carries them."""

from __future__ import annotations

import msgspec

__all__ = ["AnnotatedMeta", "Condition", "Meta", "OwnerReference"]


class OwnerReference(msgspec.Struct, gc=False):
    """Who made an object; `controller` is true of the one that manages it."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Meta(msgspec.Struct, gc=False):
    """metadata without annotations; times are RFC 3339 text.

    `deletionTimestamp` is the moment the grace period ends, not the moment of the request.
    """

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None
    deletionGracePeriodSeconds: int | None = None
    generation: int | None = None
    labels: dict[str, str] | None = None
    ownerReferences: list[OwnerReference] | None = None
    finalizers: list[str] | None = None


class AnnotatedMeta(Meta, gc=False):
    """metadata with its annotations, for the kinds whose annotations are read."""

    annotations: dict[str, str] | None = None


class Condition(msgspec.Struct, gc=False):
    """One status condition; `status` is "True", "False" or "Unknown", the time is RFC 3339 text."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    lastTransitionTime: str | None = None
    observedGeneration: int | None = None
