"""The streams behind one log on screen: begun, joined by others, gathered and handed on a few times a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from screens.log_source import STREAMS, Gatherer, LogChoice, Source
from screens.widgets.logtail import LogTail

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["LinesCame", "LogFollower"]

FLUSH = 0.1
"""Seconds between two hand-overs of lines to the picture."""

SOON = 0.01
"""Seconds until the first hand-over of a single log, and that of its end: somebody waits for it."""

GROUP = "logs"
"""The group of workers that read."""


class LinesCame(Message):
    """A follower has something to draw."""

    def can_replace(self, message: Message) -> bool:
        """Let a later message stand for an earlier one."""
        return isinstance(message, LinesCame)


class LogFollower:
    """Reads logs for one screen, which hands `LinesCame` on to `came`."""

    def __init__(self, screen: Screen[Any], tail: Callable[[], LogTail], handed: Callable[[], None]) -> None:
        """Take whose log it is, where the log is drawn, and what to call when lines were handed on."""
        self._screen = screen
        self._tail = tail
        self._handed = handed
        self._gatherer = Gatherer(self._ready)
        self._flush: Timer | None = None
        self._ended_told: int | None = None
        self._session: Session | None = None
        self._wanted: list[Source] = []
        self._choice = LogChoice()
        self.followed: list[Source] = []
        """The logs that are read, or were."""

    @property
    def ended(self) -> int:
        """How many logs have come to their end."""
        return len(self._gatherer.ended)

    @property
    def left_out(self) -> int:
        """How many logs wait until others have ended."""
        return len(self._wanted)

    def begin(self, choice: LogChoice) -> None:
        """Forget everything, and read as `choice` says from now on."""
        self._screen.workers.cancel_group(self._screen, GROUP)
        self._gatherer = Gatherer(self._ready)
        self._choice = choice
        self._wanted, self.followed = [], []
        self._ended_told = None
        self._tail().clear()

    def follow(self, session: Session, wanted: Sequence[Source]) -> None:
        """Read those logs that are not read yet; no more than `STREAMS` at a time, the others in their turn."""
        known = {source.where for source in self.followed}
        self._wanted = [source for source in wanted if source.where not in known]
        self._session = session
        self._go_on()

    def say(self, notice: str) -> None:
        """Put a line of our own into the log."""
        self._gatherer.say(notice)

    def came(self) -> None:
        """Hand on soon what came; several logs wait for each other, so that their lines are in order."""
        soon = len(self.followed) < 2 and (self._ended_told is None or self.ended > self._ended_told)
        if self._flush is not None and soon:
            self._flush.stop()
            self._flush = None
        if self._flush is None:
            self._flush = self._screen.set_timer(SOON if soon else FLUSH, self._hand_over)

    def _go_on(self) -> None:
        while self._session is not None and self._wanted and len(self.followed) - self.ended < STREAMS:
            self._read(self._session, self._wanted.pop(0))

    def _read(self, session: Session, source: Source) -> None:
        self.followed.append(source)
        self._screen.run_worker(
            self._gatherer.follow(session, source, self._choice),
            name=f"log {source.pod}/{source.container}", group=GROUP, exit_on_error=False,
        )  # fmt: skip

    def _ready(self) -> None:
        self._screen.post_message(LinesCame())

    def _hand_over(self) -> None:
        self._flush, self._ended_told = None, self.ended
        self._tail().feed(self._gatherer.take())
        self._go_on()
        self._handed()
