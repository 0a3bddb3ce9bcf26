"""The black box on disk: failures as they were saved, and the last good run of each task."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from bakeryops.keeping.database import Database
from bakeryops.locations import private_folder, state_folder
from bakeryops.model.blackbox import Saved

__all__ = ["AGE", "BYTES", "COUNT", "BlackBoxStore"]

COUNT: Final = 500
"""Failures of a cluster that are kept at most, and as many good runs."""
BYTES: Final = 64 << 20
"""Bytes that those of all clusters may take, packed."""
AGE: Final = 90 * 86_400.0
"""Seconds after which one is forgotten."""
_UNPACKED_MOST: Final = 64 << 20

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS saved (
        id INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL, green INTEGER NOT NULL,
        kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, part TEXT NOT NULL,
        at REAL NOT NULL, size INTEGER NOT NULL, summary BLOB NOT NULL, body BLOB NOT NULL,
        UNIQUE (cluster, green, kind, namespace, name, uid, part)
    )""",
    "CREATE INDEX IF NOT EXISTS by_time ON saved (cluster, green, at DESC)",
)


class BlackBoxStore:
    """What was saved, of each cluster by itself; calls block."""

    def __init__(
        self, folder: Path | None = None, *, most: int = COUNT, most_bytes: int = BYTES, keep_seconds: float = AGE
    ) -> None:
        """Take the folder (the state folder when None) and the bounds."""
        self._most = most
        self._most_bytes = most_bytes
        self._keep_seconds = keep_seconds
        base = private_folder(folder) if folder is not None else state_folder()
        self.database = Database(base / "blackbox.sqlite", schema=_SCHEMA, version=1)

    @property
    def trouble(self) -> str:
        """Why nothing is kept, "" while all is well."""
        return self.database.trouble

    @property
    def word(self) -> str:
        """What happened to the file when it was opened, "" for nothing worth a word."""
        return self.database.word

    def save(self, cluster: str, saved: Saved, now: float) -> int:
        """Keep something in place of what is kept of the same, and return its number, 0 where it cannot be kept.

        Logs that cannot be had any more stay as they were saved before.
        """

        def work(connection: sqlite3.Connection) -> int:
            key = (cluster, saved.verdict == "green", *_key(saved))
            row = connection.execute(
                "SELECT id, body FROM saved WHERE cluster = ? AND green = ? AND kind = ? AND namespace = ? "
                "AND name = ? AND uid = ? AND part = ?",
                key,
            ).fetchone()
            whole = saved
            if row is not None and (before := _decode(row[1])) is not None:
                whole = _onto(before, saved)
            summary = msgspec.json.encode(msgspec.structs.replace(whole, logs=(), events=(), object={}))
            body = zlib.compress(msgspec.json.encode(whole), 6)
            values = (whole.when, len(body) + len(summary), summary, body)
            if row is not None:
                number = int(row[0])
                connection.execute(
                    "UPDATE saved SET at = ?, size = ?, summary = ?, body = ? WHERE id = ?", (*values, number)
                )
            else:
                number = int(
                    connection.execute(
                        "INSERT INTO saved (cluster, green, kind, namespace, name, uid, part, at, size, summary,"
                        " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (*key, *values),
                    ).lastrowid
                    or 0
                )
            self._prune(connection, cluster, now)
            return number

        return self.database.write(work, 0)

    def _prune(self, connection: sqlite3.Connection, cluster: str, now: float) -> None:
        connection.execute("DELETE FROM saved WHERE at < ?", (now - self._keep_seconds,))
        for green in (0, 1):
            connection.execute(
                "DELETE FROM saved WHERE id IN (SELECT id FROM saved WHERE cluster = ? AND green = ? "
                "ORDER BY at DESC LIMIT -1 OFFSET ?)",
                (cluster, green, self._most),
            )
        taken = 0
        for number, size in connection.execute("SELECT id, size FROM saved ORDER BY at DESC").fetchall():
            taken += size
            if taken > self._most_bytes:
                connection.execute("DELETE FROM saved WHERE id = ?", (number,))
        connection.execute("PRAGMA incremental_vacuum(200)").fetchall()

    def failures(self, cluster: str) -> list[Saved]:
        """Return the failures of a cluster, newest first, without logs, events and object."""
        rows = self.database.read(
            "SELECT id, summary FROM saved WHERE cluster = ? AND green = 0 ORDER BY at DESC, id DESC", (cluster,)
        )
        return _summaries(rows)

    def get(self, number: int) -> Saved | None:
        """Return one in full, None where there is none (any more)."""
        return self._one("SELECT id, body FROM saved WHERE id = ?", (number,))

    def find(self, cluster: str, *, pod: str = "", build: str = "", namespace: str = "") -> list[Saved]:
        """Return what is saved of a pod, or of a build, in full, newest first."""
        return [
            whole
            for each in self.failures(cluster)
            if (not namespace or each.namespace == namespace)
            and (not pod or each.pod == pod)
            and (not build or build in (each.build, each.name))
            and (whole := self.get(each.id)) is not None
        ]

    def green(self, cluster: str, like: Saved) -> Saved | None:
        """Return the last good run of the same task, None where none is kept."""
        return self._one(
            "SELECT id, body FROM saved WHERE cluster = ? AND green = 1 AND kind = ? AND namespace = ? "
            "AND name = ? ORDER BY at DESC LIMIT 1",
            (cluster, like.kind, like.namespace, green_name(like)),
        )

    def last_green(self, number: int, like: Saved) -> Saved | None:
        """Return the last good run of the same task in the cluster that the failure of this number is of."""
        rows = self.database.read("SELECT cluster FROM saved WHERE id = ?", (number,))
        return self.green(str(rows[0][0]), like) if rows else None

    def known(self, cluster: str) -> set[tuple[str, str]]:
        """Return uid and part of every failure that is kept."""
        return {
            (uid, part)
            for uid, part in self.database.read(
                "SELECT uid, part FROM saved WHERE cluster = ? AND green = 0", (cluster,)
            )
        }

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def _one(self, sql: str, values: tuple[Any, ...]) -> Saved | None:
        for number, body in self.database.read(sql, values):
            found = _decode(body)
            return msgspec.structs.replace(found, id=int(number)) if found is not None else None
        return None


