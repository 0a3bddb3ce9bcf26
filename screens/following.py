"""A screen that follows kinds of the cluster while it is visible."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from bakeryops.text import clean
from screens.console import Console

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session

__all__ = ["FeedChanged", "FollowingScreen"]

SLOW_PAUSE = 0.75
"""Seconds between two batches of changes while the terminal is behind."""


class FeedChanged(Message):
    """The feed has something; what it is waits in the screen, so messages may replace each other."""

    def can_replace(self, message: Message) -> bool:
        """Let a later message stand for an earlier one."""
        return isinstance(message, FeedChanged)


class FollowingScreen(Screen[None]):
    """Subscribes to its kinds when it becomes visible, and gives them back when it is hidden."""

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

    @property
    def console(self) -> Console:
        """The application, as far as screens may use it."""
        return cast("Console", self.app)

    @property
    def session(self) -> Session | None:
        """The connection, None until the target is known."""
        return self.console.session

    def feed_namespace(self) -> str | None:
        """Return the namespace to watch, None for all."""
        return self.console.namespace or None

    def feed_selectors(self) -> Mapping[str, str]:
        """Return label selectors by kind, for kinds of which only some objects are wanted."""
        return {}

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Draw what changed; `first` after each time the screen became visible, when all may be different."""

    def draw_frame(self) -> None:
        """Draw title bar, banner and footer as things stand."""

    def say(self, text: str, *, severity: str = "information") -> None:
        """Show a short message that goes away by itself."""
        self.app.notify(clean(text), severity=severity, markup=False, timeout=6)  # type: ignore[arg-type]

    def on_screen_resume(self) -> None:
        """Watch the cluster while visible."""
        self.draw_frame()
        self.start_feed()

    def on_screen_suspend(self) -> None:
        """Stop watching while hidden."""
        self.stop_feed()

    def start_feed(self) -> None:
        """Follow the screen's kinds in the session there is."""
        if self.KINDS and self.session is not None and self.is_current:
            self._follow(self.session)

    def stop_feed(self) -> None:
        """Give the watches back; the session lets them linger for a moment."""
        self.workers.cancel_group(self, "feed")

    @work(group="feed", exclusive=True, exit_on_error=False)
    async def _follow(self, session: Session) -> None:
        namespace, selectors = self.feed_namespace(), self.feed_selectors()
        feed = session.feed(self.KINDS, namespace=namespace, selectors=selectors)
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
    async def _feed_changed(self) -> None:
        gathered, self._gathered = self._gathered, []
        if self.feed is None or not gathered:
            return
        first, self._first = self._first, False
        await self.show_changes(self.feed, gathered, first=first)
        self.draw_frame()

    def reading(self) -> list[str]:
        """Return the kinds that are not read yet."""
        if self.feed is None:
            return []
        return [kind for kind in self.feed.kinds if self.feed.store(kind).state.phase in ("waiting", "syncing")]

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say so when a worker of this screen failed; the console goes on."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            self.log.error(event.worker.name, error)
            self.say(f"{type(error).__name__}: {error}"[:300], severity="error")
