"""The delivery chain as two or three lines: where each part stands, and where the newest change is stuck."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bakeryops.model.chain import Chain, Leg
from bakeryops.model.code import CodeView
from bakeryops.model.health import Health
from bakeryops.units import format_age
from screens.lines import Line, Span, columns, cut, line_width

__all__ = ["chain_lines", "git_age", "git_reason", "leg_says", "leg_symbol", "leg_tone", "said_once"]

_ARROW = " ─▶ "
_BREAK = " ─✖ "
_SHORT = {"webhook", "tests"}
"""Stages that the strip leaves out where they are done: the build says as much."""

_FETCHING = re.compile(r"^fetching \S+ from \S+: ")

_OVER = ("done", "skipped")
_TERSEST = 4
"""How terse the strip gets: texts of what is done go first, then arrows between such, then what Flux did twice."""

_NARROW = 40
"""Cells below which even the commit that the branch is at gives way."""

_SUBJECT = 16
"""Cells that a subject keeps at least, before author and age are left out."""


def leg_tone(leg: Leg) -> str:
    """Return the tone of a leg; what is not needed is quiet."""
    return "dim" if leg.state == "skipped" else leg.health.value


def leg_symbol(leg: Leg) -> str:
    """Return the symbol of a leg; what is not needed has that of nothing."""
    return "·" if leg.state == "skipped" else leg.health.symbol


def said_once(text: str) -> str:
    """Return a reason without names said before: "auth: auth-service: exit 1" is "auth: exit 1"."""
    kept: list[str] = []
    for part in text.split(": "):
        if part.removesuffix("-service") not in [each.removesuffix("-service") for each in kept]:
            kept.append(part)
    return ": ".join(kept)


def leg_says(leg: Leg) -> tuple[str, str]:
    """Return the text and the reason of a leg, without what its title or its text say already."""
    text = leg.text.removeprefix(leg.title).strip()
    text = "" if text == "?" else text
    why = said_once(leg.why).removesuffix(".")
    label = text.partition(" ")[0]
    for said in (text, f"{leg.title} {label}", f"build {label}", label):
        if label and why.startswith(f"{said} "):
            return text, why.removeprefix(said).strip()
        if label and why.startswith(f"{said}: "):
            return text, why.removeprefix(f"{said}: ")
    return text, why


def git_age(code: CodeView, now: float) -> Span:
    """Return how old what is known of Git is where it is not current, and why; empty where it is."""
    if code.state not in ("stale", "refused"):
        return "", ""
    age = f"read {format_age(now - code.fetched)} ago" if code.fetched is not None else "not read"
    return f"git {age}: {git_reason(code)}", "soon"


def git_reason(code: CodeView) -> str:
    """Return why Git is not known, what went wrong first: where it is fetched from is in the configuration."""
    return _FETCHING.sub("", code.reason) or code.state


def chain_lines(
    chain: Chain, width: int, now: float, *, stale: bool = False, hint: str = "", git: Span = ("", "")
) -> list[Line]:
    """Return the strip and what it is about, at most three lines of `width` cells.

    On a narrow screen texts of legs that are done, then such legs, are left out, never the one that matters.
    `hint` is what to press, `git` what is to be said of Git; old news (`stale`) count no minutes.
    """
    lines = [_strip(chain, width)]
    about = _about(chain, width, now, stale=stale, hint=hint, git=git)
    if about:
        lines.append(about)
    where = chain.legs[chain.stuck] if chain.stuck is not None else None
    if git[0] and chain.commit is not None and (where is None or not chain.why or where.stage == "pushed"):
        lines.append(((f"   {cut(git[0], width - 4)}", git[1]),))
    elif chain.why and (where is not None or any(leg.state == "held" for leg in chain.legs)):
        tone = where.health.value if where is not None and where.health.rank < 4 else "dim"
        lines.append(((f"   {cut(said_once(chain.why), width - 4)}", tone),))
    return lines


def _strip(chain: Chain, width: int) -> Line:
    stuck = chain.legs[chain.stuck] if chain.stuck is not None else None
    shown = [leg for leg in chain.legs if leg.stage not in _SHORT or leg.state not in _OVER]
    every = shown
    for terse in range(_TERSEST + 1):
        line = _joined(every, shown, stuck, terse)
        if line_width(line) <= width:
            return line
    # What waits says least, then what is through, then what is at work beside the leg that matters.
    later = [leg for leg in shown[1:] if leg.state == "waiting"][::-1]
    first = shown[:1] if width < _NARROW else []
    for leg in [*later, *filter(_is_quiet, shown[1:]), *shown[1:], *first]:
        if leg is stuck or leg not in shown or len(shown) == 1:
            continue
        shown = [each for each in shown if each is not leg]
        line = _joined(every, shown, stuck, _TERSEST)
        if line_width(line) <= width:
            return line
    return _cut(line, width)


def _joined(every: Sequence[Leg], legs: Sequence[Leg], stuck: Leg | None, terse: int) -> Line:
    spans: list[Span] = [("   ", "")]
    before = -1
    quiet = False
    for place, leg in enumerate(legs):
        if terse >= 4 and leg.stage == "applied" and quiet and _is_quiet(leg):
            before += 1
            continue
        broken = leg is stuck and leg.health is Health.BAD
        at = every.index(leg)
        if at > before + 1:
            spans.append((" …" if place else "…", "dim"))
        if at and terse >= 3 and quiet and _is_quiet(leg) and place > 1 and at == before + 1:
            spans.append((" ", ""))
        elif at:
            spans.append((_BREAK, "bad") if broken else (_ARROW, "dim"))
        before, quiet = at, _is_quiet(leg)
        tone = leg_tone(leg)
        text = _short(leg, terse, first=place == 0) if leg is not stuck else leg_says(leg)[0]
        symbol = "" if broken and at else leg_symbol(leg)
        if leg.stage == "pushed" and leg.health is Health.FINE:
            symbol = ""
        said = " ".join(part for part in (symbol, text) if part)
        titled = not (broken and at and leg.stage == "ready" and text)
        spans.append((leg.title + (" " if said else "") if titled else "", "dim"))
        spans.append((said, "" if tone == "fine" else tone))
    return tuple(spans)


def _is_quiet(leg: Leg) -> bool:
    """Return whether a leg is through with nothing to be said of it."""
    return leg.state in _OVER and leg.health is Health.FINE


def _short(leg: Leg, terse: int, *, first: bool) -> str:
    """Return the text of a leg: all of it, or as little as tells it from others."""
    text = leg_says(leg)[0]
    if first or not terse or leg.state not in _OVER:
        return text
    return text.partition(" ")[0] if terse == 1 and leg.stage == "build" else ""


def _cut(line: Line, width: int) -> Line:
    kept: list[Span] = []
    left = width
    for text, tone in line:
        kept.append((cut(text, left), tone))
        left = width - line_width(tuple(kept))
        if left <= 0:
            break
    return tuple(kept)


def _about(chain: Chain, width: int, now: float, *, stale: bool, hint: str, git: Span) -> Line:
    right: list[Span] = []
    if chain.stuck is not None and chain.since is not None and not stale:
        leg = chain.legs[chain.stuck]
        word = "stuck" if leg.state == "stuck" else "here"
        tone = "soon" if leg.health in (Health.BAD, Health.SOON) else "dim"
        right.append((f"  {word} {format_age(now - chain.since)}", tone))
    if hint:
        right += [("  ", ""), (hint.partition(" ")[0], "key"), (f" {hint.partition(' ')[2]}", "dim")]
    commit = chain.commit
    room = width - line_width(tuple(right)) - 1
    if commit is None:
        left: Line = ((f"   {cut(git[0], room - 3)}", git[1]),) if git[0] and room > 3 else ()
        return columns(left, (*right, (" ", "")), width) if right or left else ()
    tail = f"  {commit.author}, {format_age(now - commit.committed)} ago"
    subject = cut(commit.subject, max(_SUBJECT, room - line_width(((tail, ""),)) - 5))
    left = ((f'   "{subject}"', "dim"), (tail, "dim"))
    if line_width(left) > room:
        left = ((f'   "{cut(commit.subject, max(1, room - 5))}"', "dim"),)
    return columns(left, (*right, (" ", "")), width)
