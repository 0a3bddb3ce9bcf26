"""The locks of a job while it runs: on this machine, in the cluster, renewed in the background."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError, RefusedError
from bakeryops.jobs.lease import RENEW, Lock, Locks
from bakeryops.jobs.local_locks import LocalLocks
from bakeryops.model.plan import Plan

if TYPE_CHECKING:
    from bakeryops.jobs.work import World

__all__ = ["Holding"]

_WAIT = 1.0
"""Seconds between two looks at a lock that somebody else holds."""
_NONE_HERE = "no lock in the cluster"


class Holding:
    """Takes the locks, keeps them, and knows when they were taken away."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        job: str,
        who: str,
        folder: Path,
        tell: Callable[[str, str], None],
        lost: Callable[[str], BakeryopsError],
    ) -> None:
        """Take the job, where this machine's locks are, whom to tell, and what error a lost lock is."""
        self._world = world
        self._plan = plan
        self._job = job
        self._who = who
        self._tell = tell
        self._lost = lost
        self._local = LocalLocks(folder, plan.scope)
        self._locks: Locks | None = None
        self._task: asyncio.Task[None] | None = None
        self._taken: Lock | None = None
        self._said = ""

    async def acquire(self, heed: Callable[[], None]) -> None:
        """Take every lock, waiting where that is wanted; raises `RefusedError` with the holder's name."""
        if not self._plan.scope:
            return
        wait = self._world.settings.wait_lock
        while True:
            other = await self._attempt()
            if not other:
                break
            if not wait:
                raise RefusedError(
                    other,
                    hint="Wait for its end (--wait-lock), or break it: bakeryops jobs locks --break SCOPE",
                )
            self._say("waiting", f"waiting: {other}")
            heed()
            await asyncio.sleep(_WAIT)
        self._task = asyncio.create_task(self._keep())

    def check(self) -> None:
        """Raise where somebody took the lock from us."""
        if self._taken is not None:
            raise self._lost(self._taken.told(time.time()))

    async def release(self) -> None:
        """Give every lock back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._locks is not None and self._taken is None:
            with contextlib.suppress(BakeryopsError, TimeoutError):
                async with asyncio.timeout(5.0):
                    await self._locks.release()
        self._local.release()

    async def _attempt(self) -> str:
        """Take the locks; return "" or who is in the way."""
        try:
            other = self._local.acquire(f"{self._who}: {self._plan.title} ({self._job})")
        except OSError as error:
            raise BakeryopsError(f"no lock can be kept on this machine: {error.strerror or error}") from None
        if other:
            return other
        other = await self._in_cluster()
        if other:
            self._local.release()
        return other

    async def _in_cluster(self) -> str:
        try:
            if self._locks is None:
                self._locks = await self._made()
            lock = await self._locks.acquire()
        except KubeError as error:
            if error.kind in ("invalid", "protocol", "unauthorized"):
                raise
            # Git and the work on this machine can go on; others on this machine are held off all the same.
            self._say("none", f"{_NONE_HERE}: {error.message}; others elsewhere are not held off")
            return ""
        if lock is not None:
            return lock.told(time.time())
        self._say("held", ", ".join(self._plan.scope))
        return ""

    async def _made(self) -> Locks:
        from bakeryops.cluster.writes import Writer

        session = await self._world.session()
        writer = Writer(session.transport, session.discovery)
        namespace = self._world.settings.config.namespaces.app[0]
        return Locks(
            session, writer, namespace, self._plan.scope, job=self._job, holder=self._who, title=self._plan.title
        )

    async def _keep(self) -> None:
        """Renew the locks until cancelled; take them when the cluster comes back."""
        while True:
            await asyncio.sleep(RENEW)
            try:
                if self._locks is None:
                    self._locks = await self._made()
                self._taken = await (self._locks.renew() if self._locks.held else self._locks.acquire())
            except BakeryopsError as error:
                self._say("none", f"{_NONE_HERE}: not renewed: {error.message}")
                continue
            if self._taken is not None:
                self._say("lost", f"the lock was taken away: {self._taken.told(time.time())}")
                return
            self._say("held", ", ".join(self._plan.scope))

    def _say(self, state: str, text: str) -> None:
        if text != self._said:
            self._said = text
            self._tell(state, text)
