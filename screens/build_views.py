"""One build on screen: what of it is read, and how heading, graph, time line and facts are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from bakeryops.model.build import Build
from bakeryops.read.build_index import KINDS
from screens.build_choice import Spot, default_spot, resolve
from screens.build_feed import build_in, build_namespace, build_selectors
from screens.build_fit import fit_build
from screens.build_pane import READING, BuildLogPane
from screens.panel import LinePanel, TextPanel
from screens.rows_build import dag_nodes, heading_lines, info_lines, time_rows
from screens.rows_builds import commit_of
from screens.rows_states import state_text
from screens.widgets.dag import Dag
from screens.widgets.logtail import LogTail
from screens.widgets.spans import SpanView
from screens.widgets.timeline import Timeline

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["BuildViews"]

_REFUSED = ("forbidden", "absent", "unauthorized", "stale")


class BuildViews(BuildLogPane):
    """Reads one build and draws it; the log has a half of its own."""

    KINDS: ClassVar[tuple[str, ...]] = KINDS

    def __init__(self, namespace: str, name: str, *, build: Build | None = None, taskrun: str = "") -> None:
        """Take which build, what is known of it so far, and the TaskRun that is wanted, "" for what matters."""
        super().__init__(namespace, name, build=build)
        self._taskrun = taskrun
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

    def feed_namespace(self) -> str | None:
        """Watch what the list of builds watches, or the build's own namespace."""
        return build_namespace(self.console, self.ref)

    def feed_selectors(self) -> Mapping[str, str]:
        """Watch the TaskRuns of this build only."""
        return build_selectors(self.ref.name)

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
            self.console.code.seek(build.trigger.revision)
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
        why = READING if self._reads_tasks() else build.why or "No task is known of it."
        timeline.show(rows, now, notice=(why, "working" if self._reads_tasks() else build.health.value))
        if timeline.selected != tuple(self._spot):
            timeline.select(*self._spot)
