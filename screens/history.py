"""History: every deployment and every action taken, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message

from bakeryops.errors import BakeryopsError
from bakeryops.model.history import Entry
from bakeryops.model.overview import ObjectRef
from screens.base import bindings
from screens.delivery import FLUX_KINDS
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_history import HISTORY_COLUMNS, entry_lines, history_heading, history_rows
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.jobs.past import PastBook

__all__ = ["HistoryScreen"]

_PLURALS = {"Kustomization": "kustomizations", "HelmRelease": "helmreleases"}


class HistoryScreen(ListScreen):
    """A table of entries; enter opens what one is about."""

    NAME: ClassVar[str] = "history"
    CSS_PATH = "history.tcss"
    BINDINGS = bindings("history")
    KINDS: ClassVar[tuple[str, ...]] = FLUX_KINDS
    MAX_HZ: ClassVar[float] = 2

    class Read(Message):
        """The history was read."""

        def __init__(self, entries: list[Entry], words: list[str]) -> None:
            """Take it, and what is the matter with the file, if anything."""
            super().__init__()
            self.entries = entries
            self.words = words

    def __init__(self) -> None:
        """Begin with nothing read."""
        super().__init__()
        self._entries: dict[str, Entry] = {}
        self._book: PastBook | None = None
        self._again = False
        self._reading = False
        self._note = ""

    def body(self) -> ComposeResult:
        """Put a heading above the table, the selected entry in full below it."""
        yield LinePanel(id="heading", classes="data")
        yield LiveTable(HISTORY_COLUMNS, noun="entries", id="history", sort="age")
        yield LinePanel(id="detail", classes="data")

    def on_mount(self) -> None:
        """Put the cursor into the table."""
        super().on_mount()
        self.table().focus()
        self.show_session()

    def table(self) -> LiveTable:
        """Return the table."""
        return self.query_one("#history", LiveTable)

    def entry(self) -> Entry | None:
        """Return the selected entry."""
        key = self.table().selected if self.is_mounted else None
        return self._entries.get(key) if key is not None else None

    def acting_service(self) -> str:
        """Return the service of the selected entry."""
        each = self.entry()
        return each.service if each is not None else ""

    def refusals(self) -> dict[str, str]:
        """Say what the selected entry has not."""
        each = self.entry()
        if each is None:
            return dict.fromkeys(("history.open", "delivery.service", "delivery.follow"), "no entry is selected")
        found = {}
        if not each.service:
            found["delivery.service"] = "this entry is about no service"
        if not each.commit:
            found["delivery.follow"] = "this entry is about no commit"
        return found

    def show_session(self) -> None:
        """Begin anew, with what was kept of this cluster."""
        self._book, self._entries = None, {}
        self.table().set_rows([])
        self.table().set_notice("reading …", "working")
        self._draw_heading()
        self._refresh()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Read again what Flux tells."""
        delivery = self.console.picture.delivery
        await delivery.take(feed, changes, first=first, namespace=self.feed_namespace())
        self.console.code.poke(delivery.revisions())
        self._refresh()

    def show_code(self) -> None:
        """Read again what Git tells."""
        self._refresh()

    def show_ticks(self) -> None:
        """Bring ages up to date, and look for actions that others began."""
        self._refresh()
        self._draw_visible()

    def _refresh(self) -> None:
        """Read the history soon: one reading at a time."""
        self._again = True
        if not self._reading and self.session is not None:
            self._reading = True
            self._read()

    @work(group="history", exit_on_error=False)
    async def _read(self) -> None:
        from bakeryops.jobs.past import PastBook
        from bakeryops.read.history import told

        try:
            while self._again and self.session is not None:
                self._again = False
                console = self.console
                picture, now = console.picture, console.now()
                at = picture.delivery.situation(console.code.view, picture.index, now)
                entries = told(at, picture.index.pods.values())
                if self._book is None:
                    self._book = await asyncio.to_thread(PastBook, self.session.target.server)
                book = self._book
                found = await asyncio.to_thread(book.update, entries, now)
                self.post_message(self.Read(found, book.words()))
        except (OSError, BakeryopsError) as error:
            self.post_message(self.Read(list(self._entries.values()), [str(error)]))
        finally:
            self._reading = False

    @on(Read)
    def _was_read(self, event: Read) -> None:
        before, self._entries = self._entries, {each.key: each for each in event.entries}
        if event.words:
            self._note = event.words[-1]
        now = self.console.now()
        if before:
            gone = before.keys() - self._entries.keys()
            fresh = (each for key, each in self._entries.items() if before.get(key) != each)
            self.table().update(history_rows(fresh, now), gone)
        else:
            self.table().set_rows(history_rows(self._entries.values(), now))
        self.table().set_notice("" if self._entries else "Nothing was deployed or done yet.", "dim")
        self._draw_heading()
        self._draw_detail()
        self.draw_footer()

    def _draw_visible(self) -> None:
        seen = (self._entries.get(key) for key in self.table().visible_keys())
        self.table().update(history_rows((each for each in seen if each is not None), self.console.now()))

    def _draw_heading(self) -> None:
        if not self.is_mounted:
            return
        table, code = self.table(), self.console.code.view
        note = self._note or (f"Git is {code.state}: {code.reason}" if code.state in ("stale", "refused") else "")
        line = history_heading(list(self._entries.values()), table.shown_count, table.filter_text, note)
        self.query_one("#heading", LinePanel).set_lines([line])

    def filter_changed(self) -> None:
        """Say how many rows are left."""
        self._draw_heading()

    @on(LiveTable.Selected)
    def _draw_detail(self) -> None:
        self.query_one("#detail", LinePanel).set_lines(entry_lines(self.entry(), self.size.width))

    def activate(self) -> None:
        """Open what the selected entry is about."""
        self.action_command("history.open")

    def do_history_open(self) -> None:
        """Open the job, the commit, the service or the applier that the selected entry is about."""
        each = self.entry()
        if each is None:
            return
        kind, _, rest = each.subject.partition("/")
        if each.job:
            self.console.open_job(each.job)
        elif each.kind == "sync" and kind in _PLURALS:
            namespace, _, name = rest.partition("/")
            self.console.open_object(ObjectRef(_PLURALS[kind], namespace, name))
        elif self.console.code.view.find(each.commit) is not None:
            self.do_delivery_follow()
        elif each.service:
            self.do_delivery_service()
        else:
            self.say("there is nothing more to show of this entry")

    def do_delivery_follow(self) -> None:
        """Follow the commit that the selected deployment was built from, or its own."""
        each = self.entry()
        if each is not None:
            view = self.console.code.view
            source = each.kind == "deploy" and each.source and view.find(each.source) is not None
            self.console.follow(each.source if source else each.commit)

    def do_delivery_service(self) -> None:
        """Show the service of the selected entry."""
        each = self.entry()
        if each is not None and each.service:
            self.console.open_service(each.service)

    def do_blackbox_list(self) -> None:
        """Show the failures that were saved."""
        from screens.blackbox import BlackBoxScreen

        self.app.push_screen(BlackBoxScreen())
