"""Symbols, bars and curves for terminals that have no glyphs for them, put in as the picture is written out.

Every character is replaced by as many plain ones as it has cells, so that nothing moves. Two kinds of terminal
need it: one whose locale is not UTF-8, where every other character becomes "?", and the Linux console, whose
fonts have letters and few symbols.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rich.cells import get_character_cell_size

from screens.themes import unicode_terminal

__all__ = ["Plain", "own_environ", "plain_for"]

_PAIRS = {
    "✔": "+", "◐": "~", "▲": "!", "✖": "X", "○": "?", "⏸": "=", "●": "*", "•": "*", "…": "~", "·": "-", "×": "x",
    "↻": "r", "↵": "<", "→": ">", "←": "<", "↑": "^", "↓": "v", "▴": "^", "▾": "v", "▶": ">", "›": ">", "—": "-",
    "–": "-", "µ": "u", "␛": "^", "▁": "_", "▂": ".", "▃": "-", "▄": ":", "▅": "=", "▆": "+", "▇": "*", "█": "#",
    "▓": "#", "▒": "+", "░": ".", "▌": "|", "▐": "|", "▎": "|", "▏": "|", "▊": "|", "▔": "-", "▀": "-",
    "▸": ">",
}  # fmt: skip
_LINES = {"─": "-", "━": "-", "│": "|", "┃": "|", "╌": "-", "╎": "|", "╍": "-", "═": "-", "║": "|"}

_LEFT_DOTS = (0x01, 0x02, 0x04, 0x40)
_RIGHT_DOTS = (0x08, 0x10, 0x20, 0x80)


def _braille(pattern: int) -> str:
    """Return a character whose ink is where the dots of a braille character are: high, in the middle or low."""
    rows = [row for row in range(4) if pattern & (_LEFT_DOTS[row] | _RIGHT_DOTS[row])]
    if not rows:
        return " "
    if len(rows) > 2:
        return "|"
    return "'--."[rows[0]] if len(rows) == 1 or rows[1] - rows[0] == 1 else ":"


def _table() -> dict[int, str]:
    table = {ord(character): plain for character, plain in (_PAIRS | _LINES).items()}
    table |= {0x2800 + pattern: _braille(pattern) for pattern in range(256)}
    table |= {code: table.get(code, "+") for code in range(0x2500, 0x2580)}
    return {code: plain.ljust(get_character_cell_size(chr(code))) for code, plain in table.items()}


class Plain(dict[int, str | int]):
    """A table for `str.translate`; with `ascii_only` what it does not name becomes "?", else it stays."""

    def __init__(self, *, ascii_only: bool) -> None:
        """Make the table."""
        super().__init__(_table())
        self._ascii_only = ascii_only

    def __missing__(self, code: int) -> str | int:
        """Return what stands for a character that has no entry."""
        if code < 0x80 or not self._ascii_only:
            return code
        return "?" * get_character_cell_size(chr(code))


def own_environ() -> Mapping[str, str]:
    """Return the environment this process was started with.

    Python changes its own: where the locale is "C" it sets LC_CTYPE to C.UTF-8, whatever the terminal can do.
    """
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return os.environ
    pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
    return {name: value for name, _, value in pairs}


def plain_for(environ: Mapping[str, str]) -> Plain | None:
    """Return the table for a terminal with this environment, None where it can show everything."""
    if not unicode_terminal(environ):
        return Plain(ascii_only=True)
    return Plain(ascii_only=False) if environ.get("TERM", "").startswith("linux") else None
