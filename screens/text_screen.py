"""A screen with a text to search in and to copy."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from screens.base import ConsoleScreen
from screens.copying import copy_text
from screens.lines import Line
from screens.panel import TextPanel

__all__ = ["TextScreen"]


class TextScreen(ConsoleScreen):
    """Has a line to type a search into, above the footer."""

    def input_line(self) -> ComposeResult:
        """Yield the hidden line for the search."""
        yield Input(placeholder="search; enter goes on, esc ends it", id="search", compact=True)

    def text_panel(self) -> TextPanel | None:
        """Return the text to search in, when one is shown."""
        return None

    def show_text(self, lines: Sequence[Line]) -> None:
        """Show a text unless it is shown already; a search goes on where it was."""
        panel = self.text_panel()
        if panel is not None and list(lines) != list(panel.lines):
            panel.set_lines(lines)
            words = self.query_one("#search", Input).value
            if words:
                panel.mark(words)

    def do_text_search(self) -> None:
        """Let a person type what to look for."""
        line = self.query_one("#search", Input)
        line.add_class("-open")
        line.focus()

    @on(Input.Submitted, "#search")
    def _searched(self, event: Input.Submitted) -> None:
        panel = self.text_panel()
        if panel is None:
            return
        hits = panel.search(event.value)
        if event.value and not hits:
            self.say(f"{event.value} is not in this text")
        panel.focus()

    def do_text_next(self) -> None:
        """Go to the next hit."""
        self._step(1)

    def do_text_previous(self) -> None:
        """Go to the hit before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        panel = self.text_panel()
        if panel is not None:
            place, hits = panel.step(by)
            self.say(f"hit {place} of {hits}" if hits else "search first: /")

    def do_text_copy(self) -> None:
        """Copy the text."""
        panel = self.text_panel()
        if panel is not None:
            copy_text(self, panel.text())

    def do_console_back(self) -> None:
        """End the search first; then go back."""
        line = self.query_one("#search", Input)
        if line.has_class("-open"):
            line.value = ""
            line.remove_class("-open")
            panel = self.text_panel()
            if panel is not None:
                panel.search("")
                panel.focus()
        else:
            super().do_console_back()
