"""The views of one object and how they are drawn: page, description, YAML, events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher

from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.read.describe import describe
from bakeryops.read.manifest import to_yaml
from bakeryops.units import format_bytes, format_cpu
from screens.console import ref_text
from screens.lines import Line, Span, columns
from screens.object_volumes import claim_view, claims_of
from screens.panel import LinePanel, TextPanel
from screens.rows_events import EVENT_COLUMNS, event_row, warning_lines
from screens.rows_object import described_lines, page_lines, yaml_lines
from screens.rows_workloads import POD_COLUMNS, pod_row
from screens.text_screen import TextScreen
from screens.widgets.chart import Chart, Series
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    pass

__all__ = ["CLAIMS", "LOADED", "PAGED", "ObjectViews"]

CLAIMS = "persistentvolumeclaims"

LOADED = frozenset({"describe", "yaml"})
"""Views that ask the cluster for the whole object."""

PAGED = frozenset({"pods", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "taskruns"})
"""Kinds that have a page."""


class ObjectViews(TextScreen):
    """Four views of one object on top of each other, one shown."""

    def __init__(self, ref: ObjectRef, view: str = "page") -> None:
        """Take which object and which view of it; what has no page is described."""
        super().__init__()
        self.ref = ref
        self._view = view if view != "page" or ref.plural in PAGED else "describe"
        self._object: dict[str, Any] | None = None
        self._trouble: tuple[str, str] = ("", "")
        self._managed = False

    def body(self) -> ComposeResult:
        """Put all views on top of each other, one shown."""
        yield LinePanel(id="heading")
        with ContentSwitcher(initial="page", id="views"):
            with Vertical(id="page"):
                yield LinePanel(id="head", classes="data")
                with Horizontal(id="charts"):
                    yield Chart(format_value=format_bytes, id="memory")
                    yield Chart(format_value=format_cpu, id="cpu")
                yield LiveTable(POD_COLUMNS, noun="pods", id="pods", sort="health", ties=("name",))
            yield TextPanel(id="text")
            yield LiveTable(EVENT_COLUMNS, noun="events of it", id="events", sort="last")

    def feed_namespace(self) -> str | None:
        """Watch the namespaces chosen; an object of another namespace is watched there."""
        chosen = self.console.namespace
        return None if not chosen else self.ref.namespace or chosen

    def selected(self) -> ObjectRef:
        """Return the object itself; a pod of it is opened by enter, and then has keys of its own."""
        return self.ref

    def text_panel(self) -> TextPanel | None:
        """Return the text when one is shown."""
        return self.query_one("#text", TextPanel) if self._view in LOADED else None

    def refusals(self) -> dict[str, str]:
        """Say what the view shown cannot do."""
        if self._view in LOADED:
            return {}
        reason = "there is no text here: d describes, y shows YAML"
        return dict.fromkeys(("text.search", "text.next", "text.previous", "text.copy"), reason)

    @property
    def _kind(self) -> str:
        kind = CATALOGUE.get(self.ref.plural)
        return kind.kind if kind is not None else self.ref.plural

    def _seen(self) -> WorkloadView | PodView | None:
        index = self.console.picture.index
        if self.ref.plural == "pods":
            return index.pods.get(f"{self.ref.namespace}/{self.ref.name}")
        return index.workloads.get(f"{self._kind}/{self.ref.namespace}/{self.ref.name}")

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self._draw_heading()
        match self._view:
            case "page":
                self._draw_page()
            case "events":
                self._draw_events()
            case _:
                self._draw_text()

    def _draw_heading(self) -> None:
        tabs = (("page", "enter"), ("describe", "d"), ("yaml", "y"), ("events", "e"))
        spans: list[Span] = []
        for view, key in tabs:
            if view != "page" or self.ref.plural in PAGED:
                spans += [(f" {key}", "key"), (f" {view} ", "accent" if view == self._view else "dim")]
        name: Line = ((f" {self._kind} ", "dim"), (ref_text(self.ref), "title"))
        self.query_one("#heading", LinePanel).set_lines([columns(name, tuple(spans), self.size.width)])

    def _draw_page(self) -> None:
        view, now, picture = self._seen(), self.console.now(), self.console.picture
        head = self.query_one("#head", LinePanel)
        if view is None:
            text = (
                "reading …" if self.reading() or self.feed is None else "it is not there (any more); esc goes back"
            )
            head.set_lines([((f" ○ {text}", "unknown"),)])
            pods: Sequence[PodView] = ()
        else:
            groups = picture.events_of(self._kind, self.ref.namespace, self.ref.name)
            warnings = warning_lines(groups, now, self.size.width)
            pods = [view] if isinstance(view, PodView) else picture.index.pods_of(view.key)
            head.set_lines([*page_lines(view, now, self.size.width), *self._claim_lines(pods), *warnings])
        self._draw_charts(view, [pod.key for pod in pods])
        table = self.query_one("#pods", LiveTable)
        table.display = self.ref.plural != "pods"
        table.set_rows([pod_row(pod, now, picture.slow_curves((pod.key,))) for pod in pods])
        table.set_notice("" if pods or view is None else "it has no pods", "dim")

    def _claim_lines(self, pods: Sequence[PodView]) -> list[Line]:
        if self.feed is None:
            return []
        return claims_of(pods, self.feed.store(CLAIMS).items.values(), self.console.picture)

    def _draw_charts(self, view: WorkloadView | PodView | None, keys: Sequence[str]) -> None:
        picture = self.console.picture
        cpu, memory = picture.curves(keys)
        amounts = view.amounts if view is not None else None
        # What does not run is not measured; what is wrong with it needs the room.
        broken = view is not None and view.health is Health.BAD
        self.query_one("#charts").display = bool(cpu or memory) or not broken
        empty = picture.usage.absent or "no samples yet: usage is measured every 15 s"
        times = (f"{len(memory) * 15 // 60} min ago" if len(memory) > 8 else "", "now")
        limits: list[tuple[str, float | None, str]] = []
        if amounts is not None:
            limits = [("asked", amounts.memory_request, "dim"), ("limit", amounts.memory_limit, "soon")]
        self.query_one("#memory", Chart).show([Series("memory", memory)], limits=limits, times=times, empty=empty)
        if amounts is not None:
            limits = [("asked", amounts.cpu_request, "dim"), ("limit", amounts.cpu_limit, "soon")]
        self.query_one("#cpu", Chart).show([Series("cpu", cpu)], limits=limits, times=times, empty=empty)

    def _draw_events(self) -> None:
        now = self.console.now()
        groups = self.console.picture.events_of(self._kind, self.ref.namespace, self.ref.name)
        table = self.query_one("#events", LiveTable)
        table.set_rows([event_row(group, now) for group in groups])
        table.set_notice(
            "" if groups else "No events: the cluster keeps them for minutes, the console while open."
        )

    def _draw_text(self) -> None:
        panel = self.query_one("#text", TextPanel)
        reason, hint = self._trouble
        trouble: list[Line] = [((f" ✖ {reason}", "bad"),), ((f"   {hint}", ""),), ()] if reason else []
        if self._object is None:
            self.show_text([*trouble] if trouble else [((" reading …", "working"),)])
        elif self._view == "yaml":
            self.show_text([*trouble, *yaml_lines(to_yaml(self._object, managed_fields=self._managed))])
        else:
            events = self.console.picture.events_of(self._kind, self.ref.namespace, self.ref.name)
            seen = self._seen() or claim_view(self._object, self.ref, self.console.picture)
            lines = describe(self._object, events, now=self.console.now(), view=seen)
            self.show_text([*trouble, *described_lines(lines, panel.size.width or self.size.width)])
