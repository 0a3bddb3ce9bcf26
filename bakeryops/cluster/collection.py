"""What a list or a watch is of: a kind, in one namespace or all, perhaps only what a label selector chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.kinds import Kind

__all__ = ["Collection"]

_META = "application/json;as={};g=meta.k8s.io;v=v1,application/json"

Query = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Collection:
    """A kind in a namespace (None: all, or cluster-scoped) under a label selector ("": everything).

    Of a kind of which one object only is read, it is that object.

    The server applies the selector: an object that no longer fits leaves the watch as if it were deleted.
    """

    kind: Kind
    namespace: str | None = None
    selector: str = ""

    @property
    def whole(self) -> bool:
        """Whether it holds every object of its kind."""
        return self.namespace is None and not self.selector and not self.kind.only

    def accept(self, *, many: bool) -> str:
        """Return the Accept header for a list (`many`) or a watch: whole objects, or their metadata alone."""
        if not self.kind.metadata_only:
            return "application/json"
        return _META.format("PartialObjectMetadataList" if many else "PartialObjectMetadata")

    def list_query(self, limit: int | None, token: str) -> Query:
        """Return the query of one page of a list: the next one after `token`, or the first where that is empty."""
        query = self._selected()
        if limit is not None:
            query.append(("limit", str(limit)))
        if token:
            query.append(("continue", token))
        return query

    def watch_query(self, version: str, seconds: int) -> Query:
        """Return the query of a watch from a resourceVersion, to be ended by the server after `seconds`."""
        return [
            *self._selected(),
            ("watch", "true"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(seconds)),
        ]

    def whom_to_ask(self, error: KubeError, namespaces: Sequence[str]) -> str:
        """Return what mends a refusal: one of some readable `namespaces`, where the refusal was of all of them."""
        if self.kind.namespaced and self.namespace is None:
            such = f", such as {', '.join(namespaces[:3])}" if namespaces else ""
            return f"choose a namespace that you may read{such}, or ask for list and watch in all namespaces"
        return error.hint

    def _selected(self) -> Query:
        query = [("labelSelector", self.selector)] if self.selector else []
        if self.kind.only:
            # In this form the server lets in who may read that one object only.
            query.append(("fieldSelector", f"metadata.name={self.kind.only}"))
        return query
