"""What a followed log looks like: which rows are on screen, drawn from the ring; without keys or search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from screens.widgets.lineview import LineView
from screens.widgets.log_paint import LineLook, log_rows
from screens.widgets.ring import Ring
from screens.widgets.tones import component_classes, tone_css

__all__ = ["LogView", "Place"]

SOURCES = 5
"""Colours by which the logs on one screen are told apart."""

Place = tuple[int, int]
"""A row: the number of the line, and which of its wrapped rows."""


class LogView(LineView):
    """Rows of a log above one line that says how it is shown."""

    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes(
        "log--hit", "log--current", "log--status", *(f"log--source-{number}" for number in range(SOURCES))
    )
    DEFAULT_CSS = """
    LogView { height: 1fr; }
    LogView > .log--hit { background: $warning; color: $background; }
    LogView > .log--current { background: $primary-muted; }
    LogView > .log--status { color: $text-muted; background: $surface; }
    LogView > .log--source-0 { color: $text-accent; }
    LogView > .log--source-1 { color: $text-primary; }
    LogView > .log--source-2 { color: $text-secondary; }
    LogView > .log--source-3 { color: $text-success; }
    LogView > .log--source-4 { text-style: bold; }
    LogView:ansi > .log--source-0 { color: ansi_blue; text-style: bold; }
    LogView:ansi > .log--source-1 { color: ansi_cyan; }
    LogView:ansi > .log--source-2 { color: ansi_magenta; }
    LogView:ansi > .log--source-3 { color: ansi_green; }
    LogView:ansi > .log--source-4 { color: ansi_default; text-style: bold; }
    LogView:ansi > .log--hit { text-style: reverse; color: ansi_default; background: ansi_default; }
    LogView:ansi > .log--current { text-style: underline; background: ansi_default; }
    LogView:ansi > .log--status { text-style: reverse; color: ansi_default; background: ansi_default; }
    """ + tone_css("LogView")

    def __init__(
        self,
        *,
        max_lines: int = 50_000,
        max_bytes: int = 16 * 2**20,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.ring = Ring(max_lines, max_bytes)
        self._following = True
        self._seen_end = 0
        self._place: Place = (0, 0)
        self._shown: list[Place] = []
        self._wrap = False
        self._times = False
        self._needle = ""
        self._sources: dict[str, int] = {}
        self._current: int | None = None
        self._left = 0
        self._rows: LRUCache[int, list[Strip]] = LRUCache(512)
        self._generation = 0

    @property
    def body(self) -> int:
        """How many rows of log fit; one line is for the status."""
        return max(0, self.size.height - 1)

    def status_text(self) -> str:
        """Return what the last line says."""
        return ""

    def rows_of(self, number: int) -> list[Strip]:
        """Return the rows of a line, drawn."""
        rows = self._rows.get(number)
        if rows is None:
            width = max(1, self.size.width - 1) if self._wrap else 0
            hit = self.part_style("log--hit")
            look = LineLook(width, self._times, self._needle, hit, self.tone_style, self.source_style)
            rows = self._rows[number] = log_rows(self.ring[number], look)
        return rows

    def source_style(self, source: str) -> Style:
        """Return the style of a label: what stands before its first slash tells the colours apart."""
        number = self._sources.setdefault(source.partition("/")[0], len(self._sources) % SOURCES)
        return self.part_style(f"log--source-{number}")

    def forget_strips(self) -> None:
        """Drop drawn lines, since they look different now."""
        self._rows.clear()
        self._generation += 1

    def resized(self) -> None:
        """Break lines anew."""
        if self._wrap:
            self.forget_strips()

    def lay_out(self) -> None:
        """Work out which rows are on screen: the last ones when following, else those from the place on."""
        self._shown = self._rows_to_end() if self._following else self._rows_from(self._place)
        if self._shown:
            self._place = self._shown[0]
        self.set_extent(self._extent(), self._place[0] - self.ring.first)

    def _extent(self) -> int:
        """Return how many lines the scroll mark stands for."""
        return max(len(self.ring) + self.size.height - self.body, self.size.height)

    def _rows_to_end(self) -> list[Place]:
        return list(self._rows_before((self.ring.end, 0), self.body))[::-1]

    def _rows_from(self, place: Place) -> list[Place]:
        place = max(place, (self.ring.first, 0))
        rows: list[Place] = []
        number, sub = place
        while number < self.ring.end and len(rows) < self.body:
            count = self._count(number)
            rows += ((number, row) for row in range(min(sub, count - 1), count))
            number, sub = number + 1, 0
        return rows[: self.body] if len(rows) >= self.body else self._rows_to_end()

    def _rows_before(self, place: Place, count: int) -> Iterator[Place]:
        """Yield at most `count` rows before a place, nearest first."""
        number, sub = place
        while count > 0:
            if sub == 0:
                number -= 1
                if number < self.ring.first:
                    return
                sub = self._count(number)
            sub -= 1
            count -= 1
            yield number, sub

    def _count(self, number: int) -> int:
        return len(self.rows_of(number)) if self._wrap else 1

    def moved(self, place: Place, rows: int) -> Place:
        """Return the place so many rows further down, or up."""
        if rows < 0:
            return next(reversed(list(self._rows_before(place, -rows))), place)
        number, sub = place
        while rows > 0:
            left = self._count(number) - 1 - sub if number < self.ring.end else 0
            if rows <= left:
                return number, sub + rows
            if number + 1 >= self.ring.end:
                return number, sub + left
            rows -= left + 1
            number, sub = number + 1, 0
        return number, sub

    def repaint(self, *, everything: bool = False) -> None:
        """Work out which rows are on screen and repaint those that differ."""
        if self.size.height:
            self.lay_out()
        super().repaint(everything=everything)

    def line_token(self, y: int) -> Any:
        """Return which row line `y` shows, and how."""
        if y >= self.body:
            return self.status_text()
        mark = self.is_thumb(y, self.body, len(self.ring), self._place[0] - self.ring.first)
        if y >= len(self._shown):
            return ("", mark)
        number, sub = self._shown[y]
        return (number, sub, number == self._current, self._left, self._generation, mark)

    def paint_line(self, y: int) -> Strip:
        """Draw line `y`."""
        width = self.size.width
        if y >= self.body:
            style = self.part_style("log--status")
            return Strip([Segment(self.status_text(), style)]).adjust_cell_length(width, style)
        mark = self.is_thumb(y, self.body, len(self.ring), self._place[0] - self.ring.first)
        place = self._shown[y] if y < len(self._shown) else (-1, 0)
        if not self.ring.first <= place[0] < self.ring.end:
            return self.with_thumb(self.blank_line(), mark)
        rows = self.rows_of(place[0])
        strip = rows[min(place[1], len(rows) - 1)]
        base = self.tone_style("")
        if place[0] == self._current:
            plain, over = base, self.part_style("log--current")
            base += over.background_style + Style(underline=over.underline)
            # What is marked keeps its own background.
            strip = Strip(
                Segment(text, style + base.without_color + base.background_style)
                if style is not None and style.bgcolor == plain.bgcolor
                else Segment(text, style)
                for text, style, _ in strip
            )
        longer = strip.cell_length > self._left + width - 1
        return self.with_thumb(strip.crop_extend(self._left, self._left + width, base), mark, longer=longer)
