"""The palette: type a few letters, find any command, object, namespace, context or theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from screens.rows_palette import CAP, Hit, find

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Feed
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.store import Store

__all__ = ["PaletteScreen"]

WATCHED = ("deployments", "statefulsets", "daemonsets", "pods", "jobs", "namespaces", "nodes")
"""Kinds that the main views watch anyway; the palette shares their stores."""

LISTED = (
    "cronjobs", "services", "persistentvolumeclaims", "configmaps", "secrets", "ingresses", "pipelineruns",
    "kustomizations", "helmreleases", "gitrepositories",
)  # fmt: skip
"""Kinds that are listed once when the palette opens."""


class PaletteScreen(ModalScreen[Hit | None]):
    """Returns what was chosen, or None after esc."""

    CSS_PATH = "palette.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", show=False),
        Binding("down,ctrl+n", "move(1)", "down", show=False),
        Binding("up,ctrl+p", "move(-1)", "up", show=False),
        Binding("pagedown", "move(10)", "down", show=False),
        Binding("pageup", "move(-10)", "up", show=False),
    ]

    class Arrived(Message):
        """Objects are there to search in."""

        def can_replace(self, message: Message) -> bool:
            """Let a later message stand for an earlier one."""
            return isinstance(message, PaletteScreen.Arrived)

    def __init__(self, session: Session | None, fixed: Sequence[Hit]) -> None:
        """Take where objects come from, and everything that is not an object."""
        super().__init__()
        self._session = session
        self._fixed = list(fixed)
        self._stores: dict[str, Store[Any]] = {}
        self._shown: list[Hit] = []

    def compose(self) -> ComposeResult:
        """Put a line above a list."""
        with Vertical(id="box"):
            yield Input(placeholder="find an object, a view, a command …", id="words", compact=True)
            yield OptionList(id="list", compact=True, markup=False)
            yield Static("", id="more", markup=False)

    def on_mount(self) -> None:
        """Show the commands; fetch objects meanwhile."""
        self.query_one(Input).focus()
        self._fill()
        if self._session is not None:
            self._watch(self._session)
            self._list(self._session)

    @work(group="watch", exclusive=True, exit_on_error=False)
    async def _watch(self, session: Session) -> None:
        feed = session.feed(WATCHED)
        try:
            self._take(feed, WATCHED)
            async for _ in feed.changes(max_hz=2):
                self.post_message(self.Arrived())
        finally:
            feed.close()

    @work(group="list", exclusive=True, exit_on_error=False)
    async def _list(self, session: Session) -> None:
        feed = await session.snapshot(LISTED)
        try:
            self._take(feed, LISTED)
            async for _ in feed.changes(max_hz=2):
                self.post_message(self.Arrived())
        finally:
            feed.close()

    def _take(self, feed: Feed, kinds: Sequence[str]) -> None:
        for kind in kinds:
            self._stores[kind] = feed.store(kind)

    @on(Arrived)
    def _arrived(self) -> None:
        if self.query_one(Input).value.strip():
            self._fill(keep=True)

    @on(Input.Changed)
    def _narrow(self) -> None:
        self._fill()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._shown) and not self._shown[at].disabled:
            self.dismiss(self._shown[at])

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index])

    def action_leave(self) -> None:
        """Go back without a choice."""
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        """Move the mark while typing."""
        if self._shown:
            options = self.query_one(OptionList)
            options.highlighted = max(0, min(len(self._shown) - 1, (options.highlighted or 0) + by))

    def _fill(self, *, keep: bool = False) -> None:
        """Show the hits; `keep` leaves the mark on the hit it is on, since new objects must not move it."""
        options = self.query_one(OptionList)
        at = options.highlighted
        marked = self._shown[at] if keep and at is not None and at < len(self._shown) else None
        hits, more = find(self.query_one(Input).value, self._fixed, self._stores)
        if hits == self._shown and options.option_count:
            return
        self._shown = hits
        options.clear_options()
        options.add_options([_option(hit) for hit in hits])
        if hits:
            options.highlighted = hits.index(marked) if marked in hits else 0
        note = f"more than {CAP}: type more letters" if more else "" if hits else "nothing is called that"
        self.query_one("#more", Static).update(note)


def _option(hit: Hit) -> Option:
    note = f"not now: {hit.disabled}" if hit.disabled else hit.note
    text = Content(hit.label) + Content(f"  {note}").stylize("$text-muted")
    return Option(text, disabled=bool(hit.disabled))
