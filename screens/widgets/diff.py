"""Unified diffs as toned lines: what comes, what goes, and within a changed line the part that differs."""

from __future__ import annotations

from collections.abc import Sequence

from bakeryops.text import clean

__all__ = ["DiffLine", "diff_lines"]

DiffLine = tuple[tuple[str, str], ...]
"""Pieces of text and their tones; `accent` marks what differs within a line."""

_SHORTEST = 3
"""Cells that must be alike at one end at least for a part of a line to be marked."""


def diff_lines(lines: Sequence[str], indent: str = "") -> list[DiffLine]:
    """Return a unified diff as toned lines, each with its sign, so that colour is never needed.

    A run of lines that go followed by as many that come is taken as lines that changed.
    """
    found: list[DiffLine] = []
    place = 0
    while place < len(lines):
        going = _run(lines, place, "-")
        coming = _run(lines, place + going, "+")
        if going and going == coming:
            pairs = [(lines[place + at], lines[place + going + at]) for at in range(going)]
            found += [_changed(indent, old, new, "removed") for old, new in pairs]
            found += [_changed(indent, new, old, "added") for old, new in pairs]
            place += going + coming
            continue
        found.append(_plain(indent, lines[place]))
        place += 1
    return found


def _run(lines: Sequence[str], start: int, sign: str) -> int:
    end = start
    while end < len(lines) and lines[end].startswith(sign) and not lines[end].startswith(sign * 3):
        end += 1
    return end - start


def _plain(indent: str, line: str) -> DiffLine:
    text = clean(line)
    if text.startswith(("---", "+++", "@@", "diff ", "index ")):
        tone = "dim"
    else:
        tone = {"+": "added", "-": "removed"}.get(text[:1], "")
    return ((indent + text, tone),)


def _changed(indent: str, line: str, other: str, tone: str) -> DiffLine:
    """Return a line with the part marked in which it differs from its counterpart."""
    mine, theirs = clean(line)[1:], clean(other)[1:]
    most = min(len(mine), len(theirs))
    head = next((at for at in range(most) if mine[at] != theirs[at]), most)
    tail = next((at for at in range(most - head) if mine[-1 - at] != theirs[-1 - at]), most - head)
    if max(len(mine[:head].strip()), tail) < _SHORTEST:
        return ((f"{indent}{line[:1]}{mine}", tone),)
    end = len(mine) - tail
    pieces = ((f"{indent}{line[:1]}{mine[:head]}", tone), (mine[head:end], "accent"), (mine[end:], tone))
    return tuple(piece for piece in pieces if piece[0])
