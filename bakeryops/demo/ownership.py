"""Which objects name which others as their owners."""

from __future__ import annotations

from collections.abc import Collection

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import meta_of

__all__ = ["OwnerIndex"]


class OwnerIndex:
    """Finds the dependents of an owner by its uid."""

    def __init__(self) -> None:
        self._dependents: dict[str, dict[tuple[str, str], None]] = {}

    def of(self, uid: str) -> Collection[tuple[str, str]]:
        """Return the dependents as pairs of resource key and object key, in the order they came."""
        return list(self._dependents.get(uid, ()))

    def replace(self, plural: str, key: str, old: Object | None, new: Object | None) -> None:
        """Follow a change of an object's owner references."""
        before = meta_of(old).get("ownerReferences") if old else None
        after = meta_of(new).get("ownerReferences") if new else None
        if before is after or before == after:
            return
        for reference in before or ():
            known = self._dependents.get(reference["uid"])
            if known is not None:
                known.pop((plural, key), None)
                if not known:
                    del self._dependents[reference["uid"]]
        for reference in after or ():
            self._dependents.setdefault(reference["uid"], {})[plural, key] = None
