"""What was started to change something, on this machine: running jobs first; enter follows one."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from screens.base import bindings
from screens.lines import Line
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_job import JOB_COLUMNS, job_rows
from screens.widgets.table import LiveTable

__all__ = ["JobsScreen"]


class JobsScreen(ListScreen):
    """A table of jobs, whichever console or command line started them."""

    NAME: ClassVar[str] = "jobs"
    CSS_PATH = "job.tcss"
    BINDINGS = bindings("jobs")

    def place(self) -> str:
        """Say what this is."""
        return "jobs"

    def body(self) -> ComposeResult:
        """Put a heading above the table."""
        yield LinePanel(id="heading")
        yield LiveTable(JOB_COLUMNS, noun="jobs", id="jobs", sort="health")

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        super().on_mount()
        self.table().focus()
        self.show_jobs()

    def table(self) -> LiveTable:
        """Return the jobs."""
        return self.query_one("#jobs", LiveTable)

    def show_jobs(self) -> None:
        """Draw the jobs as they are now."""
        if not self.query("#jobs"):
            return
        jobs = self.console.jobs
        views = sorted(jobs.views, key=lambda view: (view.finished, view.state != "lost"))
        self.table().set_rows(job_rows(views, self.console.job_now()))
        going = sum(1 for view in views if not view.finished and view.state != "lost")
        counted = f"{going} running, {len(views)} in all" if views else ""
        line: Line = ((" Jobs ", "title"), (counted, "working" if going else "dim"))
        self.query_one("#heading", LinePanel).set_lines([line])
        said = "" if jobs.read else "reading …"
        if jobs.read and not views:
            said = jobs.trouble or "Nothing has been changed from here yet."
        self.table().set_notice(said, "bad" if jobs.trouble else "dim")

    def show_ticks(self) -> None:
        """Bring ages up to date."""
        self.show_jobs()

    def activate(self) -> None:
        """Follow the selected job."""
        self.do_jobs_watch()

    def do_jobs_watch(self) -> None:
        """Follow the selected job."""
        key = self.table().selected
        if key is not None:
            self.console.open_job(key)

    def refusals(self) -> dict[str, str]:
        """Say that there is nothing to follow."""
        if self.is_mounted and self.table().selected is None:
            return {"jobs.watch": "no job is selected"}
        return {}
