"""A small list to choose one thing from, with a line to narrow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

__all__ = ["Choice", "ChooseScreen", "narrowed"]

SHOWN = 200
"""Choices drawn at most; typing narrows the rest."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose."""

    value: str
    label: str
    note: str = ""
    disabled: str = ""
    """Why it cannot be chosen, "" when it can."""


class ChooseScreen(ModalScreen[str | None]):
    """Returns the value chosen, or None after esc."""

    CSS_PATH = "choose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", show=False),
        Binding("down,ctrl+n", "move(1)", "down", show=False),
        Binding("up,ctrl+p", "move(-1)", "up", show=False),
        Binding("pagedown", "move(10)", "down", show=False),
        Binding("pageup", "move(-10)", "up", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], *, current: str = "") -> None:
        """Take what is asked, what there is, and which one holds now."""
        super().__init__()
        self._title = title
        self._choices = list(choices)
        self._current = current
        self._shown: list[Choice] = []

    def compose(self) -> ComposeResult:
        """Put a line above a list."""
        with Vertical(id="box"):
            yield Static(Content(self._title), id="title")
            yield Input(placeholder="type to narrow, enter takes it, esc leaves", id="words", compact=True)
            yield OptionList(id="list", compact=True, markup=False)

    def on_mount(self) -> None:
        """Show everything, with the current one marked."""
        self._fill("")
        self.query_one(Input).focus()
        places = [place for place, choice in enumerate(self._shown) if choice.value == self._current]
        if places:
            self.query_one(OptionList).highlighted = places[0]

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._fill(event.value)

    @on(Input.Submitted)
    def _take(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._shown) and not self._shown[at].disabled:
            self.dismiss(self._shown[at].value)

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index].value)

    def action_leave(self) -> None:
        """Go back without a choice."""
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        """Move the mark while typing."""
        if not self._shown:
            return
        options = self.query_one(OptionList)
        options.highlighted = max(0, min(len(self._shown) - 1, (options.highlighted or 0) + by))

    def _fill(self, words: str) -> None:
        self._shown = narrowed(self._choices, words)[:SHOWN]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([_option(choice, choice.value == self._current) for choice in self._shown])
        if self._shown:
            options.highlighted = 0


def narrowed(choices: Sequence[Choice], words: str) -> list[Choice]:
    """Return the choices that hold every word, those whose label begins with the first word first."""
    wanted = words.casefold().split()
    if not wanted:
        return list(choices)
    hits = [
        choice for choice in choices if all(word in f"{choice.label} {choice.note}".casefold() for word in wanted)
    ]

    def rank(choice: Choice) -> tuple[int, int]:
        label = choice.label.casefold()
        place = label.find(wanted[0])
        return (0 if place == 0 else 1 if place > 0 else 2, len(label))

    return sorted(hits, key=rank)


def _option(choice: Choice, current: bool) -> Option:
    mark = Content("• " if current else "  ")
    note = choice.disabled or choice.note
    text = mark + Content(choice.label) + (Content(f"  {note}").stylize("$text-muted") if note else Content(""))
    return Option(text, disabled=bool(choice.disabled))
