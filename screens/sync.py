"""One Kustomization or HelmRelease: its objects as a tree down to pods, its history, its conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import Node, Sync
from bakeryops.read.index import KINDS
from screens.base import bindings
from screens.delivery import FLUX_KINDS
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_gitops import TREE_COLUMNS, past_lines, sync_facts, tree_rows
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["SyncScreen"]


class SyncScreen(ListScreen):
    """A tree that is folded and unfolded, above it what is known of the applier, below it its history."""

    NAME: ClassVar[str] = "sync"
    CSS_PATH = "gitops.tcss"
    BINDINGS = bindings("sync")
    KINDS: ClassVar[tuple[str, ...]] = (*FLUX_KINDS, *KINDS)
    MAX_HZ: ClassVar[float] = 4

    def __init__(self, key: str) -> None:
        """Take the key of the applier."""
        super().__init__()
        self._key = key
        self._folded: set[str] = set()
        self._known: set[str] = set()
        self._by_key: dict[str, Node] = {}

    def place(self) -> str:
        """Say which applier this is."""
        view = self._view()
        return view.name if view is not None else ""

    def body(self) -> ComposeResult:
        """Put facts, tree and history above each other."""
        yield LinePanel(id="head", classes="data")
        yield LiveTable(TREE_COLUMNS, noun="objects", id="tree", sort="health")
        yield LinePanel(id="past", classes="data")

    def on_mount(self) -> None:
        """Put the cursor into the tree."""
        super().on_mount()
        self.table().focus()

    def on_resize(self) -> None:
        """Fit the texts to the width."""
        super().on_resize()
        self._draw()

    def table(self) -> LiveTable:
        """Return the tree."""
        return self.query_one("#tree", LiveTable)

    def feed_namespace(self) -> str | None:
        """Watch all namespaces, or the one chosen: the applier and its objects live in different ones."""
        return None

    def selected(self) -> ObjectRef | None:
        """Return the object of the selected line."""
        key = self.table().selected if self.is_mounted else None
        node = self._by_key.get(key) if key is not None else None
        return node.ref if node is not None and node.ref.name else None

    def acting_flux(self) -> Sync | None:
        """Return the applier."""
        return self._view()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Read what changed, and draw the tree."""
        picture = self.console.picture
        await picture.take(feed, changes, first=first)
        await picture.delivery.take(feed, changes, first=first)
        self._draw()

    def show_code(self) -> None:
        """Draw subjects and authors anew."""
        self._draw()

    def show_ticks(self) -> None:
        """Bring ages up to date."""
        self._draw()

    def _view(self) -> Sync | None:
        view = self.console.picture.delivery.flux_views().get(self._key)
        return view if isinstance(view, Sync) else None

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        view, console = self._view(), self.console
        head = self.query_one("#head", LinePanel)
        if view is None:
            reading = self.reading() or self.feed is None
            text = "reading …" if reading else "it is not there (any more); esc goes back"
            head.set_lines([((f" ○ {text}", "unknown"),)])
            self.table().set_rows([])
            return
        delivery, width, now = console.picture.delivery, self.size.width, console.now()
        names = {key: each.name for key, each in delivery.flux_views().items()}
        facts = sync_facts(view, console.code.view, names, width, now)
        roots = delivery.inventory(view, console.picture.index).roots
        if broken := sum(1 for node in roots if node.health is Health.BAD):
            told = "1 object is" if broken == 1 else f"{broken} objects are"
            facts[0] = (*facts[0], (f"  {told} broken", "bad"))
        head.set_lines(facts[: 5 if self.size.height < 32 else 12])
        self._take(roots)
        self.table().set_rows(tree_rows(roots, self._folded))
        past = past_lines(view, console.code.view, width, now, 3 if self.size.height < 32 else 8)
        self.query_one("#past", LinePanel).set_lines(past)

    def _take(self, roots: Sequence[Node]) -> None:
        """Remember the nodes by key; what is well is folded when it is first seen."""
        self._by_key = {node.key: node for node in _walk(roots)}
        for key, node in self._by_key.items():
            if key not in self._known:
                self._known.add(key)
                if node.children and node.health.value in ("fine", "unknown"):
                    self._folded.add(key)

    def activate(self) -> None:
        """Fold or unfold, or open."""
        self.do_object_open()

    def do_object_open(self) -> None:
        """Fold or unfold what has something below it; open the page of anything else."""
        key = self.table().selected
        node = self._by_key.get(key) if key is not None else None
        if node is None:
            return
        if node.children:
            self.do_tree_fold()
        elif node.ref.name:
            self.console.open_object(node.ref)

    def do_tree_fold(self) -> None:
        """Show or hide what is below the selected line."""
        key = self.table().selected
        node = self._by_key.get(key) if key is not None else None
        if node is not None and node.children:
            self._folded ^= {node.key}
            self._draw()

    def do_tree_all(self) -> None:
        """Unfold everything, or fold everything again."""
        parents = {key for key, node in self._by_key.items() if node.children}
        self._folded = set() if self._folded & parents else parents
        self._draw()

    def do_flux_diff(self) -> None:
        """Compare what Git says with what runs."""
        from screens.diff import DiffScreen

        self.app.push_screen(DiffScreen(self._key))


def _walk(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)
