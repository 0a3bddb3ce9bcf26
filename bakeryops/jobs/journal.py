"""The journal of a job: one JSON object a line, appended by one process, on disk before anything goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Entry", "Journal", "entries", "read_entries"]

_LARGEST = 64 << 20


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `event` is created, run, lock, step, note, tell, progress, stop or end."""

    at: float
    """Seconds since the epoch."""
    event: str
    step: str = ""
    state: str = ""
    text: str = ""
    why: str = ""
    hint: str = ""
    data: dict[str, Any] = {}
    """What belongs to the event: outputs of a step, a note's key and value, figures of progress."""


class Journal:
    """Appends to a journal; whoever appends holds the runner's lock."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it 0600 where it is not there; raises `OSError`."""
        self.path = path
        self._descriptor = os.open(
            path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            # A line that its writer did not live to end; it is no entry, and the next one gets a line of its own.
            os.write(self._descriptor, b"\n")

    def append(self, entry: Entry, *, sync: bool = True) -> None:
        """Write an entry; with `sync` it is on disk when this returns. Raises `OSError`."""
        data = msgspec.json.encode(entry) + b"\n"
        size = os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            # What fitted of the line would take the next one with it.
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
            raise
        if sync:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


_DECODER = msgspec.json.Decoder(Entry)


def entries(data: bytes) -> Iterator[Entry]:
    """Yield the entries in a journal's bytes; a line that is none (torn by a crash) is passed over."""
    for line in data.split(b"\n"):
        if line:
            try:
                yield _DECODER.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue


def read_entries(path: Path) -> list[Entry]:
    """Return the entries of a journal file; raises `OSError`."""
    with path.open("rb") as stream:
        return list(entries(stream.read(_LARGEST)))
