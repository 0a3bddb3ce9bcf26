"""The delivery chain as two lines: where each part stands, and where the newest change is stuck."""

from __future__ import annotations

from bakeryops.model.chain import Chain, Leg
from bakeryops.units import format_age
from screens.lines import Line, Span, cut, line_width

__all__ = ["chain_lines", "leg_tone"]

_ARROW = " ─▶ "
_BREAK = " ─✖ "
_SHORT = {"webhook", "tests"}
"""Stages that the strip leaves out where they are done: the build says as much."""


def leg_tone(leg: Leg) -> str:
    """Return the tone of a leg; what is done is quiet."""
    return "dim" if leg.state == "skipped" else leg.health.value


def chain_lines(chain: Chain, width: int, now: float, *, stale: bool = False) -> list[Line]:
    """Return the strip and what it is about, at most three lines of `width` cells.

    On a narrow screen legs before the one that matters are left out, never that one.
    """
    lines = [_strip(chain, width)]
    about = _about(chain, width, now, stale=stale)
    if about:
        lines.append(about)
    if chain.stuck is not None and chain.why:
        where = chain.legs[chain.stuck]
        tone = where.health.value if where.health.rank < 4 else ""
        lines.append(((f"   {cut(chain.why, width - 4)}", tone),))
    return lines


def _strip(chain: Chain, width: int) -> Line:
    shown = [leg for leg in chain.legs if leg.stage not in _SHORT or leg.state not in ("done", "skipped")]
    stuck = chain.legs[chain.stuck] if chain.stuck is not None else None
    keep = len(shown)
    line = _joined(shown, stuck)
    while line_width(line) > width and keep > 1:
        droppable = [leg for leg in shown if leg is not stuck]
        if not droppable:
            break
        # What is done longest ago says least.
        shown.remove(droppable[0] if droppable[0].state in ("done", "skipped") else droppable[-1])
        keep -= 1
        line = _joined(shown, stuck, dropped=True)
    return line


def _joined(legs: list[Leg], stuck: Leg | None, *, dropped: bool = False) -> Line:
    spans: list[Span] = [("   … ", "dim") if dropped else ("   ", "")]
    for place, leg in enumerate(legs):
        if place:
            broken = leg is stuck and leg.health.value == "bad"
            spans.append((_BREAK, "bad") if broken else (_ARROW, "dim"))
        tone = leg_tone(leg)
        spans.append((f"{leg.title} ", "dim"))
        symbol = "" if leg.health.value == "fine" and leg.stage == "pushed" else f"{leg.health.symbol} "
        spans.append((f"{symbol}{leg.text}".strip(), "" if tone == "fine" else tone))
    return tuple(spans)


def _about(chain: Chain, width: int, now: float, *, stale: bool) -> Line:
    commit = chain.commit
    left = ""
    if commit is not None:
        left = f'   "{commit.subject}"  {commit.author}, {format_age(now - commit.committed)} ago'
    right = ""
    if chain.stuck is not None and chain.since is not None and not stale:
        leg = chain.legs[chain.stuck]
        word = "stuck" if leg.state == "stuck" else "here"
        right = f"{word} {format_age(now - chain.since)} "
    room = width - len(right) - 1
    if not left and not right:
        return ()
    text = cut(left, room) if room > 0 else ""
    return ((text.ljust(max(0, width - len(right))) if right and text.isascii() else text + "  ", "dim"),
            (right, "soon" if right else ""))  # fmt: skip
