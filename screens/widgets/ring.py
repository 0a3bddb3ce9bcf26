"""A ring of log lines, bounded in lines and in bytes, in which every line keeps its number for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

__all__ = ["Entry", "Item", "LogLine", "Ring"]

_OVERHEAD = 100


class Entry(Protocol):
    """What a log line with more than its text looks like; every attribute but `text` may be empty."""

    @property
    def text(self) -> bytes | str:
        """The line as it came."""

    @property
    def time(self) -> str:
        """When it was written (RFC 3339), if known."""

    @property
    def notice(self) -> str:
        """A sentence of our own in place of a line, such as why the log ended."""

    @property
    def skipped(self) -> int:
        """How many lines are missing here."""


class LogLine(NamedTuple):
    """One log line; `source` says whose it is when several are interleaved."""

    text: bytes | str = b""
    time: str = ""
    source: str = ""
    notice: str = ""
    skipped: int = 0


Item = bytes | str | Entry


class Ring:
    """The newest lines: at most `max_lines`, and at most `max_bytes` of memory (at least one line is kept)."""

    def __init__(self, max_lines: int = 50_000, max_bytes: int = 16 * 2**20) -> None:
        self.max_lines = max_lines
        self.max_bytes = max_bytes
        self.first = 0
        """The number of the oldest line that is kept; as many were dropped before it."""
        self._items: deque[Item] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self.first + len(self._items)

    def __getitem__(self, number: int) -> Item:
        return self._items[number - self.first]

    def between(self, start: int, stop: int) -> Iterator[Item]:
        """Yield the lines numbered from `start` up to `stop`, as far as they are kept."""
        return islice(self._items, max(0, start - self.first), max(0, stop - self.first))

    def extend(self, items: Iterable[Item]) -> None:
        """Add lines and drop the oldest that no longer fit."""
        kept = self._items
        size = self.bytes
        for item in items:
            kept.append(item)
            size += weight(item)
        first = self.first
        while len(kept) > 1 and (len(kept) > self.max_lines or size > self.max_bytes):
            size -= weight(kept.popleft())
            first += 1
        self.first, self.bytes = first, size

    def clear(self) -> None:
        """Forget every line; numbers begin again."""
        self._items.clear()
        self.first = self.bytes = 0


def weight(item: Item) -> int:
    """Return about how many bytes of memory a line takes."""
    return _OVERHEAD + len(item if isinstance(item, bytes | str) else item.text)
