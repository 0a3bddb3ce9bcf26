"""What Git says against what runs, object by object."""

from __future__ import annotations

import msgspec

from bakeryops.model.overview import ObjectRef

__all__ = ["Change", "Difference"]


class Change(msgspec.Struct, frozen=True, gc=False):
    """One field: `wanted` is what Git says, `live` what runs, as text; None where it is not there.

    Secrets are hidden in both.
    """

    path: str
    wanted: str | None
    live: str | None


class Difference(msgspec.Struct, frozen=True):
    """One object.

    `action` is what the next apply would do: created, changed, pruned or same; unknown where the cluster's object
    could not be read. `lines` are those of a unified diff from what runs to what Git says, empty for same and
    unknown.
    """

    ref: ObjectRef
    group: str
    kind: str
    action: str
    lines: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
