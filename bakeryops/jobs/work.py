"""What a step has at hand while it is carried out: the cluster, Git, the journal, a person's wish to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeryops.config import Config
from bakeryops.errors import UnreachableError, UsageError
from bakeryops.git.errors import GitError
from bakeryops.jobs.control import asked_to_stop
from bakeryops.jobs.journal import Entry, Journal
from bakeryops.jobs.settings import Settings
from bakeryops.jobs.step import Stopped
from bakeryops.jobs.view import Fold
from bakeryops.model.plan import Plan, PlanStep
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.writes import Writer
    from bakeryops.git.repository import Repository

__all__ = ["Work", "World"]

_LOOK = 0.2
"""Seconds after which a wish to stop is heard."""
_CONNECT = 10.0
_PROGRESS = 0.25
"""Least seconds between two lines of progress in the journal."""


class World:
    """The cluster and the repository of a job, opened when they are first needed."""

    def __init__(self, settings: Settings, basis: Mapping[str, str]) -> None:
        """Take the settings, and what the plan was computed from."""
        self.settings = settings
        self._basis = basis
        self._session: Session | None = None
        self._opening = asyncio.Lock()

    async def session(self) -> Session:
        """Return a session whose cluster has answered just now; raises `UnreachableError`, `UsageError`."""
        async with self._opening:
            if self._session is None:
                self._session = await self._open()
            return self._session

    async def reached(self) -> Session:
        """Return a session on a cluster that answers now; raises `UnreachableError`."""
        session = await self.session()
        await session.transport.get_bytes("/version")
        return session

    async def repository(self) -> Repository:
        """Return the private mirror of the repository that the plan is about; raises `GitError`."""
        from bakeryops.git.repository import Repository
        from bakeryops.git.where import find

        config = self.settings.config
        url, branch, resolve = (self._basis.get(f"git.{key}", "") for key in ("url", "branch", "resolve"))
        if not url:
            place = await find(config, await self.session())
            if place is None:
                raise GitError("no repository is known", hint="Set git.url in the configuration.")
            url, branch, resolve = place.url, place.branch, place.resolve
        credentials = Path(config.git.credentials) if config.git.credentials else None
        return Repository(url, branch, credentials=credentials, resolve=resolve)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open(self) -> Session:
        from bakeryops.cluster.session import Session
        from bakeryops.cluster.target import find_target
        from bakeryops.cluster.transport import Deadline
        from bakeryops.read.holds import places

        config = self.settings.config
        target = await asyncio.to_thread(find_target, config.kubeconfig, config.context)
        if self.settings.cluster and target.server != self.settings.cluster:
            raise UsageError(
                "the plan was made for another cluster",
                why=f"it was {clean(self.settings.cluster)}, now {clean(target.server)} is found",
                hint="Make the plan anew.",
            )
        session = Session(target, places=places(config))
        session.transport.read_only = config.read_only
        try:
            await session.start()
            await session.transport.get_bytes("/version", timeout=Deadline(total=_CONNECT, connect=_CONNECT))
        except BaseException:
            await session.close()
            raise
        return session


class Work:
    """One step at work; it is the `At` of `jobs.step`."""

    def __init__(
        self,
        world: World,
        journal: Journal,
        fold: Fold,
        step: PlanStep,
        *,
        folder: Path,
        who: str,
        lost: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the world, where to write, the step, and `lost`, which raises where the lock was taken from us."""
        self._world = world
        self._journal = journal
        self._fold = fold
        self._lost = lost
        self._clock = clock
        self._told = ""
        self._measured: tuple[float, float] | None = None
        self._last_progress = 0.0
        self.plan: Plan = fold.view.plan
        self.step = step
        self.config: Config = world.settings.config
        self.job = folder.name
        self.who = who
        self.folder = folder

    @property
    def args(self) -> Mapping[str, Any]:
        """The step's arguments."""
        return self.step.args

    def output(self, step: str, key: str, default: Any = None) -> Any:
        """Return what an earlier step gave."""
        found = next((each for each in self._fold.view.steps if each.id == step), None)
        return found.outputs.get(key, default) if found is not None else default

    async def session(self) -> Session:
        """Return a started session on the cluster; raises `UnreachableError`."""
        return await self._world.session()

    async def writer(self, manager: str = "") -> Writer:
        """Return what changes the cluster, under a field manager (ours by default)."""
        from bakeryops.cluster.writes import FIELD_MANAGER, Writer

        session = await self._world.session()
        return Writer(session.transport, session.discovery, field_manager=manager or FIELD_MANAGER)

    async def repository(self) -> Repository:
        """Return the repository's private mirror; raises `GitError`."""
        return await self._world.repository()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._clock()

    def memo(self, key: str) -> Any:
        """Return what this step noted in any run of the job."""
        return self._fold.notes.get(self.step.id, {}).get(key)

    def note(self, key: str, value: Any) -> None:
        """Note something in the journal, on disk when this returns."""
        self._write(Entry(self.now(), "note", self.step.id, data={"key": key, "value": value}))

    def tell(self, text: str) -> None:
        """Say what the step does or waits for; said again it is not written again."""
        text = clean(text)[:500]
        if text != self._told:
            self._told = text
            self._write(Entry(self.now(), "tell", self.step.id, text=text), sync=False)

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Say how far it is; rate and time left are computed from when it was said first."""
        now = self.now()
        if self._measured is None:
            self._measured = (now, done)
        if now - self._last_progress < _PROGRESS and done != total:
            return
        self._last_progress = now
        began, first = self._measured
        rate = (done - first) / (now - began) if now > began else None
        eta = (total - done) / rate if total is not None and rate else None
        done = round(done, 1)
        data = {"done": done, "total": total, "rate": rate, "eta": eta}
        self._write(Entry(now, "progress", self.step.id, text=unit, data=data), sync=False)

    async def sleep(self, seconds: float) -> None:
        """Wait; raises `Stopped` where a person asked to stop."""
        end = time.monotonic() + seconds
        while True:
            self.heed()
            left = end - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(_LOOK, left))

    def heed(self) -> None:
        """Raise `Stopped` where a person asked to stop, `StepFailedError` where the lock was taken."""
        self._lost()
        who = asked_to_stop(self.folder)
        if who is not None:
            raise Stopped(f"stopped by {clean(who) or 'somebody'}")

    async def reached(self, patience: float = 60.0) -> Session:
        """Return a session on a cluster that answers, waiting for it for a while; raises `UnreachableError`."""
        end = time.monotonic() + patience
        while True:
            try:
                return await self._world.reached()
            except UnreachableError as error:
                if time.monotonic() >= end:
                    raise
                self.tell(f"the API server does not answer ({error.message}); it is tried again")
                await self.sleep(2.0)

    def _write(self, entry: Entry, *, sync: bool = True) -> None:
        try:
            self._journal.append(entry, sync=sync)
        except OSError:
            # What is only said for people is no reason to leave a change half done.
            if sync:
                raise
        self._fold.take([entry])
