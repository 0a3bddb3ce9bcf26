"""The documents of `history` and `blackbox`: stable, explained in docs/json.md and held to it by a test."""

from __future__ import annotations

from typing import Any

from bakeryops.cli.shapes import moment
from bakeryops.model.blackbox import Comparison, Saved, SavedEvent, SavedLog
from bakeryops.model.build import Named
from bakeryops.model.history import Entry, Verdict

__all__ = ["comparison", "entry", "saved", "verdict"]

Document = dict[str, Any]


def entry(each: Entry) -> Document:
    """Return one entry of `history`."""
    return {
        "kind": each.kind,
        "time": moment(each.when),
        "result": each.result,
        "service": each.service,
        "subject": each.subject,
        "who": each.who,
        "title": each.title,
        "commit": each.commit,
        "source": each.source,
        "tag": each.tag,
        "before": each.before,
        "build": each.build,
        "applied": moment(each.applied),
        "ready": moment(each.ready),
        "ended": moment(each.ended),
        "job": each.job,
        "action": each.action,
        "why": each.text,
    }


def verdict(found: Verdict, path: str) -> Document:
    """Return the document of `history verify`."""
    return {
        "file": path,
        "whole": found.ok,
        "records": found.count,
        "hash": found.head,
        "problems": list(found.problems),
        "notes": list(found.notes),
    }


def saved(found: Saved, *, whole: bool = False) -> Document:
    """Return one entry of `blackbox`, or with `whole` the document of `blackbox show`."""
    document: Document = {
        "id": found.id,
        "verdict": found.verdict,
        "kind": found.kind,
        "namespace": found.namespace,
        "name": found.name,
        "time": moment(found.when),
        "saved": moment(found.saved),
        "build": found.build,
        "task": found.task,
        "step": found.step,
        "pod": found.pod,
        "container": found.container,
        "commit": found.commit,
        "service": found.service,
        "reason": found.reason,
        "exit_code": found.exit_code,
        "restarts": found.restarts,
        "why": found.why,
        "error": found.error,
    }
    if whole:
        document |= {
            "timings": [{"name": each.name, "seconds": _seconds(each.seconds)} for each in found.timings],
            "params": _named(found.params),
            "images": _named(found.images),
            "events": [_event(each) for each in found.events],
            "logs": [_log(each) for each in found.logs],
            "object": found.object,
        }
    return document


def comparison(found: Comparison) -> Document:
    """Return the document of `blackbox compare`."""
    return {
        "failed": saved(found.failed),
        "good": saved(found.green),
        "step": found.step,
        "timings": [
            {"name": name, "failed": _seconds(one), "good": _seconds(other)} for name, one, other in found.timings
        ],
        "differing": [
            {"what": each.what, "name": each.name, "failed": each.failed, "good": each.green}
            for each in found.differing
        ],
        "lines_alike": found.same,
        "failed_lines": list(found.failed_lines),
        "good_lines": list(found.green_lines),
    }


def _seconds(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 3)


def _named(values: tuple[Named, ...]) -> list[Document]:
    return [{"name": each.name, "value": each.value} for each in values]


def _event(each: SavedEvent) -> Document:
    return {
        "type": "Warning" if each.warning else "Normal",
        "reason": each.reason,
        "message": each.message,
        "object": each.object,
        "count": each.count,
        "last": moment(each.last),
    }


def _log(each: SavedLog) -> Document:
    return {
        "container": each.container,
        "step": each.step,
        "previous": each.previous,
        "cut": each.cut,
        "missing": each.missing,
        "lines": list(each.lines),
    }
