"""The audit log: every action, one line of JSON each, only ever added to, each line sealed with the one before.

The chain finds what was changed, taken out, put in or moved; a file beside it with the last hash finds what was
cut off at the end. Whoever can write the folder can write the whole log anew: a hash noted elsewhere finds that.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.jobs.audit_lines import FIRST, Line, canonical, lines_of, seal, tail_of
from bakeryops.jobs.audit_verdict import judge
from bakeryops.locations import private_folder, state_folder
from bakeryops.masking import mask_text
from bakeryops.model.history import Record, Verdict
from bakeryops.text import clean

__all__ = ["EVENTS", "AuditLog"]

FILE: Final = "audit.jsonl"
HEAD: Final = "audit.head"
EVENTS: Final = frozenset(
    {"begun", "ended", "resumed", "cancel", "lock-broken", "confirmed", "hold", "unhold", "refused", "noted"}
)
_LONGEST = 2000
_LONGEST_LIST = 50
_PATIENCE = 10.0
"""Seconds to wait for another writer, which needs milliseconds."""
_PASSWORD = re.compile(r"://[^/\s@:'\"]*:[^/\s@'\"]+@")
_TEXTS = frozenset(
    {
        "job",
        "action",
        "subject",
        "title",
        "who",
        "host",
        "cluster",
        "context",
        "plan",
        "command",
        "outcome",
        "text",
    }
)
_LISTS = frozenset({"scope", "evidence"})


class AuditLog:
    """The log of one state folder; several processes may write at once."""

    def __init__(self, folder: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """Take the folder, the state folder when None, and what tells the time."""
        self.folder = private_folder(folder) if folder is not None else state_folder()
        self._clock = clock

    @property
    def path(self) -> Path:
        """The log itself."""
        return self.folder / FILE

    def append(self, event: str, **fields: Any) -> Record:
        """Add a record and return it, on disk when this returns.

        The fields are those of `Record` between `event` and `torn`. Raises `UsageError` for others, for one that
        carries a password, and `BakeryopsError` where the log cannot be written: nothing of it is then left.
        """
        known = _checked(event, fields)
        try:
            with self._held() as descriptor:
                return self._add(descriptor, event, known)
        except OSError as error:
            raise BakeryopsError(
                f"the audit log {self.path} cannot be written",
                why=error.strerror or str(error),
                hint="Make room on the disk." if error.errno in (errno.ENOSPC, errno.EDQUOT) else "",
            ) from error

    def records(self) -> Iterator[Record]:
        """Yield what can be read of the log, oldest first, whatever its chain says."""
        for line in self._lines():
            if line.document is not None:
                with contextlib.suppress(msgspec.ValidationError):
                    yield msgspec.convert(line.document, Record)

    def verify(self, *, contains: str = "") -> Verdict:
        """Look through the whole log; `contains` is a hash (or its beginning) noted earlier that must be in it.

        Raises `BakeryopsError` where it cannot be read.
        """
        if not self.path.exists():
            return judge((), self._head(), contains=contains)
        with self._held(shared=True):
            return judge(self._lines(), self._head(), contains=contains)

    def _add(self, descriptor: int, event: str, known: dict[str, Any]) -> Record:
        size = os.fstat(descriptor).st_size
        last, torn, whole_end = tail_of(descriptor)
        found, seq = _before(last, self._head())
        document = {
            "seq": seq,
            "when": _moment(self._clock()),
            "event": event,
            **known,
            "torn": [msgspec.to_builtins(each) for each in torn],
            "found": found,
            "prev": last.hash if last is not None else FIRST,
        }
        document["hash"] = seal(document)
        data = (b"" if whole_end else b"\n") + canonical(document) + b"\n"
        try:
            _write(descriptor, data)
            os.fsync(descriptor)
            self._put_head(seq, document["hash"])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        return msgspec.convert(document, Record)

    @contextlib.contextmanager
    def _held(self, *, shared: bool = False) -> Iterator[int]:
        """Hold the log against other writers; yield its descriptor, for adding where not `shared`."""
        flags = os.O_RDONLY if shared else os.O_RDWR | os.O_APPEND | os.O_CREAT
        fresh = not shared and not self.path.exists()
        try:
            descriptor = os.open(self.path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if shared:
                raise BakeryopsError(f"{self.path} cannot be read", why=error.strerror or str(error)) from error
            raise
        try:
            _lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, self.path)
            if fresh:
                _sync_folder(self.folder)
            yield descriptor
        finally:
            os.close(descriptor)

    def _lines(self) -> Iterator[Line]:
        try:
            with self.path.open("rb") as file:
                yield from lines_of(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BakeryopsError(f"{self.path} cannot be read", why=error.strerror or str(error)) from error

    def _head(self) -> tuple[int, str] | None:
        """Return number and hash of the last record as noted beside the log, None where there is no such note."""
        try:
            found = json.loads((self.folder / HEAD).read_bytes())
            return int(found["count"]), str(found["hash"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _put_head(self, count: int, digest: str) -> None:
        path = self.folder / HEAD
        other = path.with_name(f"{HEAD}.new")
        descriptor = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _write(descriptor, canonical({"count": count, "hash": digest}) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        other.replace(path)
        _sync_folder(self.folder)


def _before(last: Line | None, head: tuple[int, str] | None) -> tuple[str, int]:
    """Return what is wrong with the end of the log before a record is added, and the number that it gets.

    Said in the record itself, it stays to be found when the note beside the log is of the new end.
    """
    seq = last.seq if last is not None else 0
    if head is None:
        return (f"{HEAD} was missing: records may have been cut off", seq + 1) if seq > 1 else ("", seq + 1)
    if head[0] > seq:
        return f"{head[0] - seq} of the records before it were missing", head[0] + 1
    if last is None:
        return "", 1
    # A writer that died may have added a record and not noted it.
    noted = last.hash if head[0] == seq else str((last.document or {}).get("prev"))
    if head[0] < seq - 1 or noted != head[1]:
        return "the record before it was not the one that bakeryops wrote", seq + 1
    return "", seq + 1


def _moment(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _checked(event: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a record, all of them, as they are written; raises `UsageError`."""
    strange = fields.keys() - _TEXTS - _LISTS
    if strange or event not in EVENTS:
        raise UsageError(f"the audit log knows no {', '.join(sorted(strange)) or event}")
    known: dict[str, Any] = {name: _text(name, fields.get(name, "")) for name in sorted(_TEXTS)}
    known["host"] = known["host"] or clean(socket.gethostname())
    for name in sorted(_LISTS):
        values: Sequence[Any] = fields.get(name, ())
        known[name] = [_text(name, each) for each in list(values)[:_LONGEST_LIST]]
    return known


def _text(name: str, value: Any) -> str:
    text = clean(str(value))
    if _PASSWORD.search(text):
        raise UsageError(f"{name} of an audit record holds an address with a password", hint="Name it without.")
    text = mask_text(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _lock(descriptor: int, how: int, path: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise BakeryopsError(
                    f"the audit log {path} is held by another bakeryops",
                    hint="Look for one that was stopped (state T in `ps`) and let it go on.",
                ) from None
            time.sleep(0.005)
        else:
            return


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
