"""Flux' objects kept read: fed with change sets, it reads again only what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from bakeryops.model.health import worst
from bakeryops.model.sync import FluxObject, Source, Sync
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS, flux_key, object_of, source_of, sync_of
from bakeryops.read.index import ChangedUids, Items
from bakeryops.text import clean

__all__ = ["KINDS", "FluxIndex", "FluxView"]

FluxView = Source | Sync | FluxObject
"""Any Flux object as shown."""

KINDS: tuple[str, ...] = (*SOURCES, *SYNCS, *OBJECTS)
"""The kinds the index reads, by their plural."""


class FluxIndex:
    """Every Flux object, read; keys are "PLURAL/NAMESPACE/NAME"."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """Take what tells the time, in seconds since the epoch."""
        self.sources: dict[str, Source] = {}
        self.syncs: dict[str, Sync] = {}
        self.objects: dict[str, FluxObject] = {}
        self._clock = clock
        self._raw: dict[str, dict[str, Any]] = {plural: {} for plural in KINDS}
        self._key: dict[str, str] = {}
        self._parent: dict[str, str] = {}
        self._due: dict[str, tuple[float, str, str]] = {}

    def load(self, stores: Mapping[str, Items]) -> set[str]:
        """Read everything in `stores`, by plural, that was not read yet, and drop what they do not have.

        Returns the keys of what is different.
        """
        changes: dict[str, ChangedUids] = {}
        for plural, store in stores.items():
            if plural in self._raw:
                items, read = store.items, self._raw[plural]
                changed = {uid for uid, each in items.items() if read.get(uid) is not each}
                changes[plural] = _Uids(changed, read.keys() - items.keys())
        return self.update(stores, changes)

    def update(self, stores: Mapping[str, Items], changes: Mapping[str, ChangedUids]) -> set[str]:
        """Read again what `changes` names, by plural, from `stores`; return the keys of what is different."""
        now, done = self._clock(), set[str]()
        for plural, uids in changes.items():
            if plural not in self._raw or plural not in stores:
                continue
            items = stores[plural].items
            for uid in uids.removed:
                self._drop(plural, uid, done)
            for uid in uids.changed:
                found = items.get(uid)
                if found is None:
                    self._drop(plural, uid, done)
                else:
                    self._raw[plural][uid] = found
                    self._read(plural, uid, now, done)
        return done

    def tick(self) -> set[str]:
        """Read again what time alone has changed; return the keys of what is different."""
        now, done = self._clock(), set[str]()
        for due, plural, uid in [each for each in self._due.values() if each[0] < now]:
            del self._due[f"{plural}/{uid}"]
            if due < now and uid in self._raw[plural]:
                self._read(plural, uid, now, done)
        return done

    def view(self, key: str) -> FluxView | None:
        """Return the object of that key."""
        return self.syncs.get(key) or self.sources.get(key) or self.objects.get(key)

    def views(self) -> list[FluxView]:
        """Return every object, worst first, then by kind and name."""
        every: list[FluxView] = [*self.sources.values(), *self.syncs.values(), *self.objects.values()]
        return sorted(every, key=_place)

    def tree(self) -> list[tuple[int, FluxView]]:
        """Return every object with its depth: what is applied below its source and below what it depends on.

        Among siblings the branch with the worst in it comes first.
        """
        children: dict[str, list[str]] = {}
        roots: list[str] = []
        every: dict[str, FluxView] = {**self.sources, **self.syncs, **self.objects}
        for key, view in every.items():
            parent = self._above(key, view)
            if parent:
                children.setdefault(parent, []).append(key)
            else:
                roots.append(key)
        found: list[tuple[int, FluxView]] = []
        seen: set[str] = set()
        branches = {key: self._worst(key, children, every, set()) for key in every}

        def add(keys: Iterable[str]) -> None:
            waiting = [(0, key) for key in last_first(keys)]
            while waiting:
                depth, key = waiting.pop()
                if key not in seen:
                    seen.add(key)
                    found.append((depth, every[key]))
                    waiting += ((depth + 1, each) for each in last_first(children.get(key, ())))

        def last_first(keys: Iterable[str]) -> list[str]:
            return sorted(keys, key=lambda each: (branches[each], *_place(every[each])[1:]), reverse=True)

        add(key for key in roots if key not in self.objects)
        # What depends on each other in a circle hangs below nothing.
        for key in sorted(every, key=lambda each: _place(every[each])):
            if key not in self.objects:
                add([key])
        add(self.objects)
        return found

    def _worst(
        self, key: str, children: Mapping[str, list[str]], every: Mapping[str, FluxView], seen: set[str]
    ) -> int:
        """Return the rank of the worst in a branch."""
        healths, waiting = [], [key]
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                healths.append(every[at].health)
                waiting += children.get(at, ())
        return worst(healths).rank

    def _above(self, key: str, view: FluxView) -> str:
        """Return what an object hangs below in the tree."""
        if isinstance(view, Sync):
            below = [each for each in view.depends_on if each in self.syncs and each != key]
            near = [each for each in below if self.syncs[each].source == view.source]
            if near:
                return near[0]
            return view.source if view.source in self.sources else (below[0] if below else "")
        parent = self._parent.get(key, "")
        return parent if parent in self.sources and parent != key else ""

    def _read(self, plural: str, uid: str, now: float, done: set[str]) -> None:
        raw = self._raw[plural][uid]
        view: FluxView
        if plural in SOURCES:
            view = source_of(plural, raw, now=now)
            self._remember_parent(view, raw)
        elif plural in SYNCS:
            view = sync_of(plural, raw, now=now)
        else:
            view = object_of(plural, raw)
        before = self._key.get(uid)
        if before is not None and before != view.key:
            self._forget(before, done)
        self._key[uid] = view.key
        if isinstance(view, Source | Sync) and view.next is not None:
            self._due[f"{plural}/{uid}"] = (view.next, plural, uid)
        else:
            self._due.pop(f"{plural}/{uid}", None)
        if self.view(view.key) != view:
            self._keep(view)
            done.add(view.key)

    def _remember_parent(self, view: Source, raw: Any) -> None:
        ref = raw.spec.sourceRef if raw.spec is not None else None
        if ref is not None and ref.name:
            plural = next((each for each, kind in SOURCES.items() if kind == ref.kind), "helmrepositories")
            self._parent[view.key] = flux_key(plural, view.namespace, clean(ref.name))
        else:
            self._parent.pop(view.key, None)

    def _keep(self, view: FluxView) -> None:
        if isinstance(view, Source):
            self.sources[view.key] = view
        elif isinstance(view, Sync):
            self.syncs[view.key] = view
        else:
            self.objects[view.key] = view

    def _drop(self, plural: str, uid: str, done: set[str]) -> None:
        self._raw[plural].pop(uid, None)
        self._due.pop(f"{plural}/{uid}", None)
        key = self._key.pop(uid, None)
        # An object of the same name may have come in its place already.
        if key is not None and key not in self._key.values():
            self._forget(key, done)

    def _forget(self, key: str, done: set[str]) -> None:
        self._parent.pop(key, None)
        for views in (self.sources, self.syncs, self.objects):
            if views.pop(key, None) is not None:
                done.add(key)


class _Uids(msgspec.Struct):
    changed: set[str]
    removed: set[str]


def _place(view: FluxView) -> tuple[int, str, str, str]:
    return view.health.rank, view.kind, view.namespace, view.name
