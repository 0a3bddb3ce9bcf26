"""Events grouped and counted, and kept longer than the cluster keeps them (five minutes on MicroK8s)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Set

import msgspec

from bakeryops.cluster.wire.core import Event, EventSeries, ObjectReference
from bakeryops.model.event import EventGroup
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["EventKeeper", "across", "group", "newest_first"]

_MESSAGE_MOST = 2000
_SHAPE_MOST = 96
_VARYING = re.compile(r"[0-9a-f]{8,}(?:-[0-9a-f]+)*|\d+(?:\.\d+)*[a-zµ]*")
_CONTAINER = re.compile(r"\{([^}]*)\}")
_NO_OBJECT = ObjectReference()
_NO_SERIES = EventSeries()


class _Group(msgspec.Struct):
    """A group while it grows; `members` are the events the cluster still keeps, with their counts."""

    view: EventGroup
    members: dict[str, int]
    past: int = 0


def _count(event: Event) -> int:
    return max(1, (event.series or _NO_SERIES).count or event.count or 1)


def _first(event: Event) -> float | None:
    return (
        parse_time(event.firstTimestamp)
        or parse_time(event.eventTime)
        or parse_time(event.metadata.creationTimestamp)
    )


def _last(event: Event) -> float | None:
    series = parse_time(event.series.lastObservedTime) if event.series else None
    return series or parse_time(event.lastTimestamp) or parse_time(event.eventTime) or _first(event)


def _shape(message: str) -> str:
    """Return a message without what varies from one time to the next, so that repetitions meet."""
    return _VARYING.sub("#", message[: 2 * _SHAPE_MOST])[:_SHAPE_MOST]


def _key(event: Event, about: ObjectReference) -> str:
    subject = about.uid or f"{about.kind}/{about.namespace}/{about.name}"
    parts = (subject, about.fieldPath or "", event.type or "", event.reason or "", _shape(event.message or ""))
    return clean("\t".join(parts))


def newest_first(view: EventGroup) -> tuple[float, str]:
    """Return the sort key that puts what happened last first."""
    return -(view.last or 0.0), view.key


class EventKeeper:
    """Groups events as they come and keeps them after the cluster dropped them; bounded in number and age.

    Ordinary events give way before warnings do.
    """

    def __init__(self, *, most: int = 4000, keep_seconds: float = 86_400.0) -> None:
        """Keep at most `most` groups, none longer than `keep_seconds` after it last happened."""
        self.most = most
        self.keep_seconds = keep_seconds
        self._groups: dict[str, _Group] = {}
        self._key_of: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def update(self, items: Mapping[str, Event], changed: Set[str], removed: Set[str]) -> set[str]:
        """Take in what changed (events by uid) and return the keys of the groups that are different."""
        keys: set[str] = set()
        for uid in removed:
            key = self._key_of.pop(uid, None)
            if key is not None:
                keys.add(self._expire(key, uid))
        for uid in changed:
            event = items.get(uid)
            if event is not None:
                keys.add(self._take(uid, event))
        return keys

    def prune(self, now: float) -> set[str]:
        """Let go of what is too old or too much; return the keys of the groups that went."""
        gone = {
            key
            for key, group in self._groups.items()
            if not group.members and group.view.last is not None and now - group.view.last > self.keep_seconds
        }
        over = len(self._groups) - len(gone) - self.most
        if over > 0:
            left = (group.view for key, group in self._groups.items() if key not in gone)
            gone.update(
                view.key for view in sorted(left, key=lambda view: (view.warning, view.last or 0.0))[:over]
            )
        for key in gone:
            for uid in self._groups.pop(key).members:
                self._key_of.pop(uid, None)
        return gone

    def get(self, key: str) -> EventGroup | None:
        """Return one group."""
        group = self._groups.get(key)
        return group.view if group is not None else None

    def groups(self, *, warnings_only: bool = False) -> list[EventGroup]:
        """Return every group, the newest first."""
        views = (group.view for group in self._groups.values())
        return sorted((view for view in views if view.warning or not warnings_only), key=newest_first)

    def about(self, *, uid: str = "", kind: str = "", namespace: str = "", name: str = "") -> list[EventGroup]:
        """Return the groups about one object, by its uid where given, else by kind, namespace and name."""
        return [
            view
            for view in self.groups()
            if (uid and view.uid == uid)
            or (not uid and (view.kind, view.namespace, view.name) == (kind, namespace, name))
        ]

    def _take(self, uid: str, event: Event) -> str:
        about = event.involvedObject or _NO_OBJECT
        key = _key(event, about)
        before = self._key_of.get(uid)
        if before is not None and before != key:
            self._expire(before, uid)
        self._key_of[uid] = key
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(_view(key, event, about), {})
            if len(self._groups) > 2 * self.most:
                self._groups[key].members[uid] = 1
                self.prune(group.view.last or 0.0)
        group.members[uid] = _count(event)
        first, last = _first(event), _last(event)
        view = group.view
        newer = view.last is None or (last is not None and last >= view.last)
        group.view = msgspec.structs.replace(
            view,
            count=group.past + sum(group.members.values()),
            message=clean((event.message or "")[:_MESSAGE_MOST]).strip() if newer else view.message,
            first=min((time for time in (view.first, first) if time is not None), default=None),
            last=max((time for time in (view.last, last) if time is not None), default=None),
            gone=False,
        )
        return key

    def _expire(self, key: str, uid: str) -> str:
        group = self._groups.get(key)
        if group is not None:
            group.past += group.members.pop(uid, 0)
            if not group.members:
                group.view = msgspec.structs.replace(group.view, gone=True)
        return key


def _view(key: str, event: Event, about: ObjectReference) -> EventGroup:
    found = _CONTAINER.search(about.fieldPath or "")
    source = (event.source.component if event.source else None) or event.reportingComponent or ""
    return EventGroup(
        key=key,
        warning=event.type not in ("Normal", None, ""),
        reason=clean(event.reason or ""),
        message="",
        kind=clean(about.kind),
        namespace=clean(about.namespace or event.metadata.namespace),
        name=clean(about.name),
        uid=about.uid,
        container=clean(found[1]) if found else "",
        source=clean(source),
        count=0,
        objects=1,
        first=None,
        last=None,
    )


def group(events: Iterable[Event], kept: EventKeeper | None = None) -> list[EventGroup]:
    """Return events grouped, the newest first, together with what `kept` still has of earlier ones."""
    keeper = kept if kept is not None else EventKeeper(keep_seconds=float("inf"))
    items = {event.metadata.uid or f"{event.metadata.namespace}/{event.metadata.name}": event for event in events}
    keeper.update(items, items.keys(), set())
    return keeper.groups()


def across(
    groups: Iterable[EventGroup], owner: Callable[[EventGroup], tuple[str, str, str] | None]
) -> list[EventGroup]:
    """Return groups joined over objects of one owner (a workload's pods), the newest first.

    `owner` returns (kind, namespace, name) to file a group under, or None to leave it alone.
    """
    joined: dict[str, EventGroup] = {}
    for view in groups:
        found = owner(view)
        kind, namespace, name = found if found is not None else (view.kind, view.namespace, view.name)
        shape = _shape(view.message.replace(view.name, name))
        key = "\t".join((kind, namespace, name, view.container, str(view.warning), view.reason, shape))
        other = joined.get(key)
        if other is None:
            joined[key] = msgspec.structs.replace(view, key=key, kind=kind, namespace=namespace, name=name)
            continue
        newer = view if (view.last or 0.0) >= (other.last or 0.0) else other
        joined[key] = msgspec.structs.replace(
            other,
            message=newer.message,
            uid="",
            count=other.count + view.count,
            objects=other.objects + view.objects,
            first=min((time for time in (other.first, view.first) if time is not None), default=None),
            last=max((time for time in (other.last, view.last) if time is not None), default=None),
            gone=other.gone and view.gone,
        )
    return sorted(joined.values(), key=newest_first)
