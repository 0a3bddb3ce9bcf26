"""What the command line prints: tables for people, JSON and YAML for programs, messages for neither.

Results go to standard output, messages to standard error. A table on a terminal fits its width (the columns of
least worth go first, then the widest one is cut); in a pipe it is plain and nothing is cut.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from bakeryops.text import ELLIPSIS, clean, clean_log, strip_sgr

__all__ = ["Cell", "Column", "Out", "ReaderGoneError", "Table", "cell_width", "cut", "say", "to_json", "to_yaml"]

_GAP = 2
_TONES = {"fine": "32", "working": "36", "soon": "33", "bad": "31", "unknown": "2", "held": "35", "dim": "2"}
_UNSAFE_IN_JSON = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


class ReaderGoneError(Exception):
    """Whoever read standard output has closed it, as `head` does."""


def cell_width(text: str) -> int:
    """Return the columns that `text` takes on a terminal; wide characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` columns, with an ellipsis where something is left out."""
    if cell_width(text) <= width:
        return text
    if width < 1:
        return ""
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    worth: int = 5
    """Columns of the lowest worth are left out first where the terminal is narrow; 9 stays always."""
    right: bool = False
    drifts: bool = False
    """Whether it moves by itself, as ages and usage do; a row in which only such cells moved has not changed."""


Cell = str | tuple[str, str]
"""Text, or text and its tone."""


@dataclass(slots=True)
class Table:
    """Rows under titles; a cell is text, or text with a tone ("fine", "bad", …) that colours it on a terminal."""

    columns: Sequence[Column]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Append a row with one cell a column; text from outside must have been cleaned."""
        self.rows.append(cells)

    def widths(self, *, at_least: Sequence[int] | None = None) -> list[int]:
        """Return the width that each column needs, or that of `at_least` where it is larger."""
        needed = [
            max([cell_width(column.title), *(cell_width(_text(row[n])) for row in self.rows)])
            for n, column in enumerate(self.columns)
        ]
        return [max(pair) for pair in zip(needed, at_least, strict=True)] if at_least else needed

    def lines(
        self, *, width: int | None = None, colour: bool = False, widths: Sequence[int] | None = None
    ) -> list[str]:
        """Return the table as lines, titles first; `width` None leaves everything in."""
        taken = list(widths or self.widths())
        shown = list(range(len(self.columns)))
        if width is not None:
            shown = _fitting(self.columns, taken, width)
        rows: list[tuple[Cell, ...]] = [tuple((c.title, "dim") for c in self.columns), *self.rows]
        return [self._line(row, shown, taken, colour) for row in rows]

    def _line(self, row: tuple[Cell, ...], shown: Sequence[int], widths: Sequence[int], colour: bool) -> str:
        parts = []
        for place, n in enumerate(shown):
            text = cut(_text(row[n]), widths[n])
            padding = " " * (widths[n] - cell_width(text))
            last = place == len(shown) - 1
            tone = _TONES.get(row[n][1], "") if colour and isinstance(row[n], tuple) else ""
            painted = f"\x1b[{tone}m{text}\x1b[0m" if tone and text else text
            parts.append(padding + painted if self.columns[n].right else painted + ("" if last else padding))
        return (" " * _GAP).join(parts).rstrip()


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _fitting(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Return the columns that fit, and narrow the widest of them in `widths` if they still do not."""
    shown = list(range(len(columns)))

    def excess() -> int:
        return sum(widths[n] for n in shown) + _GAP * (len(shown) - 1) - width

    while excess() > 0:
        widest = max(shown, key=lambda n: widths[n])
        if widths[widest] - excess() >= 24:
            widths[widest] -= excess()
            break
        least = min(shown, key=lambda n: (columns[n].worth, -n))
        if columns[least].worth >= 9 or len(shown) == 1:
            widths[widest] = max(8, widths[widest] - excess())
            break
        shown.remove(least)
    return shown


def to_json(document: Any, *, compact: bool = False) -> str:
    """Return a document as JSON; what could act on a terminal is written as an escape, so nothing is lost."""
    text = json.dumps(document, ensure_ascii=False, indent=None if compact else 2)
    return _UNSAFE_IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], text)


def to_yaml(document: Any) -> str:
    """Return a document as YAML, without a document mark; unprintable characters are written as escapes."""
    import yaml

    safe = not _UNSAFE_IN_JSON.search(json.dumps(document, ensure_ascii=False))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=safe, default_flow_style=False, width=115)


class Out:
    """Where results and messages go, and in which form."""

    def __init__(self, form: str = "table", *, colour: bool | None = None) -> None:
        """Take the form: `table`, `json` or `yaml`; `colour` None means: as the terminal and NO_COLOR say."""
        self.form = form
        self.terminal = sys.stdout.isatty()
        self.colour = self._wanted() if colour is None else colour and self._wanted()
        self._printed = 0
        self._last: str | None = None

    def _wanted(self) -> bool:
        return self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int | None:
        """Columns of the terminal, None in a pipe."""
        return shutil.get_terminal_size().columns if self.terminal else None

    def document(self, document: Mapping[str, Any] | Sequence[Any]) -> None:
        """Print one result as JSON or YAML."""
        self.write(to_json(document) + "\n" if self.form == "json" else to_yaml(document))

    def change(self, document: Mapping[str, Any] | Sequence[Any]) -> None:
        """Print one of a series of results, a line of JSON or a YAML document; repetitions are left out."""
        text = to_json(document, compact=True) + "\n" if self.form == "json" else "---\n" + to_yaml(document)
        if text != self._last:
            self._last = text
            self.write(text)

    def table(self, table: Table) -> None:
        """Print a table."""
        self.lines(table.lines(width=self.width, colour=self.colour))

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they are."""
        self.write("".join(f"{line}\n" for line in lines))

    def log(self, text: str) -> None:
        """Print one line of a container's log, with its colours where colours are wanted."""
        self.write((clean_log(text) if self.colour else strip_sgr(clean_log(text))) + "\n")

    def redraw(self, lines: Sequence[str]) -> None:
        """Print lines over those printed by the last call: as much of them as the terminal has lines."""
        height = shutil.get_terminal_size().lines - 1
        if len(lines) > height:
            lines = [*lines[: height - 1], f"{ELLIPSIS} {len(lines) - height + 1} more lines"]
        up = f"\x1b[{self._printed}F" if self._printed else ""
        body = "".join(f"{line}\x1b[K\n" for line in lines)
        self.write(f"{up}{body}\x1b[J")
        self._printed = len(lines)

    def write(self, text: str) -> None:
        """Write text to standard output at once; raises `ReaderGoneError`."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise ReaderGoneError from None


def say(*lines: str, stream: TextIO | None = None) -> None:
    """Print messages to standard error, each cleaned."""
    target = stream or sys.stderr
    for line in lines:
        target.write(clean(line) + "\n")
    target.flush()
