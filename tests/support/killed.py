"""Real rollbacks and rebuilds on an embedded cluster in a process of its own, by runners that are killed on the way."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakeryops.actions.ground import gather
from bakeryops.actions.hold_store import read_holds
from bakeryops.actions.rebuild import plan_rebuild
from bakeryops.actions.rollback import plan_rollback
from bakeryops.actions.rollback_wish import Wish
from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.config import Config
from bakeryops.config.loading import load
from bakeryops.jobs.audit import AuditLog
from bakeryops.jobs.journal import Entry, read_entries
from bakeryops.jobs.lease import locks
from bakeryops.jobs.person import Operator
from bakeryops.jobs.settings import Settings
from bakeryops.jobs.store import JobStore, alive
from bakeryops.model.hold import Hold
from bakeryops.model.job import JobView
from bakeryops.model.plan import Plan
from tests.support.cli_child import ROOT, Serving, environment, serving, start
from tests.support.waiting import until

__all__ = ["CI", "OVERLAY", "Reaper", "Shop", "Undertaking", "at_home", "reaper", "served_shop", "shop"]

CI = "bakery-ci"
OVERLAY = "infrastructure/kubernetes/overlays/prod/kustomization.yaml"


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    """Let this process keep its state where the children at a home keep theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(home).items():
            if name.startswith("XDG_"):
                patch.setenv(name, value)
        yield


@contextmanager
def served_shop(home: Path, speed: int = 10) -> Iterator[Serving]:
    """Serve the bakery, the same one each time, and keep the state of this process beside it.

    Ten times as fast as life its people push about once a minute: what is rolled back is rarely deployed anew.
    """
    with serving(home, "--still", "--seed", "1", "--speed", str(speed)) as running, at_home(home):
        yield running


