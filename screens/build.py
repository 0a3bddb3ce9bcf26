"""One build: its tasks as a graph and over time, and the log of the step that matters, before any key."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.widgets import ContentSwitcher

from bakeryops.model.build import Build
from bakeryops.model.overview import ObjectRef
from screens.base import bindings
from screens.build_choice import Spot
from screens.build_logs import BuildLogsScreen
from screens.build_views import BuildViews
from screens.widgets.dag import Dag
from screens.widgets.timeline import Timeline

__all__ = ["BuildScreen"]

BROWSE = 0.12
"""Seconds for which the cursor stands still before the log under it is read."""


class BuildScreen(BuildViews):
    """Graph, time line and log; one step is always selected."""

    NAME: ClassVar[str] = "build"
    CSS_PATH = "build.tcss"
    BINDINGS = bindings("build")

    def selected(self) -> ObjectRef:
        """Return the PipelineRun."""
        return self.ref

    def acting_build(self) -> Build | None:
        """Return this build."""
        return self._build

    def acting_service(self) -> str:
        """Return the service that it builds, the first of several."""
        return self._build.services[0] if self._build is not None and self._build.services else ""

    def acting_run(self) -> str:
        """Return this build: what it deployed is rolled back together."""
        return self.ref.name

    def refusals(self) -> dict[str, str]:
        """Say what works on the log only."""
        if not self.is_mounted or self.text_panel() is None:
            return {}
        shown = "the facts are shown: i shows the log"
        return {f"log.{name}": shown for name in ("follow", "pause", "error", "wrap", "times")}

    @on(Timeline.Selected)
    def _moved(self, event: Timeline.Selected) -> None:
        if isinstance(event, Timeline.Activated):
            return
        self._spot, self._touched = Spot(event.key, event.piece), True
        if self._browsing is not None:
            self._browsing.stop()
        self._browsing = self.set_timer(BROWSE, self._draw)

    @on(Timeline.Activated)
    def _opened(self) -> None:
        self.action_command("build.log")

    @on(Dag.Picked)
    def _picked(self, event: Dag.Picked) -> None:
        self._spot, self._touched = Spot(event.key), True
        self._draw()

    def do_build_log(self) -> None:
        """Open the log of the selected step full screen."""
        ref = self.ref
        self.app.push_screen(BuildLogsScreen(ref.namespace, ref.name, spot=self._spot, build=self._build))

    def do_build_logs(self) -> None:
        """Open the logs of all tasks, interleaved."""
        self.app.push_screen(BuildLogsScreen(self.ref.namespace, self.ref.name, build=self._build))

    def do_build_info(self) -> None:
        """Show everything about the selected task and the build, or the log again."""
        below = self.query_one("#below", ContentSwitcher)
        below.current = "log" if self._informs() else "info"
        if not self.query_one(Timeline).has_focus:
            self.query_one(f"#{below.current}").focus()
        self._draw()
        self.draw_footer()

    def do_build_pane(self) -> None:
        """Go from the time line to the log, and back."""
        timeline = self.query_one(Timeline)
        below = self.query_one(f"#{self.query_one('#below', ContentSwitcher).current}")
        (below if timeline.has_focus else timeline).focus()

    def do_delivery_follow(self) -> None:
        """Follow the commit of this build."""
        self.console.follow(self.ref.name)

    def do_object_describe(self) -> None:
        """Describe the PipelineRun."""
        self.console.open_object(self.ref, "describe")

    def do_object_yaml(self) -> None:
        """Show the PipelineRun as YAML."""
        self.console.open_object(self.ref, "yaml")

    def do_console_back(self) -> None:
        """Go from the facts to the log first; then back."""
        searching = self.query_one("#search").has_class("-open")
        if self._informs() and not searching:
            self.do_build_info()
        else:
            super().do_console_back()
