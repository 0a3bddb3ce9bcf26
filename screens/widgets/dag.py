"""A graph of nodes in stages, drawn left to right; what does not fit is counted, never the selected or the bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.geometry import Size
from textual.message import Message

from screens.widgets.dag_blocks import DagNode
from screens.widgets.dag_layout import Drawing, draw_dag
from screens.widgets.spans import SpanLine, SpanView

__all__ = ["Dag", "DagNode"]


class Dag(SpanView, can_focus=False):
    """Shows nodes; a click on one tells of it. It is as high as its drawing, at most `most_lines`."""

    DEFAULT_CSS: ClassVar[str] = """
    Dag { height: auto; width: 1fr; overflow: hidden hidden; }
    """

    class Picked(Message):
        """A node was clicked."""

        def __init__(self, dag: Dag, key: str) -> None:
            super().__init__()
            self.dag = dag
            self.key = key

        @property
        def control(self) -> Dag:
            """The graph."""
            return self.dag

    def __init__(self, *, most_lines: int = 6, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        """Make an empty graph that takes at most `most_lines` lines."""
        super().__init__(id=id, classes=classes)
        self._graph: tuple[DagNode, ...] = ()
        self._selected = ""
        self._most_lines = most_lines
        self._drawing = Drawing()
        self._drawn_for: object = None

    def show(self, nodes: Sequence[DagNode], selected: str = "", *, most_lines: int | None = None) -> None:
        """Show nodes, one of them selected."""
        self._graph, self._selected = tuple(nodes), selected
        self._most_lines = most_lines or self._most_lines
        before = len(self._drawing.lines)
        self._draw(self.size.width)
        if len(self._drawing.lines) != before:
            # As in a panel of lines: Textual may keep the old height otherwise.
            self._layout_updates += 1
            self.refresh(layout=True)
        self.repaint()

    def _draw(self, width: int) -> None:
        wanted = (self._graph, self._selected, self._most_lines, width)
        if wanted != self._drawn_for and width:
            self._drawn_for = wanted
            self._drawing = draw_dag(self._graph, width - 1, self._most_lines, self._selected)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines the drawing takes in this width."""
        self._draw(width)
        return len(self._drawing.lines)

    def resized(self) -> None:
        """Draw for the width there is."""
        self._draw(self.size.width)

    def drawn_line(self, y: int) -> SpanLine:
        """Return what stands on line `y`."""
        lines = self._drawing.lines
        return ((" ", ""), *lines[y]) if 0 <= y < len(lines) else ()

    def text(self) -> str:
        """Return the drawing as plain text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._drawing.lines)

    def on_click(self, event: events.Click) -> None:
        """Tell which node was clicked."""
        for place in self._drawing.places:
            if place.y == event.y and place.x <= event.x - 1 < place.x + place.width:
                self.post_message(self.Picked(self, place.key))
                return
