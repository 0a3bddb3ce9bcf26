"""The preview of a change: everything that it will do, and one word to press; until then nothing is done."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from bakeryops.errors import BakeryopsError
from bakeryops.model.plan import Plan
from bakeryops.text import clean
from screens.ask import AskScreen, Question
from screens.base import bindings
from screens.choose import Choice, ChooseScreen
from screens.copying import copy_text
from screens.lines import wrap
from screens.panel import LinePanel, TextPanel
from screens.plan_screen import PlanScreen
from screens.rows_plan import command_lines, computing_lines, plan_heading, plan_lines, refused_lines
from screens.widgets.choices import Choices

__all__ = ["ConfirmScreen"]

_SCROLLS: dict[str, int | str] = {
    "up": -1, "k": -1, "down": 1, "j": 1, "pageup": "page-", "ctrl+b": "page-", "pagedown": "page+",
    "ctrl+f": "page+", "space": "page+", "home": "top", "g": "top", "end": "bottom", "G": "bottom",
}  # fmt: skip


class ConfirmScreen(PlanScreen):
    """Shows a plan, or that it is being computed, or why there is none; Cancel is what enter presses."""

    NAME: ClassVar[str] = "confirm"
    CSS_PATH = "confirm.tcss"
    BINDINGS = bindings("confirm")

    class Begun(Message):
        """The job is on its way, or was refused."""

        def __init__(self, job: str, error: BakeryopsError | None = None) -> None:
            """Take the job's id, or why there is none."""
            super().__init__()
            self.job = job
            self.error = error

    def place(self) -> str:
        """Say what is asked."""
        return "preview"

    def body(self) -> ComposeResult:
        """Put the plan above the words to press."""
        yield LinePanel(id="head")
        yield TextPanel(id="text")
        yield LinePanel(id="why")

    def input_line(self) -> ComposeResult:
        """Yield the line to type the asked text into, and the words to press."""
        yield Input(id="typed", compact=True, select_on_focus=False)
        yield Choices(id="choices")

    def on_mount(self) -> None:
        """Show the plan, or begin to compute it."""
        super().on_mount()
        self.query_one("#text", TextPanel).can_focus = False
        self.query_one(Choices).focus()
        if self._plan is None:
            self.compute()
        else:
            self.check(self._plan)
        self.draw_plan(first=True)

    def on_resize(self) -> None:
        """Fit the texts to the width."""
        super().on_resize()
        self.draw_plan()

    def on_key(self, event: events.Key) -> None:
        """Scroll the plan whatever has the focus."""
        by = _SCROLLS.get(event.key)
        if by is None or isinstance(self.focused, Input):
            return
        event.stop()
        text = self.query_one("#text", TextPanel)
        if not isinstance(by, str):
            text.action_scroll_lines(by)
        elif by.startswith("page"):
            text.action_scroll_pages(1 if by.endswith("+") else -1)
        else:
            text.action_scroll_edge(int(by == "bottom"))

    # Drawing.

    def draw_plan(self, *, first: bool = False) -> None:
        """Draw it all; `first` puts the choice back on Cancel and the text to its beginning."""
        if not self.query("#choices"):
            return
        plan, width = self._plan, self.size.width
        text, head = self.query_one("#text", TextPanel), self.query_one("#head", LinePanel)
        if plan is not None:
            head.set_lines([plan_heading(plan, width)])
            lines = (
                command_lines(plan, width) if self._commands else plan_lines(plan, width, changed=self._changed)
            )
        elif self._error is not None:
            head.set_lines([((f" {clean(self._proposal.what)}", "title"),)])
            lines = refused_lines(self._error.message, self._error.why, self._error.hint, width)
        else:
            head.set_lines([((f" {clean(self._proposal.what)}", "title"),)])
            lines = computing_lines(self._proposal.what, time.monotonic() - (self._since or time.monotonic()))
        if list(text.lines) != lines:
            text.set_lines(lines)
        if first:
            text.to_top()
        self._draw_choice(plan, at=0 if first else None)
        self.draw_footer()

    def _draw_choice(self, plan: Plan | None, at: int | None) -> None:
        line = self.query_one("#typed", Input)
        able = plan is not None and bool(plan.steps) and not plan.blocked and self._error is None
        line.set_class(able and bool(plan and plan.typed), "-open")
        why = self._why(plan)
        shown = [((" ", ""), *part) for part in wrap(why[0], self.size.width - 2, why[1])] if why[0] else []
        self.query_one("#why", LinePanel).set_lines(shown[:3])
        words = [("Cancel" if able else "Back", True)]
        if able and plan is not None:
            line.placeholder = f"type {clean(plan.typed)}"
            words.append((clean(plan.button), self._ready()))
        self.query_one(Choices).set_words(words, at=at)

    def _ready(self) -> bool:
        """Return whether the change can be confirmed now."""
        plan = self._plan
        if plan is None or plan.blocked or not plan.steps or self._error is not None:
            return False
        if self._since is not None or self._starting:
            return False
        return not plan.typed or self.query_one("#typed", Input).value.strip() == plan.typed

    def _why(self, plan: Plan | None) -> tuple[str, str]:
        """Return why it cannot be confirmed now, and its tone; nothing where it can."""
        if plan is None:
            return "", ""
        if self._starting:
            return "◐ starting …", "working"
        if self._since is not None:
            return "◐ something has changed: computing anew …", "working"
        if self._error is not None:
            parts = (self._error.message, self._error.why, self._error.hint)
            return f"✖ {'. '.join(clean(part).rstrip('.') for part in parts if part)}", "bad"
        if plan.nothing:
            return "there is nothing to do", "dim"
        if plan.typed and not plan.blocked and not self._ready():
            reason = f": {clean(plan.why_typed)}" if plan.why_typed else ""
            return f"type {clean(plan.typed)} to confirm{reason}   (tab goes there)", "soon"
        return "", ""

    # What a person does.

    @on(Input.Changed, "#typed")
    def _typing(self) -> None:
        self._draw_choice(self._plan, at=None)

    @on(Input.Submitted, "#typed")
    def _typed(self) -> None:
        if self._ready():
            self._confirm()
        else:
            self.query_one(Choices).focus()

    @on(Choices.Pressed)
    def _pressed(self, event: Choices.Pressed) -> None:
        if event.place == 0:
            self.app.pop_screen()
        elif self._ready():
            self._confirm()

    @on(Choices.Stuck)
    def _stuck(self) -> None:
        """Go to the line to type in, where one is shown."""
        line = self.query_one("#typed", Input)
        if line.has_class("-open"):
            line.focus()

    def _confirm(self) -> None:
        """Begin, unless the plan does not hold any more: then the new one is shown first."""
        plan = self._plan
        if plan is None or not self._ready():
            return
        if self._proposal.stamped() != self._stamp:
            self.compute()
            return
        self._starting = True
        self.draw_plan()
        self._begin(plan)

    @work(group="begin", exclusive=True, exit_on_error=False)
    async def _begin(self, plan: Plan) -> None:
        try:
            job = await self.console.start_job(plan, self._proposal)
        except BakeryopsError as error:
            self.post_message(self.Begun("", error))
        else:
            self.post_message(self.Begun(job))

    def on_confirm_screen_begun(self, event: ConfirmScreen.Begun) -> None:
        """Follow the job, or say why it was refused."""
        self._starting = False
        if event.error is not None:
            self._error = event.error
            self.draw_plan(first=True)
        elif self.is_current:
            self.console.open_job(event.job, instead=True)

    def do_plan_copy(self) -> None:
        """Copy the command line."""
        if self._plan is not None and self._plan.command:
            copy_text(self, self._plan.command)

    def do_plan_commands(self) -> None:
        """Show the exact commands, or the plan again."""
        self._commands = not self._commands
        self.draw_plan()
        self.query_one("#text", TextPanel).to_top()

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_plan_options(self) -> None:
        """Choose another way of doing it; its plan is computed, and has to be looked at."""
        options = self._proposal.options
        choices = [Choice(str(place), option.label, option.note) for place, option in enumerate(options)]
        chosen = await self.app.push_screen_wait(ChooseScreen(f"How to {self._proposal.what}", choices))
        if not chosen:
            return
        option, said = options[int(chosen)], ""
        if option.ask:
            answers = await self.app.push_screen_wait(
                AskScreen(self._proposal.what, [Question(option.ask, option.note)])
            )
            if not answers:
                return
            said = answers[0]
        self._proposal = option.take(said)
        self._plan, self._error, self._changed = None, None, ()
        self.compute()

    def do_plan_again(self) -> None:
        """Compute the plan anew."""
        if not self._starting:
            self._error = None
            self.compute()

    def refusals(self) -> dict[str, str]:
        """Say what needs a plan."""
        found: dict[str, str] = {}
        if not self._proposal.options:
            found["plan.options"] = "there is but one way of doing this"
        if self._plan is None:
            return found | dict.fromkeys(("plan.copy", "plan.commands"), "there is no plan yet")
        return found if self._plan.command else found | {"plan.copy": "no command line does the same"}
