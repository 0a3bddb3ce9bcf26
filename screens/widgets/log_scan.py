"""Looking through a log in small slices: for what is searched, and for lines that sound bad."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from time import perf_counter

from bakeryops.severity import may_be_bad, severity
from bakeryops.text import decode
from screens.widgets.ring import Item, Ring

__all__ = ["LogScan", "item_bytes"]

_SGR = re.compile(rb"\x1b\[[0-9;:]*m")
_CHUNK = 200
_LOOKED_AT = 2**16


class LogScan:
    """Line numbers of hits and of bad lines in a ring, found a slice at a time."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.needle = ""
        self._sought = b""
        self._exact = False
        self._hits: list[int] = []
        self._errors: list[int] = []
        self._hits_to = 0
        self._errors_to = 0

    def search(self, needle: str) -> None:
        """Look for this text from the oldest line on; capitals in it make the search exact."""
        self.needle = needle
        self._exact = needle != needle.lower()
        self._sought = needle.encode("utf-8", "replace")
        self._hits = []
        self._hits_to = self._ring.first

    def clear(self) -> None:
        """Forget what was found, since the log is another."""
        self._hits, self._errors = [], []
        self._hits_to = self._errors_to = self._ring.first

    @property
    def searching(self) -> bool:
        """Whether lines are left in which the text was not yet looked for."""
        return bool(self.needle) and self._hits_to < self._ring.end

    @property
    def hits(self) -> list[int]:
        """The numbers of the lines that hold the text, ascending."""
        return _kept(self._hits, self._ring.first)

    @property
    def errors(self) -> list[int]:
        """The numbers of the bad lines, ascending."""
        return _kept(self._errors, self._ring.first)

    def step(self, seconds: float) -> bool:
        """Look on for about this long, the search first; True when lines are left."""
        until = perf_counter() + seconds
        while self.searching:
            start = max(self._hits_to, self._ring.first)
            stop = min(start + _CHUNK, self._ring.end)
            lines = self._ring.between(start, stop)
            self._hits += [number for number, item in enumerate(lines, start) if self.found_in(item)]
            self._hits_to = stop
            if perf_counter() > until:
                return True
        while self._errors_to < self._ring.end:
            start = max(self._errors_to, self._ring.first)
            stop = min(start + _CHUNK, self._ring.end)
            lines = self._ring.between(start, stop)
            self._errors += [number for number, item in enumerate(lines, start) if _is_bad(item)]
            self._errors_to = stop
            if perf_counter() > until:
                return True
        return False

    def found_in(self, item: Item) -> bool:
        """Tell whether a line holds the text that is searched."""
        text = item_bytes(item)[:_LOOKED_AT]
        if b"\x1b" in text:
            text = _SGR.sub(b"", text)
        if self._exact:
            return self._sought in text
        if self.needle.isascii():
            return self._sought in text.lower()
        return self.needle in decode(text).lower()


def following(numbers: list[int], at: int, by: int) -> int | None:
    """Return the number after `at` (by 1) or before it (by -1), going round at the ends."""
    if not numbers:
        return None
    index = bisect_right(numbers, at) if by > 0 else bisect_left(numbers, at) - 1
    return numbers[index % len(numbers)]


def item_bytes(item: Item) -> bytes:
    """Return the text of a line as bytes; a notice has none."""
    text = item if isinstance(item, bytes | str) else item.text
    return text.encode("utf-8", "replace") if isinstance(text, str) else text


def _is_bad(item: Item) -> bool:
    text = item_bytes(item)
    if not may_be_bad(text):
        return False
    text = text[:_LOOKED_AT]
    return severity(decode(_SGR.sub(b"", text) if b"\x1b" in text else text)) == "bad"


def _kept(numbers: list[int], first: int) -> list[int]:
    if numbers and numbers[0] < first:
        del numbers[: bisect_left(numbers, first)]
    return numbers
