"""The objects of one kind with their recent past: enough for watches, consistent pages and compaction."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from operator import attrgetter

import msgspec

from bakeryops.demo.contracts import Object

__all__ = ["Change", "Entry", "ObjectTable", "encode"]

_key_of = attrgetter("key")
_ENCODER = msgspec.json.Encoder()


def encode(obj: object) -> bytes:
    """Return an object as compact JSON bytes."""
    return _ENCODER.encode(obj)


class Entry:
    """One revision of an object; frozen."""

    __slots__ = ("key", "obj", "revision")

    def __init__(self, key: str, obj: Object, revision: int) -> None:
        self.key = key
        self.obj = obj
        self.revision = revision


class Change:
    """One step of a table: what a watch event is made from, encoded at most once."""

    __slots__ = ("_raw", "entry", "kind", "previous", "revision")

    def __init__(self, kind: str, entry: Entry, previous: Entry | None) -> None:
        self.kind = kind
        """ADDED, MODIFIED or DELETED."""
        self.entry = entry
        self.previous = previous
        self.revision = entry.revision
        self._raw: bytes | None = None

    def raw(self) -> bytes:
        """Return the object as JSON; every watcher of it shares the bytes."""
        if self._raw is None:
            self._raw = encode(self.entry.obj)
        return self._raw


class ObjectTable:
    """All objects of one kind, ordered by key, and a ring of changes."""

    def __init__(self, history: int) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._changes: deque[Change] = deque()
        self._limit = history
        self._compacted = 0
        self._listeners: list[Callable[[Change], None]] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def oldest(self) -> int:
        """The oldest revision whose successors are all known: a watch or a page may start there or later."""
        return self._compacted

    def get(self, key: str) -> Entry | None:
        """Return the present revision of an object."""
        return self._entries.get(key)

    def scan(self, prefix: str = "", start: str = "") -> Iterator[Entry]:
        """Yield the present objects whose keys have a prefix, in order, from key `start` on."""
        first = bisect_left(self._order, max(prefix, start))
        for key in islice(self._order, first, None):
            if not key.startswith(prefix):
                return
            yield self._entries[key]

    def count_from(self, prefix: str, start: str) -> int:
        """Return how many present objects with a prefix have keys from `start` on."""
        first = bisect_left(self._order, max(prefix, start))
        return bisect_right(self._order, prefix + "\U0010ffff") - first if prefix else len(self._order) - first

    def walk(self, revision: int, prefix: str = "", start: str = "") -> Iterator[Entry]:
        """Yield in order the objects as they were at a revision, which must not be older than `oldest`."""
        rolled: dict[str, Entry | None] = {}
        for change in reversed(self._changes):
            if change.revision <= revision:
                break
            rolled[change.entry.key] = change.previous
        if not rolled:
            return self.scan(prefix, start)
        lowest = max(prefix, start)
        past = [
            entry
            for key, entry in rolled.items()
            if entry is not None and key.startswith(prefix) and key >= lowest
        ]
        past.sort(key=_key_of)
        present = (entry for entry in self.scan(prefix, start) if entry.key not in rolled)
        return merge(past, present, key=_key_of)

    def put(self, entry: Entry) -> Change:
        """Take a revision in and tell the listeners."""
        previous = self._entries.get(entry.key)
        if previous is None:
            insort(self._order, entry.key)
        self._entries[entry.key] = entry
        return self._record(Change("MODIFIED" if previous else "ADDED", entry, previous))

    def drop(self, entry: Entry) -> Change:
        """Remove the object of a key; `entry` is its last state under the revision of the deletion."""
        previous = self._entries.pop(entry.key)
        del self._order[bisect_left(self._order, entry.key)]
        return self._record(Change("DELETED", entry, previous))

    def since(self, revision: int) -> list[Change]:
        """Return the changes after a revision, which must not be older than `oldest`."""
        found: list[Change] = []
        for change in reversed(self._changes):
            if change.revision <= revision:
                break
            found.append(change)
        found.reverse()
        return found

    def compact(self, revision: int) -> None:
        """Forget the changes up to a revision."""
        while self._changes and self._changes[0].revision <= revision:
            self._changes.popleft()
        self._compacted = max(self._compacted, revision)

    def listen(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back on every change from now on; returns the way to end it."""
        self._listeners.append(callback)

        def stop() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return stop

    def _record(self, change: Change) -> Change:
        self._changes.append(change)
        if len(self._changes) > self._limit:
            self._compacted = self._changes.popleft().revision
        for callback in tuple(self._listeners):
            callback(change)
        return change
