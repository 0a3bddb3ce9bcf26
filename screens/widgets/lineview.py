"""The base of every widget here that draws its own lines: only lines that differ are painted and sent.

A line is described by a token. When the state changes, tokens are compared with those painted last, and only
what differs is marked dirty. Textual's own scroll bars, and its layout pass at every change of the virtual size,
are left out: each costs a repaint of the whole widget.
"""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.css.styles import RenderStyles
from textual.dom import DOMNode
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

__all__ = ["LineView"]

_THUMB = "▐"
_LONGER = "›"


class LineView(ScrollView, can_focus=True):
    """A scrolling widget that paints lines one by one and repaints those whose token changed."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineView {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size: 0 0;
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._painted: list[Any] = []
        self._styles: dict[str, Style] = {}
        self.lines_painted = 0
        """How many lines were drawn since the widget exists; tests and the cost view read it."""

    def line_token(self, y: int) -> Any:
        """Return what line `y` of the widget shows now; lines with equal tokens look the same."""
        raise NotImplementedError

    def paint_line(self, y: int) -> Strip:
        """Return line `y` of the widget, drawn."""
        raise NotImplementedError

    def changed_regions(self, y: int, before: Any, after: Any) -> list[Region]:
        """Return the parts of line `y` that differ between two tokens; the whole line unless overridden."""
        return [Region(0, y, self.size.width, 1)]

    def repaint(self, *, everything: bool = False) -> None:
        """Mark as dirty what looks different from what was painted last."""
        width, height = self.size
        if not (width and height and self.is_mounted):
            return
        tokens = [self.line_token(y) for y in range(height)]
        painted = self._painted
        self._painted = tokens
        if everything or len(painted) != height:
            self.refresh()
            return
        dirty: list[Region] = []
        for y, (before, after) in enumerate(zip(painted, tokens, strict=True)):
            if before != after:
                dirty += self.changed_regions(y, before, after)
        if dirty:
            self.refresh(*dirty)

    def render_line(self, y: int) -> Strip:
        """Draw one line; called by Textual for dirty lines only."""
        self.lines_painted += 1
        return self.paint_line(y)

    def tone_style(self, tone: str) -> Style:
        """Return the style of a tone on the widget's own background; the empty tone is ordinary text."""
        style = self._styles.get(tone)
        if style is None:
            base = self.rich_style
            style = base if not tone else base + self._component(f"tone--{tone}")
            self._styles[tone] = style
        return style

    def part_style(self, name: str) -> Style:
        """Return the style of a component class of the widget."""
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self.rich_style + self._component(name)
        return style

    @classmethod
    def _get_component_classes(cls) -> frozenset[str]:  # type: ignore[override]  # Textual's is wrapped in a cache
        """Keep the stylesheet from working out every tone of every widget, most of the work of a new screen."""
        return frozenset()

    def get_component_styles(self, *names: str) -> RenderStyles:
        """Return the styles of component classes, each worked out when it is first painted with."""
        for name in names:
            if name not in self._component_styles and name in super()._get_component_classes():
                part = DOMNode(classes=name)
                part._attach(self)  # noqa: SLF001 (as the stylesheet itself does for every class at once)
                self.app.stylesheet.apply(part, animate=False)
                self._component_styles[name] = part.styles
        return super().get_component_styles(*names)

    def _component(self, name: str) -> Style:
        try:
            return self.get_component_rich_style(name)
        except KeyError:
            return Style()

    def text_line(self, text: str, tone: str = "") -> Strip:
        """Return one line of text in a tone, padded to the width of the widget."""
        style = self.tone_style(tone)
        return Strip([Segment(text, style)]).adjust_cell_length(self.size.width, style)

    def blank_line(self) -> Strip:
        """Return an empty line."""
        return Strip.blank(self.size.width, self.tone_style(""))

    def is_thumb(self, line: int, lines: int, total: int, top: int) -> bool:
        """Tell whether the scroll mark stands on body line `line` of `lines` when `total` rows start at `top`."""
        if total <= lines or lines <= 0:
            return False
        size = max(1, lines * lines // total)
        start = round(top * (lines - size) / max(1, total - lines))
        return start <= line < start + size

    def with_thumb(self, strip: Strip, shown: bool, *, longer: bool = False) -> Strip:
        """Return the line with its last cell taken by the scroll mark, or by a sign that the line goes on."""
        width = self.size.width
        style = self.tone_style("dim" if shown or longer else "")
        body = strip.crop_extend(0, max(0, width - 1), self.tone_style(""))
        return Strip([*body, Segment(_THUMB if shown else _LONGER if longer else " ", style)], width)

    def set_extent(self, lines: int, top: int) -> None:
        """Say how many lines there are to scroll over and which one is first; without a layout pass."""
        self.set_reactive(Widget.virtual_size, Size(self.size.width, lines))
        top = min(max(0, top), self.max_scroll_y)
        self.set_reactive(Widget.scroll_y, float(top))
        self.set_reactive(Widget.scroll_target_y, float(top))

    @property
    def top(self) -> int:
        """Which line is the first on screen."""
        return round(self.scroll_y)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Repaint what scrolling changed."""
        if round(old_value) != round(new_value):
            self.repaint()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Repaint what scrolling changed."""
        if round(old_value) != round(new_value):
            self.repaint()

    def notify_style_update(self) -> None:
        """Forget styles that were worked out from the theme."""
        super().notify_style_update()
        self._styles.clear()
        self.forget_strips()
        used = dict(self._component_styles)
        self._component_styles.clear()
        for name, style in used.items():
            if self.get_component_styles(name).base != style.base:
                self.refresh()
                return

    def forget_strips(self) -> None:
        """Drop drawn lines; called when colours change."""

    def _on_resize(self, event: events.Resize) -> None:
        self.resized()
        self.repaint(everything=True)

    def resized(self) -> None:
        """Take a new size into account before the repaint."""
