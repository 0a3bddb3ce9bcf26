"""Jobs in tests: a store and a small cluster for their locks, runs in this process or in one that can be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.cluster.writes import Writer
from bakeryops.config import Config
from bakeryops.demo.server import DemoServer
from bakeryops.jobs.journal import Entry, read_entries
from bakeryops.jobs.runner import run_job
from bakeryops.jobs.settings import Settings
from bakeryops.jobs.store import JobStore
from bakeryops.model.job import JobView
from bakeryops.model.plan import Plan
from tests.support.demo import kubeconfig, served, static_store

ROOT = Path(__file__).resolve().parents[2]
_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
import tests.support.probe_steps
from bakeryops.actions.steps import load_steps
from bakeryops.jobs import journal
from bakeryops.jobs.runner import run_job
from bakeryops.jobs.store import JobStore

load_steps()
root, job, after = sys.argv[1:4]
append = journal.Journal.append
left = [int(after)]

def counting(self, entry, *, sync=True):
    append(self, entry, sync=sync)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

journal.Journal.append = counting
raise SystemExit(asyncio.run(run_job(JobStore(Path(root)), job)))
"""


@dataclass
class Bench:
    """A job store, a cluster with a namespace for locks, and the configuration that joins them."""

    server: DemoServer
    store: JobStore
    config: Config
    home: Path

    def create(self, plan: Plan, *, wait_lock: bool = False, who: str = "me@here") -> str:
        """Save a plan."""
        return self.store.create(plan, Settings(self.config, self.server.url, wait_lock), who)

    async def run(self, plan: Plan, **more: object) -> JobView:
        """Save and carry out a plan in this process."""
        job = self.create(plan, **more)  # type: ignore[arg-type]
        await run_job(self.store, job)
        return self.store.view(job)

    def entries(self, job: str) -> list[Entry]:
        """Return a job's journal."""
        return read_entries(self.store.folder(job) / "journal.jsonl")

    async def child(self, job: str, *, kill_after: int = 0) -> int:
        """Carry out a job in a process that kills itself with SIGKILL after so many lines of its journal."""
        environment = {**os.environ, "XDG_STATE_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHILD, str(self.store.root), job, str(kill_after), env=environment,
            stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        _, said = await child.communicate()
        code = child.returncode
        assert code is not None
        assert code in (-9, 0, 1, 5, 130), said.decode()
        return code

    @asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[Session, Writer]]:
        """Hold a session of another operator's."""
        session = Session(find_target(self.config.kubeconfig, None))
        await session.start()
        try:
            yield session, Writer(session.transport, session.discovery)
        finally:
            await session.close()


@asynccontextmanager
async def bench(folder: Path, *namespaces: str) -> AsyncIterator[Bench]:
    """Serve a small cluster and keep jobs in a folder."""
    async with served(static_store(*(namespaces or ("bakery-ia", "bakery-ci"))), tls=True) as server:
        config = replace(Config(), kubeconfig=str(kubeconfig(server, folder / "kubeconfig")))
        home = folder / "state"
        yield Bench(server, JobStore(home / "bakeryops" / "jobs"), config, home)
