"""A time line to scale: where the segments of a row stand, and the marks of the axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from screens.widgets.cells import cells_wide
from screens.widgets.spans import MARKED, Span

__all__ = ["Piece", "Scale", "TimeRow", "bar_spans", "nice_span", "scale_of", "ticks"]

_GLYPHS = {"queued": "░", "init": "▒", "step": "▓", "other": "█", "wait": "·"}

_NICE = (
    5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200, 10_800,
    14_400, 21_600, 43_200, 86_400,
)  # fmt: skip
"""Lengths of time that read well, in seconds."""

_SPARE = 10
"""Cells between two marks of the axis at least."""


class Piece(NamedTuple):
    """A stretch of time: `kind` is queued, init, step or other (steps by turns) or wait; `end` None goes on."""

    kind: str
    start: float
    end: float | None
    tone: str = ""
    key: str = ""
    """Names a piece that can be selected."""


class TimeRow(NamedTuple):
    """One row: its label, its pieces, and what stands behind them."""

    key: str
    label: str
    symbol: str
    tone: str
    pieces: tuple[Piece, ...] = ()
    took: str = ""
    """How long it took in all."""
    note: tuple[Span, ...] = ()
    """More about it, shown where there is room."""


class Scale(NamedTuple):
    """Which time stands at which cell: `start` at the first, `start + span` behind the last of `cells`."""

    start: float
    span: float
    cells: int

    def cell(self, moment: float) -> int:
        """Return the cell of a time, within the scale."""
        if self.span <= 0 or self.cells <= 0:
            return 0
        return max(0, min(self.cells, round((moment - self.start) / self.span * self.cells)))


def nice_span(seconds: float) -> float:
    """Return the next length of time that reads well; beyond a day whole days."""
    for nice in _NICE:
        if seconds <= nice:
            return float(nice)
    return -(-seconds // 86_400) * 86_400.0


def scale_of(rows: Sequence[TimeRow], now: float, cells: int) -> Scale:
    """Return the scale that holds every piece; while one goes on it ends at a round time, so that it stays put."""
    pieces = [piece for row in rows for piece in row.pieces]
    if not pieces:
        return Scale(now, 1.0, cells)
    start = min(piece.start for piece in pieces)
    running = any(piece.end is None for piece in pieces)
    end = max(now if piece.end is None else piece.end for piece in pieces)
    span = max(1.0, end - start)
    return Scale(start, nice_span(span) if running else span, cells)


def bar_spans(row: TimeRow, scale: Scale, now: float, selected: str = "") -> list[Span]:
    """Return the bar of a row, exactly `scale.cells` wide.

    Every piece has a cell at least while there is room for it, the longest gives way; what goes on ends in a
    point, and the piece with the key `selected` is marked.
    """
    cells = [(" ", "")] * scale.cells
    reach = 0
    pieces = sorted(row.pieces, key=lambda piece: piece.start)
    for number, piece in enumerate(pieces):
        end = now if piece.end is None else piece.end
        first = min(max(scale.cell(piece.start), reach), max(0, scale.cells - (len(pieces) - number)))
        last = min(scale.cells, max(scale.cell(end), first + 1))
        mark = MARKED if piece.key and piece.key == selected else ""
        for x in range(max(first, 0), last):
            cells[x] = (_GLYPHS.get(piece.kind, "█"), mark + piece.tone)
        if piece.end is None and 0 < last <= scale.cells and last - 1 >= first:
            cells[last - 1] = ("▶", mark + piece.tone)
        reach = last
    return cells


def ticks(scale: Scale) -> list[tuple[int, float]]:
    """Return (cell, seconds since the start) of the marks of the axis, the start first."""
    if scale.cells <= 0 or scale.span <= 0:
        return []
    most = max(1, scale.cells // _SPARE)
    step = nice_span(scale.span / most)
    found: list[tuple[int, float]] = []
    seconds = 0.0
    while seconds <= scale.span and len(found) <= scale.cells:
        found.append((scale.cell(scale.start + seconds), seconds))
        seconds += step
    return found


def seconds_text(seconds: float) -> str:
    """Return a mark of the axis: "30s", "1m", "1m30", "2h", "1h30"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    big, small, unit = (whole // 60, whole % 60, "m") if whole < 3600 else (whole // 3600, whole % 3600 // 60, "h")
    return f"{big}{unit}{small:02d}" if small else f"{big}{unit}"


def axis_text(scale: Scale) -> str:
    """Return the axis as a text of `scale.cells` cells: a stroke and the time at each mark."""
    text = ""
    for cell, seconds in ticks(scale):
        mark = f"╵{seconds_text(seconds)}"
        if cell < cells_wide(text) + bool(text) or cell + cells_wide(mark) > scale.cells:
            continue
        text += " " * (cell - cells_wide(text)) + mark
    return text.ljust(scale.cells)
