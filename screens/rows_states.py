"""The states of kinds in words: what a table or panel says of rows that are missing or old."""

from __future__ import annotations

from collections.abc import Mapping

from bakeryops.cluster.state import KindState
from bakeryops.text import clean
from bakeryops.units import format_age

__all__ = ["state_notice", "state_text"]

_NAMES = {"podmetrics": "metrics of pods", "nodemetrics": "metrics of nodes",
          "persistentvolumeclaims": "volume claims"}  # fmt: skip

_RANK = ("unauthorized", "forbidden", "stale", "absent", "syncing", "waiting")
"""Phases that are worth a word, the most urgent first."""


def state_text(kind: str, state: KindState, now: float) -> tuple[str, str]:
    """Return what to say of one kind's state and the tone; "" when it is live."""
    name = _NAMES.get(kind, kind)
    reason = clean(state.reason)
    match state.phase:
        case "waiting":
            return (f"waiting for {name}" + (f": {reason}" if reason else " …"), "working")
        case "syncing":
            return (f"reading {name}, {state.count} so far …", "working")
        case "stale":
            age = format_age(now - state.last_data) if state.last_data is not None else "?"
            again = f", next try in {max(0, round(state.next_try - now))} s" if state.next_try is not None else ""
            return (f"{name} are {age} old: {reason}{again}", "soon")
        case "forbidden":
            hint = f" · {clean(state.hint)}" if state.hint else ""
            return (f"{name} may not be read: {reason}{hint}", "soon")
        case "absent":
            return (f"{name} are not served by this cluster" + (f": {reason}" if reason else ""), "unknown")
        case "unauthorized":
            return (f"{name}: the credentials are refused: {reason}", "bad")
        case "polling" if reason:
            return (f"{name} are read again and again: {reason}", "unknown")
        case _:
            return (f"{name}: {reason}" if reason else "", "soon" if reason else "")


def state_notice(states: Mapping[str, KindState], now: float) -> tuple[str, str]:
    """Return the most urgent thing to say of several kinds and its tone, ("", "") when all are live."""

    def rank(item: tuple[str, KindState]) -> int:
        return _RANK.index(item[1].phase) if item[1].phase in _RANK else len(_RANK)

    said = [(rank(item), *state_text(*item, now)) for item in states.items()]
    worded = sorted((each for each in said if each[1]), key=lambda each: each[0])
    if not worded:
        return "", ""
    more = sum(1 for each in worded if each[0] < len(_RANK)) - 1
    text = worded[0][1] + (f"  (and {more} more)" if more > 0 else "")
    return text, worded[0][2]
