"""One build: its tasks as a graph and over time, and the log of the step that matters, before any key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from bakeryops.model.build import Build
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.read.build_index import KINDS
from screens.base import bindings
from screens.build_choice import Chosen, Spot, default_spot, log_of, resolve
from screens.build_feed import build_in, build_selectors
from screens.build_fit import fit_build
from screens.build_logs import BuildLogsScreen
from screens.lines import line_text, wrap
from screens.log_keys import LogKeys
from screens.log_source import LogChoice, Source
from screens.panel import LinePanel, TextPanel
from screens.rows_build import dag_nodes, heading_lines, info_lines, log_title, time_rows
from screens.rows_builds import commit_of
from screens.rows_states import state_text
from screens.widgets.dag import Dag
from screens.widgets.logtail import LogTail
from screens.widgets.spans import SpanView
from screens.widgets.timeline import Timeline

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["BuildScreen"]

TAIL = 5000
"""Lines of a step that has ended that are read at least: the first error is often far up."""

BROWSE = 0.12
"""Seconds for which the cursor stands still before the log under it is read."""

_REFUSED = ("forbidden", "absent", "unauthorized", "stale")


class BuildScreen(LogKeys):
    """Graph, time line and log; one step is always selected."""

    NAME: ClassVar[str] = "build"
    CSS_PATH = "build.tcss"
    BINDINGS = bindings("build")
    KINDS: ClassVar[tuple[str, ...]] = KINDS

    def __init__(self, namespace: str, name: str, *, build: Build | None = None, taskrun: str = "") -> None:
        """Take which build, what is known of it so far, and the TaskRun that is wanted, "" for what matters."""
        super().__init__()
        self.ref = ObjectRef("pipelineruns", namespace, name)
        self._build = build
        self._taskrun = taskrun
        self._spot = Spot()
        self._touched = False
        self._reading: tuple[str, str, str] | str | None = None
        self._seeks_error = False
        self._gone = ""
        self._browsing: Timer | None = None

    def body(self) -> ComposeResult:
        """Put graph and time line above the log."""
        limits = self.console.config.logs
        yield LinePanel(id="heading", classes="data")
        yield Dag(id="dag")
        yield Timeline(id="timeline")
        yield LinePanel(id="title")
        with ContentSwitcher(initial="log", id="below"):
            yield LogTail(max_lines=limits.lines, max_bytes=int(limits.memory), id="log")
            yield TextPanel(id="info")

    def on_mount(self) -> None:
        """Draw what is known at once."""
        super().on_mount()
        if self.app.size.width < 100:
            self.log_tail.action_toggle_wrap()
        self.query_one(Timeline).focus()
        self._draw()

    def on_resize(self) -> None:
        """Share the height anew."""
        super().on_resize()
        self._draw()

    def selected(self) -> ObjectRef:
        """Return the PipelineRun."""
        return self.ref

    def refusals(self) -> dict[str, str]:
        """Say what works on the log only."""
        if not self.is_mounted or self.text_panel() is None:
            return {}
        shown = "the facts are shown: i shows the log"
        return {f"log.{name}": shown for name in ("follow", "pause", "error", "wrap", "times")}

    def feed_namespace(self) -> str | None:
        """Watch the build's own namespace."""
        return self.ref.namespace

    def feed_selectors(self) -> Mapping[str, str]:
        """Watch the TaskRuns of this build only."""
        return build_selectors(self.ref.name)

    def log_name(self) -> str:
        """Return what a saved log is called."""
        return f"{self.ref.name}-{self._spot.row}-{self._spot.step}"

    def text_panel(self) -> TextPanel | None:
        """Return the facts, while they are shown."""
        return self.query_one("#info", TextPanel) if self._informs() else None

    def _informs(self) -> bool:
        return self.query_one("#below", ContentSwitcher).current == "info"

    # Reading.

    def show_session(self) -> None:
        """Begin anew."""
        self._build, self._reading, self._gone = None, None, ""
        self._streams.begin(self._choice)
        self._draw()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw the build as it is now."""
        self._read(feed)
        self._draw()
        self.check_access()

    def _read(self, feed: Feed) -> None:
        build = build_in(feed, self.ref.namespace, self.ref.name, self.console.now())
        self._gone = ""
        if build is not None:
            self._build = build
        elif feed.store("pipelineruns").state.phase == "live":
            before = self._build is not None
            self._gone = (
                "The build was deleted; this is what was known of it." if before else "There is no such build."
            )

    def show_ticks(self) -> None:
        """Bring times up to date."""
        if self.feed is not None:
            self._read(self.feed)
        self._draw()

    def show_code(self) -> None:
        """Draw the commit's subject and author."""
        self._draw()

    def draw_frame(self) -> None:
        """Let the clock of a running build go, too."""
        super().draw_frame()
        if self.stands and self._build is not None and not self._build.finished:
            self._draw_times(self._build)

    def mark_stale(self, stale: bool) -> None:
        """Dim graph and time line with the rest."""
        super().mark_stale(stale)
        for drawing in self.query(SpanView).results(SpanView):
            drawing.mark_stale(stale)

    # Drawing.

    def _trouble(self) -> tuple[str, str]:
        """Return why not all is known, and the tone."""
        if self._gone:
            return self._gone, "soon"
        if self.feed is not None:
            for kind in self.KINDS:
                state = self.feed.store(kind).state
                if state.phase in _REFUSED:
                    return state_text(kind, state, self.console.now())
        return "", ""

    def _draw(self) -> None:
        if not self.stands or not self.size.height:
            return
        build = self._build
        if build is None:
            self._draw_nothing()
            return
        if not self._touched:
            self._spot = default_spot(build)
            self._take_taskrun(build)
        chosen = resolve(build, self._spot)
        if chosen is not None:
            self._spot = chosen.spot
        self._draw_times(build)
        self._follow_log(build, chosen)
        self._draw_title(chosen)
        if self._informs():
            self.show_text(info_lines(build, chosen, self.size.width))

    def _take_taskrun(self, build: Build) -> None:
        """Select the task whose TaskRun was asked for."""
        task = next((each for each in build.tasks if self._taskrun and each.run == self._taskrun), None)
        if task is not None:
            self._spot, self._touched = Spot(task.key), True

    def _draw_nothing(self) -> None:
        text, tone = self._trouble()
        line = (f" {text or f'build {self.ref.name}: waiting for the cluster …'}", tone or "working")
        self.query_one("#heading", LinePanel).set_lines([(line,)])
        self.query_one(Timeline).show((), self.console.now())

    def _draw_times(self, build: Build) -> None:
        now, width = self.console.now(), self.size.width
        trouble, tone = self._trouble()
        heading = heading_lines(build, commit_of(build, self.console.code.view), now, width)
        if trouble:
            heading = [heading[0], ((f"   {trouble}", tone),)]
        rows = time_rows(build, now)
        fit = fit_build(self.size.height - 2 - len(heading), len(rows))
        timeline = self.query_one(Timeline)
        if timeline.styles.height is None or timeline.styles.height.value != fit.timeline:
            timeline.styles.height = fit.timeline
        self.query_one("#heading", LinePanel).set_lines(heading)
        task = self._spot.row.rpartition("#")[0] if "#" in self._spot.row else self._spot.row
        self.query_one(Dag).show(dag_nodes(build), task, most_lines=fit.dag)
        why = build.why or "its tasks are not known yet"
        timeline.show(rows, now, notice=(why, build.health.value))
        if timeline.selected != tuple(self._spot):
            timeline.select(*self._spot)

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

    # The log.

    def _follow_log(self, build: Build, chosen: Chosen | None) -> None:
        """Read the log of the selected step, unless that is what is read."""
        if self.session is None:
            return
        found = log_of(build, chosen) if chosen is not None else build.why or "No task has begun."
        if self._blames_run(build):
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

    def _blames_run(self, build: Build) -> bool:
        """Tell whether the build failed before any task did, and nobody asked for a task yet."""
        return not self._touched and build.failure is not None and not build.failure.task

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

    # Keys.

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
