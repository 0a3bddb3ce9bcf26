"""Builds: the PipelineRuns, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult

from bakeryops.model.build import Build
from bakeryops.model.overview import ObjectRef
from screens.base import bindings
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_builds import BUILD_COLUMNS, BuildRow, BuildSlots, build_slots, builds_heading
from screens.rows_states import state_notice
from screens.slices import sliced
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["BuildsScreen"]

RUNS = "pipelineruns"

NO_TEKTON = "Tekton is not installed here: the cluster serves no PipelineRuns, so it builds nothing"

MANY = 500
"""Rows that are put into the table at once."""


class BuildsScreen(ListScreen):
    """A table of builds; enter opens one with its tasks and logs."""

    NAME: ClassVar[str] = "builds"
    CSS_PATH = "builds.tcss"
    BINDINGS = bindings("builds")
    KINDS: ClassVar[tuple[str, ...]] = (RUNS, "resourcequotas")

    def body(self) -> ComposeResult:
        """Put a heading above the table."""
        yield LinePanel(id="heading", classes="data")
        yield LiveTable(BUILD_COLUMNS, noun="builds", id="builds", sort="age", ties=("name",))

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        super().on_mount()
        self.table().focus()
        self.show_session()

    def table(self) -> LiveTable:
        """Return the table of builds."""
        return self.query_one("#builds", LiveTable)

    def selected(self) -> ObjectRef | None:
        """Return the selected build's PipelineRun."""
        build = self._selected_build()
        return ObjectRef(RUNS, build.namespace, build.name) if build is not None else None

    def _selected_build(self) -> Build | None:
        key = self.table().selected if self.is_mounted else None
        return self.console.picture.builds.get(key) if key is not None else None

    def acting_service(self) -> str:
        """Return the service that the selected build builds, the first of several."""
        build = self._selected_build()
        return build.services[0] if build is not None and build.services else ""

    def acting_run(self) -> str:
        """Return the selected build: what it deployed is rolled back together."""
        build = self._selected_build()
        return build.name if build is not None else ""

    def show_session(self) -> None:
        """Begin anew."""
        self.table().set_rows([])
        self.table().set_notice("waiting for the cluster …", "working")
        self._draw_heading()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw the rows that became different."""
        picture = self.console.picture
        done = await picture.take_builds(feed, changes, first=first)
        if first:
            self.table().set_rows(self._rows(build.key for build in picture.builds.builds))
        else:
            self.table().update((), done.removed)
            async for part in sliced(done.builds, MANY):
                self.table().update(self._rows(part))
        for newest in picture.builds.builds[:1]:
            self.console.code.seek(newest.trigger.revision)
        self._draw_notice(feed)
        self._draw_heading()

    def show_ticks(self) -> None:
        """Bring the rows on screen up to date, and what time alone changed."""
        changed = self.console.picture.builds.tick().builds
        self.table().update(self._rows(changed | set(self.table().visible_keys())))
        self._draw_heading()

    def show_code(self) -> None:
        """Draw subjects and authors anew."""
        self.table().update(self._rows(build.key for build in self.console.picture.builds.builds))

    def _rows(self, keys: Iterable[str]) -> list[BuildRow]:
        index, code, now = self.console.picture.builds, self.console.code.view, self.console.now()
        found = (index.get(key) for key in keys)
        return [BuildRow(build, code, now) for build in found if build is not None]

    def _slots(self) -> BuildSlots | None:
        if self.feed is None:
            return None
        namespaces = {build.namespace for build in self.console.picture.builds.builds}
        return build_slots(self.feed.store("resourcequotas").items.values(), namespaces)

    def _draw_notice(self, feed: Feed) -> None:
        state = feed.store(RUNS).state
        if state.phase == "absent":
            text, tone = NO_TEKTON, "unknown"
        else:
            text, tone = state_notice({RUNS: state}, self.console.now())
            if not text and not self.table().row_count:
                text, tone = "No build yet: a push to the repository starts one.", "dim"
                if chosen := self.console.namespace:
                    text, tone = f"No build in {chosen}; n chooses another namespace, or all.", "unknown"
        self.table().set_notice(text, tone)

    def _draw_heading(self) -> None:
        if not self.is_mounted:
            return
        table = self.table()
        column, reverse = table.sorted_by
        title = next(each.title or each.key for each in table.columns if each.key == column)
        usual = column == "age" and not reverse
        line = builds_heading(
            self.console.picture.builds.builds, self.size.width or self.app.size.width, now=self.console.now(),
            shown=table.shown_count, slots=self._slots(), wanted=table.filter_text,
            order="" if usual else f"sorted by {title}{', reversed' if reverse else ''}",
        )  # fmt: skip
        self.query_one("#heading", LinePanel).set_lines([line])

    def on_resize(self) -> None:
        """Fit the heading to the width."""
        super().on_resize()
        self._draw_heading()

    def filter_changed(self) -> None:
        """Say how many are left."""
        self._draw_heading()

    @on(LiveTable.HeaderClicked)
    def _sorted(self) -> None:
        self.call_after_refresh(self._draw_heading)

    def do_list_sort(self) -> None:
        """Sort by the next column on screen."""
        super().do_list_sort()
        self._draw_heading()

    def do_list_reverse(self) -> None:
        """Turn the order round."""
        super().do_list_reverse()
        self._draw_heading()

    def do_delivery_follow(self) -> None:
        """Follow the commit of the selected build."""
        build = self._selected_build()
        if build is not None:
            self.console.follow(build.name)

    def do_delivery_service(self) -> None:
        """Show the first service that the selected build builds."""
        build = self._selected_build()
        if build is not None and build.services:
            self.console.open_service(build.services[0])
        else:
            self.say("this build builds no service, or it is not known yet which")

    def do_object_open(self) -> None:
        """Open the selected build."""
        build = self._selected_build()
        if build is not None:
            self.console.open_build(build.namespace, build.name)
