"""What every controller stands on: the store, the clock, a queue of keys and an index of owned objects."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bakeryops.demo.contracts import Clock, Object
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.controllers.objects import controller_uid, key_of, timestamp
from bakeryops.demo.logbook import LogBook
from bakeryops.demo.status import StatusError
from bakeryops.demo.store import ObjectStore

__all__ = ["Cluster", "Key", "Owned", "Queue"]

_RETRY_SECONDS = 5.0
Key = tuple[str, str]
"""Namespace ("" for cluster-wide) and name."""


@dataclass
class Cluster:
    """What controllers share."""

    store: ObjectStore
    clock: Clock
    node: str
    """Name of the one node."""
    events: Recorder
    random: random.Random = field(default_factory=lambda: random.Random(0))
    """Jitter; seeded, and used only from calls of the clock, so that a seed gives one history."""
    book: LogBook = field(default_factory=LogBook)
    """Lines of containers that are planned when they start, for the kubelet's log endpoint."""

    def stamp(self) -> str:
        """Return the present cluster time as the API writes it."""
        return timestamp(self.clock.now())

    def suffix(self) -> str:
        """Return five characters such as ReplicaSets append to pod names."""
        return "".join(self.random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))


class Queue:
    """Keys to look at, each once however often it was asked for, a moment after the first asking."""

    def __init__(self, clock: Clock, work: Callable[[Key], None], *, delay: float = 0.005) -> None:
        """Take what looks at a key, and the seconds that changes are gathered before it does."""
        self._clock = clock
        self._work = work
        self._delay = delay
        self._due: dict[Key, float] = {}

    def add(self, key: Key, delay: float | None = None) -> None:
        """Have `key` looked at after `delay` seconds, or sooner where it is due sooner already."""
        when = self._clock.now() + (self._delay if delay is None else delay)
        if (due := self._due.get(key)) is not None and due <= when:
            return
        self._due[key] = when
        self._clock.call_at(when, lambda: self._take(key, when))

    def _take(self, key: Key, when: float) -> None:
        if self._due.get(key) == when:
            del self._due[key]
            try:
                self._work(key)
            except StatusError:
                # The API refused a write (a namespace that is going, a quota): tried again later.
                self.add(key, _RETRY_SECONDS)


class Owned:
    """The objects of one kind by the uid of their controller, kept up to date from the store."""

    def __init__(self, store: ObjectStore, plural: str) -> None:
        """Take the kind; what is in the store already is taken in at once."""
        self._store = store
        self._plural = plural
        self._children: dict[str, dict[Key, None]] = {}
        for obj in store.list(plural):
            self._add(obj)
        store.listen(plural, self._changed)

    def of(self, uid: str) -> list[Object]:
        """Return the objects a controller's object owns, oldest first."""
        found = (self._store.get(self._plural, *key) for key in tuple(self._children.get(uid, ())))
        return [obj for obj in found if obj is not None]

    def owners(self) -> Iterable[str]:
        """Return the uids that own anything."""
        return self._children.keys()

    def _changed(self, change: str, obj: Object, previous: Object | None) -> None:
        if previous is not None and controller_uid(previous) != controller_uid(obj):
            self._drop(previous)
        if change == "DELETED":
            self._drop(obj)
        else:
            self._add(obj)

    def _add(self, obj: Object) -> None:
        if uid := controller_uid(obj):
            self._children.setdefault(uid, {})[key_of(obj)] = None

    def _drop(self, obj: Object) -> None:
        uid = controller_uid(obj)
        if children := self._children.get(uid):
            children.pop(key_of(obj), None)
            if not children:
                del self._children[uid]
