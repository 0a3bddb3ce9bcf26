"""A screen built round one table of objects: filter, open, logs, sort."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from screens.base import ConsoleScreen
from screens.widgets.table import LiveTable

__all__ = ["ListScreen"]


class ListScreen(ConsoleScreen):
    """Has a table whose selected row is the object that keys act upon."""

    def input_line(self) -> ComposeResult:
        """Yield the hidden line for the filter."""
        yield Input(
            placeholder="words to keep, !word to leave out; enter keeps it, esc clears it",
            id="filter",
            compact=True,
        )

    def table(self) -> LiveTable:
        """Return the table."""
        raise NotImplementedError

    def log_container(self) -> str:
        """Return the container whose log is wanted, "" for the first."""
        return ""

    @on(LiveTable.Selected)
    def _selection(self) -> None:
        self.check_access()
        self.draw_footer()

    @on(LiveTable.Activated)
    def _activated(self) -> None:
        self.activate()

    def activate(self) -> None:
        """Do what enter does on a row."""
        self.action_command("object.open")

    @on(LiveTable.HeaderClicked)
    def _header(self, event: LiveTable.HeaderClicked) -> None:
        column, reverse = self.table().sorted_by
        self.table().sort_by(event.column, not reverse if column == event.column else False)

    # Filter.

    def do_list_filter(self) -> None:
        """Let a person type what to keep."""
        line = self.query_one("#filter", Input)
        line.add_class("-open")
        line.value = self.table().filter_text
        line.focus()

    @on(Input.Changed, "#filter")
    def _filtering(self, event: Input.Changed) -> None:
        self.table().filter_text = event.value
        self.filter_changed()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        if not self.table().filter_text:
            self.query_one("#filter", Input).remove_class("-open")
        self.table().focus()

    def filter_changed(self) -> None:
        """Say how many rows are left."""

    def can_go_back(self) -> bool:
        """Return whether there is a filter to clear, or a screen to go back to."""
        return bool(self.table().filter_text) or super().can_go_back()

    def do_console_back(self) -> None:
        """Clear the filter first; then go back."""
        line = self.query_one("#filter", Input)
        if line.has_class("-open") or self.table().filter_text:
            line.value = ""
            self.table().filter_text = ""
            line.remove_class("-open")
            self.table().focus()
            self.filter_changed()
        else:
            super().do_console_back()

    # The selected object.

    def do_object_open(self) -> None:
        """Open it."""
        ref = self.selected()
        if ref is not None:
            self.console.open_object(ref)

    def do_object_describe(self) -> None:
        """Describe it."""
        ref = self.selected()
        if ref is not None:
            self.console.open_object(ref, "describe")

    def do_object_yaml(self) -> None:
        """Show it as YAML."""
        ref = self.selected()
        if ref is not None:
            self.console.open_object(ref, "yaml")

    def do_object_events(self) -> None:
        """Show its events."""
        ref = self.selected()
        if ref is not None:
            self.console.open_object(ref, "events")

    def do_object_logs(self) -> None:
        """Show its logs."""
        ref = self.selected()
        if ref is not None:
            self.console.open_logs(ref, container=self.log_container())

    def do_list_sort(self) -> None:
        """Sort by the next column on screen."""
        self.table().action_sort_column(1)

    def do_list_reverse(self) -> None:
        """Turn the order round."""
        self.table().action_sort_reverse()
