"""One SQLite file under the state folder: private, shared by processes, made anew when it is broken."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from bakeryops.text import clean

__all__ = ["Database"]

_T = TypeVar("_T")
_BUSY_SECONDS: Final = 5.0
_BROKEN_KEPT: Final = 3
"""Broken files that are kept beside the good one."""
_BROKEN = ("malformed", "not a database", "file is encrypted", "disk image")


class Database:
    """A file with a schema; calls block, and may come from any thread.

    Nothing here raises for what the disk does: what cannot be read is empty, what cannot be written is left, and
    `trouble` says why.
    """

    def __init__(self, path: Path, *, schema: Sequence[str], version: int) -> None:
        """Take the file, the statements that make its tables where they are not there, and their version."""
        self.path = path
        self.trouble = ""
        """Why nothing is kept, or the last thing was not; "" while all is well."""
        self.word = ""
        """What happened to the file when it was opened, "" for nothing worth a word."""
        self._schema = schema
        self._version = version
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.RLock()
        self._newer = False

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, none where they cannot be read."""
        return self._do(lambda connection: connection.execute(sql, values).fetchall(), [])

    def write(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Do `work` in one transaction and return what it does, or `otherwise` where it cannot be kept."""

        def whole(connection: sqlite3.Connection) -> _T:
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(connection)
            except BaseException:
                # A full disk has rolled back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return done

        return self._do(whole, otherwise)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._guard:
            connection, self._connection = self._connection, None
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()

    def _do(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        with self._guard:
            for attempt in (1, 2):
                try:
                    connection = self._open()
                    if connection is None:
                        return otherwise
                    done = work(connection)
                except (sqlite3.Error, OSError) as error:
                    self.close()
                    self.trouble = _why(self.path, error)
                    if attempt == 2 or not _is_broken(error):
                        return otherwise
                    if not self._set_aside():
                        return otherwise
                else:
                    self.trouble = ""
                    return done
        return otherwise

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is not None or self._newer:
            return self._connection
        # SQLite gives its side files the rights of the file itself.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > self._version:
                self._newer = True
                self.trouble = f"{self.path} is of a newer bakeryops; this one leaves it alone"
                connection.close()
                return None
            # Before anything is written: later it does nothing.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if found < self._version:
                connection.execute("BEGIN IMMEDIATE")
                for statement in self._schema:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {self._version:d}")
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _set_aside(self) -> bool:
        """Move a broken file away, unless another process has done so; return whether to try again."""
        lock = self.path.with_name(f"{self.path.name}.lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _still_broken(self.path):
                return True
            aside = self.path.with_name(f"{self.path.name}.broken-{time.time_ns() // 1_000_000}")
            for ending in ("-wal", "-shm"):
                side = self.path.with_name(self.path.name + ending)
                with contextlib.suppress(FileNotFoundError):
                    side.replace(aside.with_name(aside.name + ending))
            self.path.replace(aside)
            self.word = f"{self.path} was broken; it was moved to {aside.name} and begun anew"
            self._forget_old()
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def _forget_old(self) -> None:
        broken = sorted(
            each for each in self.path.parent.glob(f"{self.path.name}.broken-*") if each.suffix.count("-") == 1
        )
        for each in broken[:-_BROKEN_KEPT]:
            for path in (each, each.with_name(f"{each.name}-wal"), each.with_name(f"{each.name}-shm")):
                with contextlib.suppress(OSError):
                    path.unlink()


def _is_broken(error: Exception) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and any(word in str(error) for word in _BROKEN)


def _still_broken(path: Path) -> bool:
    """Return whether a file cannot be used, as against one that another process has made anew meanwhile."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.OperationalError as error:
        return _is_broken(error)
    except sqlite3.DatabaseError:
        return True


def _why(path: Path, error: Exception) -> str:
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return f"{path} cannot be used: {clean(text)}"
