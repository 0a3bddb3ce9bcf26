"""One service: what runs and since when, how its newest change is doing, its deployments, pods and builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import ContentSwitcher

from bakeryops.errors import BakeryopsError
from bakeryops.model.chain import ServiceView
from bakeryops.model.overview import ObjectRef
from bakeryops.read.index import KINDS
from screens.base import bindings
from screens.delivery import BUILD_KINDS, FLUX_KINDS, HOLD_KINDS
from screens.lines import Line, Span, columns
from screens.list_screen import ListScreen
from screens.panel import LinePanel
from screens.rows_chain import chain_lines, git_age, git_reason
from screens.rows_service import (
    RELEASE_COLUMNS,
    SERVICE_BUILD_COLUMNS,
    pod_rows,
    release_rows,
    service_build_rows,
    service_lines,
)
from screens.rows_states import state_text
from screens.rows_workloads import POD_COLUMNS, ref_plural
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["ServiceScreen"]

LISTS = ("deployments", "pods", "builds")
"""The lists in the order in which one key goes through them."""


class ServiceScreen(ListScreen):
    """Facts and chain above one of three lists."""

    NAME: ClassVar[str] = "service"
    CSS_PATH = "service.tcss"
    BINDINGS = bindings("service")
    KINDS: ClassVar[tuple[str, ...]] = (*BUILD_KINDS, *FLUX_KINDS, *HOLD_KINDS, *KINDS)
    MAX_HZ: ClassVar[float] = 4

    class Stored(Message):
        """What the registry has of the service's image."""

        def __init__(self, tags: list[str] | None) -> None:
            """Take the tags, None where no registry is known."""
            super().__init__()
            self.tags = tags

    def __init__(self, name: str) -> None:
        """Take the service's name."""
        super().__init__()
        self._asked = name
        self._service = name
        self._list = LISTS[0]
        self._view: ServiceView | None = None
        self._stored: list[str] | None = None
        self._stored_of = ""

    def place(self) -> str:
        """Say which service this is."""
        return self._service

    def show_session(self) -> None:
        """Begin anew."""
        self._view = None
        self._stored, self._stored_of = None, ""
        for panel in ("#head", "#chain", "#heading"):
            self.query_one(panel, LinePanel).set_lines([])
        for name in LISTS:
            self.query_one(f"#{name}", LiveTable).set_rows([])

    def on_resize(self) -> None:
        """Fit the texts to the width."""
        super().on_resize()
        self._read()

    def body(self) -> ComposeResult:
        """Put facts and chain above the lists."""
        yield LinePanel(id="head", classes="data")
        yield LinePanel(id="chain", classes="data")
        yield LinePanel(id="heading", classes="data")
        with ContentSwitcher(initial=LISTS[0], id="lists"):
            yield LiveTable(RELEASE_COLUMNS, noun="deployments in Git", id="deployments", sort="health")
            yield LiveTable(POD_COLUMNS, noun="pods", id="pods", sort="health", ties=("name",))
            yield LiveTable(SERVICE_BUILD_COLUMNS, noun="builds", id="builds", sort="health")

    def on_mount(self) -> None:
        """Put the cursor into the list."""
        super().on_mount()
        self.table().focus()

    def table(self) -> LiveTable:
        """Return the list that is shown."""
        return self.query_one(f"#{self._list}", LiveTable)

    def feed_namespace(self) -> str | None:
        """Watch all namespaces: builds, Flux and the app live in different ones."""
        return None

    def selected(self) -> ObjectRef | None:
        """Return the selected pod or build; else the workload of the service, whose logs are meant."""
        key = self.table().selected if self.is_mounted else None
        if self._list == "pods" and key is not None:
            namespace, _, name = key.partition("/")
            return ObjectRef("pods", namespace, name)
        if self._list == "builds" and key is not None:
            namespace, _, name = key.partition("/")
            return ObjectRef("pipelineruns", namespace, name)
        work = self._view.workload if self._view is not None else None
        return ObjectRef(ref_plural(work.kind), work.namespace, work.name) if work is not None else None

    def acting_service(self) -> str:
        """Return this service."""
        return self._service

    def acting_release(self) -> str:
        """Return the tag of the selected deployment, "" where that is the newest or what runs."""
        key = self.table().selected if self.is_mounted and self._list == "deployments" else None
        if self._view is None or key is None:
            return ""
        for place, release in enumerate(self._view.releases):
            deployment = release.deployment
            if f"{deployment.commit}/{deployment.service}" == key:
                return "" if place == 0 or release.running else deployment.tag
        return ""

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Read what changed, and draw it all."""
        picture = self.console.picture
        await picture.take(feed, changes, first=first)
        await picture.delivery.take(feed, changes, first=first)
        self.console.code.poke(picture.delivery.revisions())
        self._read()

    def show_code(self) -> None:
        """Draw what Git says now."""
        self._read()

    def show_ticks(self) -> None:
        """Bring ages up to date."""
        self._read()

    def _read(self) -> None:
        if not self.is_mounted:
            return
        console = self.console
        picture, now, width = console.picture, console.now(), self.size.width
        code, delivery = console.code.view, picture.delivery
        self._view = view = delivery.service(self._service, code, picture.index, now, self._stored)
        if view is None or not (view.workload or view.releases or view.builds):
            reading = self.reading() or self.feed is None or code.state == "waiting"
            text = "◐ reading …" if reading else f"○ no service is called {self._asked}; esc goes back"
            self.query_one("#head", LinePanel).set_lines([((f" {text}", "working" if reading else "unknown"),)])
            return
        if view.name != self._service:
            self._service = view.name
            self.draw_frame()
        if view.image and code.state == "live" and self._stored_of != view.image:
            self._stored_of = view.image
            self._ask_registry(view.image)
        self._draw(view, width, now)
        if view.releases:
            self.console.warm.want((self._service, *self.console.warm.wanted))

    @work(group="registry", exclusive=True, exit_on_error=False)
    async def _ask_registry(self, image: str) -> None:
        """Ask which images are still there: once for each that runs, since a push changes it."""
        try:
            stored = await self.console.code.stored(image)
        except BakeryopsError as error:
            self.say(f"registry: {error.message}")
        else:
            self.post_message(self.Stored(stored))

    def on_service_screen_stored(self, event: ServiceScreen.Stored) -> None:
        """Show which deployments can be gone back to."""
        self._stored = event.tags
        self._read()

    def _draw(self, view: ServiceView, width: int, now: float) -> None:
        console = self.console
        room = 5 if self.size.height < 30 else 9
        self.query_one("#head", LinePanel).set_lines(
            service_lines(view, width, now, told=console.code.view.reason)[:room]
        )
        chain: list[Line] = []
        if view.chain is not None:
            chain = chain_lines(view.chain, width, now, stale=self._stale, git=git_age(console.code.view, now))
            at = view.chain.legs[view.chain.stuck].stage if view.chain.stuck is not None else ""
            # Of its own pods the first line has told already.
            chain = chain[
                : 2 if self.size.height < 30 or (at == "ready" and console.code.view.state == "live") else 3
            ]
        self.query_one("#chain", LinePanel).set_lines(chain)
        self._draw_heading(view, width)
        self.query_one("#deployments", LiveTable).set_rows(release_rows(view.releases, view.health, now))
        self.query_one("#pods", LiveTable).set_rows(pod_rows(view, now))
        self.query_one("#builds", LiveTable).set_rows(service_build_rows(view.builds, console.code.view, now))
        self._draw_notices(view)

    def _draw_notices(self, view: ServiceView) -> None:
        """Say why a list is empty."""
        code, reading = self.console.code.view, self.reading()
        note, tone = "", "unknown"
        if not view.releases and code.state == "waiting":
            note, tone = "reading Git …", "working"
        elif not view.releases and code.state != "live":
            why = git_reason(code) if code.reason else "no repository is configured"
            note = f"deployments are read from Git: {why}"
            note += f". {code.hint}" if code.hint else ""
        self.query_one("#deployments", LiveTable).set_notice(note, tone)
        for kind, name in (("pipelineruns", "builds"), ("pods", "pods")):
            rows = view.builds if name == "builds" else view.pods
            if rows or self.feed is None:
                said, tone = "", "unknown"
            elif kind in reading:
                said, tone = f"reading {name} …", "working"
            else:
                said, tone = state_text(kind, self.feed.store(kind).state, self.console.now())
            self.query_one(f"#{name}", LiveTable).set_notice(said, tone)

    def _draw_heading(self, view: ServiceView, width: int) -> None:
        counts = {"deployments": len(view.releases), "pods": len(view.pods), "builds": len(view.builds)}
        spans: list[Span] = [
            (f" {name} {counts[name]} ", "accent" if name == self._list else "dim") for name in LISTS
        ]
        note: Line = (("w next list ", "dim"),)
        self.query_one("#heading", LinePanel).set_lines([columns(tuple(spans), note, width)])

    def do_list_pods(self) -> None:
        """Go on to the next list."""
        self._list = LISTS[(LISTS.index(self._list) + 1) % len(LISTS)]
        self.query_one("#lists", ContentSwitcher).current = self._list
        self.table().focus()
        self._read()
        self.check_access()
        self.draw_footer()

    def activate(self) -> None:
        """Follow or open what the row is about."""
        self.do_object_open()

    def do_object_open(self) -> None:
        """Follow the selected deployment, or open the selected pod or build."""
        ref = self.selected()
        if self._list == "deployments":
            self.do_delivery_follow()
        elif self._list == "builds" and ref is not None:
            self.console.open_build(ref.namespace, ref.name)
        elif ref is not None:
            self.console.open_object(ref)

    def do_delivery_follow(self) -> None:
        """Follow the selected deployment's commit, or the newest of the service."""
        key = self.table().selected
        self.console.follow(_followed(self._view, self._list, key) or self._service)


def _followed(view: ServiceView | None, shown: str, key: str | None) -> str:
    """Return what the selected row of a list is followed by: a commit, or a build's name."""
    if view is None or key is None:
        return ""
    if shown == "deployments":
        for release in view.releases:
            deployment = release.deployment
            if f"{deployment.commit}/{deployment.service}" == key:
                return deployment.source or deployment.commit
    return key.partition("/")[2] if shown == "builds" else ""
