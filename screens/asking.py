"""What has to be asked before some plans can be computed: reasons, ends, ways of cancelling, numbers."""

from __future__ import annotations

from bakeryops.units import parse_duration, parse_time
from screens.ask import Question
from screens.choose import Choice

__all__ = ["CANCEL_MODES", "ports", "reason_and_end", "replicas", "until_of"]

CANCEL_MODES = (
    Choice("graceful", "cancel", "stops what runs, then runs the closing tasks (the status at Gitea is reported)"),
    Choice("stop", "let finish", "starts no more tasks; those that run go on, then the closing tasks"),
    Choice("now", "cancel at once", "stops everything, closing tasks too; the logs of its pods may go with it"),
)
"""The ways of cancelling a build, the usual one first."""

_MOST = 100
"""Pods that a workload may be asked to have, against a slip of the finger."""


def until_of(text: str, now: float) -> float | None:
    """Return epoch seconds from "2h" or "2026-11-28T12:00:00Z", None where that is not understood."""
    seconds = parse_duration(text)
    return now + seconds if seconds else parse_time(text)


def reason_and_end(now: float) -> list[Question]:
    """Return what is asked before something is held or suspended."""

    def end(text: str) -> str:
        when = until_of(text, now)
        if text and when is None:
            return "say it as 2h, 3d or 2026-11-28T12:00:00Z, or leave it empty"
        return "that is over already" if when is not None and when <= now else ""

    return [
        Question(
            "Why",
            "others will read it",
            check=lambda text: "" if text else "a reason is needed: others will read it",
        ),
        Question("Until", "2h, 3d, a time, or empty for no end", check=end),
    ]


def replicas(now: int | None) -> list[Question]:
    """Return what is asked before a workload is scaled."""

    def fits(text: str) -> str:
        return "" if text.isdecimal() and int(text) <= _MOST else f"say a number from 0 to {_MOST}"

    return [Question("Pods", "a number", "" if now is None else str(now), check=fits)]


def ports(known: int | None) -> list[Question]:
    """Return what is asked before a port is forwarded."""

    def fits(text: str) -> str:
        local, mark, remote = text.rpartition(":")
        numbers = [remote] + ([local] if mark else [])
        good = all(each.isdecimal() and 0 < int(each) < 65536 for each in numbers if each)
        return "" if remote and good else "say a port, or LOCAL:REMOTE"

    return [
        Question(
            "Port", "8000, or 9000:8000 to listen on 9000 here", "" if known is None else str(known), check=fits
        )
    ]
