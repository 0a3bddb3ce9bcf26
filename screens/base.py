"""What every screen of the console has in common: frame, keys, link state, feed of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from bakeryops.cluster.kinds import KINDS
from bakeryops.commands import COMMANDS, Command, Need, State, availability, commands_of, footer
from bakeryops.model.overview import ObjectRef
from bakeryops.text import clean
from screens.console import Console
from screens.frame import Banner, FooterBar, TitleBar
from screens.link import link_view
from screens.panel import LinePanel
from screens.rows_link import LinkView, banner_lines, title_lines
from screens.widgets.table import LiveTable

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session

__all__ = ["ConsoleScreen", "FeedChanged", "bindings"]

SLOW_PAUSE = 0.75
"""Seconds between two batches of changes while the terminal is behind."""

_BY_ID = {command.id: command for command in COMMANDS}


def bindings(screen: str) -> list[BindingType]:
    """Return the key bindings of a screen, made from the registry."""
    return [
        Binding(",".join(command.keys), f"command('{command.id}')", command.title, id=command.id, show=False)
        for command in commands_of(screen)
    ]


class FeedChanged(Message):
    """The feed has something; what it is waits in the screen, so messages may replace each other."""

    def can_replace(self, message: Message) -> bool:
        """Let a later message stand for an earlier one."""
        return isinstance(message, FeedChanged)


class ConsoleScreen(Screen[None]):
    """A full screen with title bar, banner and footer; it reads the cluster only while it is visible."""

    NAME: ClassVar[str] = ""
    """The screen's name in the registry of commands."""

    KINDS: ClassVar[tuple[str, ...]] = ()
    """Kinds (plural names) that the screen watches while visible."""

    MAX_HZ: ClassVar[float] = 8
    """How often a second changes are drawn at most."""

    def __init__(self) -> None:
        """Begin without a feed."""
        super().__init__()
        self.feed: Feed | None = None
        self._gathered: list[Changes] = []
        self._first = True
        self._stale = False
        self._refusals: dict[str, str] = {}
        self._asked_about: tuple[str, str | None] | None = None

    # What a screen provides.

    def body(self) -> ComposeResult:
        """Yield the widgets between banner and footer."""
        yield from ()

    def input_line(self) -> ComposeResult:
        """Yield the line above the footer where a person types, if there is one."""
        yield from ()

    def place(self) -> str:
        """Return what the title bar says of this screen."""
        return ""

    def selected(self) -> ObjectRef | None:
        """Return the object that keys act upon."""
        return None

    def feed_namespace(self) -> str | None:
        """Return the namespace to watch, None for all."""
        return self.console.namespace or None

    def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw what changed; `first` after each time the screen became visible, when all may be different."""

    def show_ticks(self) -> None:
        """Bring ages up to date: every five seconds, every ten over a slow link."""

    def show_session(self) -> None:
        """Take up a new session, or the loss of one; what was shown of the old one is forgotten."""

    def refusals(self) -> dict[str, str]:
        """Return by command id why it does not work at this moment, beside what the access rules say."""
        return {}

    # What every screen does.

    @property
    def console(self) -> Console:
        """The application, as far as screens may use it."""
        return cast("Console", self.app)

    @property
    def session(self) -> Session | None:
        """The connection, None until the target is known."""
        return self.console.session

    def link(self) -> LinkView:
        """Return the link to the cluster as it is now."""
        return link_view(self.session.link if self.session is not None else None, self.console.now())

    def compose(self) -> ComposeResult:
        """Put the frame round the body."""
        yield TitleBar()
        yield Banner()
        yield from self.body()
        yield from self.input_line()
        yield FooterBar()

    def state(self) -> State:
        """Return what decides which commands work now."""
        ref = self.selected()
        return State(
            screen=self.NAME,
            selected_kind=ref.plural if ref is not None else None,
            connected=self.session is not None,
            read_only=self.console.read_only,
            refusals=self._refusals | self.refusals(),
        )

    def action_command(self, command_id: str) -> None:
        """Do a command, or say why it cannot be done."""
        command = _BY_ID[command_id]
        verdict = availability(command, self.state())
        if not verdict.ok:
            self.say(f"{command.title}: {verdict.reason}")
            return
        name = "do_" + command_id.replace(".", "_")
        method = getattr(self, name, None) or getattr(self.app, name)
        method()

    def say(self, text: str, *, severity: str = "information") -> None:
        """Show a short message that goes away by itself."""
        self.app.notify(clean(text), severity=severity, markup=False, timeout=6)  # type: ignore[arg-type]

    @on(FooterBar.Pressed)
    def _footer_pressed(self, event: FooterBar.Pressed) -> None:
        self.action_command(event.command_id)

    def on_mount(self) -> None:
        """Draw the frame at once."""
        self.draw_frame()

    def on_resize(self) -> None:
        """Draw the frame for the size there is."""
        self.draw_frame()

    def on_screen_resume(self) -> None:
        """Watch the cluster while visible."""
        self.draw_frame()
        self.start_feed()

    def on_screen_suspend(self) -> None:
        """Stop watching while hidden."""
        self.stop_feed()

    def session_changed(self) -> None:
        """Forget the old session's data and follow the new one."""
        self._refusals.clear()
        self._asked_about = None
        self.show_session()
        self.draw_frame()
        self.start_feed()

    def start_feed(self) -> None:
        """Follow the screen's kinds in the session there is."""
        if self.KINDS and self.session is not None and self.is_current:
            self._follow(self.session)

    def stop_feed(self) -> None:
        """Give the watches back; the session lets them linger for a moment."""
        self.workers.cancel_group(self, "feed")

    @work(group="feed", exclusive=True, exit_on_error=False)
    async def _follow(self, session: Session) -> None:
        feed = session.feed(self.KINDS, namespace=self.feed_namespace())
        self.feed = feed
        self._gathered.clear()
        self._first = True
        try:
            async for changes in feed.changes(max_hz=min(self.MAX_HZ, self.console.config.max_hz)):
                self._gathered.append(changes)
                self.post_message(FeedChanged())
                if self.console.pace.slow:
                    await asyncio.sleep(SLOW_PAUSE)
        finally:
            feed.close()
            if self.feed is feed:
                self.feed = None

    @on(FeedChanged)
    def _feed_changed(self) -> None:
        gathered, self._gathered = self._gathered, []
        if self.feed is None or not gathered:
            return
        first, self._first = self._first, False
        self.show_changes(self.feed, gathered, first=first)
        self.draw_frame()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say so when a worker of this screen failed; the console goes on."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            self.log.error(event.worker.name, error)
            self.say(f"{type(error).__name__}: {error}"[:300], severity="error")

    def draw_frame(self) -> None:
        """Draw title bar, banner and footer as things stand."""
        if not self.is_mounted:
            return
        console, session = self.console, self.session
        width = self.size.width or self.app.size.width
        view = self.link()
        self.mark_stale(view.phase in ("stale", "unauthorized"))
        target = session.target if session is not None else None
        self.query_one(TitleBar).show(
            *title_lines(
                width, context=target.context if target is not None else "", link=view, clock=console.now(),
                user=target.user if target is not None else "", read_only=console.read_only, demo=console.demo,
                namespace=console.namespace, place=self.place(), seconds=not console.pace.slow,
            )
        )  # fmt: skip
        lines = banner_lines(width, view, console.outage_reasons, held=console.pace.slow)
        self.query_one(Banner).show(lines if self.NAME != "connect" else ())
        self.draw_footer()

    def draw_footer(self) -> None:
        """Show the keys that work now."""
        hidden = {f"view.{self.NAME}"}
        if not self.needs_retry():
            hidden.add("console.retry")
        if not self.can_go_back():
            hidden.add("console.back")
        commands = [command for command in footer(self.state()) if command.id not in hidden]
        self.query_one(FooterBar).show(commands)

    def can_go_back(self) -> bool:
        """Return whether esc does anything here."""
        return len(self.app.screen_stack) > 1

    def needs_retry(self) -> bool:
        """Return whether there is anything to try again."""
        return self.link().phase != "live"

    def reading(self) -> list[str]:
        """Return the kinds that are not read yet."""
        if self.feed is None:
            return []
        return [kind for kind in self.feed.kinds if self.feed.store(kind).state.phase in ("waiting", "syncing")]

    def mark_stale(self, stale: bool) -> None:
        """Dim what was read from the cluster, or show it plainly again."""
        if stale == self._stale:
            return
        self._stale = stale
        for table in self.query(LiveTable):
            table.stale = stale
        for panel in self.query(".data").results(LinePanel):
            panel.stale = stale

    # Access: what the rules say of the selected object.

    def check_access(self) -> None:
        """Ask, once for each selected kind and namespace, what the access rules allow."""
        ref, session = self.selected(), self.session
        about = (ref.plural, ref.namespace) if ref is not None else None
        if session is None or ref is None or about == self._asked_about:
            return
        self._asked_about = about
        self._ask_access(
            session, ref, [command for command in commands_of(self.NAME) if command.needs is not None]
        )

    @work(group="access", exclusive=True, exit_on_error=False)
    async def _ask_access(self, session: Session, ref: ObjectRef, commands: list[Command]) -> None:
        refusals: dict[str, str] = {}
        for command in commands:
            verdict = await _verdict(session, cast("Need", command.needs), ref)
            if verdict:
                refusals[command.id] = verdict
        self.post_message(self.AccessKnown(refusals))

    class AccessKnown(Message):
        """What the access rules refuse, as reasons by command id."""

        def __init__(self, refusals: dict[str, str]) -> None:
            """Take the reasons."""
            super().__init__()
            self.refusals = refusals

    @on(AccessKnown)
    def _access_known(self, event: AccessKnown) -> None:
        self._refusals = event.refusals
        self.draw_footer()

    # Commands that mean the same everywhere.

    def do_view_overview(self) -> None:
        """Show the overview."""
        self.console.switch_view("overview")

    def do_view_workloads(self) -> None:
        """Show the workloads."""
        self.console.switch_view("workloads")

    def do_view_events(self) -> None:
        """Show the events."""
        self.console.switch_view("events")

    def do_console_back(self) -> None:
        """Go back where we came from."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def do_console_retry(self) -> None:
        """Try at once what waits to be tried."""
        self.console.retry()
        if self.feed is None:
            self.start_feed()


async def _verdict(session: Session, need: Need, ref: ObjectRef) -> str:
    """Return why the access rules refuse what a command needs of an object, "" when they allow it."""
    if need.resource == "*":
        kind = KINDS.get(ref.plural)
        if kind is None:
            return ""
        group, resource, subresource = kind.group, kind.resource, None
    else:
        resource, _, subresource = need.resource.partition("/")
        group = ""
    verdict = await session.access.can(
        need.verb, group, resource, namespace=ref.namespace or None, subresource=subresource or None
    )
    return "" if verdict.allowed else verdict.reason or f"you may not {need.verb} {need.resource}"
