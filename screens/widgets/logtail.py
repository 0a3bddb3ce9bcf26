"""A log that is followed: any number of lines a second, bounded memory, painted a few times a second."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer

from screens.widgets.cells import cut, harmless
from screens.widgets.log_moves import LogMoves
from screens.widgets.log_paint import plain_text
from screens.widgets.log_scan import LogScan, following
from screens.widgets.ring import Item, LogLine

__all__ = ["LogLine", "LogStatus", "LogTail"]

_SLICE = 0.006
_PAUSE = 0.05


class LogStatus(NamedTuple):
    """What there is to say about a log: counts, and how it is shown."""

    lines: int = 0
    dropped: int = 0
    following: bool = True
    pending: int = 0
    wrap: bool = False
    times: bool = False
    needle: str = ""
    hit: int = 0
    hits: int = 0
    searching: bool = False
    errors: int = 0
    first_error: int | None = None


class LogTail(LogMoves):
    """The newest lines of a log; follows it, holds still, finds text and errors."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "hit(1)", "next hit", show=False),
        Binding("N", "hit(-1)", "hit before", show=False),
        Binding("e", "error(1)", "first error, then the next", show=False),
        Binding("E", "error(-1)", "error before", show=False),
    ]

    class StatusChanged(Message):
        """The counts or the way of showing changed; at most as often as the log is painted."""

        def __init__(self, log: LogTail, status: LogStatus) -> None:
            super().__init__()
            self.log_tail = log
            self.status = status

        def can_replace(self, message: Message) -> bool:
            """Only the newest status matters."""
            return isinstance(message, LogTail.StatusChanged)

        @property
        def control(self) -> LogTail:
            """The log."""
            return self.log_tail

    def __init__(
        self,
        *,
        max_lines: int = 50_000,
        max_bytes: int = 16 * 2**20,
        repaint_hz: float = 15,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        """Make an empty log that keeps so many lines and bytes, and paints at most `repaint_hz` times a second."""
        super().__init__(max_lines=max_lines, max_bytes=max_bytes, id=id, classes=classes)
        self.repaint_hz = repaint_hz
        """How often it is painted at most; 4 suits a slow link."""
        self._scan = LogScan(self.ring)
        self._seeking = False
        self._painted_at = 0.0
        self._timer: Timer | None = None
        self._scan_timer: Timer | None = None
        self._status = LogStatus()

    def feed(self, lines: Iterable[Item]) -> None:
        """Take the next lines, in batches as they come; they are painted soon, not now."""
        self.ring.extend(lines)
        self._paint_soon()

    def _paint_soon(self) -> None:
        if self._timer is None and self.is_mounted:
            wait = self._painted_at + 1 / self.repaint_hz - monotonic()
            self._timer = self.set_timer(max(0.001, wait), self._paint_news)

    def clear(self) -> None:
        """Forget every line, for another log."""
        self.ring.clear()
        self._scan.clear()
        self._sources.clear()
        self.forget_strips()
        self._following, self._place, self._current, self._seen_end, self._seeking = True, (0, 0), None, 0, False
        self._painted_at = 0.0
        self.repaint()

    def on_mount(self) -> None:
        """Paint what came before the widget was on screen."""
        self._paint_news()

    def _paint_news(self) -> None:
        self._timer = None
        self._painted_at = monotonic()
        if self._scan_timer is None:
            self._go_on_scanning()
        self.repaint()

    def repaint(self, *, everything: bool = False) -> None:
        """Repaint rows and status line that differ, and tell of the new status."""
        if self._following:
            self._seen_end = self.ring.end
        hits, errors = self._scan.hits, self._scan.errors
        status = LogStatus(
            lines=len(self.ring),
            dropped=self.ring.first,
            following=self._following,
            pending=self.ring.end - self._seen_end,
            wrap=self._wrap,
            times=self._times,
            needle=self._needle,
            hit=bisect_right(hits, self._current) if self._current is not None else 0,
            hits=len(hits),
            searching=self._scan.searching,
            errors=len(errors),
            first_error=errors[0] if errors else None,
        )
        if status != self._status:
            self._status = status
            self.post_message(self.StatusChanged(self, status))
        super().repaint(everything=everything)

    @property
    def status(self) -> LogStatus:
        """The counts, and how the log is shown."""
        return self._status

    def status_text(self) -> str:
        """Return the line below the log."""
        status = self._status
        parts = ["● following" if status.following else f"⏸ held  +{status.pending:,} new  f follows"]
        if status.needle:
            count = f"{status.hit} of {status.hits:,}" if status.hits else "not found"
            parts.append(f"/{harmless(status.needle)} {'…' if status.searching else count}")
        if status.first_error is not None:
            parts.append(f"first error at line {status.first_error + 1:,}")
        older = f" ({status.dropped:,} older dropped)" if status.dropped else ""
        parts.append(f"{status.lines:,} {'line' if status.lines == 1 else 'lines'}{older}")
        parts += [name for name, on in (("wrap", status.wrap), ("times", status.times)) if on]
        return cut(" " + "   ".join(parts), self.size.width)

    def plain_lines(self) -> Iterator[str]:
        """Yield every kept line as harmless text without colours."""
        return (plain_text(item) for item in self.ring.between(self.ring.first, self.ring.end))

    def all_text(self) -> str:
        """Return every kept line as harmless text, to be saved or copied."""
        return "".join(f"{line}\n" for line in self.plain_lines())

    def visible_text(self) -> str:
        """Return the lines on screen as harmless text."""
        numbers = sorted({number for number, _ in self._shown if number >= self.ring.first})
        return "".join(f"{plain_text(self.ring[number])}\n" for number in numbers)

    def search(self, needle: str) -> None:
        """Look for a text ("" ends the search) and go to the first line from here on that holds it."""
        self._needle = needle
        self._current = None
        self._scan.search(needle)
        self._seeking = bool(needle)
        self.forget_strips()
        self._go_on_scanning()
        self.repaint()

    def _go_on_scanning(self) -> None:
        more = self._scan.step(_SLICE)
        if self._seeking:
            self._jump_when_found(more)
        if more and self._scan_timer is None:
            wait = _SLICE if self._scan.searching else _PAUSE
            self._scan_timer = self.set_timer(wait, self._scan_again)

    def _scan_again(self) -> None:
        self._scan_timer = None
        self._go_on_scanning()
        self._paint_soon()

    def _jump_when_found(self, more: bool) -> None:
        hits = self._scan.hits
        at = bisect_left(hits, self._place[0])
        if at < len(hits):
            self._seeking = False
            self._go_to(hits[at])
        elif not (more and self._scan.searching):
            self._seeking = False
            if hits:
                self._go_to(hits[-1])

    def _go_to(self, number: int) -> None:
        """Hold still with this line marked, in view with some lines above it."""
        self._hold()
        self._current = number
        if (number, 0) not in self._shown:
            self._place = self.moved((number, 0), -(self.body // 3)) if self.body > 3 else (number, 0)
        self.repaint()

    def action_hit(self, by: int) -> None:
        """Go to the next line that holds the searched text, or to the one before."""
        at = self._current if self._current is not None else self._place[0] - (by > 0)
        self._go_if(following(self._scan.hits, at, by))

    def action_error(self, by: int) -> None:
        """Go to the first line that sounds bad; from there to the next, or to the one before."""
        errors = self._scan.errors
        at = self._current
        if at is None or at not in errors[bisect_left(errors, at) : bisect_left(errors, at) + 1]:
            self._go_if(errors[0] if errors else None)
        else:
            self._go_if(following(errors, at, by))

    def _go_if(self, number: int | None) -> None:
        if number is not None:
            self._go_to(number)
