"""A live table: rows that come, change and go while nothing moves under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from screens.widgets.cells import Cell, Column, Row
from screens.widgets.late import RowLike
from screens.widgets.order import RowOrder
from screens.widgets.table_view import TableView

__all__ = ["Cell", "Column", "LiveTable", "Row"]


class LiveTable(TableView):
    """Rows in fixed columns, sorted and filtered; the cursor stays on its row by key and on its screen line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("home,g", "edge(0)", "first", show=False),
        Binding("end,G", "edge(1)", "last", show=False),
        Binding("enter", "activate", "open", show=False),
        Binding("less_than_sign", "sort_column(-1)", "sort by the column before", show=False),
        Binding("greater_than_sign", "sort_column(1)", "sort by the next column", show=False),
        Binding("tilde", "sort_reverse", "reverse the order", show=False),
    ]

    class Selected(Message):
        """The cursor stands on another row, or on none (key None)."""

        def __init__(self, table: LiveTable, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> LiveTable:
            """The table."""
            return self.table

    class Activated(Selected):
        """Enter or a second click on a row."""

        key: str

    class HeaderClicked(Message):
        """A click on the title of the column with this key."""

        def __init__(self, table: LiveTable, column: str) -> None:
            super().__init__()
            self.table = table
            self.column = column

        @property
        def control(self) -> LiveTable:
            """The table."""
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        noun: str = "rows",
        sort: str = "",
        reverse: bool = False,
        ties: Sequence[str] = (),
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        """Make a table; `sort` names the first order, `ties` the columns that order rows of equal value.

        Without `ties` the growing column, which holds the name, decides, then the key. `noun` is what rows are
        called when there are none.
        """
        keys = [column.key for column in columns]
        tie_keys = ties or [column.key for column in columns if column.grow]
        order = RowOrder([keys.index(key) for key in tie_keys])
        if sort:
            order.sort(keys.index(sort), reverse)
        super().__init__(columns, order, noun=noun, id=id, classes=classes)
        self._touched = False

    @property
    def sorted_by(self) -> tuple[str, bool]:
        """The key of the column that orders the rows, and whether the order is reversed."""
        return self.columns[self._order.column].key, self._order.reverse

    def set_rows(self, rows: Iterable[RowLike]) -> None:
        """Take these rows in place of all that were there."""
        with self._steady(at_risk=True):
            self._order.replace(rows)
            self._strips.clear()

    def update(self, changed: Iterable[RowLike] = (), removed: Iterable[str] = ()) -> None:
        """Take rows that are new or differ and drop the keys that are gone; repaint only cells that differ."""
        removed = list(removed)
        with self._steady(at_risk=bool(removed) or bool(self._order.text)):
            self._order.change(changed, removed)
            for key in removed:
                self._strips.pop(key, None)

    def sort_by(self, column: str, reverse: bool = False) -> None:
        """Order the rows by a column."""
        index = next(number for number, each in enumerate(self.columns) if each.key == column)
        with self._steady(to_top=True):
            self._order.sort(index, reverse)

    @property
    def filter_text(self) -> str:
        """The filter: every word must be in a row; `!word` hides the rows that hold it."""
        return self._order.text

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        with self._steady(at_risk=True, to_top=True):
            self._order.filter(text)

    def set_notice(self, text: str, tone: str = "dim") -> None:
        """Say why there are no rows, or not all of them ("" takes it back).

        It fills an empty table and takes the last line of one with rows. While it has the tone "working" rows are
        still coming in, and a cursor that nobody moved stays on the first.
        """
        if (text, tone) != self._notice:
            with self._steady():
                self._notice = (text, tone)

    def select(self, key: str) -> bool:
        """Put the cursor on a row; False when it is not shown."""
        index = self._order.index_of(key)
        if index is not None:
            self._go(index)
        return index is not None

    @contextmanager
    def _steady(self, *, at_risk: bool = False, to_top: bool = False) -> Iterator[None]:
        """Keep the row under the cursor, or else the first one on screen, on its line while the rows change.

        A table that nobody moved in stays at its top instead; with `to_top` its cursor does so too.
        """
        order = self._order
        at = order.index_of(self._cursor)
        untouched = not self._touched and self.top == 0
        anchor_at = at if at is not None and self.top <= at < self.top + max(1, self._body) else self.top
        anchor = order.key_at(anchor_at) if anchor_at < len(order) else None
        line = anchor_at - self.top
        spare = list(order.around(at)) if at_risk and at is not None else []
        yield
        cursor = self._cursor
        if order.index_of(cursor) is None:
            cursor = next((key for key in spare if order.index_of(key) is not None), None) if cursor else None
            anchor = cursor if anchor == self._cursor else anchor
        index = order.index_of(cursor) or 0
        if untouched:
            # New rows above show themselves; the cursor goes along with its row while that is in view.
            loading = bool(self._notice[0]) and self._notice[1] == "working"
            if to_top or loading or index >= self._body:
                index = 0
            top = 0
        else:
            found = order.index_of(anchor)
            top = (index if found is None else found) - line
        self._extend(top)
        self._put_cursor(order.key_at(index) if len(order) else None)
        self.repaint()

    def _extend(self, top: int) -> None:
        self.set_extent(len(self._order) + self.size.height - self._body, top)

    def _put_cursor(self, key: str | None) -> None:
        if key != self._cursor:
            self._cursor = key
            self.post_message(self.Selected(self, key))

    def _go(self, index: int) -> None:
        """Put the cursor on the row at `index` and bring it into view."""
        if not len(self._order):
            return
        self._touched = True
        index = min(max(0, index), len(self._order) - 1)
        top = min(max(self.top, index - max(1, self._body) + 1), index)
        self._extend(top)
        self._put_cursor(self._order.key_at(index))
        self.repaint()

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go((self._order.index_of(self._cursor) or 0) + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by screens."""
        self.action_move(by * max(1, self._body - 1))

    def action_edge(self, end: int) -> None:
        """Move the cursor to the first row (0) or the last (1)."""
        self._go(len(self._order) if end else 0)

    def action_activate(self) -> None:
        """Open the row under the cursor."""
        if self._cursor is not None:
            self.post_message(self.Activated(self, self._cursor))

    def action_sort_column(self, by: int) -> None:
        """Sort by the next column on screen, or the one before."""
        able = [placed.number for placed in self._placed if self.columns[placed.number].sort]
        if able:
            at = able.index(self._order.column) if self._order.column in able else -by
            self.sort_by(self.columns[able[(at + by) % len(able)]].key)

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        column, reverse = self.sorted_by
        self.sort_by(column, not reverse)

    async def _on_click(self, event: events.Click) -> None:
        key = self.row_at(event.y)
        if key is not None:
            if key == self._cursor:
                self.action_activate()
            else:
                self.select(key)
        elif event.y == 0:
            for placed in self._placed:
                if placed.x <= event.x < placed.x + placed.width:
                    self.post_message(self.HeaderClicked(self, self.columns[placed.number].key))

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def _scroll(self, by: int) -> None:
        self._extend(self.top + by)
        self.repaint()

    def resized(self) -> None:
        """Choose the columns for the new width and keep the cursor in view."""
        super().resized()
        at = self._order.index_of(self._cursor) or 0
        self._extend(min(max(self.top, at - max(1, self._body) + 1), at))
