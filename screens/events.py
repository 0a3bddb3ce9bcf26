"""Events: grouped, counted, and kept longer than the cluster keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult

from bakeryops.model.event import EventGroup
from bakeryops.model.overview import ObjectRef
from screens.base import bindings
from screens.lines import Line
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_events import EVENT_COLUMNS, event_row, group_lines
from screens.rows_states import state_notice
from screens.rows_workloads import ref_plural
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["EventsScreen"]


class EventsScreen(ListScreen):
    """One table of groups, the newest first; warnings only, or all."""

    NAME: ClassVar[str] = "events"
    BINDINGS = bindings("events")
    KINDS: ClassVar[tuple[str, ...]] = ("events",)
    MAX_HZ: ClassVar[float] = 4

    def __init__(self) -> None:
        """Begin with warnings."""
        super().__init__()
        self._warnings_only = True
        self._groups: dict[str, EventGroup] = {}

    def body(self) -> ComposeResult:
        """Put a heading above the table."""
        yield LinePanel(id="heading", classes="data")
        yield LiveTable(EVENT_COLUMNS, noun="events", id="events", sort="last")
        yield LinePanel(id="detail", classes="data")

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        super().on_mount()
        self.table().focus()
        self.show_session()

    def table(self) -> LiveTable:
        """Return the table."""
        return self.query_one("#events", LiveTable)

    def selected(self) -> ObjectRef | None:
        """Return the object that the selected events are about."""
        key = self.table().selected if self.is_mounted else None
        group = self._groups.get(key) if key is not None else None
        if group is None or not group.kind or not group.name:
            return None
        return ObjectRef(ref_plural(group.kind), group.namespace, group.name)

    def log_container(self) -> str:
        """Return the container that the events are about."""
        key = self.table().selected
        group = self._groups.get(key) if key is not None else None
        return group.container if group is not None else ""

    def show_session(self) -> None:
        """Begin anew."""
        self._groups = {}
        self.table().set_rows([])
        self.table().set_notice("waiting for the cluster …", "working")

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw the groups that are different from those drawn last, whoever read them first."""
        self.console.picture.take_events(feed, changes)
        if first:
            self._draw_all()
        else:
            now = self.console.now()
            groups = {group.key: group for group in self._wanted()}
            gone = self._groups.keys() - groups.keys()
            # Groups are frozen: one that changed is another object.
            rows = [event_row(group, now) for key, group in groups.items() if self._groups.get(key) is not group]
            self._groups = groups
            self.table().update(rows, gone)
        states = {kind: feed.store(kind).state for kind in feed.kinds}
        self.table().set_notice(*state_notice(states, self.console.now()))
        self._draw_heading()

    def show_ticks(self) -> None:
        """Bring the ages of visible rows up to date."""
        now, keeper = self.console.now(), self.console.picture.events
        groups = (keeper.get(key) for key in self.table().visible_keys())
        self.table().update([event_row(group, now) for group in groups if group is not None])

    def _wanted(self) -> list[EventGroup]:
        return self.console.picture.events.groups(warnings_only=self._warnings_only)

    def _draw_all(self) -> None:
        groups = self._wanted()
        self._groups = {group.key: group for group in groups}
        now = self.console.now()
        self.table().set_rows([event_row(group, now) for group in groups])

    def _draw_heading(self) -> None:
        table = self.table()
        what = "Warnings" if self._warnings_only else "Events"
        kept = sum(1 for group in self._groups.values() if group.gone)
        shown = f"{table.shown_count} of {table.row_count}" if table.filter_text else str(table.row_count)
        line: Line = (
            (f" {what} ", "title"), (f"{shown} groups", "dim"),
            (f"  {kept} of them kept here after the cluster dropped them" if kept else "", "dim"),
            (f"  /{table.filter_text}" if table.filter_text else "", "accent"),
        )  # fmt: skip
        self.query_one("#heading", LinePanel).set_lines([line])

    def filter_changed(self) -> None:
        """Say how many rows are left."""
        self._draw_heading()

    @on(LiveTable.Selected)
    def _draw_detail(self) -> None:
        key = self.table().selected
        group = self._groups.get(key) if key is not None else None
        self.query_one("#detail", LinePanel).set_lines(group_lines(group, self.size.width))

    def do_list_warnings(self) -> None:
        """Change between warnings and everything."""
        self._warnings_only = not self._warnings_only
        self._draw_all()
        self._draw_heading()
