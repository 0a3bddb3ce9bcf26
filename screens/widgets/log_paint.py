"""Drawing of log lines: cleaned, in their own colours or a tone, cut, marked and wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from bakeryops.severity import severity
from bakeryops.text import clean, clean_log, decode, strip_sgr
from screens.widgets.ansi import ansi_segments, overlay
from screens.widgets.ring import Item

__all__ = ["LineLook", "log_rows", "plain_text"]

SHOWN = 8192
"""How many characters of one line are shown; a line of a megabyte would freeze the screen for no reader's good."""

_SELECTORS = {0xFE0E: None, 0xFE0F: None}


class LineLook(NamedTuple):
    """How lines are drawn: wrapped at `width` cells (0: not), with times, with what is searched marked."""

    width: int
    times: bool
    needle: str
    mark: Style
    tone_style: Callable[[str], Style]
    source_style: Callable[[str], Style] | None = None
    """The style of a label before lines of one of several logs; without it all are alike."""


def log_rows(item: Item, look: LineLook) -> list[Strip]:
    """Return the rows of one line: one of any length, or several no wider than the look says."""
    segments = _segments(item, look)
    if look.needle:
        segments = _marked(segments, look)
    if look.width:
        return [Strip(row) for row in _wrap(segments, look.width)]
    return [Strip(segments)]


def plain_text(item: Item) -> str:
    """Return a whole line as harmless text without colours, as it is saved and copied."""
    if isinstance(item, bytes | str):
        return strip_sgr(clean_log(_text(item)))
    if item.skipped or item.notice:
        return _words(item.skipped, item.notice)
    stamp = f"{clean(item.time)} " if item.time else ""
    return stamp + strip_sgr(clean_log(_text(item.text)))


def _segments(item: Item, look: LineLook) -> list[Segment]:
    head: list[Segment] = []
    if isinstance(item, bytes | str):
        raw = item
    elif item.skipped or item.notice:
        tone = "soon" if item.skipped else "dim"
        return [
            *_label(getattr(item, "source", ""), look),
            Segment(_words(item.skipped, item.notice), look.tone_style(tone)),
        ]
    else:
        raw = item.text
        if look.times and item.time:
            head.append(Segment(clean(item.time) + " ", look.tone_style("dim")))
        head += _label(getattr(item, "source", ""), look)
    # Four bytes are the most that a character takes, so this much holds all that is shown.
    text = _text(raw[: SHOWN * 4])
    hidden = 0
    if len(text) > SHOWN:
        text = text[:SHOWN]
        hidden = max(1, len(raw) - (len(text.encode("utf-8", "replace")) if isinstance(raw, bytes) else SHOWN))
    line = clean_log(text)
    if not line.isascii():
        line = line.translate(_SELECTORS)
    base = look.tone_style("" if "\x1b" in line else severity(line))
    body = ansi_segments(line, base)
    if hidden:
        body.append(Segment(f" … {hidden:,} more bytes", look.tone_style("accent")))
    return head + body


def _label(source: str, look: LineLook) -> list[Segment]:
    """Return what stands before the lines of one of several logs."""
    if not source:
        return []
    style = look.source_style(source) if look.source_style is not None else look.tone_style("accent")
    return [Segment(clean(source) + " ", style)]


def _text(raw: bytes | str) -> str:
    return decode(raw) if isinstance(raw, bytes) else raw


def _words(skipped: int, notice: str) -> str:
    lines = f"… {skipped:,} line{'' if skipped == 1 else 's'} skipped …" if skipped else ""
    return " ".join(part for part in (lines, clean(notice)) if part)


def _marked(segments: list[Segment], look: LineLook) -> list[Segment]:
    text = "".join(segment.text for segment in segments)
    if look.needle == look.needle.lower():
        lowered = text.lower()
        # Some letters change their length with their case; then places would not agree.
        text = lowered if len(lowered) == len(text) else text
    spans = []
    at = text.find(look.needle)
    while at >= 0:
        spans.append((at, at + len(look.needle)))
        at = text.find(look.needle, at + len(look.needle))
    return overlay(segments, spans, look.mark) if spans else segments


def _wrap(segments: list[Segment], width: int) -> list[list[Segment]]:
    """Break segments into rows of at most `width` cells, never inside a wide character."""
    rows: list[list[Segment]] = [[]]
    room = width
    for text, style, _ in segments:
        rest = text
        while rest:
            taken, used = _fitting(rest, room)
            if not taken and room == width:
                taken, used = 1, width
            if taken:
                rows[-1].append(Segment(rest[:taken], style))
                rest = rest[taken:]
                room -= used
            if rest:
                rows.append([])
                room = width
    return rows


def _fitting(text: str, width: int) -> tuple[int, int]:
    """Return how many characters of `text` fit into `width` cells, and how many cells they take."""
    head = text[:width]
    if head.isascii():
        return len(head), len(head)
    used = 0
    for position, character in enumerate(text):
        wide = get_character_cell_size(character)
        if used + wide > width:
            return position, used
        used += wide
    return len(text), used
