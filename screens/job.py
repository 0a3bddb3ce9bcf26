"""One job, followed by its journal: its steps, what it waits for, and what came of it."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.message import Message

from bakeryops.errors import BakeryopsError
from bakeryops.model.job import JobView
from bakeryops.text import clean
from screens.base import ConsoleScreen, bindings
from screens.choose import Choice, ChooseScreen
from screens.copying import copy_text
from screens.lines import Line, wrap
from screens.panel import LinePanel, TextPanel
from screens.rows_job import job_heading, job_lines, job_log

__all__ = ["JobScreen"]


class JobScreen(ConsoleScreen):
    """Follows a job; leaving the screen leaves the job alone."""

    NAME: ClassVar[str] = "job"
    CSS_PATH = "job.tcss"
    BINDINGS = bindings("job")

    class Moved(Message):
        """The job is further."""

        def __init__(self, view: JobView) -> None:
            """Take the job as it is now."""
            super().__init__()
            self.view = view

        def can_replace(self, message: Message) -> bool:
            """Let a later message stand for an earlier one."""
            return isinstance(message, JobScreen.Moved)

    class Failed(Message):
        """The job cannot be followed, or what was asked of it was refused."""

        def __init__(self, error: BakeryopsError) -> None:
            """Take why."""
            super().__init__()
            self.error = error

    def __init__(self, job: str, view: JobView | None = None) -> None:
        """Take the job's id, and what is known of it already."""
        super().__init__()
        self._job = job
        self._view = view
        self._error: BakeryopsError | None = None
        self._log = False

    def place(self) -> str:
        """Say what this is."""
        return "job"

    def body(self) -> ComposeResult:
        """Put the heading above the steps."""
        yield LinePanel(id="head")
        yield TextPanel(id="text")

    def on_mount(self) -> None:
        """Show what is known, and follow."""
        super().on_mount()
        self.query_one("#text", TextPanel).focus()
        self._draw()

    def on_resize(self) -> None:
        """Fit the texts to the width."""
        super().on_resize()
        self._draw()

    def on_screen_resume(self) -> None:
        """Follow while visible."""
        super().on_screen_resume()
        self._follow_job()

    def on_screen_suspend(self) -> None:
        """Follow no more while hidden."""
        super().on_screen_suspend()
        self.workers.cancel_group(self, "job")

    def draw_frame(self) -> None:
        """Let the clocks of a job that goes on run, too."""
        super().draw_frame()
        if self.stands and self._view is not None and not self._view.finished:
            self._draw()

    @work(group="job", exclusive=True, exit_on_error=False)
    async def _follow_job(self) -> None:
        from bakeryops.jobs.following import follow
        from bakeryops.jobs.store import JobStore

        try:
            async for view in follow(JobStore(), self._job):
                self.post_message(self.Moved(view))
        except (BakeryopsError, OSError) as error:
            told = (
                error if isinstance(error, BakeryopsError) else BakeryopsError(f"the job cannot be read: {error}")
            )
            self.post_message(self.Failed(told))

    def on_job_screen_moved(self, event: JobScreen.Moved) -> None:
        """Show how far it is."""
        ended = self._view is not None and not self._view.finished and event.view.finished
        self._view, self._error = event.view, None
        if ended:
            # What it changed is known to the console sooner than the next look at Git would tell.
            self.console.code.poke()
        self._draw()
        self.draw_footer()

    def on_job_screen_failed(self, event: JobScreen.Failed) -> None:
        """Say why it cannot be followed, or was refused."""
        if self._view is None:
            self._error = event.error
            self._draw()
        else:
            self.say(" ".join(event.error.lines()), severity="error")

    def _draw(self) -> None:
        if not self.query("#text"):
            return
        width, text = self.size.width, self.query_one("#text", TextPanel)
        view = self._view
        if view is None:
            head: Line = ((" job ", "title"), (clean(self._job), "dim"))
            error = self._error
            lines: list[Line] = [((" ◐ reading …", "working"),)]
            if error is not None:
                lines = [((" ✖ " if not at else "   ", "bad"), *line)
                         for at, line in enumerate(wrap(" ".join(error.lines()), width - 4, "bad"))]  # fmt: skip
            self.query_one("#head", LinePanel).set_lines([head])
            text.set_lines(lines)
            return
        # The journal's times are this machine's; the console's own clock may be another.
        now = self.console.job_now()
        self.query_one("#head", LinePanel).set_lines([job_heading(view, width, now), ()])
        lines = job_log(view, width) if self._log else job_lines(view, width, now)
        bottom = self._log and text.top + text.size.height >= len(text.lines)
        if list(text.lines) != lines:
            text.set_lines(lines)
            if bottom:
                text.action_scroll_edge(1)

    def refusals(self) -> dict[str, str]:
        """Say what the job's state does not allow."""
        view, found = self._view, dict[str, str]()
        if view is None:
            names = ("job.cancel", "job.log", "job.again", "job.undo", "job.resume", "plan.copy")
            return dict.fromkeys(names, "the job is not read yet")
        if view.finished:
            found["job.cancel"] = found["job.leave"] = "the job has ended"
        elif view.state == "stopping":
            found["job.cancel"] = "it stops after this step already"
        elif view.state == "lost":
            found["job.cancel"] = "its process is gone: nothing goes on"
        if view.state not in ("refused", "failed", "partial", "cancelled"):
            found["job.again"] = "the job was not refused and has not failed"
        if not view.plan.undo:
            found["job.undo"] = "nothing takes this back by itself"
        elif view.state not in ("done", "partial"):
            found["job.undo"] = "there is nothing to take back until it is done"
        if view.state not in ("lost", "failed", "partial", "cancelled"):
            found["job.resume"] = "its process is there" if not view.finished else "the job has ended"
        if not view.plan.command:
            found["plan.copy"] = "no command line does the same"
        return found

    # What a person does.

    def do_job_leave(self) -> None:
        """Go back; the job goes on."""
        self.do_console_back()

    def do_job_log(self) -> None:
        """Show all that was said, or the steps."""
        self._log = not self._log
        self._draw()
        self.query_one("#text", TextPanel).action_scroll_edge(int(self._log))

    def do_plan_copy(self) -> None:
        """Copy the command line that does the same."""
        if self._view is not None:
            copy_text(self, self._view.plan.command)

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_job_cancel(self) -> None:
        """Ask once, and let the job stop where nothing is left half done."""
        from bakeryops.jobs.control import cancel
        from bakeryops.jobs.store import JobStore

        view = self._view
        if view is None:
            return
        left = "what is done so far stays done" if view.at else "nothing has been changed yet"
        choices = [Choice("", "go on"), Choice("stop", f"stop after step {view.at + 1}", left)]
        title = f"Cancel {clean(view.plan.title)[:50]}?"
        answer = await self.app.push_screen_wait(ChooseScreen(title, choices))
        if answer == "stop":
            try:
                cancel(JobStore(), self._job, self.console.who())
            except (BakeryopsError, OSError) as error:
                told = error if isinstance(error, BakeryopsError) else BakeryopsError(str(error))
                self.post_message(self.Failed(told))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_job_resume(self) -> None:
        """Start the job's process again."""
        try:
            await self.console.resume_job(self._job)
        except BakeryopsError as error:
            self.post_message(self.Failed(error))
        else:
            self._follow_job()

    def do_job_again(self) -> None:
        """Show the plan as it is computed now."""
        if self._view is not None:
            self.console.propose_command(self._view.plan.command, job=self._job)

    def do_job_undo(self) -> None:
        """Show the plan that takes it back."""
        if self._view is not None:
            self.console.propose_command(self._view.plan.undo)
