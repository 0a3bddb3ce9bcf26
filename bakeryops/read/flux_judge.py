"""How a Flux object is, from its conditions, its generations and whether it is suspended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition
from bakeryops.masking import mask_text
from bakeryops.model.health import Health
from bakeryops.model.sync import ConditionView
from bakeryops.read.flux_text import sentence
from bakeryops.text import clean
from bakeryops.units import parse_duration, parse_time

__all__ = ["REQUESTED", "Judged", "Seen", "conditions_of", "judge", "said"]

REQUESTED = "reconcile.fluxcd.io/requestedAt"
"""The annotation that asks for a reconcile; the token in it comes back in the status when that is done."""

_TEXT_MOST = 4000
_CHECK = re.compile(r"[Rr]unning health checks for revision (\S+) with a timeout of (\S+)")
_STEPS = (
    ("Fetching manifests", "fetching", "fetches the manifests"),
    ("Building manifests", "building", "builds the manifests"),
    ("Detecting drift", "comparing", "compares them with the cluster and applies what differs"),
)
"""How a message begins while a Kustomization works, the state, and what it does then."""
_AT_WORK = frozenset({"Progressing", "ProgressingWithRetry", "HealthCheckCanceled"})
_TROUBLES = ("FetchFailed", "IncludeUnavailable", "StorageOperationFailed", "BuildFailed")
"""Conditions of sources that are only there while something is wrong."""
_DOUBTS = ("Healthy", "Released", "TestSuccess", "SourceVerified")
"""Conditions that are True where all is well."""


class Seen(NamedTuple):
    """What the judgement is made from."""

    meta: AnnotatedMeta
    conditions: Sequence[Condition]
    observed: int | None
    """Generation that the status speaks of; None where the kind has none."""
    suspended: bool
    token: str
    """The last reconcile request that was handled."""
    noun: str
    """What it does while it works: fetching, applying…"""
    generations: bool = True
    """Whether conditions tell of which generation they speak."""


class Judged(NamedTuple):
    """The judgement; `message` is the deciding condition's own."""

    state: str
    health: Health
    reason: str
    message: str
    why: str
    since: float | None


def said(text: str | None) -> str:
    """Return a message as one clean line with secrets hidden."""
    return clean(mask_text((text or "")[:_TEXT_MOST])).strip()


def conditions_of(conditions: Sequence[Condition] | None) -> tuple[ConditionView, ...]:
    """Return conditions as people read them, Ready first."""
    found = [
        ConditionView(
            clean(each.type),
            clean(each.status),
            clean(each.reason or ""),
            said(each.message),
            parse_time(each.lastTransitionTime),
        )
        for each in conditions or ()
    ]
    return tuple(sorted(found, key=lambda each: each.type != "Ready"))


def judge(seen: Seen) -> Judged:
    """Return how an object is; FINE only where it says Ready of its present spec and nothing is under way."""
    by_type = {each.type: each for each in seen.conditions}
    ready = by_type.get("Ready")
    if seen.meta.deletionTimestamp:
        why = "is being deleted, and what it made with it" if seen.meta.finalizers else "is being deleted"
        return Judged("deleting", Health.WORKING, "", "", why, parse_time(seen.meta.deletionTimestamp))
    if seen.suspended:
        return _suspended(ready)
    stalled = by_type.get("Stalled")
    if stalled is not None and stalled.status == "True":
        return _of(stalled, "stalled", Health.BAD, "has given up until it is changed: ")
    if ready is not None and ready.status == "False" and ready.reason not in _AT_WORK and _current(ready, seen):
        return _failing(ready)
    trouble = next((by_type[kind] for kind in _TROUBLES if kind in by_type), None)
    if trouble is not None and trouble.status == "True" and _current(trouble, seen):
        return _of(trouble, "failing", Health.BAD)
    if not seen.conditions:
        why = "its controller has not looked at it yet"
        return Judged("waiting", Health.UNKNOWN, "", "", why, parse_time(seen.meta.creationTimestamp))
    reconciling = by_type.get("Reconciling")
    if reconciling is not None and reconciling.status == "True":
        return _working(seen, reconciling, by_type.get("Healthy"))
    return _settled(seen, ready, by_type)


