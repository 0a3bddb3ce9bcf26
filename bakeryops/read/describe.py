"""Any object described in lines: what it is, how it is, what its kind has to say, its conditions, its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from bakeryops.cluster.wire.apps import DaemonSet, Deployment, StatefulSet
from bakeryops.cluster.wire.batch import Job
from bakeryops.cluster.wire.core import Node, PersistentVolumeClaim, Pod
from bakeryops.masking import mask_text, names_a_secret
from bakeryops.model.event import EventGroup
from bakeryops.model.health import Health
from bakeryops.model.line import Line
from bakeryops.model.node import NodeView
from bakeryops.model.workload import PodView, VolumeView, WorkloadView
from bakeryops.read.describe_kinds import SECTIONS
from bakeryops.read.fields import at, items_of, mapping, masked, number, text
from bakeryops.read.jobs import job
from bakeryops.read.manifest import to_yaml
from bakeryops.read.nodes import node
from bakeryops.read.pods import pod
from bakeryops.read.rollouts import daemonset, deployment, statefulset
from bakeryops.read.volumes import volume
from bakeryops.text import clean
from bakeryops.units import format_age, parse_time

__all__ = ["describe", "event_lines"]

_ANNOTATION_MOST = 160
_GENERIC_MOST = 400
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_GOOD_WHEN_FALSE = (
    "Pressure", "Unavailable", "Stalled", "Failed", "Failure", "FailureTarget", "Reconciling", "Terminating",
    "Remaining",
)  # fmt: skip


def describe(
    object: Any,  # noqa: A002
    events: Iterable[EventGroup] = (),
    *,
    now: float,
    view: PodView | WorkloadView | NodeView | VolumeView | None = None,
    show_secrets: bool = False,
) -> list[Line]:
    """Return an object of any kind, as the API sent it, in lines; `now` is in seconds since the epoch.

    `view` is the same object read with what else is known (a Deployment's pods); without it the object is judged
    by itself. Never raises: what is missing is left out, what is odd is shown as it is. Secrets are hidden.
    """
    kind = text(object, "kind") or "Object"
    state = (view.health, view.status, view.reason) if view is not None else _reading(object, kind, now)
    lines = [*_head(object, kind, state, now)]
    sections = SECTIONS.get(kind)
    if sections is not None:
        lines += sections(object, now)
    elif isinstance(object, dict):
        lines += _generic(object, show_secrets)
    lines += _conditions(object, now)
    lines += _metadata(object)
    lines += event_lines(events, now=now)
    return lines


def _head(thing: Any, kind: str, state: tuple[Health, str, str], now: float) -> Iterator[Line]:
    name, namespace = text(thing, "metadata", "name"), text(thing, "metadata", "namespace")
    yield Line(f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}", head=True)
    health, word, reason = state
    if word:
        said = f"{health.symbol} {word}" + (f": {reason}" if reason else "")
        yield Line(said, "State", 1, health.value)
    yield from _moment(thing, "creationTimestamp", "Created", now)
    owners = [
        f"{text(each, 'kind')} {text(each, 'name')}" for each in items_of(thing, "metadata", "ownerReferences")
    ]
    if owners:
        yield Line(", ".join(owners), "Belongs to", 1)
    yield from _moment(thing, "deletionTimestamp", "Being deleted", now, tone="working")
    finalizers = at(thing, "metadata", "finalizers")
    if isinstance(finalizers, list) and finalizers:
        yield Line(", ".join(text(each) for each in finalizers), "Held by", 1)


def _moment(thing: Any, field: str, label: str, now: float, tone: str = "") -> Iterator[Line]:
    written = text(thing, "metadata", field)
    if not written:
        return
    moment = parse_time(written)
    if moment is None:
        yield Line(written, label, 1, tone)
        return
    try:
        shown = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        # A time zone can move the first or last representable day out of range.
        shown = written
    ago = f"{format_age(now - moment)} ago" if moment <= now else f"in {format_age(moment - now)}"
    yield Line(f"{shown}, {ago}", label, 1, tone)


def _reading(thing: Any, kind: str, now: float) -> tuple[Health, str, str]:
    """Return how an object is, where that is known for its kind."""
    try:
        if kind == "Pod":
            view = pod(msgspec.convert(thing, Pod), now=now)
            return view.health, view.status, view.reason
        if kind == "Node":
            seen = node(msgspec.convert(thing, Node))
            return seen.health, seen.status, seen.reason
        if kind == "PersistentVolumeClaim":
            claim = volume(msgspec.convert(thing, PersistentVolumeClaim))
            return claim.health, claim.status, claim.reason
        found = None
        if kind == "Deployment":
            found = deployment(msgspec.convert(thing, Deployment), None, now=now)
        elif kind == "StatefulSet":
            found = statefulset(msgspec.convert(thing, StatefulSet), None, now=now)
        elif kind == "DaemonSet":
            found = daemonset(msgspec.convert(thing, DaemonSet), None, now=now)
        elif kind == "Job":
            found = job(msgspec.convert(thing, Job), None, now=now)
        if found is not None:
            return found.health, found.status, found.reason
    except (msgspec.ValidationError, RecursionError) as error:
        return Health.UNKNOWN, "Unknown", f"it is not as the API describes it ({clean(str(error))})"
    return _ready_condition(thing)


def _ready_condition(thing: Any) -> tuple[Health, str, str]:
    """Return how an object of another kind says it is, by its condition Ready or Succeeded."""
    for each in items_of(thing, "status", "conditions"):
        if each.get("type") in ("Ready", "Succeeded"):
            status, said = each.get("status"), text(each, "message")
            word = text(each, "reason") or text(each, "type")
            if mapping(thing, "spec").get("suspend") is True:
                return Health.HELD, "Suspended", said
            if status == "True":
                return Health.FINE, word, said
            if status == "False":
                return Health.BAD, word, said
            return Health.WORKING, word, said
    phase = text(thing, "status", "phase")
    return Health.UNKNOWN, phase, ""


def _generic(thing: dict[str, Any], show_secrets: bool) -> Iterator[Line]:
    for part, inner in thing.items():
        if part in ("apiVersion", "kind", "metadata"):
            continue
        shown = inner
        if part == "status" and isinstance(inner, dict):
            shown = {key: value for key, value in inner.items() if key != "conditions"}
        if shown in ({}, [], None, ""):
            continue
        yield Line(clean(str(part)).capitalize(), head=True)
        whole = {"kind": thing.get("kind"), "metadata": {}, str(part): shown}
        body = to_yaml(whole, show_secrets=show_secrets).split("\n")
        # The first lines are the kind, the empty metadata and the part's own key.
        start = next((place for place, row in enumerate(body) if place > 1 and row.startswith(f"{part}:")), 0)
        rows = [row for row in (body[start].partition(":")[2].strip(), *body[start + 1 :]) if row]
        for row in rows[:_GENERIC_MOST]:
            yield Line(row.removeprefix("  "), level=1)
        if len(rows) > _GENERIC_MOST:
            yield Line(f"… {len(rows) - _GENERIC_MOST} more lines, all of them in its YAML", level=1, tone="dim")


def _conditions(thing: Any, now: float) -> Iterator[Line]:
    conditions = items_of(thing, "status", "conditions")
    if not conditions:
        return
    yield Line("Conditions", head=True)
    for each in conditions:
        kind, status = text(each, "type"), text(each, "status")
        changed = parse_time(text(each, "lastTransitionTime"))
        age = f" for {format_age(now - changed)}" if changed is not None else ""
        good = "False" if kind.endswith(_GOOD_WHEN_FALSE) else "True"
        tone = "" if status == good else "unknown" if status == "Unknown" else "soon"
        said = " ".join(part for part in (text(each, "reason"), masked(each, "message")) if part)
        shown = f"{status}{age}" + (f", {said}" if said else "")
        yield Line(shown, kind, 1, tone)


def _metadata(thing: Any) -> Iterator[Line]:
    for field, title in (("labels", "Labels"), ("annotations", "Annotations")):
        rows = [(clean(str(key)), value) for key, value in mapping(thing, "metadata", field).items()]
        rows = [(key, value) for key, value in rows if key != _LAST_APPLIED]
        if not rows:
            continue
        yield Line(title, head=True)
        for key, value in rows:
            shown = "<hidden>" if names_a_secret(key) else masked(value)
            yield Line(shown if len(shown) <= _ANNOTATION_MOST else f"{shown[:_ANNOTATION_MOST]}…", key, 1)
    generation, uid = number(thing, "metadata", "generation"), text(thing, "metadata", "uid")
    if uid:
        yield Line("Bookkeeping", head=True)
        yield Line(uid, "UID", 1, "dim")
        if version := text(thing, "metadata", "resourceVersion"):
            yield Line(version, "Version", 1, "dim")
        if generation is not None:
            yield Line(str(generation), "Generation", 1, "dim")


def event_lines(events: Iterable[EventGroup], *, now: float) -> list[Line]:
    """Return groups of events in lines, in the order given."""
    lines = [
        Line(
            f"{group.reason}{f' ({group.container})' if group.container else ''}"
            f"{f' ×{group.count}' if group.count > 1 else ''}: {mask_text(group.message)}",
            f"{format_age(now - group.last) if group.last is not None else '?'} ago",
            1,
            "soon" if group.warning else "dim" if group.gone else "",
        )
        for group in events
    ]
    return [Line("Events", head=True), *lines] if lines else []
