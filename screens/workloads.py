"""Workloads and pods, by namespace and by service, with what they use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widgets import ContentSwitcher

from bakeryops.model.overview import ObjectRef
from bakeryops.read.index import KINDS
from screens.base import bindings
from screens.lines import Line
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_states import state_notice
from screens.rows_workloads import POD_COLUMNS, WORKLOAD_COLUMNS, pod_row, ref_plural, summary, workload_row
from screens.slices import sliced
from screens.widgets.table import LiveTable, Row

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["WorkloadsScreen"]


class WorkloadsScreen(ListScreen):
    """Two tables, one shown at a time: workloads and pods."""

    NAME: ClassVar[str] = "workloads"
    CSS_PATH = "workloads.tcss"
    BINDINGS = bindings("workloads")
    KINDS: ClassVar[tuple[str, ...]] = KINDS

    def __init__(self) -> None:
        """Begin with workloads, by namespace."""
        super().__init__()
        self._by_service = False

    def body(self) -> ComposeResult:
        """Put a heading above the tables."""
        yield LinePanel(id="heading", classes="data")
        with ContentSwitcher(initial="workloads", id="tables"):
            yield LiveTable(WORKLOAD_COLUMNS, noun="workloads", id="workloads", sort="health",
                            ties=("namespace", "name"))  # fmt: skip
            yield LiveTable(POD_COLUMNS, noun="pods", id="pods", sort="health", ties=("namespace", "name"))

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        super().on_mount()
        self.table().focus()
        self.show_session()

    def table(self) -> LiveTable:
        """Return the table that is shown."""
        name = self.query_one("#tables", ContentSwitcher).current or "workloads"
        return self.query_one(f"#{name}", LiveTable)

    @property
    def _pods_shown(self) -> bool:
        return self.query_one("#tables", ContentSwitcher).current == "pods"

    def selected(self) -> ObjectRef | None:
        """Return the selected workload or pod."""
        if not self.is_mounted:
            return None
        key = self.table().selected
        if key is None:
            return None
        if self._pods_shown:
            namespace, _, name = key.partition("/")
            return ObjectRef("pods", namespace, name)
        kind, namespace, name = key.split("/", 2)
        return ObjectRef(ref_plural(kind), namespace, name)

    def show_session(self) -> None:
        """Begin anew."""
        for table in self.query(LiveTable):
            table.set_rows([])
            table.set_notice("waiting for the cluster …", "working")
        self._draw_heading()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw the rows that became different; the table that is not shown holds none."""
        picture = self.console.picture
        done = await picture.take(feed, changes, first=first)
        if first:
            await self._draw_all()
        else:
            self._draw(done.workloads, done.workloads_removed, done.pods, done.pods_removed)
        self._draw_notices(feed)
        self._draw_heading()

    def show_ticks(self) -> None:
        """Bring the ages of visible rows up to date, and what time alone changed."""
        done = self.console.picture.index.tick()
        visible = set(self.table().visible_keys())
        workloads = done.workloads | (visible if not self._pods_shown else set())
        self._draw(workloads, done.workloads_removed, done.pods | (visible if self._pods_shown else set()),
                   done.pods_removed)  # fmt: skip

    async def _draw_all(self) -> None:
        index, pods = self.console.picture.index, self._pods_shown
        rows: list[Row] = []
        async for keys in sliced(list(index.pods if pods else index.workloads)):
            rows += self._pod_rows(keys) if pods else self._workload_rows(keys)
        self.query_one("#workloads", LiveTable).set_rows([] if pods else rows)
        self.query_one("#pods", LiveTable).set_rows(rows if pods else [])

    async def _fill(self) -> None:
        """Fill the table that is shown now."""
        await self._draw_all()
        self._draw_heading()

    def _draw(
        self,
        workloads: Iterable[str],
        workloads_gone: Iterable[str],
        pods: Iterable[str],
        pods_gone: Iterable[str],
    ) -> None:
        if self._pods_shown:
            self.table().update(self._pod_rows(pods), pods_gone)
        else:
            self.table().update(self._workload_rows(workloads), workloads_gone)

    def _workload_rows(self, keys: Iterable[str]) -> list[Row]:
        picture, now = self.console.picture, self.console.now()
        views = (picture.index.workloads.get(key) for key in keys)
        return [workload_row(view, now, picture.curves(view.pods)) for view in views if view is not None]

    def _pod_rows(self, keys: Iterable[str]) -> list[Row]:
        picture, now = self.console.picture, self.console.now()
        views = (picture.index.pods.get(key) for key in keys)
        return [pod_row(view, now, picture.curves((view.key,))) for view in views if view is not None]

    def _draw_notices(self, feed: Feed) -> None:
        states = {kind: feed.store(kind).state for kind in feed.kinds}
        controllers = {kind: state for kind, state in states.items() if kind not in ("pods",)}
        self.query_one("#workloads", LiveTable).set_notice(*state_notice(controllers, self.console.now()))
        pods = {kind: states[kind] for kind in ("pods", "podmetrics")}
        self.query_one("#pods", LiveTable).set_notice(*state_notice(pods, self.console.now()))

    def _draw_heading(self) -> None:
        if not self.is_mounted:
            return
        table, index = self.table(), self.console.picture.index
        views = index.pods if self._pods_shown else index.workloads
        bad = sum(1 for view in views.values() if view.health.rank <= 1)
        noun = "pods" if self._pods_shown else "workloads"
        column, reverse = table.sorted_by
        order = "by service" if self._by_service else f"sorted by {column}{' reversed' if reverse else ''}"
        line: Line = (
            (f" {noun.capitalize()} ", "title"),
            (summary(table.shown_count, table.row_count, bad, noun), "bad" if bad else "dim"),
            (f"  {order}", "dim"),
            (f"  /{table.filter_text}" if table.filter_text else "", "accent"),
        )
        self.query_one("#heading", LinePanel).set_lines([line])

    def filter_changed(self) -> None:
        """Say how many rows are left."""
        self._draw_heading()

    def do_list_pods(self) -> None:
        """Change between workloads and pods."""
        switcher = self.query_one("#tables", ContentSwitcher)
        switcher.current = "workloads" if self._pods_shown else "pods"
        self.call_next(self._fill)
        self.table().focus()
        self._draw_heading()
        self.draw_footer()

    def do_list_group(self) -> None:
        """Change between the order by service and the worst first."""
        self._by_service = not self._by_service
        for table in self.query(LiveTable):
            table.sort_by("service" if self._by_service else "health")
        self._draw_heading()

    def do_list_sort(self) -> None:
        """Sort by the next column on screen."""
        super().do_list_sort()
        self._by_service = self.table().sorted_by[0] == "service"
        self._draw_heading()

    def do_list_reverse(self) -> None:
        """Turn the order round."""
        super().do_list_reverse()
        self._draw_heading()

    @on(LiveTable.HeaderClicked)
    def _sorted(self) -> None:
        self.call_after_refresh(self._draw_heading)
