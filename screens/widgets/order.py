"""The order of a table's rows, kept sorted and filtered while rows come, change and go.

Sorting whole tables on every event would make the cost of one event grow with the table; here a changed row
costs two binary searches.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from screens.widgets.cells import Cell
from screens.widgets.late import LateRow, RowLike

__all__ = ["RowOrder", "matches", "row_text"]

Entry = tuple[Any, ...]

_ONE_BY_ONE = 16
_INVERT = bytes(max(254 - value, 0) for value in range(256))
"""UTF-8 has no byte 255: what ends a text stands above every letter, U+0000 too."""


class RowOrder:
    """Rows by key, and the list of those shown in their order."""

    def __init__(self, ties: Sequence[int] = ()) -> None:
        self.rows: dict[str, RowLike] = {}
        self.column = 0
        self.reverse = False
        self.text = ""
        self._ties = tuple(ties)
        self._terms: tuple[tuple[bool, str], ...] = ()
        self._entries: dict[str, Entry] = {}
        self._all: list[Entry] = []
        self._shown: list[Entry] = self._all

    def __len__(self) -> int:
        return len(self._shown)

    def key_at(self, index: int) -> str:
        """Return the key of the shown row at `index`."""
        key: str = self._shown[index][-1]
        return key

    def row_at(self, index: int) -> RowLike:
        """Return the shown row at `index`."""
        return self.rows[self._shown[index][-1]]

    def index_of(self, key: str | None) -> int | None:
        """Return the place of a key among the shown rows, or None when it is not shown."""
        entry = self._entries.get(key) if key is not None else None
        if entry is None:
            return None
        index = bisect_left(self._shown, entry)
        return index if index < len(self._shown) and self._shown[index] is entry else None

    def around(self, index: int, reach: int = 256) -> Iterator[str]:
        """Yield the keys after `index`, nearest first, then those before it."""
        shown = self._shown
        for other in range(index + 1, min(len(shown), index + 1 + reach)):
            yield shown[other][-1]
        for other in range(min(index, len(shown)) - 1, max(-1, index - 1 - reach), -1):
            yield shown[other][-1]

    def replace(self, rows: Iterable[RowLike]) -> None:
        """Forget every row and take these."""
        self.rows = {row.key: row for row in rows}
        self._build()

    def sort(self, column: int, reverse: bool) -> None:
        """Order by the column of this index; what is unknown (None, NaN) stands last either way."""
        if (column, reverse) != (self.column, self.reverse):
            self.column, self.reverse = column, reverse
            self._build()

    def filter(self, text: str) -> None:
        """Show only the rows that hold every word of `text`; `!word` hides the rows that hold it."""
        terms = parse(text)
        narrower = _narrows(self._terms, terms)
        self.text = text
        if terms == self._terms:
            return
        self._terms = terms
        if not terms:
            self._shown = self._all
            return
        source = self._shown if narrower else self._all
        rows = self.rows
        self._shown = [entry for entry in source if matches(rows[entry[-1]], terms)]

    def change(self, changed: Iterable[RowLike], removed: Iterable[str]) -> None:
        """Take rows that are new or differ, and drop the keys that are gone."""
        leave: list[Entry] = []
        enter: list[Entry] = []
        hide: list[Entry] = []
        show: list[Entry] = []
        latest = {row.key: row for row in changed}
        for key in removed:
            latest.pop(key, None)
            row, entry = self.rows.pop(key, None), self._entries.pop(key, None)
            if row is not None and entry is not None:
                leave.append(entry)
                if matches(row, self._terms):
                    hide.append(entry)
        for key, row in latest.items():
            before, entry = self.rows.get(key), self._entries.get(key)
            self.rows[key] = row
            after = self._entry(row)
            moved = entry != after
            if moved:
                self._entries[key] = after
                enter.append(after)
                if entry is not None:
                    leave.append(entry)
            elif entry is not None:
                after = entry
            if self._terms:
                was = before is not None and matches(before, self._terms)
                now = matches(row, self._terms)
                if was and entry is not None and (moved or not now):
                    hide.append(entry)
                if now and (moved or not was):
                    show.append(after)
        _apply(self._all, leave, enter)
        if self._shown is not self._all:
            _apply(self._shown, hide, show)

    def _build(self) -> None:
        self._entries = {key: self._entry(row) for key, row in self.rows.items()}
        self._all = sorted(self._entries.values())
        terms, rows = self._terms, self.rows
        self._shown = [entry for entry in self._all if matches(rows[entry[-1]], terms)] if terms else self._all

    def _entry(self, row: RowLike) -> Entry:
        parts = [*_sort_key(_sort_value(row, self.column), self.reverse)]
        for column in self._ties:
            if column != self.column:
                parts += _sort_key(_sort_value(row, column), False)
        return (*parts, 1, row.key)


def parse(text: str) -> tuple[tuple[bool, str], ...]:
    """Return the words of a filter text as (wanted, lower-case word)."""
    words = ((not word.startswith("!"), word.lstrip("!")) for word in text.lower().split())
    return tuple((wanted, word) for wanted, word in words if word)


def row_text(row: RowLike) -> str:
    """Return the lower-case text of a row that a filter looks in."""
    return row.search or " ".join(cell.text if isinstance(cell, Cell) else cell for cell in row.cells).lower()


def matches(row: RowLike, terms: tuple[tuple[bool, str], ...]) -> bool:
    """Tell whether a row passes every word of a filter."""
    if not terms:
        return True
    text = row_text(row)
    return all((word in text) is wanted for wanted, word in terms)


def _narrows(before: tuple[tuple[bool, str], ...], after: tuple[tuple[bool, str], ...]) -> bool:
    """Tell whether every row that passes `after` passed `before`, so that only the shown ones need a look."""
    if not before or len(after) < len(before):
        return False
    return all(
        new == old or (new[0] and old[0] and old[1] in new[1]) for old, new in zip(before, after, strict=False)
    )


def _apply(entries: list[Entry], leave: list[Entry], enter: list[Entry]) -> None:
    if len(leave) + len(enter) <= _ONE_BY_ONE:
        for entry in leave:
            del entries[bisect_left(entries, entry)]
        for entry in enter:
            entries.insert(bisect_left(entries, entry), entry)
        return
    if leave:
        gone = {id(entry) for entry in leave}
        entries[:] = [entry for entry in entries if id(entry) not in gone]
    if enter:
        # Timsort sees two sorted runs and merges them.
        enter.sort()
        entries += enter
        entries.sort()


def _sort_value(row: RowLike, column: int) -> Any:
    if isinstance(row, LateRow):
        return row.sort_value(column)
    if column < len(row.sort):
        return row.sort[column]
    cell = row.cells[column] if column < len(row.cells) else ""
    return (cell.text if isinstance(cell, Cell) else cell).lower()


def _sort_key(value: Any, reverse: bool) -> list[Any]:
    """Return the value as (rank, comparable) pairs, so that different types never meet in a comparison."""
    if isinstance(value, str):
        return [2, _backwards(value)] if reverse else [1, value]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return [9, 0]
    if isinstance(value, int | float):
        return [0, -value if reverse else value]
    if isinstance(value, tuple):
        return [part for item in value for part in _sort_key(item, reverse)]
    return _sort_key(str(value), reverse)


def _backwards(text: str) -> bytes:
    """Return bytes whose order is the text's order reversed: UTF-8 sorts as its code points do."""
    return text.encode("utf-8", "surrogatepass").translate(_INVERT) + b"\xff"
