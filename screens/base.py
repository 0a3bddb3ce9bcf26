"""What every screen of the console has in common: title bar, banner, footer round a body."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult

from bakeryops.commands import footer
from screens.acting import ActingScreen
from screens.commanding import bindings
from screens.frame import Banner, FooterBar, TitleBar
from screens.link import link_view
from screens.panel import LinePanel
from screens.rows_job import jobs_word
from screens.rows_link import LinkView, banner_lines, title_lines
from screens.widgets.table import LiveTable

__all__ = ["ConsoleScreen", "bindings"]


class ConsoleScreen(ActingScreen):
    """A full screen with title bar, banner and footer; it reads the cluster only while it is visible."""

    def __init__(self) -> None:
        """Begin with everything fresh."""
        super().__init__()
        self._stale = False

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

    def show_ticks(self) -> None:
        """Bring ages up to date: every five seconds, every ten over a slow link."""

    def show_code(self) -> None:
        """Draw what Git says anew, where this screen shows any of it."""

    def show_jobs(self) -> None:
        """Draw the jobs anew, where this screen shows any."""

    def show_session(self) -> None:
        """Take up a new session, or the loss of one; what was shown of the old one is forgotten."""

    # What every screen does.

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

    @on(FooterBar.Pressed)
    def _footer_pressed(self, event: FooterBar.Pressed) -> None:
        self.action_command(event.command_id)

    def on_mount(self) -> None:
        """Draw the frame at once."""
        self.draw_frame()

    def on_resize(self) -> None:
        """Draw the frame for the size there is."""
        self.draw_frame()

    def session_changed(self) -> None:
        """Forget the old session's data and follow the new one."""
        self.forget_access()
        self.show_session()
        self.draw_frame()
        self.start_feed()

    @property
    def stands(self) -> bool:
        """Whether the screen is built, and not being taken down: until then there is nothing to draw on."""
        return self.is_mounted and len(self.query("TitleBar, Banner, FooterBar")) == 3

    def draw_frame(self) -> None:
        """Draw title bar, banner and footer as things stand."""
        if not self.stands:
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
                job=jobs_word(console.jobs.going) if self.NAME not in ("job", "jobs") else ("", ""),
            )
        )  # fmt: skip
        lines = banner_lines(width, view, console.outage_reasons, held=console.pace.slow)
        drill = console.drill_lines(width)
        self.query_one(Banner).show([*drill, *lines] if self.NAME != "connect" else drill, quiet=not lines)
        self.draw_footer()

    def draw_footer(self) -> None:
        """Show the keys that work now."""
        if not self.stands:
            return
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

    def mark_stale(self, stale: bool) -> None:
        """Dim what was read from the cluster, or show it plainly again."""
        if stale == self._stale:
            return
        self._stale = stale
        for table in self.query(LiveTable):
            table.stale = stale
        for panel in self.query(".data").results(LinePanel):
            panel.stale = stale
