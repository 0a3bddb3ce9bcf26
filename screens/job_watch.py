"""The jobs of this user on this machine, looked at now and then: whoever started them, from wherever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bakeryops.errors import BakeryopsError
from bakeryops.locations import state_folder
from bakeryops.model.job import JobView

__all__ = ["JobWatch"]

FIRST = 1.0
"""Seconds after the start: the first paint and the first keys come before."""

EVERY = 1.0
"""Seconds between two looks while a job goes on."""

IDLE = 3.0
"""Seconds between two looks while none does."""

LOST = 86_400.0
"""Seconds for which a job whose process is gone is pointed out; after that it stands in the list only."""

MOST = 60
"""Jobs that are looked at, the newest."""


class JobWatch:
    """Keeps the views of jobs; a journal is read again only where it has grown."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder of all jobs, that of the state folder when None."""
        self.views: Sequence[JobView] = ()
        """The newest first."""
        self.read = False
        """Whether they have been looked at once."""
        self.trouble = ""
        """Why they cannot be read."""
        self.looks = 0
        """How often they were looked at."""
        self._folder = folder
        self._seen: dict[str, tuple[object, JobView]] = {}
        self._poked = asyncio.Event()

    @property
    def going(self) -> list[JobView]:
        """The jobs that go on, or want a person because their process is gone."""
        return [view for view in self.views if not view.finished and (view.state != "lost" or _young(view))]

    def poke(self) -> None:
        """Look at once: a job was started."""
        self._poked.set()

    async def run(self, changed: Callable[[], None]) -> None:
        """Look as long as it is awaited; `changed` is called where anything is different."""
        await asyncio.sleep(FIRST)
        while True:
            self._poked.clear()
            before = self.views, self.trouble, self.read
            try:
                # A look takes a thread: a state folder may lie on a slow disk.
                self.views, self.trouble = await asyncio.to_thread(self._look), ""
            except (OSError, BakeryopsError) as error:
                self.trouble = f"jobs cannot be read: {error}"
            self.read = True
            self.looks += 1
            if before != (self.views, self.trouble, self.read):
                changed()
            try:
                async with asyncio.timeout(EVERY if self.going else IDLE):
                    await self._poked.wait()
            except TimeoutError:
                continue

    def _look(self) -> Sequence[JobView]:
        root = self._folder if self._folder is not None else state_folder() / "jobs"
        if not root.is_dir():
            return ()
        from bakeryops.jobs.store import JobStore

        store = JobStore(root)
        found, seen = [], dict[str, tuple[object, JobView]]()
        for job in store.ids()[:MOST]:
            mark = _mark(root / job)
            known = self._seen.get(job)
            # Of a job that goes on the journal does not tell whether its process is alive.
            if known is None or known[0] != mark or not known[1].finished:
                try:
                    known = (mark, store.view(job))
                except BakeryopsError:
                    continue
            seen[job] = known
            found.append(known[1])
        self._seen = seen
        return tuple(found)


def _young(view: JobView) -> bool:
    return time.time() - view.created < LOST


def _mark(folder: Path) -> object:
    try:
        status = (folder / "journal.jsonl").stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
