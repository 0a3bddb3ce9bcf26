"""What Flux fetches and applies: sources, what hangs on them, and everything about the selected one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult

from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import Source, Sync
from screens.base import bindings
from screens.delivery import FLUX_KINDS, FluxView
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_gitops import GITOPS_COLUMNS, flux_rows, gitops_lines, sync_facts
from screens.rows_states import state_notice
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["GitOpsScreen"]

_NEEDED = ("gitrepositories", "kustomizations")


class GitOpsScreen(ListScreen):
    """A tree of sources and appliers above the facts of the selected one."""

    NAME: ClassVar[str] = "gitops"
    CSS_PATH = "gitops.tcss"
    BINDINGS = bindings("gitops")
    KINDS: ClassVar[tuple[str, ...]] = FLUX_KINDS

    def body(self) -> ComposeResult:
        """Put the summary above the tree, the facts below it."""
        yield LinePanel(id="heading", classes="data")
        yield LiveTable(GITOPS_COLUMNS, noun="Flux objects", id="flux", sort="health")
        yield LinePanel(id="facts", classes="data")

    def on_mount(self) -> None:
        """Put the cursor into the tree."""
        super().on_mount()
        self.table().focus()
        self.show_session()

    def on_resize(self) -> None:
        """Fit the texts to the width."""
        super().on_resize()
        self._draw()

    def table(self) -> LiveTable:
        """Return the tree."""
        return self.query_one("#flux", LiveTable)

    def viewed(self) -> FluxView | None:
        """Return the selected object."""
        key = self.table().selected if self.is_mounted else None
        return self.console.picture.delivery.flux_views().get(key) if key is not None else None

    def selected(self) -> ObjectRef | None:
        """Return the selected object."""
        view = self.viewed()
        return view.ref if view is not None else None

    def acting_flux(self) -> FluxView | None:
        """Return the selected object."""
        return self.viewed()

    def acting_service(self) -> str:
        """Return none: what Flux applies has many."""
        return ""

    def refusals(self) -> dict[str, str]:
        """Say what the selected object has not."""
        if isinstance(self.viewed(), Sync):
            return {}
        reason = "a Kustomization or HelmRelease has it; none is selected"
        return {"flux.diff": reason}

    def show_session(self) -> None:
        """Begin anew."""
        self.table().set_rows([])
        self.table().set_notice("waiting for the cluster …", "working")
        for panel in ("#heading", "#facts"):
            self.query_one(panel, LinePanel).set_lines([])

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw it anew: these objects are few."""
        delivery = self.console.picture.delivery
        await delivery.take(feed, changes, first=first, namespace=self.feed_namespace())
        self.console.code.poke(delivery.revisions())
        self._draw()
        states = {kind: feed.store(kind).state for kind in feed.kinds}
        text, tone = state_notice({kind: states[kind] for kind in _NEEDED}, self.console.now())
        if all(states[kind].phase == "absent" for kind in _NEEDED):
            text, tone = "Flux is not installed in this cluster: none of its kinds are served", "unknown"
        elif not text and not delivery.flux_views():
            text, tone = "Flux is here, and fetches and applies nothing yet", "unknown"
            if chosen := self.console.namespace:
                text = f"Flux has nothing in {chosen}; n chooses another namespace, or all"
        self.table().set_notice(text, tone or "dim")

    def show_code(self) -> None:
        """Draw subjects and authors anew."""
        self._draw()

    def show_ticks(self) -> None:
        """Bring ages up to date."""
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        console, delivery = self.console, self.console.picture.delivery
        code, now = console.code.view, console.now()
        lines = gitops_lines(list(delivery.flux_views().values()), code, self.size.width, now)
        self.query_one("#heading", LinePanel).set_lines(lines)
        self.table().set_rows(flux_rows(delivery.flux_tree(), code, now))
        self._draw_facts()

    @on(LiveTable.Selected)
    def _draw_facts(self) -> None:
        view = self.viewed()
        panel = self.query_one("#facts", LinePanel)
        if view is None:
            panel.set_lines([])
            return
        delivery, console = self.console.picture.delivery, self.console
        names = {key: each.name for key, each in delivery.flux_views().items()}
        lines = sync_facts(view, console.code.view, names, self.size.width, console.now())
        panel.set_lines(lines[: max(4, self.size.height // 2 - 2)])

    def do_object_open(self) -> None:
        """Open the inventory of an applier; the page of anything else."""
        view = self.viewed()
        if isinstance(view, Sync):
            self.do_flux_tree()
        else:
            super().do_object_open()

    def do_delivery_follow(self) -> None:
        """Follow the commit that the selected object has, or tries to apply."""
        view, found = self.viewed(), None
        if isinstance(view, Source):
            found = view.revision
        elif isinstance(view, Sync):
            found = view.attempted or view.applied
        known = found is not None and self.console.code.view.find(found.hash) is not None
        self.console.follow(found.hash if found is not None and known else "HEAD")

    def do_flux_tree(self) -> None:
        """Show the selected applier's objects down to pods."""
        view = self.viewed()
        if isinstance(view, Sync):
            from screens.sync import SyncScreen

            self.app.push_screen(SyncScreen(view.key))

    def do_flux_diff(self) -> None:
        """Compare what Git says with what runs."""
        view = self.viewed()
        if isinstance(view, Sync):
            from screens.diff import DiffScreen

            self.app.push_screen(DiffScreen(view.key))
