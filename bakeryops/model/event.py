"""Events, grouped and counted."""

from __future__ import annotations

import msgspec

__all__ = ["EventGroup"]


class EventGroup(msgspec.Struct, frozen=True, gc=False):
    """Events that say the same of one object; times are seconds since the epoch.

    `count` is how often it happened, `gone` whether the cluster no longer keeps any of them, `objects` how many
    objects the group covers (more than one when grouped over the pods of a workload).
    """

    key: str
    warning: bool
    reason: str
    message: str
    kind: str
    namespace: str
    name: str
    uid: str
    container: str
    source: str
    count: int
    objects: int
    first: float | None
    last: float | None
    gone: bool = False
