"""Curves over time with axes, for a panel or the whole screen; `sparkline` and `bar` for a cell are here too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual.strip import Strip

from screens.widgets.cells import cells_wide, cut, fit, harmless
from screens.widgets.lineview import LineView
from screens.widgets.spark import bar, sparkline
from screens.widgets.tones import component_classes, tone_css

__all__ = ["Chart", "Series", "bar", "chart_lines", "sparkline"]

Piece = tuple[str, str]
"""Text and its tone."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Series(NamedTuple):
    """One curve: its name, its values oldest first at even distances, None where unknown, and its tone."""

    name: str
    values: Sequence[float | None]
    tone: str = "accent"


class Chart(LineView, can_focus=False):
    """A line chart with a value axis, a time axis, a legend and lines for limits."""

    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes()
    DEFAULT_CSS = "Chart { height: 1fr; min-height: 4; }\n" + tone_css("Chart")

    def __init__(
        self,
        *,
        format_value: Callable[[float], str] = "{:g}".format,
        ascii_only: bool = False,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """Make an empty chart; `format_value` writes values of the axis, such as bytes."""
        super().__init__(id=id)
        self._format = format_value
        self._ascii = ascii_only
        self._series: tuple[Series, ...] = ()
        self._limits: tuple[Series, ...] = ()
        self._times = ("", "")
        self._empty = "no samples yet"
        self._lines: list[list[Piece]] = []

    def show(
        self,
        series: Sequence[Series],
        *,
        limits: Sequence[tuple[str, float | None, str]] = (),
        times: tuple[str, str] = ("", "now"),
        empty: str = "no samples yet",
    ) -> None:
        """Draw curves, and lines for `limits` (name, value, tone); `times` label both ends of the time axis."""
        self._series = tuple(series)
        self._limits = tuple(Series(name, (value,), tone) for name, value, tone in limits if value is not None)
        self._times, self._empty = times, empty
        self._draw()
        self.repaint()

    def resized(self) -> None:
        """Draw for the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        self._lines = chart_lines(
            self._series,
            self._limits,
            width,
            height,
            self._format,
            self._times,
            self._empty,
            ascii_only=self._ascii,
        )

    def line_token(self, y: int) -> object:
        """Return the pieces of line `y`."""
        return self._lines[y] if y < len(self._lines) else ()

    def paint_line(self, y: int) -> Strip:
        """Draw line `y`."""
        pieces = self._lines[y] if y < len(self._lines) else []
        base = self.tone_style("")
        strip = Strip([Segment(text, self.tone_style(tone)) for text, tone in pieces if text])
        return strip.adjust_cell_length(self.size.width, base)


def chart_lines(
    series: Sequence[Series],
    limits: Sequence[Series],
    width: int,
    height: int,
    format_value: Callable[[float], str],
    times: tuple[str, str],
    empty: str,
    *,
    ascii_only: bool = False,
) -> list[list[Piece]]:
    """Return the lines of a chart as pieces of text and tone: legend, curves beside the value axis, time axis."""
    values = [value for each in series for value in each.values if _known(value)]
    legend = _legend(series, limits, values, format_value, width)
    if not values or height < 4:
        return [legend, [(fit(empty if not values else "", width), "dim")]][:height]
    levels = [each for each in limits if _known(each.values[0])]
    top = _nice(max(float(value or 0) for value in [*values, *(each.values[0] for each in levels)]))
    labels = {0: format_value(top), height - 3: format_value(0.0)}
    if height >= 7:
        labels[(height - 3) // 2] = format_value(top * (1 - ((height - 3) // 2) / (height - 3)))
    gutter = max(cells_wide(harmless(label)) for label in labels.values()) + 1
    plot = Plot(max(1, width - gutter - 1), height - 2, top, ascii_only)
    for limit in levels:
        plot.level(float(limit.values[0] or 0), limit.tone)
    for each in series:
        plot.curve(each.values, each.tone)
    axis = "|" if ascii_only else "│"
    lines = [legend]
    for y in range(height - 2):
        label = fit(labels.get(y, ""), gutter - 1, "right") + " "
        lines.append([(label, "dim"), (axis, "dim"), *plot.line(y)])
    left, right = (cut(harmless(text), max(1, plot.width // 2)) for text in times)
    middle = " " * max(1, plot.width - cells_wide(left) - cells_wide(right))
    lines.append([(" " * (gutter + 1) + left + middle + right, "dim")])
    return lines


class Plot:
    """A field of cells in which curves are drawn with eight dots a cell, or one in ASCII."""

    def __init__(self, width: int, height: int, top: float, ascii_only: bool) -> None:
        self.width = width
        self.height = height
        self._top = top
        self._ascii = ascii_only
        self._across, self._down = (1, 1) if ascii_only else (2, 4)
        self._dots: dict[tuple[int, int], int] = {}
        self._tones: dict[tuple[int, int], str] = {}
        self._levels: dict[int, str] = {}

    def level(self, value: float, tone: str) -> None:
        """Draw a horizontal line at a value."""
        self._levels[self._row(value) // self._down] = tone

    def curve(self, values: Sequence[float | None], tone: str) -> None:
        """Draw a curve across the whole width; unknown values interrupt it."""
        columns = self.width * self._across
        before: int | None = None
        for column in range(columns):
            value = values[min(len(values) - 1, column * len(values) // columns)] if values else None
            if value is None or not math.isfinite(value):
                before = None
                continue
            row = self._row(value)
            low, high = (row, row) if before is None else sorted((before, row))
            for each in range(low, high + 1):
                self._dot(column, each, tone)
            before = row

    def line(self, y: int) -> list[Piece]:
        """Return one row of cells as pieces."""
        pieces: list[Piece] = []
        level = self._levels.get(y)
        for x in range(self.width):
            dots = self._dots.get((x, y))
            if dots is not None:
                text, tone = ("*" if self._ascii else chr(0x2800 + dots)), self._tones[x, y]
            elif level is not None:
                text, tone = ("-" if self._ascii else "╌"), level
            else:
                text, tone = " ", ""
            if pieces and pieces[-1][1] == tone:
                pieces[-1] = (pieces[-1][0] + text, tone)
            else:
                pieces.append((text, tone))
        return pieces

    def _row(self, value: float) -> int:
        rows = self.height * self._down
        share = min(1.0, max(0.0, value / self._top)) if self._top > 0 else 0.0
        return rows - 1 - round(share * (rows - 1))

    def _dot(self, column: int, row: int, tone: str) -> None:
        cell = (column // self._across, row // self._down)
        bit = 1 if self._ascii else _DOTS[row % 4][column % 2]
        self._dots[cell] = self._dots.get(cell, 0) | bit
        self._tones[cell] = tone


def _legend(
    series: Sequence[Series],
    limits: Sequence[Series],
    values: Sequence[float | None],
    format_value: Callable[[float], str],
    width: int,
) -> list[Piece]:
    pieces: list[Piece] = []
    room = width
    for each in [*series, *limits]:
        last = next((value for value in reversed(each.values) if _known(value)), None)
        text = cut(f"{harmless(each.name)} {format_value(last) if last is not None else 'unknown'}", room)
        room -= cells_wide(text) + 3
        pieces += [(text, each.tone), ("   ", "")]
        if room <= 0:
            break
    return pieces[:-1]


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _nice(value: float) -> float:
    """Return the next round number at or above a value: 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power: float = 10 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8) if step * power >= value), 10 * power)
