"""The black box: failures that were saved when they happened, one of them in full, and logs that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult

from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.locations import state_folder
from bakeryops.model.blackbox import Saved
from bakeryops.model.line import Line as Described
from bakeryops.text import clean
from bakeryops.units import format_age
from screens.base import bindings
from screens.lines import Line
from screens.list_screen import ListScreen
from screens.panel import LinePanel, TextPanel
from screens.rows_history import SAVED_COLUMNS, saved_rows
from screens.rows_object import described_lines
from screens.text_screen import TextScreen
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

_EMPTY = Described()

__all__ = ["BlackBoxScreen", "SavedScreen", "record", "saved_log"]


class BlackBoxScreen(ListScreen):
    """A table of failures; enter shows one in full."""

    NAME: ClassVar[str] = "blackbox"
    CSS_PATH = "history.tcss"
    BINDINGS = bindings("blackbox")

    def place(self) -> str:
        """Say what this is."""
        return "black box"

    def body(self) -> ComposeResult:
        """Put a heading above the table."""
        yield LinePanel(id="heading")
        yield LiveTable(SAVED_COLUMNS, noun="failures", id="saved", sort="age")

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        super().on_mount()
        self.table().focus()
        self.table().set_notice("reading …", "working")
        self._read()

    def table(self) -> LiveTable:
        """Return the failures."""
        return self.query_one("#saved", LiveTable)

    def show_ticks(self) -> None:
        """Look for more."""
        self._read()

    @work(group="blackbox", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        if self.session is None:
            return
        found, trouble = await asyncio.to_thread(_failures, self.session.target.server)
        if not self.stands:
            return
        self.table().set_rows(saved_rows(found, self.console.now()))
        self.table().set_notice(
            trouble
            or ("" if found else "Nothing has failed while this console, or `blackbox record`, was there."),
            "bad" if trouble else "dim",
        )
        line: Line = ((" Black box ", "title"), (f"{len(found)} failures, saved when they happened", "dim"))
        self.query_one("#heading", LinePanel).set_lines([line])
        self.draw_footer()

    def refusals(self) -> dict[str, str]:
        """Say that there is nothing to open."""
        if self.is_mounted and self.table().selected is None:
            return {"blackbox.open": "no failure is selected"}
        return {}

    def activate(self) -> None:
        """Show the selected failure."""
        self.action_command("blackbox.open")

    def do_blackbox_open(self) -> None:
        """Show the selected failure in full."""
        key = self.table().selected
        if key is not None:
            self.app.push_screen(SavedScreen(int(key)))


class SavedScreen(TextScreen):
    """One failure: why, events, times, and the log that the cluster has no more; or beside the last good run."""

    NAME: ClassVar[str] = "saved"
    BINDINGS = bindings("saved")

    def __init__(self, number: int) -> None:
        """Take which one."""
        super().__init__()
        self._number = number
        self._compares = False
        self._read_in: tuple[Saved | None, Saved | None] = (None, None)

    def place(self) -> str:
        """Say what this is."""
        return "black box"

    def body(self) -> ComposeResult:
        """Put a heading above the text."""
        yield LinePanel(id="heading")
        yield TextPanel(id="text")

    def on_mount(self) -> None:
        """Read it."""
        super().on_mount()
        self.query_one("#text", TextPanel).focus()
        self._read()

    def on_resize(self) -> None:
        """Fit the text to the width."""
        super().on_resize()
        self._draw()

    def text_panel(self) -> TextPanel | None:
        """Return the text."""
        return self.query_one("#text", TextPanel) if self.is_mounted else None

    @work(group="blackbox", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        self._read_in = await asyncio.to_thread(_one, self._number)
        self._draw()
        saved, green = self._read_in
        if saved is not None and saved.kind == "TaskRun" and green is None and self.session is not None:
            from bakeryops.blackbox.capture import last_green

            self._read_in = (saved, await last_green(self.session, saved, self.console.now()))
        self.draw_footer()

    def _draw(self) -> None:
        if not self.stands:
            return
        saved, green = self._read_in
        age = f"saved {format_age(self.console.now() - saved.saved)} ago" if saved is not None else ""
        what = "beside the last good run" if self._compares else age
        title = saved.title if saved is not None else ""
        self.query_one("#heading", LinePanel).set_lines([((f" {title}", "title"), (f"  {what}", "dim"))])
        self.show_text(described_lines(self._described(saved, green), self.size.width or self.app.size.width))

    def _described(self, saved: Saved | None, green: Saved | None) -> Sequence[Described]:
        from bakeryops.read.blackbox import compare, comparison_lines, report

        if saved is None:
            return [Described("It is not kept any more.", tone="dim")]
        lines = comparison_lines(compare(saved, green)) if self._compares and green is not None else report(saved)
        # Sections are set apart here anyway.
        return [
            line for line, after in zip_longest(lines, lines[1:]) if line != _EMPTY or not (after and after.head)
        ]

    def refusals(self) -> dict[str, str]:
        """Say what cannot be compared."""
        return {"blackbox.compare": "no good run of this task is kept"} if self._read_in[1] is None else {}

    def do_blackbox_compare(self) -> None:
        """Show it beside the last good run of the same task, or alone again."""
        self._compares = not self._compares
        self._draw()


def _failures(cluster: str) -> tuple[list[Saved], str]:
    store = BlackBoxStore()
    try:
        return store.failures(cluster), clean(store.trouble or store.word)
    finally:
        store.close()


def _one(number: int) -> tuple[Saved | None, Saved | None]:
    """Return a failure, and the last good run to compare it with."""
    store = BlackBoxStore()
    try:
        found = store.get(number)
        green = store.last_green(number, found) if found is not None and found.kind == "TaskRun" else None
        return found, green
    finally:
        store.close()


async def saved_log(session: Session, pod: str, container: str) -> tuple[list[str], str]:
    """Return the lines that were saved of a log that is gone, and a word on them; nothing where none were."""
    return await asyncio.to_thread(
        _saved_log, state_folder() / "blackbox.sqlite", session.target.server, pod, container
    )


def _saved_log(path: Path, cluster: str, pod: str, container: str) -> tuple[list[str], str]:
    if not path.exists():
        return [], ""
    store = BlackBoxStore(path.parent)
    try:
        for saved in store.find(cluster, pod=pod):
            for log in saved.logs:
                if log.container == container and log.lines:
                    part = ", its end only" if log.cut else ""
                    return list(log.lines), f"saved by the black box (no. {saved.id}{part}) when it failed:"
    finally:
        store.close()
    return [], ""


async def record(
    session: Session, namespace: str | None, clock: Callable[[], float], tell: Callable[[str], None]
) -> None:
    """Save failures as long as it is awaited; `tell` is given a sentence where they cannot be kept."""
    from bakeryops.blackbox.recorder import Recorder

    store = await asyncio.to_thread(BlackBoxStore)
    try:
        await Recorder(session, store, namespace=namespace, clock=clock, tell=tell).run()
    finally:
        store.close()