def green_name(saved: Saved) -> str:
    """Return what good runs of one task are kept under: one of each."""
    return f"{saved.pipeline}/{saved.task}"


def _key(saved: Saved) -> tuple[str, str, str, str, str]:
    if saved.verdict == "green":
        return saved.kind, saved.namespace, green_name(saved), "", ""
    return saved.key


def _onto(before: Saved, now: Saved) -> Saved:
    """Return what is known now, with the logs and events of before where they cannot be had any more."""
    if now.verdict == "green":
        return now
    if not now.container and before.container:
        now = msgspec.structs.replace(now, container=before.container, step=before.step)
    had = {each.container: each for each in before.logs if not each.missing}
    logs = tuple(had.get(each.container, each) if each.missing else each for each in now.logs)
    kept = [each for each in had.values() if each.container not in {log.container for log in logs}]
    log = now.log()
    lost = log is None or bool(log.missing)
    return msgspec.structs.replace(
        now,
        logs=(*logs, *kept),
        events=now.events or before.events,
        object=now.object or before.object,
        error=before.error if lost and before.error else now.error,
        error_at=before.error_at if lost and before.error else now.error_at,
    )


def _decode(body: bytes) -> Saved | None:
    try:
        unpacked = zlib.decompressobj().decompress(body, _UNPACKED_MOST)
        return msgspec.json.decode(unpacked, type=Saved)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _summaries(rows: Iterable[tuple[Any, ...]]) -> list[Saved]:
    found = []
    for number, summary in rows:
        try:
            found.append(msgspec.structs.replace(msgspec.json.decode(summary, type=Saved), id=int(number)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found
