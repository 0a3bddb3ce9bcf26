"""A time line: rows with stretches of time drawn to scale, a cursor, and an axis."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from screens.widgets.cells import cells_wide, cut, fit, harmless
from screens.widgets.spans import MARKED, Span, SpanLine, SpanView, joined
from screens.widgets.timeline_layout import Piece, Scale, TimeRow, axis_text, bar_spans, scale_of

__all__ = ["Piece", "TimeRow", "Timeline"]

_LABEL_SHARE = 0.3
"""Share of the width that labels take at most."""

_BAR_LEAST = 16
"""Cells of the bars below which notes give way."""

_BAR_MOST = 90


class Timeline(SpanView):
    """Rows over one scale of time; the cursor is on a row and, where its pieces have keys, on one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("home,g", "edge(0)", "first", show=False),
        Binding("end,G", "edge(1)", "last", show=False),
        Binding("left,h", "piece(-1)", "piece before", show=False),
        Binding("right", "piece(1)", "next piece", show=False),
        Binding("enter", "activate", "open", show=False),
    ]
    DEFAULT_CSS: ClassVar[str] = """
    Timeline { height: 1fr; }
    """

    class Selected(Message):
        """The cursor is on another row or piece because of a key or a click."""

        def __init__(self, timeline: Timeline, key: str, piece: str) -> None:
            super().__init__()
            self.timeline = timeline
            self.key = key
            self.piece = piece

        @property
        def control(self) -> Timeline:
            """The time line."""
            return self.timeline

    class Activated(Selected):
        """Enter or a second click on a row."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        """Begin without rows."""
        super().__init__(id=id, classes=classes)
        self._rows: tuple[TimeRow, ...] = ()
        self._now = 0.0
        self._key = ""
        self._piece = ""
        self._notice: Span = ("", "dim")

    @property
    def selected(self) -> tuple[str, str]:
        """The keys of the row and the piece under the cursor, "" for none."""
        return self._key, self._piece

    @property
    def rows(self) -> Sequence[TimeRow]:
        """The rows, shown or scrolled away."""
        return self._rows

    @property
    def lines_wanted(self) -> int:
        """How many lines would show everything."""
        return len(self._rows) + 1

    def show(self, rows: Sequence[TimeRow], now: float, *, notice: Span = ("", "dim")) -> None:
        """Show rows as they are at `now`, seconds since the epoch; the cursor stays on its row by key.

        `notice` says why there are none.
        """
        at = self._at
        line = at - self.top
        self._rows, self._now, self._notice = tuple(rows), now, notice
        if self._rows and self._at < 0:
            self._key = self._rows[min(max(at, 0), len(self._rows) - 1)].key
            self._piece = ""
        self._reveal(self._at - line if at >= 0 else None)
        self.repaint()

    def select(self, key: str, piece: str = "") -> bool:
        """Put the cursor on a row, and on one of its pieces; False where there is no such row."""
        if not any(row.key == key for row in self._rows):
            return False
        self._key, self._piece = key, piece
        self._reveal(None)
        self.repaint()
        return True

    @property
    def _at(self) -> int:
        return next((number for number, row in enumerate(self._rows) if row.key == self._key), -1)

    @property
    def _body(self) -> int:
        return max(0, self.size.height - 1)

    def _reveal(self, top: int | None) -> None:
        """Bring the cursor into view, beginning from `top` or from where we are."""
        top, at = self.top if top is None else top, max(0, self._at)
        top = min(max(top, at - max(1, self._body) + 1), at)
        self.set_extent(len(self._rows) + self.size.height - self._body, top)

    def resized(self) -> None:
        """Keep the cursor in view."""
        self._reveal(None)

    def _go(self, at: int) -> None:
        if self._rows:
            row = self._rows[min(max(0, at), len(self._rows) - 1)]
            if row.key != self._key:
                self._key, self._piece = row.key, ""
                self.post_message(self.Selected(self, self._key, self._piece))
            self._reveal(None)
            self.repaint()

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go(max(0, self._at) + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by screens."""
        self.action_move(by * max(1, self._body - 1))

    def action_edge(self, end: int) -> None:
        """Move the cursor to the first row (0) or the last (1)."""
        self._go(len(self._rows) if end else 0)

    def action_piece(self, by: int) -> None:
        """Move the cursor to the next piece of its row that can be selected, or the one before."""
        at = self._at
        keys = [piece.key for piece in self._rows[at].pieces if piece.key] if at >= 0 else []
        if not keys:
            return
        place = keys.index(self._piece) + by if self._piece in keys else 0
        self._piece = keys[min(max(0, place), len(keys) - 1)]
        self.post_message(self.Selected(self, self._key, self._piece))
        self.repaint()

    def action_activate(self) -> None:
        """Open what is under the cursor."""
        if self._at >= 0:
            self.post_message(self.Activated(self, self._key, self._piece))

    def on_click(self, event: events.Click) -> None:
        """Select the row that is clicked; open the one that is selected."""
        at = self.top + event.y
        if event.y < self._body and at < len(self._rows):
            if self._rows[at].key == self._key and self.has_focus:
                self.action_activate()
            else:
                self._go(at)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def _scroll(self, by: int) -> None:
        self.set_extent(len(self._rows) + self.size.height - self._body, self.top + by)
        self.repaint()

    # Drawing.

    def _widths(self) -> tuple[int, int, int, int]:
        """Return the cells of labels, bars, durations and notes."""
        width = max(0, self.size.width - 2)
        label = min(max((cells_wide(row.label) for row in self._rows), default=0), int(width * _LABEL_SHARE))
        took = max((cells_wide(row.took) for row in self._rows), default=0)
        left = max(0, width - label - took - 5)
        note = max((sum(cells_wide(text) for text, _ in row.note) for row in self._rows), default=0)
        note = min(note, max(0, left - max(_BAR_LEAST, left * 45 // 100) - 2))
        bars = min(left - note - (2 if note else 0), _BAR_MOST if note else left)
        return label, bars, took, note

    def drawn_line(self, y: int) -> SpanLine:
        """Return a row, the axis on the last line, or the notice."""
        label, bars, took, note = self._widths()
        scale = scale_of(self._rows, self._now, bars)
        if y == self._body:
            return self._axis(scale, label) if self._rows and any(row.pieces for row in self._rows) else ()
        row_at = self.top + y
        if row_at >= len(self._rows):
            return self._notice_line() if y == 0 and not self._rows else ()
        row = self._rows[row_at]
        mark = MARKED if row.key == self._key else ""
        line: list[Span] = [
            (" ", ""), (row.symbol or " ", row.tone), (" ", mark),
            (fit(row.label, label), mark + ("bad" if row.tone == "bad" else "")), (" ", mark),
            *bar_spans(row, scale, self._now, self._piece if mark else ""),
            (f" {fit(row.took, took, 'right')}", "bad" if row.tone == "bad" else "dim"),
        ]  # fmt: skip
        if note:
            line.append(("  ", ""))
            line += _cut(row.note, note)
        thumb = self.is_thumb(y, self._body, len(self._rows), self.top)
        spans = joined(line)
        used = sum(cells_wide(text) for text, _ in spans)
        return joined((*spans, (" " * (self.size.width - 1 - used), ""), ("▐" if thumb else " ", "dim")))

    def _axis(self, scale: Scale, label: int) -> SpanLine:
        clock = time.strftime("%H:%M:%S", time.localtime(scale.start))
        return ((f"   {fit(clock if label >= len(clock) else '', label)} {axis_text(scale)}", "dim"),)

    def _notice_line(self) -> SpanLine:
        text, tone = self._notice
        return ((f" {cut(harmless(text), max(0, self.size.width - 2))}", tone),)


def _cut(spans: Sequence[Span], width: int) -> list[Span]:
    kept: list[Span] = []
    for text, tone in spans:
        text = harmless(text)
        wide = cells_wide(text)
        if wide > width:
            kept.append((cut(text, width), tone))
            break
        kept.append((text, tone))
        width -= wide
    return kept
