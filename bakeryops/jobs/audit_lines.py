"""Lines of the audit log: how one is written, sealed and read, from the beginning or from the end."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from bakeryops.model.history import Torn

__all__ = ["FIRST", "Line", "canonical", "lines_of", "seal", "tail_of", "torn"]

FIRST: Final = "0" * 64
"""What stands for the line before the first."""
_BLOCK = 64 << 10


class Line(msgspec.Struct, frozen=True):
    """One line; `document` is None where it is no whole record, and then `torn` says what it is."""

    number: int
    document: dict[str, Any] | None
    torn: Torn | None = None
    ended: bool = True
    """Whether a line break follows."""

    @property
    def seq(self) -> int:
        """The record's number in the chain."""
        return int((self.document or {}).get("seq", 0))

    @property
    def hash(self) -> str:
        """The hash that the line claims."""
        return str((self.document or {}).get("hash", ""))


def canonical(document: dict[str, Any]) -> bytes:
    """Return the one way a document is written."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def seal(document: dict[str, Any]) -> str:
    """Return the hash of a record: the SHA-256 of everything in it but `hash`, as 64 digits."""
    rest = {key: value for key, value in document.items() if key != "hash"}
    return hashlib.sha256(canonical(rest)).hexdigest()


def torn(data: bytes) -> Torn:
    """Return the mark of an unfinished line."""
    return Torn(len(data), hashlib.sha256(data).hexdigest())


def lines_of(data: Iterable[bytes]) -> Iterator[Line]:
    """Yield the lines of a log, oldest first; empty ones are left out."""
    for number, raw in enumerate(data, start=1):
        if raw != b"\n":
            yield _line(number, raw)


def _line(number: int, raw: bytes) -> Line:
    text, ended = (raw[:-1], True) if raw.endswith(b"\n") else (raw, False)
    document = _document(text)
    return Line(number, document, torn(text) if document is None else None, ended)


def _document(text: bytes) -> dict[str, Any] | None:
    """Return a record as it is written, None for anything else."""
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or not isinstance(found.get("seq"), int):
            return None
        if not isinstance(found.get("hash"), str) or not isinstance(found.get("prev"), str):
            return None
        # Another way to write the same would be a change that no hash finds.
        return found if canonical(found) == text else None
    except (ValueError, RecursionError):
        return None


def tail_of(descriptor: int) -> tuple[Line | None, list[Torn], bool]:
    """Return the last whole record, the unfinished lines after it, and whether the file ends with a line break."""
    end = os.fstat(descriptor).st_size
    if not end:
        return None, [], True
    data, start = b"", end
    while start > 0:
        begin = max(0, start - _BLOCK)
        data = os.pread(descriptor, start - begin, begin) + data
        start = begin
        # The first piece may be the end of a line that begins further back.
        pieces = data.split(b"\n")[0 if start == 0 else 1 :]
        last, marks = _last(pieces)
        if last is not None or start == 0:
            return last, marks, data.endswith(b"\n")
    return None, [], True


def _last(pieces: list[bytes]) -> tuple[Line | None, list[Torn]]:
    marks: list[Torn] = []
    for text in reversed(pieces):
        if not text:
            continue
        line = _line(0, text)
        if line.document is not None:
            return line, marks[::-1]
        marks.append(torn(text))
    return None, marks[::-1]
