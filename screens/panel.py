"""A panel of toned lines: what changed on a line is all that is sent to the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip

from screens.lines import Line, line_text, line_width
from screens.widgets.lineview import LineView
from screens.widgets.spans import difference
from screens.widgets.tones import component_classes, tone_css

__all__ = ["LinePanel", "TextPanel"]


class LinePanel(LineView, can_focus=False):
    """Shows lines that presenters made, one line of the widget each."""

    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes("tone--title", "tone--key", "line--hit")
    DEFAULT_CSS = """
    LinePanel { height: auto; width: 1fr; }
    LinePanel > .tone--title { text-style: bold; }
    LinePanel > .tone--key { color: $text-accent; text-style: bold; }
    LinePanel > .line--hit { text-style: reverse; }
    LinePanel:ansi > .tone--key { color: ansi_default; text-style: bold underline; }
    """ + tone_css("LinePanel")

    def __init__(
        self,
        lines: Sequence[Line] = (),
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        """Take the first lines."""
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = list(lines)
        self._stale = False

    @property
    def lines(self) -> Sequence[Line]:
        """The lines shown."""
        return self._lines

    def text(self) -> str:
        """Return all lines as plain text."""
        return "\n".join(line_text(line).rstrip() for line in self._lines)

    @property
    def stale(self) -> bool:
        """Whether what is shown is old: it is dimmed and no tone is shown, so that old news never look fine."""
        return self._stale

    @stale.setter
    def stale(self, stale: bool) -> None:
        if stale != self._stale:
            self._stale = stale
            self.repaint()

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show `lines`; only cells that differ from what is shown are painted again."""
        before, self._lines = len(self._lines), list(lines)
        self.set_extent(len(self._lines), self.top)
        if before != len(self._lines) and self.styles.is_auto_height:
            # Textual 8.2.8 keeps the old height where a layout was asked for already when the last one was made.
            self._layout_updates += 1
            self.refresh(layout=True)
        self.repaint()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def resized(self) -> None:
        """Keep the extent in step with the size."""
        self.set_extent(len(self._lines), self.top)

    def line_at(self, y: int) -> Line:
        """Return what stands on line `y` of the widget."""
        row = y + self.top
        return self._lines[row] if 0 <= row < len(self._lines) else ()

    def line_token(self, y: int) -> tuple[Line, bool]:
        """Return the line and whether it is dimmed."""
        return self.line_at(y), self._stale

    def changed_regions(self, y: int, before: tuple[Line, bool], after: tuple[Line, bool]) -> list[Region]:
        """Return the cells that differ."""
        if before[1] != after[1]:
            return super().changed_regions(y, before, after)
        start, end = difference(before[0], after[0])
        return [Region(start, y, end - start, 1)]

    def paint_line(self, y: int) -> Strip:
        """Return line `y`, drawn."""
        base = self.tone_style("")
        line = self.line_at(y)
        if self._stale:
            dim = self.tone_style("dim")
            strip = Strip([Segment(text, dim) for text, _ in line])
        else:
            strip = Strip([Segment(text, self.tone_style(tone)) for text, tone in line])
        return strip.crop_extend(0, self.size.width, base)


class TextPanel(LinePanel, can_focus=True):
    """A long text of toned lines to scroll and search in."""

    DEFAULT_CSS = "TextPanel { height: 1fr; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_lines(-1)", "up", show=False),
        Binding("down,j", "scroll_lines(1)", "down", show=False),
        Binding("pageup,ctrl+b", "scroll_pages(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f,space", "scroll_pages(1)", "page down", show=False),
        Binding("home,g", "scroll_edge(0)", "top", show=False),
        Binding("end,G", "scroll_edge(1)", "bottom", show=False),
        Binding("left,h", "shift(-8)", "left", show=False),
        Binding("right", "shift(8)", "right", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        """Begin empty."""
        super().__init__(id=id)
        self._hits: list[int] = []
        self._hit = -1
        self._shift = 0

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show another text at the place where we are; a search has to be made again."""
        self._hits, self._hit = [], -1
        super().set_lines(lines)

    def to_top(self) -> None:
        """Go to the beginning."""
        self._shift = 0
        self.go_to(0)

    def go_to(self, top: int) -> None:
        """Make line `top` the first one shown, as far as the text allows."""
        self.set_extent(len(self._lines), top)
        self.repaint()

    def action_scroll_lines(self, by: int) -> None:
        """Scroll by lines."""
        self.go_to(self.top + by)

    def action_scroll_pages(self, by: int) -> None:
        """Scroll by screens."""
        self.go_to(self.top + by * max(1, self.size.height - 1))

    def action_scroll_edge(self, end: int) -> None:
        """Go to the beginning (0) or the end (1)."""
        self.go_to(len(self._lines) if end else 0)

    def action_shift(self, by: int) -> None:
        """Show what is further right or left of long lines."""
        widest = max((line_width(line) for line in self._lines), default=0)
        self._shift = max(0, min(self._shift + by, widest - self.size.width + 1))
        self.repaint(everything=True)

    def mark(self, words: str) -> None:
        """Mark the lines that hold `words` without going there: the text changed under a search."""
        top = self.top
        self.search(words)
        self.go_to(top)

    def search(self, words: str) -> int:
        """Mark and go to the first line at or below the top that holds `words`; return how many lines do."""
        wanted = words.casefold()
        self._hits = [
            row for row, line in enumerate(self._lines) if wanted and wanted in line_text(line).casefold()
        ]
        self._hit = -1
        if self._hits:
            self._hit = next((place for place, row in enumerate(self._hits) if row >= self.top), 0)
            self._show_hit()
        self.repaint(everything=True)
        return len(self._hits)

    def step(self, by: int) -> tuple[int, int]:
        """Go `by` hits on, round the ends; return the hit's number from 1 and how many there are."""
        if self._hits:
            self._hit = (self._hit + by) % len(self._hits)
            self._show_hit()
            self.repaint(everything=True)
        return self._hit + 1, len(self._hits)

    def _show_hit(self) -> None:
        self.go_to(max(0, self._hits[self._hit] - self.size.height // 2))

    def paint_line(self, y: int) -> Strip:
        """Return line `y`, drawn, with a hit marked and the scroll mark at the edge."""
        base = self.tone_style("")
        row = y + self.top
        hit = bool(self._hits) and row == self._hits[self._hit]
        tones = ("line--hit",) if hit else ()
        spans = self.line_at(y)
        strip = Strip(
            [Segment(t, self.part_style("line--hit") if tones else self.tone_style(tone)) for t, tone in spans]
        )
        strip = strip.crop_extend(self._shift, self._shift + self.size.width, base)
        return self.with_thumb(strip, self.is_thumb(y, self.size.height, len(self._lines), self.top))

    def line_token(self, y: int) -> tuple[Line, bool]:
        """Return the line, and the scroll mark's place as part of it."""
        line, stale = super().line_token(y)
        thumb = self.is_thumb(y, self.size.height, len(self._lines), self.top)
        return (*line, ("▐" if thumb else "", "")), stale

    def changed_regions(self, y: int, before: tuple[Line, bool], after: tuple[Line, bool]) -> list[Region]:
        """Repaint whole lines: they scroll more often than they change."""
        return [Region(0, y, self.size.width, 1)]
