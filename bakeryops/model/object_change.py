"""What a commit changes in the cluster, object by object."""

from __future__ import annotations

import msgspec

from bakeryops.model.overview import ObjectRef

__all__ = ["ObjectChange"]


class ObjectChange(msgspec.Struct, frozen=True, gc=False):
    """One object that differs between what Flux builds of two commits.

    `action` is created, changed or deleted; `fields` are short words for what changes ("image", "replicas").
    `red` marks a deletion that takes data with it, `kept` one that Flux is told not to make. `immutable` names a
    field that the cluster does not let change, "" where there is none: Flux fails on it.
    """

    ref: ObjectRef
    group: str
    kind: str
    action: str
    fields: tuple[str, ...] = ()
    red: bool = False
    kept: bool = False
    immutable: str = ""
