"""The node: processor, memory and disk with curves and limits, and who uses most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from bakeryops.model.node import NodeView
from bakeryops.model.overview import ObjectRef
from bakeryops.read.index import KINDS
from bakeryops.read.nodes import node
from bakeryops.text import clean
from bakeryops.units import format_bytes, format_cpu
from screens.base import ConsoleScreen, bindings
from screens.lines import Line
from screens.panel import LinePanel
from screens.rows_machine import machine_lines
from screens.rows_states import state_notice
from screens.widgets.chart import Chart, Series

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["MachineScreen"]

MINUTES = 8
"""Samples of usage, one in 15 s, from which the beginning of the curves is labelled."""


class MachineScreen(ConsoleScreen):
    """One node after the other; arrows change it where there are several."""

    NAME: ClassVar[str] = "machine"
    CSS_PATH = "machine.tcss"
    BINDINGS = bindings("machine")
    KINDS: ClassVar[tuple[str, ...]] = (*KINDS, "nodes", "nodemetrics", "nodestats")
    MAX_HZ: ClassVar[float] = 2

    def __init__(self) -> None:
        """Begin with the first node."""
        super().__init__()
        self._machines: list[NodeView] = []
        self._at = 0

    def body(self) -> ComposeResult:
        """Put the facts above the curves."""
        yield LinePanel(id="facts", classes="data")
        yield Chart(format_value=format_cpu, id="cpu")
        yield Chart(format_value=format_bytes, id="memory")
        yield Chart(format_value=format_bytes, id="disk")

    def selected(self) -> ObjectRef | None:
        """Return the node shown."""
        return ObjectRef("nodes", "", self._machines[self._at].name) if self._machines else None

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Read the nodes again."""
        picture = self.console.picture
        await picture.take(feed, changes, first=first)
        metrics = {clean(each.metadata.name): each for each in feed.store("nodemetrics").items.values()}
        pods = list(picture.index.pods.values())
        self._machines = [
            node(
                each,
                pods,
                usage=metrics.get(clean(each.metadata.name)),
                stats=picture.stats.get(each.metadata.name),
            )
            for each in feed.store("nodes").items.values()
        ]
        self._at = min(self._at, max(0, len(self._machines) - 1))
        self._draw(feed)

    def _draw(self, feed: Feed) -> None:
        picture, now = self.console.picture, self.console.now()
        notice = state_notice(
            {kind: feed.store(kind).state for kind in ("nodes", "nodemetrics", "nodestats")}, now
        )
        lines: list[Line] = [((f" {notice[0]}", notice[1]),)] if notice[0] else []
        if not self._machines:
            self.query_one("#facts", LinePanel).set_lines(lines or [((" there is no node", "unknown"),)])
            return
        view = self._machines[self._at]
        lines += machine_lines(view, self._at, len(self._machines), now, picture.stats_refused)
        self.query_one("#facts", LinePanel).set_lines(lines)
        cpu, memory, disk = picture.node_curves(view.name)
        times = (f"{len(cpu) * 15 // 60} min ago" if len(cpu) > MINUTES else "", "now")
        empty = picture.usage.absent or "no samples yet"
        self.query_one("#cpu", Chart).show(
            [Series("cpu", cpu)], limits=[("all", view.cpu_total, "soon"), ("asked", view.cpu_requested, "dim")],
            times=times, empty=empty,
        )  # fmt: skip
        self.query_one("#memory", Chart).show(
            [Series("memory", memory)],
            limits=[("all", view.memory_total, "soon"), ("asked", view.memory_requested, "dim")],
            times=times, empty=empty,
        )  # fmt: skip
        evicts = view.disk_total * view.disk_evicts_at if view.disk_total is not None else None
        self.query_one("#disk", Chart).show(
            [Series("disk", disk)], limits=[("kubelet evicts", evicts, "bad")], times=("", "now"),
            empty=picture.stats_refused or "no samples yet: the kubelet is asked once a minute",
        )  # fmt: skip

    def do_list_next(self) -> None:
        """Show the next node."""
        if self._machines and self.feed is not None:
            self._at = (self._at + 1) % len(self._machines)
            self._draw(self.feed)

    def do_object_describe(self) -> None:
        """Describe the node."""
        self._open("describe")

    def do_object_yaml(self) -> None:
        """Show the node as YAML."""
        self._open("yaml")

    def do_object_events(self) -> None:
        """Show the node's events."""
        self._open("events")

    def _open(self, view: str) -> None:
        ref = self.selected()
        if ref is not None:
            self.console.open_object(ref, view)
