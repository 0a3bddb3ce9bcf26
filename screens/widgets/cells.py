"""Rows, cells and columns of a table, and how their text is fitted into a width of terminal cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rich.cells import get_character_cell_size

from bakeryops.text import ELLIPSIS, clean

__all__ = ["Align", "Cell", "CellLike", "Column", "Placed", "Row", "cells_wide", "cut", "fit", "harmless", "place"]

Align = Literal["left", "right"]

_SELECTORS = {0xFE0E: None, 0xFE0F: None}


class Cell(NamedTuple):
    """One cell: text in one tone (see `tones.TONES`), or `parts`, pieces of (text, tone), in place of it."""

    text: str = ""
    tone: str = ""
    parts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, *parts: tuple[str, str]) -> Cell:
        """Return a cell of several pieces, each with a tone of its own."""
        return cls("".join(text for text, _ in parts), "", parts)


CellLike = str | Cell


class Row(NamedTuple):
    """One row: a key that names it for ever, a cell a column, and what it is sorted and found by.

    `sort` holds one value a column (number, string, None or a tuple of them); without it the cells' texts sort.
    `search` is lower-case text that the filter looks in; without it the cells' texts are searched.
    `tone` colours every cell that has no tone of its own.
    """

    key: str
    cells: tuple[CellLike, ...]
    sort: tuple[Any, ...] = ()
    search: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its least width in cells, and its worth: when it is narrow, the lowest worth goes first."""

    key: str
    title: str
    width: int
    worth: int = 50
    align: Align = "left"
    grow: bool = False
    sort: bool = True
    most: int = 0
    """How wide it grows at most; 0 means as wide as there is room."""
    keep: int = 0
    """Cells of the end that stay when a text is cut: generated names and image tags differ there."""


class Placed(NamedTuple):
    """Where a column stands: its number among all columns, first cell, and width in cells."""

    number: int
    x: int
    width: int
    align: Align
    keep: int = 0


def place(columns: Sequence[Column], width: int, gap: int = 1) -> tuple[Placed, ...]:
    """Choose the columns that fit into `width` cells and place them; the growing ones share what is left."""
    kept = list(range(len(columns)))
    while len(kept) > 1 and _needs(columns, kept, gap) > width:
        kept.remove(min(kept, key=lambda index: (columns[index].worth, -index)))
    spare = max(0, width - _needs(columns, kept, gap))
    growing = sum(columns[index].grow for index in kept)
    placed = []
    x = 0
    for index in kept:
        column = columns[index]
        wide = column.width
        if column.grow:
            share = spare // growing
            if column.most:
                share = min(share, max(0, column.most - wide))
            wide += share
            spare -= share
            growing -= 1
        wide = min(wide, max(0, width - x))
        placed.append(Placed(index, x, wide, column.align, column.keep))
        x += wide + gap
    return tuple(placed)


def _needs(columns: Sequence[Column], kept: Sequence[int], gap: int) -> int:
    return sum(columns[index].width for index in kept) + gap * max(0, len(kept) - 1)


def harmless(text: str) -> str:
    """Return text that no terminal obeys or measures in its own way.

    It is cleaned; variation selectors go, odd spaces become spaces, and what is no character (unassigned, private,
    whose width every terminal guesses) becomes U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    text = clean(text).translate(_SELECTORS)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in text)


def cells_wide(text: str) -> int:
    """Return how many terminal cells `text` takes; wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(map(get_character_cell_size, text))


def cut(text: str, width: int, keep: int = 0) -> str:
    """Return `text` if it fits into `width` cells, else its beginning, an ellipsis and its last `keep` cells."""
    if cells_wide(text) <= width:
        return text
    if width <= 0:
        return ""
    if 0 < keep <= width // 2:
        tail = _tail(text, keep)
        return cut(text, width - cells_wide(tail)) + tail
    if text.isascii():
        return text[: width - 1] + ELLIPSIS
    used = 0
    for position, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width - 1:
            return text[:position] + ELLIPSIS
    return text


def _tail(text: str, width: int) -> str:
    """Return the end of `text` in at most `width` cells; it does not begin with a mark of the letter before."""
    used, start = 0, len(text)
    while start > 0 and used + get_character_cell_size(text[start - 1]) <= width:
        start -= 1
        used += get_character_cell_size(text[start])
    while start < len(text) and not get_character_cell_size(text[start]):
        start += 1
    return text[start:]


def fit(text: str, width: int, align: Align = "left", keep: int = 0) -> str:
    """Return `text` made harmless, cut (see `cut`) and padded to exactly `width` cells."""
    text = cut(harmless(text), width, keep)
    padding = " " * (width - cells_wide(text))
    return padding + text if align == "right" else text + padding
