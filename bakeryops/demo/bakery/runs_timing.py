"""When each task of a past build began and ended, fitted into the time that the build took."""

from __future__ import annotations

from dataclasses import dataclass

from bakeryops.demo.bakery.repository import PastRelease

__all__ = ["Span", "Timing", "timing_of"]

_CLONE, _DETECT, _UPDATE, _REPORT = 9.0, 7.0, 9.0, 6.0
"""Seconds of the tasks that always take about as long, a pod's start included."""
_GAP = 0.4
_TESTS = 0.3
"""Share of the rest that tests take; images take what is left, two at a time."""
_SLOTS = 2


@dataclass(frozen=True)
class Span:
    """When a TaskRun began and ended, seconds since the epoch."""

    start: float
    end: float
    retried: float | None = None
    """When its only earlier attempt ended and the last one began; None for one that went through at once."""


@dataclass(frozen=True)
class Timing:
    """The spans of a build by task and service ("" for a task without)."""

    spans: dict[tuple[str, str], Span]
    finally_start: float

    def span(self, task: str, service: str) -> Span:
        """Return the span of a task."""
        return self.spans[task, service]


def timing_of(release: PastRelease) -> Timing:
    """Return when the tasks of a release ran."""
    spans: dict[tuple[str, str], Span] = {}
    at = release.started
    for task, seconds in (("clone", _CLONE), ("detect-changes", _DETECT)):
        seconds = min(seconds, (release.ended - release.started - _REPORT) / 2 - _GAP)
        spans[task, ""] = Span(at, at + seconds)
        at += seconds + _GAP
    finally_start = release.ended - _REPORT
    spans["report-status", ""] = Span(finally_start, release.ended)
    if release.services:
        _working(release, spans, at, finally_start - _GAP)
    return Timing(spans, finally_start)


def _working(release: PastRelease, spans: dict[tuple[str, str], Span], start: float, end: float) -> None:
    failing = release.failing
    names = list(release.services)
    if failing is not None and failing.task == "test":
        _tests(spans, names, start, end)
        return
    tested = start + (end - start) * _TESTS
    _tests(spans, names, start, tested)
    built = end if failing is not None else end - _UPDATE - _GAP
    begin = tested + _GAP
    rounds = -(-len(names) // _SLOTS)
    length = (built - begin) / rounds
    for place, name in enumerate(names):
        first = begin + place // _SLOTS * length
        last = first + length * (1.0 if place % _SLOTS == 0 else 0.93) - _GAP
        retried = None
        if failing is not None and failing.service == name:
            last = built
            retried = first + (last - first) / 2
        spans["build", name] = Span(first, last, retried)
    spans["update-tag", ""] = Span(end - _UPDATE, end)


def _tests(spans: dict[tuple[str, str], Span], names: list[str], start: float, end: float) -> None:
    for place, name in enumerate(names):
        share = 1.0 if place == len(names) - 1 else 0.6 + 0.35 * ((place * 7) % 10) / 10
        spans["test", name] = Span(start, start + (end - start) * share)
