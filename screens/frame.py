"""The frame round every screen: title bar, banner, footer."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from bakeryops.commands import Command, key_label
from screens.lines import Line, Span, line_width
from screens.panel import LinePanel

__all__ = ["Banner", "FooterBar", "TitleBar", "footer_line"]


class TitleBar(Horizontal):
    """One line: where we are, whether the data is live, the time, who we are.

    The time is a widget of its own: a partial repaint begins at the left edge of a widget, and a whole title bar
    every second would be most of what an idle console sends.
    """

    DEFAULT_CSS = """
    TitleBar { height: 1; background: $panel; }
    TitleBar LinePanel { height: 1; background: $panel; }
    TitleBar > #clock { width: 10; }
    """

    def compose(self) -> ComposeResult:
        """Put the three parts beside each other."""
        yield LinePanel(id="where")
        yield LinePanel(id="clock")
        yield LinePanel(id="who")

    def show(self, where: Line, clock: Line, who: Line) -> None:
        """Show the three parts; the first gives way when there is too little room."""
        panels = self.query(LinePanel)
        for panel, line in zip(panels, (where, clock, who), strict=True):
            if panel.id == "who":
                panel.styles.width = line_width(line)
            panel.set_lines([line])


class Banner(LinePanel, can_focus=False):
    """What is wrong with the connection, in as many lines as it takes; hidden when all is well."""

    DEFAULT_CSS = """
    Banner { height: auto; max-height: 8; overflow: hidden hidden; display: none;
             background: $warning-muted; color: $text-warning; }
    Banner.-shown { display: block; }
    Banner.-quiet { background: $panel; color: $foreground; }
    """

    def show(self, lines: Sequence[Line], *, quiet: bool = False) -> None:
        """Show `lines`, or hide when there are none; `quiet` where nothing is wrong."""
        self.set_lines(lines)
        self.set_class(bool(lines), "-shown")
        self.set_class(bool(lines) and quiet, "-quiet")


class FooterBar(LinePanel, can_focus=False):
    """The keys that work now, most worth first, as many as fit; a click does what the key does."""

    DEFAULT_CSS = """
    FooterBar { height: 1; background: $panel; overflow: hidden hidden; }
    """

    class Pressed(Message):
        """A command was clicked."""

        def __init__(self, command_id: str) -> None:
            """Take the command's id."""
            super().__init__()
            self.command_id = command_id

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self._commands: list[Command] = []
        self._places: list[tuple[int, str]] = []

    def show(self, commands: Sequence[Command]) -> None:
        """Show as many of `commands` as fit, in their order."""
        self._commands = list(commands)
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the keys to the width."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Do what was clicked."""
        for end, command_id in self._places:
            if event.x < end:
                self.post_message(self.Pressed(command_id))
                return

    def _draw(self) -> None:
        line, self._places = footer_line(self._commands, self.size.width or self.app.size.width)
        self.set_lines([line])


def footer_line(commands: Sequence[Command], width: int) -> tuple[Line, list[tuple[int, str]]]:
    """Return the footer for `width` cells, and (end cell, command id) of each entry.

    Entries are chosen by worth and shown in the order of the registry's groups: main views first, help last.
    """
    chosen: list[Command] = []
    used = 1
    for command in commands:
        size = line_width(_entry(command))
        if used + size <= width:
            chosen.append(command)
            used += size
    chosen.sort(key=lambda command: (command.id == "console.help", command.group == "Console"))
    spans: list[Span] = [(" ", "")]
    places: list[tuple[int, str]] = []
    end = 1
    for command in chosen:
        entry = _entry(command)
        spans += entry
        end += line_width(entry)
        places.append((end, command.id))
    return tuple(spans), places


def _entry(command: Command) -> Line:
    return ((key_label(command), "key"), (f" {command.title}  ", "dim"))
