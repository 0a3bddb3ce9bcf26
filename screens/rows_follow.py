"""One commit followed, as rows: each leg with when it began, how long it took, and a bar drawn to scale."""

from __future__ import annotations

import time

from bakeryops.model.chain import Follow, Leg
from bakeryops.units import format_duration
from screens.lines import Line, Span, cut, line_width
from screens.rows_chain import leg_says, leg_symbol, leg_tone, said_once
from screens.widgets.cells import Cell, Column, Row

__all__ = ["BAR", "FOLLOW_COLUMNS", "follow_lines", "leg_rows", "span_bar"]

BAR = 24
"""Cells of the bar that shows a leg to scale."""

FOLLOW_COLUMNS = (
    Column("health", "", 1, worth=100, sort=False),
    Column("leg", "leg", 10, worth=99, sort=False),
    Column("at", "began", 8, worth=70, sort=False),
    Column("took", "took", 6, worth=95, align="right", sort=False),
    Column("bar", "", BAR, worth=80, sort=False),
    Column("text", "", 26, worth=97, grow=True, sort=False),
)
"""A leg a row."""

_FILL, _FLOW = "█", "▒"
_AUTHOR = 24
_SERVICES = 6


def follow_lines(view: Follow, width: int, now: float, *, git: Span = ("", "")) -> list[Line]:
    """Return what is followed, and how far it is; `git` is what is to be said of Git."""
    commit = view.commit
    lines: list[Line] = [((f" {cut(view.title, width - 2)}", "title"),)]
    about = _services(view.services)
    if commit is not None:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(commit.committed))
        about = f"{commit.short}  {cut(commit.author, _AUTHOR)}, {when} UTC  {about}"
        if commit.subject != view.title:
            lines.append(((f"   {cut(commit.subject, width - 4)}", ""),))
    lines.append(((f"   {cut(about, width - 4)}", "dim"),))
    lines.append(_state(view, width))
    if view.overtaken_by:
        lines.append(((f"   overtaken by {view.overtaken_by[:7]}, which went live in its place", "soon"),))
    if git[0]:
        lines.append(((f"   {cut(git[0], width - 4)}", git[1]),))
    return lines


def _services(names: tuple[str, ...]) -> str:
    if not names:
        return "touches no service"
    if "*" in names:
        return "all services"
    more = f" and {len(names) - _SERVICES} more" if len(names) > _SERVICES else ""
    return ", ".join(names[:_SERVICES]) + more


def _state(view: Follow, width: int) -> Line:
    took = format_duration(view.seconds) if view.seconds is not None else ""
    if view.stuck is None:
        if view.overtaken_by or view.legs[-1].state != "done":
            return ((" · ends here", "dim"),)
        return ((f" ✔ live{f' {took} after the push' if took else ''}", "fine"),)
    leg = view.legs[view.stuck]
    text, why = leg_says(leg)
    words = {"stuck": "stuck at", "held": "held at", "working": "now at", "unknown": "not known from"}
    told = f" {leg.health.symbol} {words.get(leg.state, leg.state)} {leg.title}: {why or text or leg.state}"
    after = f"  {took} since the push" if took else ""
    after = after if line_width(((told + after, ""),)) <= width else ""
    return ((cut(told, width - 1), leg_tone(leg)), (after, "dim"))


def leg_rows(view: Follow, now: float) -> list[Row]:
    """Return the legs in their order."""
    times = [each for leg in view.legs for each in (leg.started, leg.ended) if each is not None]
    first = min(times, default=now)
    last = max([*times, now] if view.stuck is not None else times, default=now)
    return [_row(place, leg, first, last, now) for place, leg in enumerate(view.legs)]


def _row(place: int, leg: Leg, first: float, last: float, now: float) -> Row:
    tone = leg_tone(leg)
    seconds = leg.seconds(now)
    began = time.strftime("%H:%M:%S", time.gmtime(leg.started)) if leg.started is not None else ""
    end = leg.ended if leg.ended is not None else now if leg.state in ("working", "stuck") else None
    bar = span_bar(leg.started, end, first, last, BAR, flowing=leg.ended is None)
    said, why = leg_says(leg) if leg.state != "skipped" else (leg.text, said_once(leg.why))
    text = Cell.of((said, "" if tone == "fine" else tone), ("  " if said and why else "", ""),
                   (why, "" if leg.state == "stuck" else "dim"))  # fmt: skip
    cells = (
        Cell(leg_symbol(leg), tone),
        Cell(leg.title, tone if leg.health.rank < 4 else ""),
        Cell(began, "dim"),
        Cell("" if seconds is None else format_duration(seconds)),
        Cell(bar, tone),
        text,
    )
    return Row(leg.stage, cells, (place,) * len(cells))


def span_bar(
    started: float | None, ended: float | None, first: float, last: float, width: int, *, flowing: bool = False
) -> str:
    """Return a bar where [started, ended] lies in [first, last], in `width` cells; at least one is filled."""
    if started is None or ended is None or width <= 0:
        return ""
    scale = (width - 1) / max(1e-9, last - first)
    begin = min(width - 1, max(0, int((started - first) * scale)))
    end = min(width, max(begin + 1, round((ended - first) * scale) + 1))
    return " " * begin + (_FLOW if flowing else _FILL) * (end - begin)
