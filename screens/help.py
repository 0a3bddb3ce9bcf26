"""Every key of one screen, made from the registry of commands."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from bakeryops.commands import GROUPS, State, availability, commands_of, key_labels
from screens.lines import Line, fit
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
        self.query_one(TextPanel).set_lines(help_lines(self._state))
        self.query_one(TextPanel).focus()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()


def help_lines(state: State) -> list[Line]:
    """Return the help of a screen; commands that do not work now say why."""
    lines: list[Line] = [((f"Keys of {state.screen}", "title"), ("    esc closes this", "dim"))]
    for group in GROUPS:
        commands = [command for command in commands_of(state.screen) if command.group == group]
        if not commands:
            continue
        lines += [(), ((group, "title"),)]
        for command in commands:
            verdict = availability(command, state)
            tone = "" if verdict.ok else "dim"
            lines.append(((f"  {fit(key_labels(command), 12)}", "key" if verdict.ok else "dim"),
                          (command.help, tone)))  # fmt: skip
            if not verdict.ok:
                lines.append(((f"  {'':12}", ""), (f"not now: {verdict.reason}", "soon")))
    lines += [(), (("Moving", "title"),)]
    lines += [((f"  {fit(keys, 26)}", "key"), (what, "")) for keys, what in _MOVES]
    lines += [(), (("Symbols", "title"),), ((f"  {_SYMBOLS}", ""),)]
    return lines
