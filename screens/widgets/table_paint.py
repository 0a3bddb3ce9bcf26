"""Drawing of a table's rows and header as strips."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style

from screens.widgets.cells import Cell, CellLike, Column, Placed, cells_wide, cut, fit, harmless
from screens.widgets.late import RowLike

__all__ = ["changed_spans", "header_segments", "row_segments"]

ToneStyle = Callable[[str], Style]


def row_segments(row: RowLike, placed: Sequence[Placed], width: int, style_of: ToneStyle) -> list[Segment]:
    """Draw a row in exactly `width` cells; neighbours of one style become one segment, which saves bytes."""
    pieces: list[tuple[str, Style]] = []
    plain = style_of(row.tone)
    at = 0
    for place in placed:
        if place.x > at:
            pieces.append((" " * (place.x - at), plain))
        cell = row.cells[place.number] if place.number < len(row.cells) else ""
        _draw_cell(cell, place, row.tone, style_of, pieces)
        at = place.x + place.width
    if at < width:
        pieces.append((" " * (width - at), plain))
    return _merge(pieces)


def header_segments(
    columns: Sequence[Column], placed: Sequence[Placed], width: int, sorted_by: str, reverse: bool, style: Style
) -> list[Segment]:
    """Draw the header; the column that orders the rows carries a mark."""
    text = ""
    for place in placed:
        column = columns[place.number]
        text += " " * (place.x - cells_wide(text))
        if column.key == sorted_by:
            title = harmless(column.title)[: max(0, place.width - 1)] + ("▾" if reverse else "▴")
        else:
            title = column.title
        text += fit(title, place.width, place.align)
    return [Segment(text + " " * (width - cells_wide(text)), style)]


def changed_spans(before: RowLike, after: RowLike, placed: Sequence[Placed]) -> list[tuple[int, int]]:
    """Return (x, width) of the cells that differ between two states of a row; neighbours are joined."""
    spans: list[tuple[int, int]] = []
    for place in placed:
        index = place.number
        if before.cells[index : index + 1] == after.cells[index : index + 1]:
            continue
        if spans and sum(spans[-1]) + 1 >= place.x:
            spans[-1] = (spans[-1][0], place.x + place.width - spans[-1][0])
        else:
            spans.append((place.x, place.width))
    return spans


def _draw_cell(
    cell: CellLike, place: Placed, tone: str, style_of: ToneStyle, pieces: list[tuple[str, Style]]
) -> None:
    if isinstance(cell, str):
        pieces.append((fit(cell, place.width, place.align, place.keep), style_of(tone)))
    elif not cell.parts:
        pieces.append((fit(cell.text, place.width, place.align, place.keep), style_of(cell.tone or tone)))
    else:
        _draw_parts(cell, place, tone, style_of, pieces)


def _draw_parts(
    cell: Cell, place: Placed, tone: str, style_of: ToneStyle, pieces: list[tuple[str, Style]]
) -> None:
    parts = [(harmless(text), part_tone) for text, part_tone in cell.parts]
    spare = place.width - sum(cells_wide(text) for text, _ in parts)
    if spare < 0:
        parts = _cut_parts(parts, place.width)
        spare = place.width - sum(cells_wide(text) for text, _ in parts)
    padding = (" " * spare, style_of(tone))
    if place.align == "right":
        pieces.append(padding)
    pieces += ((text, style_of(part_tone or tone)) for text, part_tone in parts)
    if place.align == "left":
        pieces.append(padding)


def _cut_parts(parts: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """Cut pieces that are together wider than `width`, so that an ellipsis stands at the end."""
    kept: list[tuple[str, str]] = []
    for text, tone in parts:
        wide = cells_wide(text)
        if wide >= width:
            kept.append((cut(text + "  ", width), tone))
            break
        kept.append((text, tone))
        width -= wide
    return kept


def _same_blank(style: Style, other: Style) -> bool:
    """Tell whether spaces look alike in both styles."""
    return (style.bgcolor, style.reverse, style.underline) == (other.bgcolor, other.reverse, other.underline)


def _merge(pieces: list[tuple[str, Style]]) -> list[Segment]:
    segments: list[Segment] = []
    text = ""
    style: Style | None = None
    for piece, piece_style in pieces:
        if not piece:
            continue
        if piece_style is style or (style is not None and piece.isspace() and _same_blank(piece_style, style)):
            text += piece
            continue
        if text:
            segments.append(Segment(text, style))
        text, style = piece, piece_style
    if text:
        segments.append(Segment(text, style))
    return segments
