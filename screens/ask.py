"""A few lines to fill in, each with what it is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

__all__ = ["AskScreen", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """One line to fill in; `check` returns why an answer cannot be taken, "" where it can."""

    label: str
    hint: str
    value: str = ""
    check: Callable[[str], str] = lambda _: ""


class AskScreen(ModalScreen[tuple[str, ...] | None]):
    """Returns the answers, or None after esc."""

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back", show=False)]

    def __init__(self, title: str, questions: Sequence[Question]) -> None:
        """Take what is asked."""
        super().__init__()
        self._title = title
        self._questions = list(questions)

    def compose(self) -> ComposeResult:
        """Put the lines below each other."""
        with Vertical(id="box"):
            yield Static(Content(self._title), id="title")
            for place, question in enumerate(self._questions):
                yield Static(Content(question.label), classes="label")
                yield Input(question.value, placeholder=question.hint, id=f"answer-{place}", compact=True)
            yield Static(Content("enter goes on, esc leaves"), id="note")

    def on_mount(self) -> None:
        """Begin with the first."""
        self.query_one("#answer-0", Input).focus()

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        place = int(str(event.input.id).rpartition("-")[2])
        why = self._questions[place].check(event.value.strip())
        note = self.query_one("#note", Static)
        note.set_class(bool(why), "-bad")
        if why:
            note.update(Content(f"✖ {why}"))
        elif place + 1 < len(self._questions):
            note.update(Content("enter goes on, esc leaves"))
            self.query_one(f"#answer-{place + 1}", Input).focus()
        else:
            self._take()

    def _take(self) -> None:
        """Return the answers, unless one of them cannot be taken."""
        answers = [
            self.query_one(f"#answer-{place}", Input).value.strip() for place in range(len(self._questions))
        ]
        for place, (question, answer) in enumerate(zip(self._questions, answers, strict=True)):
            if question.check(answer):
                self.query_one(f"#answer-{place}", Input).focus()
                return
        self.dismiss(tuple(answers))

    def action_leave(self) -> None:
        """Go back without an answer."""
        self.dismiss(None)
