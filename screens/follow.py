"""One commit followed from push to ready pods: each leg, how long it took, and where it is stuck now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult

from bakeryops.model.chain import Follow
from bakeryops.model.overview import ObjectRef
from bakeryops.read.delivery_index import tasks_selector
from bakeryops.read.index import KINDS
from screens.base import bindings
from screens.delivery import BUILD_KINDS, FLUX_KINDS
from screens.lines import Line, wrap
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_chain import git_age, git_reason, leg_says
from screens.rows_follow import FOLLOW_COLUMNS, follow_lines, leg_rows
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["FollowScreen"]

_OF_LEG = ("object.open", "object.describe", "object.yaml", "object.events", "object.logs")

_REASON = 4
"""Lines of the selected leg's reason at most."""


class FollowScreen(ListScreen):
    """The legs of the way as a table; enter opens what a leg is about."""

    NAME: ClassVar[str] = "follow"
    CSS_PATH = "follow.tcss"
    BINDINGS = bindings("follow")
    KINDS: ClassVar[tuple[str, ...]] = (*BUILD_KINDS, "taskruns", *FLUX_KINDS, *KINDS)
    MAX_HZ: ClassVar[float] = 4

    def __init__(self, what: str) -> None:
        """Take a commit, a build's name, an image or its tag, or a service."""
        super().__init__()
        self._what = what
        self._view: Follow | None = None
        self._tasks_of = ""
        self._stood_at: str | None = None

    def place(self) -> str:
        """Say what is followed."""
        view = self._view
        known = view.commit.short if view is not None and view.commit is not None else self._what[:20]
        return f"follow {known}"

    def body(self) -> ComposeResult:
        """Put what is followed above its legs, the whole reason of the selected one below them."""
        yield LinePanel(id="head", classes="data")
        yield LiveTable(FOLLOW_COLUMNS, noun="legs", id="legs", sort="health")
        yield LinePanel(id="reason", classes="data")

    def on_mount(self) -> None:
        """Put the cursor on the legs."""
        super().on_mount()
        self.table().focus()
        self.table().set_notice("waiting for the cluster …", "working")

    def on_resize(self) -> None:
        """Fit the texts to the width."""
        super().on_resize()
        self._draw()

    def table(self) -> LiveTable:
        """Return the legs."""
        return self.query_one("#legs", LiveTable)

    def feed_namespace(self) -> str | None:
        """Watch all namespaces: builds, Flux and the app live in different ones."""
        return None

    def feed_selectors(self) -> Mapping[str, str]:
        """Ask for the tasks of its own builds only: they tell when tests and images were made."""
        self._tasks_of = tasks_selector(self._view.builds if self._view is not None else ())
        return {"taskruns": self._tasks_of}

    def selected(self) -> ObjectRef | None:
        """Return the object that the selected leg is about."""
        key = self.table().selected if self.is_mounted else None
        if self._view is None or key is None:
            return None
        return next((leg.ref for leg in self._view.legs if leg.stage == key), None)

    def acting_service(self) -> str:
        """Return the service of the selected leg, else the first that the commit changed."""
        found = self.service_of(self.selected())
        return found or (self._view.services[0] if self._view is not None and self._view.services else "")

    def refusals(self) -> dict[str, str]:
        """Say which legs have nothing to open."""
        if self._view is None or self.selected() is not None:
            return {}
        return dict.fromkeys(_OF_LEG, "there is nothing in the cluster behind this leg")

    def show_session(self) -> None:
        """Begin anew."""
        self._view, self._stood_at = None, None
        self._draw()

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
        view = picture.delivery.follow(self._what, self.console.code.view, picture.index, now)
        if view is not None and view.commit is not None and self._what.upper() == "HEAD" and not self.reading():
            # What was newest when it was asked for stays what is followed, though newer ones come.
            self._what = view.commit.sha
        self._view = view
        self._draw()
        if self.feed is not None and view is not None and tasks_selector(view.builds) != self._tasks_of:
            self.start_feed()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        view, now, code = self._view, self.console.now(), self.console.code.view
        head, table = self.query_one("#head", LinePanel), self.table()
        if view is None:
            head.set_lines([((f" {text}", tone),) for text, tone in self._missing()])
            table.set_rows([])
            table.set_notice("waiting for the cluster …" if self.session is None else "", "working")
            self._draw_reason()
            return
        head.set_lines(follow_lines(view, self.size.width, now, git=git_age(code, now)))
        table.set_rows(leg_rows(view, now))
        table.set_notice("")
        self._stand(view)
        self._draw_reason()

    def _stand(self, view: Follow) -> None:
        """Go along with the leg that matters, until a person moves."""
        at = view.legs[view.stuck].stage if view.stuck is not None else view.legs[-1].stage
        if self._stood_at is None or (self.table().selected == self._stood_at and at != self._stood_at):
            self.table().select(at)
            self._stood_at = at

    def _missing(self) -> list[tuple[str, str]]:
        code = self.console.code.view
        if self.reading() or self.feed is None or code.state == "waiting":
            return [("◐ reading …", "working")]
        lines = [(f"○ nothing here is called {self._what}; esc goes back", "unknown")]
        if self._what.upper() == "HEAD":
            lines = [("○ there is no commit and no build to follow; esc goes back", "unknown")]
        elif code.state in ("off", "refused"):
            lines = [(f"○ {self._what} is no build here; commits and services are known from Git", "unknown")]
        if code.state != "live":
            said = wrap(f"Git: {git_reason(code)}", self.size.width - 4, "unknown")
            lines += [(f"  {text}", tone) for (text, tone), *_ in said[:3]]
        return [*lines, (f"  {code.hint}", "dim")] if code.hint else lines

    @on(LiveTable.Selected)
    def _draw_reason(self) -> None:
        key = self.table().selected
        leg = next((each for each in self._view.legs if each.stage == key), None) if self._view else None
        lines: list[Line] = []
        text, why = leg_says(leg) if leg is not None else ("", "")
        if leg is not None and why and cell_len(f"{text}  {why}") > self.table().room("text"):
            lines = [((" ", ""), *line) for line in wrap(f"{leg.title}: {why}", self.size.width - 2, "dim")]
        self.query_one("#reason", LinePanel).set_lines(lines[:_REASON])

    def do_object_open(self) -> None:
        """Open the build, the applier or the workload of the selected leg."""
        ref = self.selected()
        if ref is not None and ref.plural == "pipelineruns":
            self.console.open_build(ref.namespace, ref.name)
        else:
            super().do_object_open()
