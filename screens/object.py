"""One object: its page with usage and pods, its description, its YAML, its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.message import Message
from textual.widgets import ContentSwitcher

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.model.overview import ObjectRef
from bakeryops.read.index import KINDS
from screens.base import bindings
from screens.console import ref_text
from screens.object_views import CLAIMS, LOADED, PAGED, ObjectViews
from screens.panel import TextPanel
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session

__all__ = ["ObjectScreen"]


class ObjectScreen(ObjectViews):
    """Four views of one object; `d`, `y`, `e` and enter change between them."""

    NAME: ClassVar[str] = "object"
    CSS_PATH = "object.tcss"
    BINDINGS = bindings("object")
    KINDS: ClassVar[tuple[str, ...]] = (*KINDS, "events", CLAIMS)

    class Loaded(Message):
        """The object came, or why it did not."""

        def __init__(self, found: dict[str, Any] | None, reason: str, hint: str) -> None:
            """Take the object or the reason."""
            super().__init__()
            self.found = found
            self.reason = reason
            self.hint = hint

    def on_mount(self) -> None:
        """Show the view asked for."""
        super().on_mount()
        self._show(self._view)

    def show_session(self) -> None:
        """Load again from the session there is."""
        self._load_again()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw what changed; a text is loaded again when its object changed."""
        picture = self.console.picture
        done = await picture.take(feed, changes, first=first)
        picture.take_events(feed, changes)
        key = f"{self._kind}/{self.ref.namespace}/{self.ref.name}"
        pod_key = f"{self.ref.namespace}/{self.ref.name}"
        if self._view in LOADED and not first and (key in done.workloads or pod_key in done.pods):
            self._load_again()
        self._draw()

    def show_ticks(self) -> None:
        """Bring ages up to date."""
        self._draw()

    def _load_again(self) -> None:
        if self.session is not None and self._view in LOADED:
            self._load(self.session)

    @work(group="load", exclusive=True, exit_on_error=False)
    async def _load(self, session: Session) -> None:
        ref = self.ref
        if ref.plural not in CATALOGUE:
            self.post_message(
                self.Loaded(None, f"objects of kind {ref.plural} cannot be read by this console", "")
            )
            return
        try:
            found = await session.get(ref.plural, ref.name, ref.namespace or None)
        except KubeError as error:
            gone = error.kind == "not_found"
            reason = f"{self._kind} {ref_text(ref)} is not there any more" if gone else error.message
            hint = "it was deleted, or renamed by a rollout; esc goes back" if gone else error.hint or error.why
            self.post_message(self.Loaded(None, reason, hint))
        else:
            self.post_message(self.Loaded(found, "", ""))

    @on(Loaded)
    def _loaded(self, event: Loaded) -> None:
        if event.found is not None:
            self._object = event.found
        self._trouble = (event.reason, event.hint)
        self._draw()

    def _show(self, view: str) -> None:
        self._view = view
        self.query_one("#views", ContentSwitcher).current = "text" if view in LOADED else view
        focus = {"page": "#pods", "events": "#events"}.get(view, "#text")
        self.query_one(focus).focus()
        if view in LOADED:
            self.query_one("#text", TextPanel).to_top()
            self._load_again()
        self._draw()
        self.check_access()
        self.draw_footer()

    @on(LiveTable.Activated, "#pods")
    def _pod_opened(self, event: LiveTable.Activated) -> None:
        namespace, _, name = event.key.partition("/")
        self.console.open_object(ObjectRef("pods", namespace, name))

    def do_object_open(self) -> None:
        """Show the page."""
        if self.ref.plural in PAGED:
            self._show("page")

    def do_object_describe(self) -> None:
        """Describe it."""
        self._show("describe")

    def do_object_yaml(self) -> None:
        """Show it as YAML."""
        self._show("yaml")

    def do_object_events(self) -> None:
        """Show its events."""
        self._show("events")

    def do_object_logs(self) -> None:
        """Show logs."""
        self.console.open_logs(self.ref)

    def do_object_secrets(self) -> None:
        """Show or hide the managed fields."""
        self._managed = not self._managed
        self._show("yaml")
