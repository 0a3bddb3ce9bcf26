"""Moving through a log: following it, holding it still, scrolling, wrapping."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from screens.widgets.log_view import LogView

__all__ = ["LogMoves"]


class LogMoves(LogView):
    """The keys that move a log and change how it is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_rows(-1)", "up", show=False),
        Binding("down,j", "scroll_rows(1)", "down", show=False),
        Binding("pageup,ctrl+b", "scroll_pages(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "scroll_pages(1)", "page down", show=False),
        Binding("home,g", "first", "first line", show=False),
        Binding("end,G", "follow", "follow", show=False),
        Binding("left,h", "sideways(-8)", "left", show=False),
        Binding("right,l", "sideways(8)", "right", show=False),
        Binding("f,space", "toggle_follow", "follow or hold", show=False),
        Binding("w", "toggle_wrap", "wrap", show=False),
        Binding("t", "toggle_times", "times", show=False),
    ]

    def _hold(self) -> None:
        if self._following:
            self._following = False
            self._seen_end = self.ring.end

    def action_scroll_rows(self, rows: int) -> None:
        """Scroll by rows; up holds the log, down past its end follows it again."""
        before = self._place
        if rows < 0:
            self._hold()
        elif self._following:
            return
        self._place = self.moved(before, rows)
        self.repaint()
        if rows > 0 and self._place == before:
            self.action_follow()

    def action_scroll_pages(self, pages: int) -> None:
        """Scroll by screens."""
        self.action_scroll_rows(pages * max(1, self.body - 1))

    def action_first(self) -> None:
        """Show the oldest line that is kept."""
        self._hold()
        self._place = (self.ring.first, 0)
        self.repaint()

    def action_follow(self) -> None:
        """Show the newest line, and the next ones as they come."""
        self._following = True
        self._current = None
        self.repaint()

    def action_toggle_follow(self) -> None:
        """Hold still, or follow."""
        if self._following:
            self._hold()
            self.repaint()
        else:
            self.action_follow()

    def action_toggle_wrap(self) -> None:
        """Break long lines, or show them cut."""
        self._wrap = not self._wrap
        self._left = 0
        self._place = (self._place[0], 0)
        self.forget_strips()
        self.repaint()

    def action_toggle_times(self) -> None:
        """Show when each line was written, or not."""
        self._times = not self._times
        self.forget_strips()
        self.repaint()

    def action_sideways(self, cells: int) -> None:
        """Move along long lines that are not wrapped."""
        if not self._wrap:
            widest = max((self.rows_of(number)[0].cell_length for number, _ in self._shown), default=0)
            self._left = max(0, min(self._left + cells, widest - self.size.width + 1))
            self.repaint()

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll_rows(3)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll_rows(-3)
