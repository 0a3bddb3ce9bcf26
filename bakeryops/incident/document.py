"""A document of plain texts, made harmless and kept to a size before anything writes it in any form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from bakeryops.masking import mask_lines, mask_text
from bakeryops.text import ELLIPSIS, clean

__all__ = [
    "BYTES_MOST",
    "Block",
    "Document",
    "Grid",
    "Heading",
    "Items",
    "Text",
    "Verbatim",
    "sealed",
]

BYTES_MOST: Final = 2 << 20
"""Bytes of text that a document has at most, marks of the form apart."""
_TEXT_MOST: Final = 2000
_LINE_MOST: Final = 500


class Heading(msgspec.Struct, frozen=True, gc=False):
    """A title; `level` counts from 1."""

    level: int
    text: str


class Text(msgspec.Struct, frozen=True, gc=False):
    """A paragraph of one line."""

    text: str


class Items(msgspec.Struct, frozen=True, gc=False):
    """A list of one-line points."""

    items: tuple[str, ...]


class Grid(msgspec.Struct, frozen=True):
    """A table; every row has a cell a title."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Verbatim(msgspec.Struct, frozen=True, gc=False):
    """Lines as they are: of a log, or of a diff; `marked` is the place of the one to look at."""

    lines: tuple[str, ...]
    diff: bool = False
    marked: int | None = None


Block = Heading | Text | Items | Grid | Verbatim


class Document(msgspec.Struct, frozen=True):
    """A title and what follows it."""

    title: str
    blocks: tuple[Block, ...]


def sealed(document: Document, most: int = BYTES_MOST) -> Document:
    """Return a document in which every text is one harmless line without secrets, of at most `most` bytes.

    What is too much is left out from the end, headings apart, and the document says so in its last paragraph.
    """
    taken, lost = 0, 0
    blocks: list[Block] = []
    for block in map(_harmless, document.blocks):
        size = sum(len(text.encode("utf-8", "replace")) + 1 for text in _texts(block))
        if taken + size <= most:
            taken += size
            blocks.append(block)
        elif isinstance(block, Heading):
            blocks.append(block)
        else:
            lost += 1
            blocks.append(Text(f"{ELLIPSIS} left out: the document is as large as it may get"))
    if lost:
        blocks.append(Text(f"{lost} parts were left out because the document is as large as it may get."))
    return Document(_one(document.title), tuple(blocks))


def _one(text: str, most: int = _TEXT_MOST) -> str:
    text = mask_text(clean(text)).strip()
    return text if len(text) <= most else f"{text[: most - 1]}{ELLIPSIS}"


def _harmless(block: Block) -> Block:
    match block:
        case Heading(level, text):
            return Heading(level, _one(text, 200))
        case Text(text):
            return Text(_one(text))
        case Items(items):
            return Items(tuple(map(_one, items)))
        case Grid(titles, rows):
            return Grid(tuple(map(_one, titles)), tuple(tuple(map(_one, row)) for row in rows))
        case Verbatim(lines, diff, marked):
            cleaned = mask_lines(map(clean, lines), diff=diff)
            cut = tuple(
                each if len(each) <= _LINE_MOST else f"{each[: _LINE_MOST - 1]}{ELLIPSIS}" for each in cleaned
            )
            return Verbatim(cut, diff, marked)


def _texts(block: Block) -> Iterator[str]:
    match block:
        case Heading(_, text) | Text(text):
            yield text
        case Items(items):
            yield from items
        case Grid(titles, rows):
            yield from titles
            for row in rows:
                yield from row
        case Verbatim(lines):
            yield from lines
