"""The connection screen: why there is no cluster, what mends it, and what to press."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from screens.base import ConsoleScreen, bindings
from screens.lines import Line
from screens.panel import TextPanel
from screens.rows_link import connect_lines
from screens.views import VIEWS

__all__ = ["ConnectScreen"]


class ConnectScreen(ConsoleScreen):
    """Stands in front of every view until there is a connection."""

    NAME: ClassVar[str] = "connect"
    BINDINGS = bindings("connect")

    def body(self) -> ComposeResult:
        """Show one text."""
        yield TextPanel(id="text")

    def on_mount(self) -> None:
        """Draw at once."""
        self.query_one(TextPanel).focus()
        super().on_mount()

    def draw_frame(self) -> None:
        """Draw frame and text."""
        super().draw_frame()
        if self.is_mounted:
            self.query_one(TextPanel).set_lines(self._lines())

    def mark_stale(self, stale: bool) -> None:
        """Never dim the one text that matters."""

    def needs_retry(self) -> bool:
        """Trying again is what this screen is for."""
        return True

    def _lines(self) -> list[Line]:
        console, view = self.console, self.link()
        width = self.size.width
        trouble = console.trouble
        if trouble is not None:
            return connect_lines(width, host=console.host, kind=trouble.kind, message=trouble.message,
                                 why=trouble.why, hint=trouble.hint)  # fmt: skip
        if not view.reason:
            return connect_lines(width, host=console.host, kind="", message="", why="", hint="", waiting=True)
        kind = view.kind or ("unauthorized" if view.phase == "unauthorized" else "unreachable")
        tried = f"next try in {round(view.next_try)} s" if view.next_try is not None else "trying now"
        source = self.session.target.source if self.session is not None else ""
        return connect_lines(width, host=console.host, kind=kind, message=view.reason, why="", hint=view.hint,
                             tried=f"{tried} · kubeconfig: {source}" if source else tried)  # fmt: skip

    def refusals(self) -> dict[str, str]:
        """There is nothing to look at yet."""
        return dict.fromkeys((f"view.{view}" for view in VIEWS), "there is no cluster to show")

    def do_console_back(self) -> None:
        """There is nothing behind this screen."""
