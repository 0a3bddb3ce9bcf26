"""Locks on this machine, beside those in the cluster: they hold while the API server is away too."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
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
        self._open: list[tuple[Path, int]] = []

    def acquire(self, holder: str) -> str:
        """Take all; return "", or who holds the first that is taken (then none is kept). Raises `OSError`."""
        private_folder(self._folder)
        for scope in self._scopes:
            path = self._folder / f"{lock_name(scope)}.lock"
            descriptor, other = _locked(path)
            if other is not None:
                self.release()
                return f"{scope} is locked by {other or 'another job on this machine'}"
            self._open.append((path, descriptor))
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
        return ""

    def release(self) -> None:
        """Give all back, and leave no file behind."""
        while self._open:
            path, descriptor = self._open.pop()
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _locked(path: Path) -> tuple[int, str | None]:
    """Open and lock a file; return its descriptor, or who has it. Raises `OSError`."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(descriptor, 400, 0).decode(errors="replace")
            os.close(descriptor)
            return -1, other
        try:
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor, None
        except FileNotFoundError:
            pass
        # Its holder gave it back in this instant: what is locked here is a file that nobody else will find.
        os.close(descriptor)
