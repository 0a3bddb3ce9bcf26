"""One commit followed, as rows: each leg with when it began, how long it took, and a bar drawn to scale."""

from __future__ import annotations

import time

from bakeryops.model.chain import Follow, Leg
from bakeryops.units import format_duration
from screens.lines import Line
from screens.rows_chain import leg_tone
from screens.widgets.cells import Cell, Column, Row

__all__ = ["BAR", "FOLLOW_COLUMNS", "follow_lines", "leg_rows", "span_bar"]

BAR = 24
"""Cells of the bar that shows a leg to scale."""

FOLLOW_COLUMNS = (
    Column("health", "", 1, worth=100, sort=False),
    Column("leg", "leg", 12, worth=99, sort=False),
    Column("at", "began", 8, worth=80, sort=False),
    Column("took", "took", 6, worth=95, align="right", sort=False),
    Column("bar", "", BAR, worth=70, sort=False),
    Column("text", "", 20, worth=97, grow=True, sort=False),
)
"""A leg a row."""

_FILL, _FLOW = "█", "▒"


def follow_lines(view: Follow, now: float) -> list[Line]:
    """Return what is followed, and how far it is."""
    commit = view.commit
    lines: list[Line] = [((f" {view.title}", "title"),)]
    if commit is not None:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(commit.committed))
        lines.append(((f'   {commit.short} "{commit.subject}"', ""), (f"  {commit.author}, {when} UTC", "dim")))
    services = ", ".join(view.services) if view.services else "none"
    took = format_duration(view.seconds) if view.seconds is not None else "?"
    if view.stuck is None:
        state, tone = f"live after {took}", "fine"
    else:
        leg = view.legs[view.stuck]
        state, tone = f"{leg.title}: {leg.why or leg.text or leg.state}, {took} since the push", leg_tone(leg)
    lines.append(((f"   services {services}", "dim"), ("   ", ""), (state, tone)))
    if view.overtaken_by:
        lines.append(((f"   overtaken by {view.overtaken_by[:7]}, which went live in its place", "soon"),))
    return lines


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
    text = Cell.of((leg.text, "" if tone == "fine" else tone), ("  " if leg.text else "", ""), (leg.why, "dim"))
    cells = (
        Cell(leg.health.symbol if leg.state != "skipped" else "·", tone),
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
