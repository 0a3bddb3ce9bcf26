"""The history of one cluster: what is told now, joined with what was kept, and kept in turn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bakeryops.errors import BakeryopsError
from bakeryops.jobs.audit import AuditLog
from bakeryops.keeping.history import HistoryStore
from bakeryops.model.history import Entry
from bakeryops.read.history import actions, changed, joined

__all__ = ["PastBook"]


class PastBook:
    """Joins Git, Flux and the audit log with the file on disk; its calls block."""

    def __init__(self, cluster: str, folder: Path | None = None) -> None:
        """Take the address of the API server, which tells clusters apart, and the state folder."""
        self.cluster = cluster
        self._audit = AuditLog(folder)
        self._store = HistoryStore(folder)
        self._kept: list[Entry] | None = None
        self._actions: list[Entry] = []
        self._size = -1
        self._told = ""

    def update(self, told: Iterable[Entry], now: float) -> list[Entry]:
        """Return the whole history, newest first, with what Git and Flux tell now; keep what is new in it."""
        kept = self._store.entries(self.cluster)
        if not kept and self._kept:
            # The file broke, or is away: what was read of it is not lost with it.
            kept = self._kept
        entries = joined([*told, *self._taken()], kept)
        if fresh := changed(entries, self._store.entries(self.cluster)):
            self._store.keep(self.cluster, fresh, now)
        self._kept = entries
        return entries

    def words(self) -> list[str]:
        """Return what a person should hear of the files, each sentence once."""
        found = [each for each in (self._store.word, self._store.trouble) if each]
        text = "\n".join(found)
        if text == self._told:
            return []
        self._told = text
        return found

    def close(self) -> None:
        """Close the files."""
        self._store.close()

    def _taken(self) -> list[Entry]:
        """Return the actions taken on this cluster, read anew when the audit log has grown."""
        try:
            size = self._audit.path.stat().st_size
            if size != self._size:
                found = actions(self._audit.records())
                self._actions = [each for each in found if each.cluster in ("", self.cluster)]
                self._size = size
        except (OSError, BakeryopsError):
            self._size = -1
        return self._actions
