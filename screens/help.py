"""Every key of one screen, made from the registry of commands."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from bakeryops.commands import GROUPS, State, availability, commands_of, key_labels
from screens.lines import Line, fit, wrap
from screens.panel import TextPanel

__all__ = ["HelpScreen", "help_lines"]

_MOVES = (
    ("j k, arrows", "move by a line"),
    ("g G, home end", "go to the beginning, the end"),
    ("ctrl+f ctrl+b, page keys", "move by a screen"),
    ("< > ~", "sort a table by the column before, the next; turn the order round"),
)
_SYMBOLS = "✔ fine   ◐ working   ▲ soon bad   ✖ bad   ○ unknown   ⏸ held"


class HelpScreen(ModalScreen[None]):
    """Explains the keys of the screen below, and why some do not work now."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "leave", "back", show=False)]

    def __init__(self, state: State) -> None:
        """Take the state of the screen below."""
        super().__init__()
        self._state = state

    def compose(self) -> ComposeResult:
        """Show one text."""
        with Vertical(id="box"):
            yield TextPanel(id="text")

    def on_mount(self) -> None:
        """Write the text."""
        self.query_one(TextPanel).focus()
        self.on_resize()

    def on_resize(self) -> None:
        """Fit the text to the width; the box has a border, an edge and the scroll mark."""
        width = min(96, int(self.app.size.width * 0.98)) - 6
        self.query_one(TextPanel).set_lines(help_lines(self._state, width))

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()


def help_lines(state: State, width: int = 92) -> list[Line]:
    """Return the help of a screen in lines of `width` cells; commands that do not work now say why."""
    lines: list[Line] = [((f"Keys of {state.screen}", "title"), ("    esc closes this", "dim"))]
    for group in GROUPS:
        commands = [command for command in commands_of(state.screen) if command.group == group]
        if not commands:
            continue
        lines += [(), ((group, "title"),)]
        for command in commands:
            verdict = availability(command, state)
            tone = "" if verdict.ok else "dim"
            lines += _entry(key_labels(command), command.help, width, "key" if verdict.ok else "dim", tone)
            if not verdict.ok:
                lines += _entry("", f"not now: {verdict.reason}", width, "", "soon")
    lines += [(), (("Moving", "title"),)]
    for keys, what in _MOVES:
        lines += _entry(keys, what, width, "key", "", 26)
    lines += [(), (("Symbols", "title"),)]
    lines += [(("  ", ""), *part) for part in wrap(_SYMBOLS, width - 2)]
    return lines


def _entry(keys: str, text: str, width: int, key_tone: str, tone: str, room: int = 12) -> list[Line]:
    """Return keys and what they do; a long text goes on below itself."""
    parts = wrap(text, max(20, width - room - 3), tone)
    first: Line = ((f"  {fit(keys, room)} ", key_tone), *parts[0])
    return [first, *(((" " * (room + 3), ""), *part) for part in parts[1:])]
