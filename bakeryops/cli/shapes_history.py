"""The documents of `history` and `blackbox`: stable, explained in docs/json.md and held to it by a test."""

from __future__ import annotations

from typing import Any

from bakeryops.cli.shapes import moment
from bakeryops.model.history import Entry, Verdict

__all__ = ["entry", "verdict"]

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