def _settled(seen: Seen, ready: Condition | None, by_type: dict[str, Condition]) -> Judged:
    if ready is None:
        return Judged("waiting", Health.UNKNOWN, "", "", "says nothing of being ready", None)
    if ready.reason in _AT_WORK and ready.status in ("False", "Unknown"):
        return _working(seen, ready, by_type.get("Healthy"))
    if ready.status != "True":
        return _of(ready, "waiting", Health.UNKNOWN)
    generation = seen.meta.generation
    lags = generation is not None and seen.observed is not None and seen.observed != generation
    if lags or not _current(ready, seen):
        return _of(ready, "waiting", Health.WORKING)._replace(why="its newest spec has not been taken up yet")
    asked = clean((seen.meta.annotations or {}).get(REQUESTED) or "")
    if asked and asked != seen.token:
        why = "was asked to look again and has not done so yet"
        return _of(ready, "waiting", Health.WORKING)._replace(why=why, since=parse_time(asked))
    drifted = by_type.get("Drifted")
    if drifted is not None and drifted.status == "True":
        return _of(drifted, "drifted", Health.SOON)
    outdated = by_type.get("ArtifactOutdated")
    if outdated is not None and outdated.status == "True":
        return _of(outdated, seen.noun, Health.WORKING)
    for kind in _DOUBTS:
        doubt = by_type.get(kind)
        if doubt is not None and doubt.status == "False":
            return _of(doubt, "ready", Health.SOON)
        if doubt is not None and doubt.status != "True":
            return _of(doubt, "checking", Health.WORKING)
    return _of(ready, "ready", Health.FINE)._replace(why="")


def _current(condition: Condition, seen: Seen) -> bool:
    """Return whether a condition speaks of the present spec, as far as it says of which."""
    generation = seen.meta.generation
    return (
        not seen.generations
        or condition.observedGeneration is None
        or generation is None
        or condition.observedGeneration >= generation
    )


def _of(condition: Condition, state: str, health: Health, before: str = "") -> Judged:
    reason, message = clean(condition.reason or ""), said(condition.message)
    why = before + sentence(reason, message)
    return Judged(state, health, reason, message, why.strip(), parse_time(condition.lastTransitionTime))


def _suspended(ready: Condition | None) -> Judged:
    why = "suspended: nothing new is taken until it is resumed"
    if ready is None:
        return Judged("suspended", Health.HELD, "", "", why, None)
    held = _of(ready, "suspended", Health.HELD)
    if ready.status == "False":
        return held._replace(why=f"{why}; before that: {held.why}")
    return held._replace(why=why, since=None)


def _failing(ready: Condition) -> Judged:
    if ready.reason in ("DependencyNotReady", "MultipleDependencyNotReady"):
        return _of(ready, "blocked", Health.SOON)
    if ready.reason in ("ArtifactFailed", "SourceNotReady", "NoSourceArtifact", "SourceUnavailable"):
        found = _of(ready, "waiting", Health.SOON)
        if found.why == "its source has nothing to give yet":
            return found
    return _of(ready, "failing", Health.BAD)


def _working(seen: Seen, at: Condition, healthy: Condition | None) -> Judged:
    message = said(at.message)
    check = _CHECK.search(message)
    if check is None and healthy is not None and healthy.status == "Unknown":
        check = _CHECK.search(said(healthy.message))
        at = healthy if check is not None else at
    if check is not None:
        return _of(at, "checking", Health.WORKING)._replace(why=_until(at, check[2]))
    known = ((state, does) for start, state, does in _STEPS if message.startswith(start))
    state, does = next(known, (seen.noun, message or "at work"))
    again = ", after a failure" if at.reason == "ProgressingWithRetry" else ""
    return _of(at, state, Health.WORKING)._replace(why=f"{does}{again}")


def _until(at: Condition, timeout: str) -> str:
    """Return what a health check that waits is waiting for, and until when."""
    begun, seconds = parse_time(at.lastTransitionTime), parse_duration(timeout)
    why = "waits for its objects to become healthy"
    if begun is None or seconds is None:
        return f"{why}, for {timeout} at most"
    try:
        end = datetime.fromtimestamp(begun + seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{why}, for {timeout} at most"
    return f"{why}, until {end:%H:%M:%S} UTC at most"
