"""The history on disk: what Git, Flux and the audit log told, kept when they do not tell it any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from bakeryops.keeping.database import Database
from bakeryops.locations import private_folder, state_folder
from bakeryops.model.history import Entry

__all__ = ["AGE", "COUNT", "HistoryStore"]

COUNT: Final = 20_000
"""Entries that are kept at most."""
AGE: Final = 2 * 365 * 86_400.0
"""Seconds after which an entry is forgotten."""

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entries (
        cluster TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (cluster, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS by_time ON entries (cluster, at DESC)",
)


class HistoryStore:
    """Entries by their key, of each cluster by itself; calls block."""

    def __init__(self, folder: Path | None = None, *, most: int = COUNT, keep_seconds: float = AGE) -> None:
        """Take the folder (the state folder when None) and the bounds."""
        self._most = most
        self._keep_seconds = keep_seconds
        base = private_folder(folder) if folder is not None else state_folder()
        self.database = Database(base / "history.sqlite", schema=_SCHEMA, version=1)

    @property
    def trouble(self) -> str:
        """Why nothing is kept, "" while all is well."""
        return self.database.trouble

    @property
    def word(self) -> str:
        """What happened to the file when it was opened, "" for nothing worth a word."""
        return self.database.word

    def entries(self, cluster: str) -> list[Entry]:
        """Return what is kept of a cluster, newest first; entries of another form are left out."""
        rows = self.database.read("SELECT body FROM entries WHERE cluster = ? ORDER BY at DESC", (cluster,))
        found = []
        for (body,) in rows:
            try:
                found.append(msgspec.json.decode(body, type=Entry))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return found

    def keep(self, cluster: str, entries: Iterable[Entry], now: float) -> None:
        """Keep entries, in place of what is kept under their keys, and forget what is too old or too much."""
        rows = [(cluster, each.key, each.when, msgspec.json.encode(each)) for each in entries]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO entries (cluster, key, at, body) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (cluster, key) DO UPDATE SET at = excluded.at, body = excluded.body",
                rows,
            )
            connection.execute("DELETE FROM entries WHERE at < ?", (now - self._keep_seconds,))
            connection.execute(
                "DELETE FROM entries WHERE (cluster, key) IN "
                "(SELECT cluster, key FROM entries ORDER BY at DESC LIMIT -1 OFFSET ?)",
                (self._most,),
            )

        self.database.write(work, None)

    def close(self) -> None:
        """Close the file."""
        self.database.close()
