"""Objects of which only metadata and conditions are read, whatever their kind."""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition

__all__ = ["ConditionedObject", "Conditions"]


class Conditions(msgspec.Struct, gc=False):
    """A status of which only the conditions are read."""

    observedGeneration: int | None = None
    conditions: list[Condition] | None = None


class ConditionedObject(msgspec.Struct, gc=False):
    """Metadata and conditions of one object."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    status: Conditions | None = None
