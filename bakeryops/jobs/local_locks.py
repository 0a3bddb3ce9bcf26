"""Locks on this machine, beside those in the cluster: they hold while the API server is away too."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from bakeryops.jobs.lease import lock_name
from bakeryops.locations import private_folder

__all__ = ["LocalLocks"]


class LocalLocks:
    """File locks of the scopes of one job; the kernel lets go of them when the process dies."""

    def __init__(self, folder: Path, scopes: Sequence[str]) -> None:
        """Take the folder of all locks, and what is to be locked."""
        self._folder = folder
        self._scopes = sorted(set(scopes))
        self._open: list[int] = []

    def acquire(self, holder: str) -> str:
        """Take all; return "", or who holds the first that is taken (then none is kept). Raises `OSError`."""
        private_folder(self._folder)
        for scope in self._scopes:
            path = self._folder / f"{lock_name(scope)}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                other = os.pread(descriptor, 400, 0).decode(errors="replace")
                os.close(descriptor)
                self.release()
                return f"{scope} is locked by {other or 'another job on this machine'}"
            self._open.append(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
        return ""

    def release(self) -> None:
        """Give all back."""
        while self._open:
            os.close(self._open.pop())
