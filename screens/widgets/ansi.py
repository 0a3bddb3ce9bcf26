"""Colours of log lines: SGR sequences to styled segments, and nothing else of what a terminal obeys.

Blinking and concealed text are left out: the first disturbs, the second hides lines from the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

__all__ = ["ansi_segments", "overlay"]

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")


class Look(NamedTuple):
    """The state that SGR sequences change."""

    color: Color | None = None
    bgcolor: Color | None = None
    bold: bool | None = None
    dim: bool | None = None
    italic: bool | None = None
    underline: bool | None = None
    reverse: bool | None = None
    strike: bool | None = None


_PLAIN = Look()
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF = {21: ("bold",), 22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


def ansi_segments(line: str, base: Style) -> list[Segment]:
    """Return a line that `clean_log` made as segments in its own colours upon the style `base`."""
    segments: list[Segment] = []
    look = _PLAIN
    pieces = _SGR.split(line)
    for position, piece in enumerate(pieces):
        if position % 2:
            look = _after(look, piece)
        elif piece:
            # What is no colour sequence has no business here; an escape that slipped in is shown, never sent.
            text = piece.replace("\x1b", "␛") if "\x1b" in piece else piece
            segments.append(Segment(text, base if look is _PLAIN else base + _style(look)))
    return segments


def overlay(segments: Iterable[Segment], spans: list[tuple[int, int]], style: Style) -> list[Segment]:
    """Return the segments with `style` laid over the character ranges `spans` (ascending, apart)."""
    painted: list[Segment] = []
    at = 0
    for text, under, _ in segments:
        end = at + len(text)
        cursor = at
        for start, stop in spans:
            start, stop = max(start, at), min(stop, end)
            if start >= stop:
                continue
            if start > cursor:
                painted.append(Segment(text[cursor - at : start - at], under))
            painted.append(Segment(text[start - at : stop - at], style if under is None else under + style))
            cursor = stop
        if cursor < end:
            painted.append(Segment(text[cursor - at :], under))
        at = end
    return painted


@lru_cache(maxsize=1024)
def _style(look: Look) -> Style:
    return Style(**look._asdict())


@lru_cache(maxsize=2048)
def _after(look: Look, parameters: str) -> Look:
    """Return the look after one SGR sequence; unknown codes change nothing."""
    codes = [_numbers(parameter) for parameter in parameters.split(";")]
    position = 0
    while position < len(codes):
        code, *more = codes[position]
        position += 1
        if code in (38, 48):
            if not more:
                flat = [each[0] for each in codes[position : position + 4]]
                position += 2 if flat[:1] == [5] else 4
                more = flat
            elif more[0] == 2 and len(more) > 4:
                more = [2, *more[-3:]]
            color = _extended(more)
            if color is not None:
                look = _with(look, "color" if code == 38 else "bgcolor", color)
        else:
            look = _simple(look, code)
    return look


def _simple(look: Look, code: int) -> Look:
    if code == 0:
        return _PLAIN
    if code in _ON:
        return _with(look, _ON[code], True)
    if code in _OFF:
        for name in _OFF[code]:
            look = _with(look, name, None)
        return look
    if code in (39, 49):
        return _with(look, "color" if code == 39 else "bgcolor", None)
    for low, name, first in ((30, "color", 0), (40, "bgcolor", 0), (90, "color", 8), (100, "bgcolor", 8)):
        if low <= code < low + 8:
            return _with(look, name, Color.from_ansi(code - low + first))
    return look


def _with(look: Look, name: str, value: Color | bool | None) -> Look:
    changes: dict[str, Any] = {name: value}
    return look._replace(**changes)


def _extended(more: list[int]) -> Color | None:
    if more[:1] == [5] and len(more) > 1:
        return Color.from_ansi(min(more[1], 255))
    if more[:1] == [2] and len(more) > 3:
        return Color.from_rgb(*(min(value, 255) for value in more[1:4]))
    return None


def _numbers(parameter: str) -> list[int]:
    return [int(part[:6]) if part else 0 for part in parameter.split(":")]
