"""Lines of toned text, as presenters make them and `LinePanel` draws them; no Textual in here."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, chop_cells, set_cell_size

__all__ = ["Line", "Span", "columns", "cut", "fit", "line_text", "line_width", "pad", "section", "wrap"]

Span = tuple[str, str]
"""Text (already clean) and its tone, one of `screens.widgets.tones.TONES`, or title or key."""

Line = tuple[Span, ...]
"""One line on screen, never wrapped by who draws it."""


def line_text(line: Line) -> str:
    """Return a line without its tones."""
    return "".join(text for text, _ in line)


def line_width(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` cells, with an ellipsis where something is missing."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def fit(text: str, width: int, align: str = "left") -> str:
    """Return `text` in exactly `width` cells."""
    text = cut(text, width)
    space = " " * (width - cell_len(text))
    return space + text if align == "right" else text + space


def pad(line: Line, width: int) -> Line:
    """Return `line` with spaces up to `width` cells; a longer one is cut."""
    used = line_width(line)
    if used <= width:
        return (*line, (" " * (width - used), "")) if used < width else line
    kept: list[Span] = []
    left = width
    for text, tone in line:
        size = cell_len(text)
        if size > left:
            kept.append((cut(text, left), tone))
            break
        kept.append((text, tone))
        left -= size
    return pad(tuple(kept), width)


def columns(left: Line, right: Line, width: int) -> Line:
    """Return one line of `width` cells with `left` at its beginning and `right` at its end; `left` gives way."""
    right_width = min(line_width(right), width)
    return (*pad(left, max(0, width - right_width)), *pad(right, right_width))


def section(title: str, note: str = "", width: int = 0) -> Line:
    """Return a heading, with a quiet note behind it or, when `width` is given, at the right edge."""
    heading: Line = ((f" {title}", "title"),)
    if not note:
        return heading
    return columns(heading, ((f"{note} ", "dim"),), width) if width else (*heading, (f"  {note}", "dim"))


def wrap(text: str, width: int, tone: str = "") -> list[Line]:
    """Return `text` as lines of at most `width` cells, broken between words where possible."""
    lines: list[Line] = []
    for paragraph in text.split("\n"):
        current = ""
        for word in _pieces(paragraph.split(" "), max(1, width)):
            joined = f"{current} {word}" if current else word
            if current and cell_len(joined) > width:
                lines.append(((current, tone),))
                current = word
            else:
                current = joined
        lines.append(((current, tone),))
    return lines


def _pieces(words: Iterable[str], width: int) -> Iterable[str]:
    for word in words:
        yield from chop_cells(word, width) if cell_len(word) > width else (word,)
