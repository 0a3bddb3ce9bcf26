"""Lines of toned text as widgets draw them: the base of the drawings, which send only the cells that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from screens.widgets.lineview import LineView
from screens.widgets.tones import component_classes, tone_css

__all__ = ["MARKED", "Span", "SpanLine", "SpanView", "difference", "joined"]

Span = tuple[str, str]
"""Text that no terminal obeys, and its tone; a tone that begins with `MARKED` stands under the cursor."""

SpanLine = tuple[Span, ...]

MARKED = "*"


def joined(spans: Sequence[Span]) -> SpanLine:
    """Return the spans with neighbours of one tone made one, and empty ones left out."""
    kept: list[Span] = []
    for text, tone in spans:
        if kept and kept[-1][1] == tone:
            kept[-1] = (kept[-1][0] + text, tone)
        elif text:
            kept.append((text, tone))
    return tuple(kept)


class SpanView(LineView):
    """A drawing made of toned lines; a subclass says what stands on each."""

    COMPONENT_CLASSES = component_classes("spans--cursor", "spans--cursor-blurred")
    DEFAULT_CSS = """
    SpanView > .spans--cursor { background: $primary-muted; }
    SpanView > .spans--cursor-blurred { background: $surface; }
    SpanView:ansi > .spans--cursor { text-style: reverse; background: ansi_default; }
    SpanView:ansi > .spans--cursor-blurred { text-style: underline; background: ansi_default; }
    """ + tone_css("SpanView")

    stale = False
    """Whether what is shown is old: it is dimmed and no tone is shown."""

    def drawn_line(self, y: int) -> SpanLine:
        """Return what stands on line `y` of the widget."""
        raise NotImplementedError

    def mark_stale(self, stale: bool) -> None:
        """Dim everything, or show it plainly again."""
        if stale != self.stale:
            self.stale = stale
            self.repaint(everything=True)

    def line_token(self, y: int) -> SpanLine:
        """Return the line itself."""
        return self.drawn_line(y)

    def changed_regions(self, y: int, before: Any, after: Any) -> list[Region]:
        """Return the cells that differ."""
        start, end = difference(before, after)
        return [Region(start, y, end - start, 1)]

    def paint_line(self, y: int) -> Strip:
        """Return line `y`, drawn."""
        name = "spans--cursor" if self.has_focus else "spans--cursor-blurred"
        cursor = self.get_component_rich_style(name, partial=True)
        base = self.tone_style("")
        segments = []
        for text, tone in self.drawn_line(y):
            marked = tone.startswith(MARKED)
            style = self.tone_style("dim" if self.stale else tone.removeprefix(MARKED))
            segments.append(Segment(text, style + cursor if marked else style))
        return Strip(segments).crop_extend(0, self.size.width, base)

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Show whether the cursor is where keys go."""
        super().watch_has_focus(_has_focus)
        self.repaint(everything=True)


def difference(before: SpanLine, after: SpanLine) -> tuple[int, int]:
    """Return the first cell and the cell after the last that differ between two lines."""
    wide, other = _wide(before), _wide(after)
    width = max(wide, other)
    start = _common(before, after)
    if wide != other:
        return start, max(start + 1, width)
    back = _common(_reversed(before), _reversed(after))
    return start, max(start + 1, width - back)


def _wide(line: SpanLine) -> int:
    return sum(cell_len(text) for text, _ in line)


def _common(before: SpanLine, after: SpanLine) -> int:
    """Return how many cells two lines have in common at their beginnings."""
    cells = 0
    for (text, tone), (other, other_tone) in zip(before, after, strict=False):
        if tone != other_tone:
            break
        if text == other:
            cells += cell_len(text)
            continue
        for a, b in zip(text, other, strict=False):
            if a != b:
                break
            cells += cell_len(a)
        break
    return cells


def _reversed(line: SpanLine) -> SpanLine:
    return tuple((text[::-1], tone) for text, tone in reversed(line))
