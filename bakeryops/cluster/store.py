"""The objects of one kind as the server last showed them, with indexes, and word of every change to the feeds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from bakeryops.cluster.state import KindState
from bakeryops.cluster.wire.meta import Meta

__all__ = ["Sink", "Store", "key_of"]

T = TypeVar("T")

_NOTHING: Mapping[str, Any] = {}


class Sink(Protocol):
    """Somebody who wants to hear of changes; called synchronously, must be quick and must not raise."""

    def changed(self, uid: str) -> None:
        """An object is there or is different."""

    def removed(self, uid: str) -> None:
        """An object is gone."""

    def state_changed(self) -> None:
        """The state of the kind is different."""


def key_of(meta: Meta) -> str:
    """Return what an object is filed under: its uid, or "namespace/name" for kinds without one (metrics)."""
    return meta.uid or f"{meta.namespace}/{meta.name}"


class Store(Generic[T]):
    """Objects of one kind by uid; written by the watch of that kind alone, read by everybody."""

    def __init__(self, kind: str) -> None:
        """Take the plural of the kind."""
        self.kind = kind
        self.state = KindState(self._state_changed)
        self.revision = 0
        """Grows with every change; equal revisions mean equal contents."""
        self.unreadable: dict[str, str] = {}
        """Objects of which only the metadata could be read: uid to why. Their row is a placeholder."""
        self.on_listed: list[Callable[[], Iterator[None]]] = []
        """Gone through to the end when the whole collection has been listed; each step is short."""
        self._items: dict[str, T] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self._by_namespace: dict[str, dict[str, T]] = {}
        self._by_owner: dict[str, dict[str, T]] = {}
        self._sinks: list[Sink] = []

    def __len__(self) -> int:
        return len(self._items)

    @property
    def items(self) -> Mapping[str, T]:
        """The objects by uid, in the order they were first seen; do not change it, and copy it before an await."""
        return self._items

    def get(self, namespace: str | None, name: str) -> T | None:
        """Return the object of that name; a cluster-scoped one has namespace None or ""."""
        uid = self._by_name.get((namespace or "", name))
        return None if uid is None else self._items.get(uid)

    def owned_by(self, uid: str) -> Collection[T]:
        """Return the objects that name this uid among their owners; a live view."""
        return self._by_owner.get(uid, _NOTHING).values()

    def in_namespace(self, namespace: str) -> Collection[T]:
        """Return the objects of one namespace; a live view."""
        return self._by_namespace.get(namespace, _NOTHING).values()

    def namespaces(self) -> Collection[str]:
        """Return the namespaces that hold at least one object."""
        return self._by_namespace.keys()

    # Written by the watch.

    def put(self, obj: T, meta: Meta) -> bool:
        """File an object under its uid; return whether that changed anything.

        Equal uid and resourceVersion, or equal contents where a kind has no versions, change nothing.
        """
        key = key_of(meta)
        known = self._items.get(key)
        if known is not None:
            old: Meta = known.metadata  # type: ignore[attr-defined]
            if meta.resourceVersion:
                if meta.resourceVersion == old.resourceVersion:
                    return False
            elif known == obj:
                return False
            self._unlink_owners(key, old)
        self._items[key] = obj
        namespace = meta.namespace or ""
        self._by_name[namespace, meta.name] = key
        if namespace:
            self._by_namespace.setdefault(namespace, {})[key] = obj
        for owner in meta.ownerReferences or ():
            if owner.uid:
                self._by_owner.setdefault(owner.uid, {})[key] = obj
        if self.unreadable:
            self.unreadable.pop(key, None)
        self.revision += 1
        self.state.count = len(self._items)
        for sink in self._sinks:
            sink.changed(key)
        return True

    def remove(self, key: str) -> bool:
        """Take an object out; return whether it was there."""
        obj = self._items.pop(key, None)
        if obj is None:
            return False
        meta: Meta = obj.metadata  # type: ignore[attr-defined]
        self._unlink_owners(key, meta)
        namespace = meta.namespace or ""
        if self._by_name.get((namespace, meta.name)) == key:
            del self._by_name[namespace, meta.name]
        siblings = self._by_namespace.get(namespace)
        if siblings is not None:
            siblings.pop(key, None)
            if not siblings:
                del self._by_namespace[namespace]
        self.unreadable.pop(key, None)
        self.revision += 1
        self.state.count = len(self._items)
        for sink in self._sinks:
            sink.removed(key)
        return True

    def keep_only(self, keys: Collection[str]) -> int:
        """Take out everything whose key is not among `keys` (a set, for speed); return how many went."""
        gone = [key for key in self._items if key not in keys]
        for key in gone:
            self.remove(key)
        return len(gone)

    def clear(self) -> int:
        """Take out everything; return how many went."""
        return self.keep_only(frozenset())

    def connect(self, sink: Sink) -> None:
        """Tell `sink` of every change from now on."""
        self._sinks.append(sink)

    def disconnect(self, sink: Sink) -> None:
        """Tell `sink` no more."""
        if sink in self._sinks:
            self._sinks.remove(sink)

    def describe_unreadable(self, others: Iterable[str] = ()) -> str:
        """Return one sentence on the objects that could not be read, with up to three names; "" for none."""
        names = [f"{meta.namespace}/{meta.name}".lstrip("/") for meta in map(self._meta, self.unreadable) if meta]
        names.extend(others)
        if not names:
            return ""
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"{len(names)} of these objects could not be read: {', '.join(names[:3])}{more}"

    def _meta(self, key: str) -> Meta | None:
        """Return the metadata of a filed object."""
        obj = self._items.get(key)
        return None if obj is None else obj.metadata  # type: ignore[attr-defined]

    def _unlink_owners(self, key: str, meta: Meta) -> None:
        """Take an object out of the index of its owners."""
        for owner in meta.ownerReferences or ():
            children = self._by_owner.get(owner.uid)
            if children is not None:
                children.pop(key, None)
                if not children:
                    del self._by_owner[owner.uid]

    def _state_changed(self) -> None:
        """Pass word of a change of state on."""
        for sink in self._sinks:
            sink.state_changed()