class Reaper:
    """The other end of `killed_runner`."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    async def run(self, job: str, at: int = 0, match: str = "") -> dict[str, Any]:
        """Carry out a job; it dies at the `at`-th event that matches, if there are so many."""
        return await asyncio.to_thread(self._ask, {"job": job, "at": at, "match": match})

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        return answer


@contextmanager
def reaper(home: Path) -> Iterator[Reaper]:
    """Keep a process that carries out the jobs of a home."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.killed_runner", str(home / "state" / "bakeryops" / "jobs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**environment(home), "PYTHONPATH": str(ROOT)},
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield Reaper(child)
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.wait(30)
        assert child.stdout is not None
        child.stdout.close()


class Undertaking:
    """A job that was saved, and what is to come of it."""

    def __init__(self, shop: Shop, plan: Plan, job: str) -> None:
        self.shop = shop
        self.plan = plan
        self.job = job

    @property
    def view(self) -> JobView:
        """The job as its journal tells."""
        return self.shop.store.view(self.job)

    def start(self) -> subprocess.Popen[str]:
        """Start its runner on the machine of its operator."""
        return start(self.shop.home, "jobs", "carry-out", "--root", str(self.shop.store.root), self.job)

    async def ended(self, seconds: float = 120.0) -> JobView:
        """Wait for its end and return it."""
        await until(lambda: not alive(self.shop.store.folder(self.job)) and self.view.finished, seconds)
        return self.view

    @property
    def entries(self) -> list[Entry]:
        """Its journal."""
        return read_entries(self.shop.store.folder(self.job) / "journal.jsonl")

    @property
    def told(self) -> str:
        """What there is to say when it has not come to what it should."""
        view = self.view
        steps = "\n".join(f"{each.id} {each.state} {each.log}" for each in view.steps)
        return f"{view.state}: {view.text}\n{view.why}\n{view.hint}\n{view.lock}\n{steps}"

    @property
    def change(self) -> str:
        """By what the commit of a rollback is known."""
        step = next(each for each in self.plan.steps if each.kind == "git.edit")
        return str(step.args["change"])


class Shop:
    """The bakery as one operator sees it, over real HTTP and git."""

    def __init__(
        self, demo: Serving, config: Config, session: Session, who: Operator, home: Path | None = None
    ) -> None:
        self.demo = demo
        self.home = home if home is not None else demo.home
        self.config = config
        self.session = session
        self.who = who
        self.store = JobStore(self.home / "state" / "bakeryops" / "jobs")

    async def rollback(self, service: str, **wish: Any) -> Undertaking:
        """Plan a rollback of a service and save it."""
        ground = await gather(self.config, self.session, self.who)
        plan = await plan_rollback(ground, Wish(service, **{"watch": 0.0, "reason": "try", **wish}))
        return self.save(plan)

    async def rollbacks(self, count: int, watch: float = 0.0) -> list[tuple[str, Plan]]:
        """Plan rollbacks of so many services that are not held, each by itself."""
        ground = await gather(self.config, self.session, self.who)
        held = await read_holds(self.session, CI)
        found: list[tuple[str, Plan]] = []
        for service in (each for each in ground.code.services if each not in held):
            plan = await plan_rollback(ground, Wish(service, watch=watch, reason="try"))
            if plan.steps and not plan.blocked:
                found.append((service, plan))
            if len(found) == count:
                return found
        raise AssertionError(f"only {len(found)} services can be rolled back")

    async def rebuild(self, *services: str, wait: bool = False) -> Undertaking:
        """Plan a rebuild and save it."""
        ground = await gather(self.config, self.session, self.who)
        return self.save(await plan_rebuild(ground, services, wait=wait))

    async def runs(self, *services: str) -> list[str]:
        """Return the names of the runs, those that were made to build just these services where any are named."""
        path = f"/apis/tekton.dev/v1/namespaces/{CI}/pipelineruns"
        items = json.loads(await self.session.transport.get_bytes(path))["items"]
        return [each["metadata"]["name"] for each in items if not services or _forced(each) == list(services)]

    def save(self, plan: Plan, *, wait_lock: bool = False) -> Undertaking:
        """Save a plan as a job that nobody has begun."""
        assert not plan.blocked, plan.blocked
        assert plan.steps, plan
        job = self.store.create(plan, Settings(self.config, self.session.target.server, wait_lock), self.who.label)
        return Undertaking(self, plan, job)

    def git(self, *arguments: str) -> str:
        """Ask the origin, on disk."""
        found = next(self.demo.folder.glob("bakeryops-gitea-*/**/bakery-ia.git"))
        done = subprocess.run(
            ["git", "--git-dir", str(found), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout

    def commits(self, change: str) -> list[str]:
        """Return the commits of the branch that carry a change."""
        text = self.git("log", "--format=%H %(trailers:key=Bakery-Change,valueonly,separator=%x2C)", "main")
        return [line.split()[0] for line in text.splitlines() if line.split()[1:] == [change]]

    async def hold(self, service: str) -> Hold | None:
        """Return the hold of a service."""
        return (await read_holds(self.session, CI)).get(service)

    async def locked(self) -> list[str]:
        """Return the scopes that are locked."""
        return [each.scope for each in await locks(self.session, self.config.namespaces.app[0])]

    async def images(self, workload: str, namespace: str = "bakery-ia") -> list[str]:
        """Return the tags that a Deployment is to run."""
        found = await self.session.get("deployments", workload, namespace)
        spec = found["spec"]["template"]["spec"]
        return [each["image"].rpartition(":")[2] for each in spec["containers"]]

    def audited(self, job: str) -> list[str]:
        """Return what the audit log tells of a job, after having verified the whole of it."""
        log = AuditLog(self.home / "state" / "bakeryops")
        verdict = log.verify()
        assert verdict.ok, verdict
        return [each.event for each in log.records() if each.job == job]


def _forced(run: dict[str, Any]) -> list[str]:
    params = run["spec"].get("params") or []
    return next((each["value"] for each in params if each["name"] == "force-services"), [])


@asynccontextmanager
async def shop(demo: Serving, name: str = "tester", home: Path | None = None) -> AsyncIterator[Shop]:
    """Hold a session on the bakery as some operator, at another machine where another home is given."""
    config = load(demo.folder / "config.yaml", environ={}).config
    config = replace(config, person=replace(config.person, name=name))
    session = Session(find_target(config.kubeconfig, None))
    await session.start()
    try:
        yield Shop(demo, config, session, Operator(name, f"{name}@example.org", "bench"), home)
    finally:
        await session.close()
