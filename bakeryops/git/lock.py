"""One fetch at a time into one mirror, however many consoles are open."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bakeryops.git.errors import GitError

__all__ = ["held"]

_STEP = 0.1


@asynccontextmanager
async def held(path: Path, seconds: float = 120.0) -> AsyncIterator[None]:
    """Hold a lock file while the block runs; raises `GitError` after `seconds` of waiting.

    The kernel lets go of it when we die.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise GitError(f"the mirror cannot be locked: {path}: {error.strerror or error}") from None
    try:
        await _acquire(descriptor, seconds)
        yield
    finally:
        os.close(descriptor)


async def _acquire(descriptor: int, seconds: float) -> None:
    for _ in range(max(1, int(seconds / _STEP))):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_STEP)
        else:
            return
    raise GitError(
        "another console has been fetching the repository for too long",
        kind="timeout",
        hint="End it, or look again later.",
    )
