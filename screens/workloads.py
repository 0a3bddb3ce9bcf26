"""Workloads, pods and volumes, by namespace and by service, with what they use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widgets import ContentSwitcher

from bakeryops.model.overview import ObjectRef
from bakeryops.read.index import KINDS
from bakeryops.read.volumes import measured, volumes
from screens.base import bindings
from screens.lines import Line
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_states import state_notice
from screens.rows_workloads import summary
from screens.slices import sliced
from screens.widgets.table import LiveTable
from screens.workload_tabs import PodTab, ServicePodTab, ServiceWorkloadTab, Tab, VolumeTab, WorkloadTab

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["WorkloadsScreen"]

CLAIMS = "persistentvolumeclaims"

LISTS = ("workloads", "pods", "volumes")
"""The lists in the order in which one key goes through them."""


MANY = 500
"""Rows that are put into the table at once: a sampling of usage changes thousands."""


class WorkloadsScreen(ListScreen):
    """Lists of which one is shown at a time; the others hold no rows."""

    NAME: ClassVar[str] = "workloads"
    CSS_PATH = "workloads.tcss"
    BINDINGS = bindings("workloads")
    KINDS: ClassVar[tuple[str, ...]] = (*KINDS, CLAIMS)
    MAX_HZ: ClassVar[float] = 16

    def __init__(self) -> None:
        """Begin with workloads, the worst first."""
        super().__init__()
        self._list = LISTS[0]
        self._by_service = False
        self._tabs: dict[str, Tab] = {}

    def body(self) -> ComposeResult:
        """Put a heading above the tables."""
        tabs = (WorkloadTab, PodTab, VolumeTab, ServiceWorkloadTab, ServicePodTab)
        self._tabs = {tab.NAME: tab(self.console) for tab in tabs}
        yield LinePanel(id="heading", classes="data")
        with ContentSwitcher(initial="workloads", id="tables"):
            for name, tab in self._tabs.items():
                yield LiveTable(tab.COLUMNS, noun=tab.NOUN, id=name, sort=tab.SORT, ties=tab.TIES)

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        super().on_mount()
        self.table().focus()
        self.show_session()

    @property
    def tab(self) -> Tab:
        """The list that is shown."""
        gathered = self._by_service and f"service-{self._list}" in self._tabs
        return self._tabs[f"service-{self._list}" if gathered else self._list]

    def table(self) -> LiveTable:
        """Return the table that is shown."""
        return self.query_one(f"#{self.tab.NAME}", LiveTable)

    def selected(self) -> ObjectRef | None:
        """Return the selected workload, pod or claim."""
        key = self.table().selected if self.is_mounted else None
        return self.tab.ref(key) if key is not None else None

    def refusals(self) -> dict[str, str]:
        """Volumes belong to no service."""
        return {"list.group": "volumes have no service: w shows workloads"} if self._list == "volumes" else {}

    def show_session(self) -> None:
        """Begin anew."""
        for table in self.query(LiveTable):
            table.set_rows([])
            table.set_notice("waiting for the cluster …", "working")
        self._draw_heading()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw the rows that became different."""
        done = await self.console.picture.take(feed, changes, first=first)
        if first:
            self._draw_all()
        elif self._list == "volumes":
            self._draw_volumes()
        else:
            changed, gone = self.tab.changed(done)
            if len(changed) <= MANY:
                self._draw(changed, gone)
            else:
                self._draw(set(), gone)
                async for part in sliced(changed, MANY):
                    self._draw(set(part), set())
        self._draw_notice(feed)
        self._draw_heading()

    def show_ticks(self) -> None:
        """Bring the ages of visible rows up to date, and what time alone changed."""
        changed, gone = self.tab.changed(self.console.picture.index.tick())
        self._draw(changed | set(self.table().visible_keys()), gone)
        if self._list == "volumes":
            self._draw_volumes()

    def _draw_all(self) -> None:
        """Fill the table that is shown, and empty the others."""
        tab = self.tab
        self._take_volumes()
        rows = tab.rows(list(tab.views()))
        for name in self._tabs:
            self.query_one(f"#{name}", LiveTable).set_rows(rows if name == tab.NAME else [])

    def _fill(self) -> None:
        """Fill the table that is shown now."""
        self._draw_all()
        if self.feed is not None:
            self._draw_notice(self.feed)
        self._draw_heading()
        self.draw_footer()

    def _draw(self, changed: set[str], gone: set[str]) -> None:
        self.table().update(self.tab.rows(changed), gone)

    def _draw_volumes(self) -> None:
        self._draw(*self._take_volumes())

    def _take_volumes(self) -> tuple[set[str], set[str]]:
        """Read the claims as they are now, where they are shown; kubelets measure them, pods mount them."""
        tab, picture = self.tab, self.console.picture
        if self.feed is None or not isinstance(tab, VolumeTab):
            return set(), set()
        claims = self.feed.store(CLAIMS).items.values()
        return tab.take(volumes(claims, picture.index.pods.values(), measured(picture.stats.values())))

    def _draw_notice(self, feed: Feed) -> None:
        kinds = self.tab.KINDS or tuple(kind for kind in KINDS if kind != "pods")
        states = {kind: feed.store(kind).state for kind in kinds}
        self.table().set_notice(*state_notice(states, self.console.now()))

    def _draw_heading(self) -> None:
        if not self.is_mounted:
            return
        table, tab = self.table(), self.tab
        column, reverse = table.sorted_by
        title = next(each.title or each.key for each in table.columns if each.key == column)
        order = f"{'by service' if column == 'service' else f'sorted by {title}'}{', reversed' if reverse else ''}"
        bad = tab.count_bad()
        refused = self.console.picture.stats_refused if self._list == "volumes" else ""
        line: Line = (
            (f" {tab.NOUN.capitalize()} ", "title"),
            (summary(table.shown_count, table.row_count, bad, tab.NOUN), "bad" if bad else "dim"),
            (f"  {order}", "dim"),
            (f"  /{table.filter_text}" if table.filter_text else "", "accent"),
            (f"  how full is not known: {refused}" if refused else "", "unknown"),
        )
        self.query_one("#heading", LinePanel).set_lines([line])

    def filter_changed(self) -> None:
        """Say how many rows are left."""
        self._draw_heading()

    def _change(self, which: str, *, by_service: bool) -> None:
        """Show another list; what is filtered for stays."""
        before = self.table()
        self._list, self._by_service = which, by_service
        table = self.table()
        table.filter_text = before.filter_text
        self.query_one("#tables", ContentSwitcher).current = table.id
        table.focus()
        self.call_next(self._fill)

    def do_list_pods(self) -> None:
        """Go on to the next list."""
        following = LISTS[(LISTS.index(self._list) + 1) % len(LISTS)]
        self._change(following, by_service=self._by_service)

    def do_list_group(self) -> None:
        """Gather by service, or show the worst first."""
        self._change(self._list, by_service=not self._by_service)

    def do_list_sort(self) -> None:
        """Sort by the next column on screen."""
        super().do_list_sort()
        self._draw_heading()

    def do_list_reverse(self) -> None:
        """Turn the order round."""
        super().do_list_reverse()
        self._draw_heading()

    @on(LiveTable.HeaderClicked)
    def _sorted(self) -> None:
        self.call_after_refresh(self._draw_heading)
