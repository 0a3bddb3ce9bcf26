"""What a live table looks like: its state and the drawing of it, without keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from screens.widgets.cells import Column, Placed, cut, harmless, place
from screens.widgets.late import RowLike
from screens.widgets.lineview import LineView
from screens.widgets.order import RowOrder
from screens.widgets.table_paint import changed_spans, header_segments, row_segments
from screens.widgets.tones import component_classes, tone_css

__all__ = ["TableView"]

_KEPT_STRIPS = 512


class RowToken(NamedTuple):
    """What a line with a row looks like."""

    row: RowLike
    look: tuple[str, bool, int]
    thumb: bool


class TableView(LineView):
    """Rows in columns that stay where they are; the cursor is a key, not a place."""

    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes(
        "table--header", "table--cursor", "table--cursor-blurred", "table--stale"
    )
    DEFAULT_CSS = """
    TableView { height: 1fr; }
    TableView > .table--header { color: $text-muted; text-style: bold; }
    TableView > .table--cursor { background: $primary-muted; }
    TableView > .table--cursor-blurred { background: $surface; }
    TableView > .table--stale { color: $text-disabled; }
    TableView:ansi > .table--header { color: ansi_default; text-style: bold; }
    TableView:ansi > .table--cursor { text-style: reverse; background: ansi_default; }
    TableView:ansi > .table--cursor-blurred { text-style: underline; background: ansi_default; }
    TableView:ansi > .table--stale { color: ansi_default; text-style: dim; }
    """ + tone_css("TableView")

    def __init__(
        self,
        columns: Sequence[Column],
        order: RowOrder,
        *,
        noun: str = "rows",
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.noun = noun
        self._order = order
        self._cursor: str | None = None
        self._notice: tuple[str, str] = ("", "")
        self._stale = False
        self._placed: tuple[Placed, ...] = ()
        self._placed_for = -1
        self._strips: dict[str, tuple[RowLike, tuple[str, bool, int], Strip]] = {}

    @property
    def selected(self) -> str | None:
        """The key of the row under the cursor, or None when no row is shown."""
        return self._cursor

    @property
    def row_count(self) -> int:
        """How many rows there are, shown or not."""
        return len(self._order.rows)

    @property
    def shown_count(self) -> int:
        """How many rows pass the filter."""
        return len(self._order)

    @property
    def columns_shown(self) -> list[str]:
        """The keys of the columns that fit."""
        return [self.columns[placed.number].key for placed in self._placed]

    def room(self, key: str) -> int:
        """Return how many cells a column has, 0 where it does not fit."""
        return next((each.width for each in self._placed if self.columns[each.number].key == key), 0)

    def row(self, key: str) -> RowLike | None:
        """Return the row of a key."""
        return self._order.rows.get(key)

    def visible_keys(self) -> list[str]:
        """Return the keys of the rows on screen, top to bottom: those whose ages are worth keeping fresh."""
        last = min(len(self._order), self.top + self._body)
        return [self._order.key_at(index) for index in range(self.top, last)]

    def row_at(self, y: int) -> str | None:
        """Return the key of the row on line `y` of the widget (0 is the header)."""
        index = self.top + y - 1
        return self._order.key_at(index) if 0 < y <= self._body and index < len(self._order) else None

    @property
    def stale(self) -> bool:
        """Whether the rows are old: all is dimmed and no tone is shown, so that old news never look fine."""
        return self._stale

    @stale.setter
    def stale(self, stale: bool) -> None:
        self._stale = stale
        self.repaint()

    @property
    def _body(self) -> int:
        """How many lines are for rows."""
        return max(0, self.size.height - 1 - (1 if self._notice[0] and len(self._order) else 0))

    def resized(self) -> None:
        """Choose the columns for the new width."""
        width = max(0, self.size.width - 1)
        if width != self._placed_for:
            self._placed = place(self.columns, width)
            self._placed_for = width
            self._strips.clear()

    def forget_strips(self) -> None:
        """Drop drawn rows; called when colours change."""
        self._strips.clear()

    def line_token(self, y: int) -> Any:
        """Return what line `y` shows: the header, a row and how it looks, or a text."""
        order = self._order
        if y == 0:
            return ("header", order.column, order.reverse, self._placed_for, self._stale)
        body = self._body
        index = self.top + y - 1
        if y <= body and index < len(order):
            row = order.row_at(index)
            mark = self.is_thumb(y - 1, body, len(order), self.top)
            if row.key != self._cursor:
                cursor = ""
            else:
                cursor = "table--cursor" if self.has_focus else "table--cursor-blurred"
            return RowToken(row, (cursor, self._stale, self._placed_for), mark)
        return self._words(y)

    def _words(self, y: int) -> tuple[str, str]:
        """Return the text and tone of a line below the rows."""
        notice, tone = self._notice
        if len(self._order):
            return (notice.partition("\n")[0], tone) if notice and y == self.size.height - 1 else ("", "")
        if notice:
            lines = _wrapped(notice, self.size.width - 2)
        elif self._order.text:
            lines, tone = [f"no {self.noun} match /{self._order.text} — esc clears"], "dim"
        else:
            lines, tone = [f"no {self.noun}"], "dim"
        return (lines[y - 2], tone) if 0 <= y - 2 < len(lines) else ("", "")

    def paint_line(self, y: int) -> Strip:
        """Draw line `y`."""
        token = self.line_token(y)
        if isinstance(token, RowToken):
            return self.with_thumb(self._row_strip(token), token.thumb)
        if y == 0:
            style = self.part_style("table--stale" if self._stale else "table--header")
            column = self.columns[self._order.column].key
            width = max(0, self.size.width - 1)
            segments = header_segments(self.columns, self._placed, width, column, self._order.reverse, style)
            return self.with_thumb(Strip(segments, width), False)
        text, tone = token
        return self.text_line(" " + cut(harmless(text), self.size.width - 2), tone) if text else self.blank_line()

    def _row_strip(self, token: RowToken) -> Strip:
        row, look, _ = token
        kept = self._strips.get(row.key)
        if kept is not None and kept[0] is row and kept[1] == look:
            return kept[2]
        width = max(0, self.size.width - 1)
        strip = Strip(row_segments(row, self._placed, width, self._style_of(look)), width)
        if len(self._strips) >= _KEPT_STRIPS:
            self._strips.clear()
        self._strips[row.key] = (row, look, strip)
        return strip

    def _style_of(self, look: tuple[str, bool, int]) -> Any:
        """Return the function from tone to style for rows of this look."""
        cursor, stale, _ = look
        if not cursor:
            return (lambda tone: self.part_style("table--stale")) if stale else self.tone_style

        def styled(tone: str) -> Style:
            name = f"{cursor} {stale} {tone}"
            style = self._styles.get(name)
            if style is None:
                under = self.part_style("table--stale") if stale else self.tone_style(tone)
                over = self.get_component_rich_style(cursor)
                style = self._styles[name] = under + Style(
                    bgcolor=over.bgcolor, reverse=over.reverse, underline=over.underline, bold=over.bold
                )
            return style

        return styled

    def changed_regions(self, y: int, before: Any, after: Any) -> list[Region]:
        """Return the cells that differ when the same row stays on the line, else the line."""
        if isinstance(before, RowToken) and isinstance(after, RowToken) and before[0].key == after[0].key:
            if before.look == after.look and before.thumb == after.thumb and before.row.tone == after.row.tone:
                spans = changed_spans(before.row, after.row, self._placed)
                return [Region(x, y, width, 1) for x, width in spans]
            if before.row == after.row and before.look == after.look:
                return [Region(self.size.width - 1, y, 1, 1)]
        return super().changed_regions(y, before, after)


def _wrapped(text: str, width: int) -> list[str]:
    """Break a notice into lines of `width` cells at spaces."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
