"""Rows that are drawn up only when they are looked at: of thousands of pods only those on screen ever are.

Twenty cells, a tuple of sort keys and a search text a row are most of the memory and of the work of a long table.
"""

from __future__ import annotations

from typing import Any

from screens.widgets.cells import CellLike, Row

__all__ = ["LateRow", "RowLike"]


class LateRow:
    """Stands for a `Row`; a subclass says how it is made, sorted and found.

    What it was made of must not change, or else the table could not tell what differs: the row is made once.
    """

    __slots__ = ("_made", "key")

    def __init__(self, key: str) -> None:
        """Take the key that names the row for ever."""
        self.key = key
        self._made: Row | None = None

    def make(self) -> Row:
        """Draw the row up."""
        raise NotImplementedError

    def sort_value(self, column: int) -> Any:
        """Return what the column of this index is sorted by: number, string, None or a tuple of them."""
        raise NotImplementedError

    @property
    def search(self) -> str:
        """Return the lower-case text that a filter looks in."""
        raise NotImplementedError

    @property
    def row(self) -> Row:
        """Return the row, made at the first look."""
        if self._made is None:
            self._made = self.make()
        return self._made

    @property
    def cells(self) -> tuple[CellLike, ...]:
        """Return the cells of the row."""
        return self.row.cells

    @property
    def tone(self) -> str:
        """Return the tone of the row."""
        return self.row.tone


RowLike = Row | LateRow
