"""Sending only what was painted: a partial update begins at the first cell that changed.

Textual 8.2.8 sends a changed region together with everything left of it in its widget; in a table whose last
column is an age that is nearly the whole row, at every change.
"""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.screen import Screen

from screens.widgets.thrift import thrifty

__all__ = ["TightPaint", "TightUpdate"]


_EMOJI = "\U0001f000"
"""From here on terminals do not agree how wide a character is: a line with one is sent as a whole, or else its
parts would come to stand beside where they stood."""


class TightUpdate(ChopsUpdate):
    """A partial update that sends each changed span and nothing beside it."""

    def render_segments(self, console: Console) -> str:
        """Return the control sequences and text of the update."""
        parts: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                start = max(x, x1)
                if (start > x or end > x2) and max(strip.text, default="") < _EMOJI:
                    strip = strip.crop(start - x, min(end, x2) - x)
                else:
                    start = x
                parts.append(Control.move_to(start, y).segment.text + strip.render(console))
        return thrifty("".join(parts))


class TightPaint(App[None]):
    """An application whose partial updates are tight."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if type(renderable) is ChopsUpdate:
            renderable = TightUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)
