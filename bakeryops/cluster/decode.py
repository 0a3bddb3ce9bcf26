"""Bytes of the API server to Structs: whole pages at once, and object by object where one of them is broken."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.wire.meta import Meta
from bakeryops.text import clean

__all__ = ["UNREADABLE", "Broken", "Decoder", "Event", "ListMeta", "unreadable_answer"]

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are no JSON, no UTF-8, not of the shape asked for, or nested without end."""


class ListMeta(msgspec.Struct, gc=False):
    """metadata of a list page, and of a bookmark."""

    resourceVersion: str | None = None
    continue_: str | None = msgspec.field(default=None, name="continue")
    remainingItemCount: int | None = None


class _Page(msgspec.Struct, Generic[T]):
    metadata: ListMeta | None = None
    items: list[T] | None = None


class Event(msgspec.Struct, gc=False):
    """One line of a watch; what `object` holds depends on `type`."""

    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"null")


class _Bookmark(msgspec.Struct, gc=False):
    metadata: ListMeta | None = None


class _OnlyMeta(msgspec.Struct, gc=False):
    metadata: Meta | None = None


class Broken(msgspec.Struct):
    """An object that could not be read as its kind: its metadata, where that could be, and why."""

    meta: Meta | None
    error: str


def unreadable_answer(error: Exception, data: bytes) -> KubeError:
    """Return the error for an answer that is not what the API server sends (HTML of a proxy, half a page)."""
    start = clean(data[:60].decode("utf-8", "replace"))
    return KubeError(
        "the answer is not that of a Kubernetes API server",
        kind="protocol",
        why=f"{clean(str(error))}; it begins with: {start}",
        hint="Something between here and the API server (a proxy, a login page) may have answered instead.",
    )


class Decoder(Generic[T]):
    """Decodes list pages and watch events of one kind."""

    def __init__(self, struct: type[T]) -> None:
        """Take the Struct of the kind."""
        self._struct = struct
        self._page: msgspec.json.Decoder[_Page[T]] = msgspec.json.Decoder(_Page[struct])  # type: ignore[valid-type]
        self._raw_page = msgspec.json.Decoder(_Page[msgspec.Raw])
        self._object: msgspec.json.Decoder[T] = msgspec.json.Decoder(struct)
        self._meta = msgspec.json.Decoder(_OnlyMeta)
        self._event = msgspec.json.Decoder(Event)
        self._bookmark = msgspec.json.Decoder(_Bookmark)

    def page(self, data: bytes) -> tuple[ListMeta, list[T], list[Broken]]:
        """Return a page's metadata, its objects, and those that could not be read; raises KubeError(protocol)."""
        try:
            page = self._page.decode(data)
        except msgspec.ValidationError:
            return self._page_by_object(data)
        except UNREADABLE as error:
            raise unreadable_answer(error, data) from error
        return page.metadata or ListMeta(), page.items or [], []

    def object(self, data: bytes | msgspec.Raw) -> T | Broken:
        """Return one object, or what could be made out of it."""
        try:
            return self._object.decode(data)
        except UNREADABLE as error:
            return self._broken(data, error)

    def event(self, line: bytes | bytearray | memoryview) -> Event:
        """Return one line of a watch; raises KubeError(protocol)."""
        try:
            return self._event.decode(line)
        except UNREADABLE as error:
            raise unreadable_answer(error, bytes(line[:200])) from error

    def bookmark(self, data: msgspec.Raw) -> str | None:
        """Return the resourceVersion of a bookmark, None for one that cannot be read."""
        try:
            meta = self._bookmark.decode(data).metadata
        except UNREADABLE:
            return None
        return None if meta is None else meta.resourceVersion

    def status(self, data: msgspec.Raw) -> dict[str, Any]:
        """Return the Status of an ERROR event, an empty one where it cannot be read."""
        try:
            status = msgspec.json.decode(data)
        except UNREADABLE:
            return {}
        return status if isinstance(status, dict) else {}

    def placeholder(self, meta: Meta) -> T | None:
        """Return an object of which only the metadata is known, None where the Struct does not allow that."""
        try:
            return msgspec.convert({"metadata": msgspec.to_builtins(meta)}, self._struct)
        except msgspec.ValidationError:
            return None

    def _page_by_object(self, data: bytes) -> tuple[ListMeta, list[T], list[Broken]]:
        """Decode a page object by object, so that one bad object costs one row and not the view."""
        try:
            page = self._raw_page.decode(data)
        except UNREADABLE as error:
            raise unreadable_answer(error, data) from error
        good: list[T] = []
        broken: list[Broken] = []
        for raw in page.items or ():
            item = self.object(raw)
            if isinstance(item, Broken):
                broken.append(item)
            else:
                good.append(item)
        return page.metadata or ListMeta(), good, broken

    def _broken(self, data: bytes | msgspec.Raw, error: Exception) -> Broken:
        """Return what can be made out of an object that is not as its kind should be."""
        meta: Any = None
        try:
            meta = self._meta.decode(data).metadata
        except UNREADABLE:
            meta = None
        return Broken(meta=meta, error=clean(str(error)))
