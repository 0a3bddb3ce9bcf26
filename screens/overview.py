"""The overview: one screen that answers "is it all right?"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from bakeryops.model.health import Health
from bakeryops.model.overview import NeedsYou, ObjectRef, Overview
from bakeryops.read.configured import configured_overview
from bakeryops.read.index import KINDS
from bakeryops.read.overview import Sources
from screens.base import bindings
from screens.delivery import HOLD_KINDS
from screens.frame import Banner
from screens.lines import Line
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_builds import build_strip
from screens.rows_chain import chain_lines, git_age
from screens.rows_overview import (
    NEEDS_COLUMNS,
    counts_line,
    detail_lines,
    held_lines,
    needs_key,
    needs_rows,
    node_lines,
    part_lines,
    share_lines,
)
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["OverviewScreen"]

WIDE = 160
"""Columns from which parts and node stand beside what needs a person."""

LIST = 4
"""Rows that the list of what needs a person keeps at least."""

_FRAME = 6
"""Lines of title, counts, the list's header, the selected row's reason, and keys."""

FLUX = ("kustomizations", "gitrepositories", "helmreleases")


class OverviewScreen(ListScreen):
    """Needs-you list, parts against budgets, node, namespaces."""

    NAME: ClassVar[str] = "overview"
    CSS_PATH = "overview.tcss"
    BINDINGS = bindings("overview")
    KINDS: ClassVar[tuple[str, ...]] = (
        *KINDS, "nodes", "nodemetrics", "nodestats", "persistentvolumeclaims", "namespaces", "pipelineruns", *FLUX,
        *HOLD_KINDS,
    )  # fmt: skip
    MAX_HZ: ClassVar[float] = 2

    def __init__(self) -> None:
        """Begin knowing nothing."""
        super().__init__()
        self._overview: Overview | None = None
        self._needs: dict[str, NeedsYou] = {}

    def body(self) -> ComposeResult:
        """Put what needs a person first, the rest below it or beside it."""
        yield LinePanel(id="counts", classes="data")
        yield LinePanel(id="chain", classes="data")
        with Container(id="halves"):
            with Vertical(id="left"):
                yield LiveTable(NEEDS_COLUMNS, noun="needs you", id="needs")
                yield LinePanel(id="detail", classes="data")
            with Vertical(id="facts"):
                yield LinePanel(id="parts", classes="data")
                yield LinePanel(id="nodes", classes="data")
                yield LinePanel(id="shares", classes="data")

    def on_mount(self) -> None:
        """Put the cursor on what needs a person."""
        super().on_mount()
        self.query_one("#needs", LiveTable).focus()
        self.show_session()

    def on_resize(self) -> None:
        """Choose one column or two."""
        self.set_class(self.size.width >= WIDE, "-wide")
        super().on_resize()
        self._draw()

    def table(self) -> LiveTable:
        """Return the list of what needs a person."""
        return self.query_one("#needs", LiveTable)

    def selected(self) -> ObjectRef | None:
        """Return the object of the selected row."""
        need = self._selected_need()
        return need.ref if need is not None and need.ref.name else None

    def acting_service(self) -> str:
        """Return the service that is held or was set past Git, else that of the selected object."""
        need = self._selected_need()
        return need.service if need is not None and need.service else super().acting_service()

    def log_container(self) -> str:
        """Return the container that is the trouble."""
        need = self._selected_need()
        return need.container if need is not None else ""

    def show_session(self) -> None:
        """Begin anew."""
        self._overview = None
        self._needs = {}
        self.query_one("#needs", LiveTable).set_rows([])
        self.query_one("#needs", LiveTable).set_notice("waiting for the cluster …", "working")
        for panel in ("#counts", "#chain", "#parts", "#nodes", "#shares"):
            self.query_one(panel, LinePanel).set_lines([])

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Read what changed, and draw it all: it is one screen."""
        picture = self.console.picture
        await picture.take(feed, changes, first=first)
        await picture.delivery.take(feed, changes, first=first, namespace=self.feed_namespace())
        self.console.code.poke(picture.delivery.revisions())
        self._read(feed)

    def show_code(self) -> None:
        """Draw the chain with what Git says now."""
        self._warm()
        self._draw()

    def show_ticks(self) -> None:
        """Bring ages up to date."""
        picture = self.console.picture
        if self.feed is not None and picture.index.tick():
            self._read(self.feed)
        else:
            self._draw()

    def _read(self, feed: Feed) -> None:
        console = self.console
        stores = {kind: feed.store(kind) for kind in feed.kinds}
        runs = stores["pipelineruns"]
        sources = Sources(
            nodes=stores["nodes"].items.values(),
            node_metrics=stores["nodemetrics"].items.values(),
            stats={each.metadata.name: each.stats for each in stores["nodestats"].items.values()},
            claims=stores["persistentvolumeclaims"].items.values(),
            namespaces=stores["namespaces"].items.values(),
            pipelineruns=runs.items.values() if runs.state.phase not in ("absent", "forbidden") else None,
            flux={kind: stores[kind].items.values() for kind in FLUX},
            holds=console.picture.delivery.holds,
            states={kind: store.state for kind, store in stores.items() if kind != "nodestats"},
            namespace=console.namespace or None,
        )
        self._overview = configured_overview(console.picture.index, sources, console.config, now=console.now())
        self._needs = {needs_key(place, need): need for place, need in enumerate(self._overview.needs)}
        self._warm()
        self._draw()

    def _draw(self) -> None:
        seen = self._overview
        if seen is None or not self.is_mounted:
            return
        console = self.console
        wide = self.has_class("-wide")
        half = (self.size.width - 1) // 2 if wide else self.size.width
        reading = self.reading()
        counts = counts_line(seen, self.size.width, reading=bool(reading), namespace=console.namespace)
        held = held_lines(seen, self.size.width, console.now())
        self.query_one("#counts", LinePanel).set_lines([counts, *held])
        table = self.query_one("#needs", LiveTable)
        table.set_rows(needs_rows(seen, console.now(), stale=self._stale))
        if reading and not self._stale:
            table.set_notice(f"reading {', '.join(reading[:3])} …", "working")
        else:
            table.set_notice("" if seen.needs or seen.unknowns else "Nothing needs you.", "fine")
        self._draw_detail()
        parts = part_lines(seen, half, namespace=console.namespace)
        self.query_one("#parts", LinePanel).set_lines(parts)
        nodes = []
        refused = console.picture.stats_refused
        disk_note = f"disk: {refused}" if refused else ""
        for node in seen.nodes[: 4 if wide else 1]:
            curves = console.picture.node_curves(node.name)
            nodes += node_lines(node, half, *curves, note=disk_note)
        if len(seen.nodes) > 1 and not wide:
            nodes.append(((f"   and {len(seen.nodes) - 1} more nodes, m shows them", "dim"),))
        self.query_one("#nodes", LinePanel).set_lines(nodes)
        chain = self._chain(wide, len(held) + (0 if wide else len(parts) + len(nodes)))
        self.query_one("#chain", LinePanel).set_lines(chain)
        # The list of what needs a person comes first: its rows, a heading, the detail, and air for one more.
        kept = 0 if wide else min(12, max(LIST, len(self._needs)) + 4)
        room = self.size.height - 4 - len(held) - len(chain) - len(parts) - len(nodes) - kept
        self.query_one("#shares", LinePanel).set_lines(share_lines(seen.shares, half, room))

    def _chain(self, wide: bool, below: int) -> list[Line]:
        """Return the delivery chain and, where there is room, the last builds; nothing where no part of it is.

        `below` are the lines under the list of what needs a person, which keeps its room.
        """
        console = self.console
        picture, width = console.picture, self.size.width
        delivery = picture.delivery
        blind = console.code.view.state in ("off", "waiting")
        if blind and not delivery.builds.builds and not delivery.flux.syncs:
            return []
        now = console.now()
        chain = delivery.chain(console.code.view, picture.index, now)
        code = console.code.view
        lines = chain_lines(chain, width, now, stale=self._stale, hint="F follow", git=git_age(code, now))
        room = self.size.height - _FRAME - len(self.query_one(Banner).lines) - below - LIST
        lines = lines[: 3 if room >= 3 else 2]
        if delivery.builds.builds and room > 12:
            strip = build_strip(delivery.builds.builds, min(40, width // 2), now=now)
            lines.append(((" builds ", "dim"), *strip))
        return lines

    @on(LiveTable.Selected)
    def _draw_detail(self) -> None:
        width = self.query_one("#left").size.width or self.size.width
        self.query_one("#detail", LinePanel).set_lines(
            detail_lines(self._selected_need(), width, self.table().selected or "")
        )

    def _warm(self) -> None:
        """Have plans of rolling back what is broken computed while nobody waits."""
        broken = (need.ref for need in self._needs.values() if need.health is Health.BAD and need.ref.name)
        deployed = {each.service for each in self.console.code.view.deployments}
        self.console.warm.want(name for name in map(self.service_of, broken) if name in deployed)

    def do_delivery_follow(self) -> None:
        """Follow the newest change, which the strip is about."""
        self.console.follow("HEAD")

    def _selected_need(self) -> NeedsYou | None:
        key = self.query_one("#needs", LiveTable).selected if self.is_mounted else None
        return self._needs.get(key) if key is not None else None
