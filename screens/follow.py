"""One commit followed from push to ready pods: each leg, how long it took, and where it is stuck now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult

from bakeryops.model.chain import Follow
from bakeryops.model.overview import ObjectRef
from bakeryops.read.index import KINDS
from screens.base import bindings
from screens.delivery import BUILD_KINDS, FLUX_KINDS
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_follow import FOLLOW_COLUMNS, follow_lines, leg_rows
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["FollowScreen"]


class FollowScreen(ListScreen):
    """The legs of the way as a table; enter opens what a leg is about."""

    NAME: ClassVar[str] = "follow"
    CSS_PATH = "follow.tcss"
    BINDINGS = bindings("follow")
    KINDS: ClassVar[tuple[str, ...]] = (*BUILD_KINDS, *FLUX_KINDS, *KINDS)
    MAX_HZ: ClassVar[float] = 4

    def __init__(self, what: str) -> None:
        """Take a commit, a build's name, an image or its tag, or a service."""
        super().__init__()
        self._what = what
        self._view: Follow | None = None

    def place(self) -> str:
        """Say what is followed."""
        return f"follow {self._what[:20]}"

    def body(self) -> ComposeResult:
        """Put what is followed above its legs."""
        yield LinePanel(id="head", classes="data")
        yield LiveTable(FOLLOW_COLUMNS, noun="legs", id="legs", sort="health")

    def on_mount(self) -> None:
        """Put the cursor on the legs."""
        super().on_mount()
        self.table().focus()
        self.table().set_notice("waiting for the cluster …", "working")

    def table(self) -> LiveTable:
        """Return the legs."""
        return self.query_one("#legs", LiveTable)

    def feed_namespace(self) -> str | None:
        """Watch all namespaces: builds, Flux and the app live in different ones."""
        return None

    def selected(self) -> ObjectRef | None:
        """Return the object that the selected leg is about."""
        key = self.table().selected if self.is_mounted else None
        if self._view is None or key is None:
            return None
        return next((leg.ref for leg in self._view.legs if leg.stage == key), None)

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Read what changed, and follow anew."""
        picture = self.console.picture
        await picture.take(feed, changes, first=first)
        await picture.delivery.take(feed, changes, first=first)
        self.console.code.poke(picture.delivery.revisions())
        self._read()

    def show_code(self) -> None:
        """Follow anew with what Git says now."""
        self._read()

    def show_ticks(self) -> None:
        """Let the times run."""
        self._read()

    def _read(self) -> None:
        if not self.is_mounted:
            return
        picture, now = self.console.picture, self.console.now()
        self._view = view = picture.delivery.follow(self._what, self.console.code.view, picture.index, now)
        head = self.query_one("#head", LinePanel)
        if view is None:
            code = self.console.code.view
            reading = self.reading() or self.feed is None or code.state == "waiting"
            why = f" (git: {code.reason})" if code.reason else ""
            text = "reading …" if reading else f"nothing here is called {self._what}{why}; esc goes back"
            head.set_lines([((f" ○ {text}", "unknown"),)])
            self.table().set_rows([])
            self.table().set_notice("")
            return
        head.set_lines(follow_lines(view, now))
        self.table().set_rows(leg_rows(view, now))
        self.table().set_notice("")
        if (at := view.stuck) is not None and self.table().selected is None:
            self.table().select(view.legs[at].stage)

    @on(LiveTable.Activated)
    def _activated(self) -> None:
        self.do_object_open()

    def do_object_open(self) -> None:
        """Open the build, the applier or the workload of the selected leg."""
        ref = self.selected()
        if ref is None:
            self.say("there is nothing behind this leg to open")
        elif ref.plural == "pipelineruns":
            self.console.open_build(ref.namespace, ref.name)
        else:
            self.console.open_object(ref)
