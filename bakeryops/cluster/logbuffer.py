"""Log bytes to entries: cut into lines, bounded in lines and bytes, and free of what was seen before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import msgspec

from bakeryops.units import parse_time

__all__ = ["LONGEST_LINE", "LineCutter", "LogBuffer", "LogEntry", "nanoseconds"]

LONGEST_LINE = 64 << 10
"""Bytes of one line that are kept."""

_KUBELET_SAYS = (
    b"unable to retrieve container logs for ",
    b"failed to create fsnotify watcher",
    b"failed to watch file ",
)
"""What the kubelet writes into an answer of status 200 instead of a log."""


class LogEntry(msgspec.Struct, gc=False):
    """One line of a log, or a word about the log (`skipped`, `notice`); `text` is raw, hostile bytes."""

    time: str = ""
    """RFC 3339 with nanoseconds, as the container runtime noted it; empty where not asked for or not known."""
    text: bytes = b""
    skipped: int = 0
    """So many lines were dropped here, because the reader was slower than the log."""
    notice: str = ""
    """What happened to the log at this place, for people."""


def nanoseconds(stamp: str) -> int | None:
    """Return an RFC 3339 time (fraction of up to nine digits) as nanoseconds since the epoch, else None."""
    head, dot, tail = stamp.partition(".")
    if not dot:
        seconds = parse_time(stamp)
        return None if seconds is None else round(seconds) * 1_000_000_000
    digits = len(tail) - len(tail.lstrip("0123456789"))
    seconds = parse_time(head + tail[digits:])
    if seconds is None or not digits:
        return None
    return round(seconds) * 1_000_000_000 + int(tail[:digits][:9].ljust(9, "0"))


class LineCutter:
    """Makes entries of the pieces of a stream that was asked for with time stamps."""

    def __init__(self) -> None:
        self.last = ""
        """The stamp of the last line given out."""
        self._same = 0
        self._rest = b""
        self._cut = 0
        self._until: int | None = None
        self._skip = 0

    def resume(self) -> None:
        """Expect the stream to begin again at or before the last line; leave out what was given out."""
        self._rest = b""
        self._cut = 0
        self._until = nanoseconds(self.last) if self.last else None
        self._skip = self._same

    def feed(self, piece: bytes) -> list[LogEntry]:
        """Return the entries of the lines that this piece completes."""
        lines = (self._rest + piece if self._rest else piece).split(b"\n")
        rest = lines.pop()
        entries: list[LogEntry] = []
        for line in lines:
            self._add(line, entries)
        if len(rest) > LONGEST_LINE + 64:
            self._cut += len(rest) - LONGEST_LINE - 64
            rest = rest[: LONGEST_LINE + 64]
        self._rest = rest
        return entries

    def end(self) -> list[LogEntry]:
        """Return the last line, which had no line break."""
        entries: list[LogEntry] = []
        if self._rest:
            line, self._rest = self._rest, b""
            self._add(line, entries)
        return entries

    def _add(self, line: bytes, entries: list[LogEntry]) -> None:
        """Append the entry of one whole line, and a notice where it was cut."""
        stamp = ""
        if line[4:5] == b"-" and line[10:11] == b"T" and line[:4].isdigit():
            head, _, line = line.partition(b" ")
            stamp = head.decode("ascii", "replace")
        if stamp:
            if self._until is not None and self._seen(stamp):
                self._cut = 0
                return
            if stamp == self.last:
                self._same += 1
            else:
                self.last = stamp
                self._same = 1
        elif line.startswith(_KUBELET_SAYS):
            entries.append(LogEntry(notice=line.decode("utf-8", "replace")))
            return
        over = len(line) - LONGEST_LINE
        if over <= 0 and not self._cut:
            entries.append(LogEntry(stamp, line))
            return
        cut = max(over, 0) + self._cut
        self._cut = 0
        entries.append(LogEntry(stamp, line[:LONGEST_LINE]))
        entries.append(LogEntry(stamp, notice=f"the line above was cut: {cut:,} more bytes"))

    def _seen(self, stamp: str) -> bool:
        """Return whether a line after a resumption was given out before it."""
        now = nanoseconds(stamp)
        if now is None or self._until is None:
            return False
        if now < self._until:
            return True
        if now == self._until and self._skip > 0:
            self._skip -= 1
            return True
        self._until = None
        return False


class LogBuffer:
    """Entries between the stream and its reader, bounded in number and bytes.

    What does not fit drops the oldest lines, which a `skipped` entry then stands for, or (lossless) lets the
    stream wait.
    """

    def __init__(self, max_lines: int, max_bytes: int, *, lossless: bool) -> None:
        """Take the bounds, and whether the stream is to wait for the reader."""
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._lossless = lossless
        self._entries: deque[LogEntry] = deque()
        self._bytes = 0
        self._skipped = 0
        self._ended = False
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes of text held."""
        return self._bytes

    async def put(self, entries: Iterable[LogEntry]) -> None:
        """Append entries; a lossless buffer that is full waits for the reader first."""
        if self._lossless:
            while self._full():
                self._emptied.clear()
                await self._emptied.wait()
        for entry in entries:
            self._entries.append(entry)
            self._bytes += len(entry.text)
        while not self._lossless and self._full():
            oldest = self._entries.popleft()
            self._bytes -= len(oldest.text)
            self._skipped += oldest.skipped if oldest.notice else 1
        if self._entries:
            self._filled.set()

    def end(self) -> None:
        """Let `take` return None once everything has been taken."""
        self._ended = True
        self._filled.set()

    async def take(self) -> list[LogEntry] | None:
        """Wait for entries and return all there are; None at the end."""
        await self._filled.wait()
        if not self._entries:
            return None
        batch = list(self._entries)
        self._entries.clear()
        self._bytes = 0
        if self._skipped:
            batch.insert(0, LogEntry(time=batch[0].time, skipped=self._skipped))
            self._skipped = 0
        if not self._ended:
            self._filled.clear()
        self._emptied.set()
        return batch

    def _full(self) -> bool:
        """Return whether a bound is passed."""
        return len(self._entries) > self._max_lines or (self._bytes > self._max_bytes and len(self._entries) > 1)
