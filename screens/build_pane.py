"""The log below a build's time line: that of the selected step, or why there is none."""

from __future__ import annotations

from textual import on
from textual.widgets import ContentSwitcher

from bakeryops.model.build import Build
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from screens.build_choice import Chosen, Spot, log_of, resolve
from screens.lines import line_text, wrap
from screens.log_keys import LogKeys
from screens.log_source import LogChoice, Source
from screens.panel import LinePanel, TextPanel
from screens.rows_build import log_title
from screens.widgets.logtail import LogTail

__all__ = ["READING", "BuildLogPane"]

TAIL = 5000
"""Lines of a step that has ended that are read at least: the first error is often far up."""

READING = "reading the tasks of this build …"


class BuildLogPane(LogKeys):
    """Knows the build, the selected step, and which log is read."""

    def __init__(self, namespace: str, name: str, *, build: Build | None = None) -> None:
        """Take which build, and what is known of it so far."""
        super().__init__()
        self.ref = ObjectRef("pipelineruns", namespace, name)
        self._build = build
        self._spot = Spot()
        self._touched = False
        self._reading: tuple[str, str, str] | str | None = None
        self._seeks_error = False

    def text_panel(self) -> TextPanel | None:
        """Return the facts, while they are shown."""
        return self.query_one("#info", TextPanel) if self._informs() else None

    def _informs(self) -> bool:
        return self.query_one("#below", ContentSwitcher).current == "info"

    def log_name(self) -> str:
        """Return what a saved log is called."""
        return f"{self.ref.name}-{self._spot.row}-{self._spot.step}"

    def _draw_title(self, chosen: Chosen | None) -> None:
        status = self.log_tail.status
        note, tone = "", "dim"
        if self._informs():
            note = "i shows the log"
        elif status.first_error is not None:
            note, tone = f"first error at line {status.first_error + 1:,}", "bad"
        elif isinstance(self._reading, tuple) and not self._streams.ended:
            note = "following"
        what = f"log: {chosen.title}" if chosen is not None else "log"
        if self._build is not None and self._blames_run(self._build):
            what = "why the build failed"
        if self._informs():
            what = f"facts: {chosen.title}" if chosen is not None else "facts"
        self.query_one("#title", LinePanel).set_lines([log_title(what, note, tone, self.size.width)])

    def _follow_log(self, build: Build, chosen: Chosen | None) -> None:
        """Read the log of the selected step, unless that is what is read."""
        if self.session is None:
            return
        found = log_of(build, chosen) if chosen is not None else build.why or "No task has begun."
        if chosen is None and self._reads_tasks():
            found = READING
        elif self._blames_run(build):
            found = build.failure.text if build.failure is not None else ""
        wanted = found.where if isinstance(found, Source) else found
        if wanted == self._reading:
            return
        self._reading = wanted
        step = chosen.step if chosen is not None else None
        ended = step is not None and step.ended is not None
        self._seeks_error = step is not None and step.health is Health.BAD
        tail = self.console.config.logs.tail
        self._choice = LogChoice(tail=max(tail, TAIL) if ended else tail)
        self._streams.begin(self._choice)
        if isinstance(found, Source):
            self._streams.follow(self.session, [Source(*found.where, gone=found.gone)])
        else:
            for line in wrap(found, max(20, self.size.width - 2)):
                self._streams.say(line_text(line))

    def _reads_tasks(self) -> bool:
        """Tell whether the tasks are still to come, so that nothing may be said of them yet."""
        if self.feed is None:
            return True
        return not self.feed.store("taskruns").state.settled

    def _blames_run(self, build: Build) -> bool:
        """Tell whether the build failed before any task did, and nobody asked for a task yet."""
        blamed = build.failure is not None and not build.failure.task
        return blamed and not self._touched and not self._reads_tasks()

    def lines_handed(self) -> None:
        """Show the first error of a failed step once its log is read."""
        self._seek_error()

    @on(LogTail.StatusChanged)
    def _status_changed(self) -> None:
        self._seek_error()
        if self._build is not None and self.stands:
            self._draw_title(resolve(self._build, self._spot))

    def _seek_error(self) -> None:
        status = self.log_tail.status
        if self._seeks_error and self._streams.ended and status.first_error is not None:
            self._seeks_error = False
            if status.following:
                self.log_tail.action_error(1)
