"""Following a job by its journal, from any process and as often as one likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from bakeryops.jobs.journal import entries
from bakeryops.jobs.store import JobStore, judged
from bakeryops.jobs.view import Fold
from bakeryops.model.job import JobView

__all__ = ["follow"]

_STEP = 0.1
"""Seconds between two looks at the journal's size."""
_PIECE = 1 << 20


async def follow(store: JobStore, job: str) -> AsyncIterator[JobView]:
    """Yield a job's view at each change, until it has ended or its process is gone; raises `BakeryopsError`."""
    folder = store.folder(job)
    fold = Fold(folder.name, store.plan(job))
    path = folder / "journal.jsonl"
    place, rest = 0, b""
    shown: JobView | None = None
    while True:
        data = await asyncio.to_thread(_from, path, place)
        place += len(data)
        if data:
            *lines, rest = (rest + data).split(b"\n")
            fold.take(entries(b"\n".join(lines)))
        view = await asyncio.to_thread(judged, folder, fold.view)
        if view != shown:
            shown = view
            yield view
        if view.finished or view.state == "lost":
            return
        if len(data) < _PIECE:
            await asyncio.sleep(_STEP)


def _from(path: Path, place: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(place)
            return stream.read(_PIECE)
    except OSError:
        return b""
