"""Plans made and carried out against an embedded cluster in the same event loop, over real HTTP."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bakeryops.actions.ground import Ground, gather
from bakeryops.actions.steps import load_steps
from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.cluster.writes import FIELD_MANAGER, Writer
from bakeryops.config import Config
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.git.repository import Repository
from bakeryops.jobs.person import Operator
from bakeryops.jobs.step import step_of
from bakeryops.model.plan import Plan, PlanStep
from tests.support.chain import Chain, running_chain
from tests.support.demo import kubeconfig

__all__ = ["Bench", "Hands", "bench"]

WHO = Operator("tester", "tester@example.org", "bench")


class Hands:
    """What a step has at hand; notes and outputs are kept in memory."""

    job = "20261124-090000-test"
    who = WHO.label

    def __init__(
        self, session: Session, config: Config, folder: Path, plan: Plan, step: PlanStep, kept: Bench
    ) -> None:
        self._session = session
        self.config = config
        self.folder = folder
        self.plan = plan
        self.step = step
        self._kept = kept
        self.measured: tuple[float, float | None, str] = (0.0, None, "")

    @property
    def args(self) -> Mapping[str, Any]:
        return self.step.args

    def output(self, step: str, key: str, default: Any = None) -> Any:
        return self._kept.outputs.get(step, {}).get(key, default)

    async def session(self) -> Session:
        return self._session

    async def writer(self, manager: str = "") -> Writer:
        return Writer(self._session.transport, self._session.discovery, field_manager=manager or FIELD_MANAGER)

    async def repository(self) -> Repository:
        git = self.config.git
        assert git.url is not None
        assert git.credentials is not None
        return Repository(git.url, git.branch, credentials=Path(git.credentials), folder=self.folder / "mirrors")

    def now(self) -> float:
        return time.time()

    def memo(self, key: str) -> Any:
        return self._kept.notes.get(self.step.id, {}).get(key)

    def note(self, key: str, value: Any) -> None:
        self._kept.notes.setdefault(self.step.id, {})[key] = value

    def tell(self, text: str) -> None:
        self._kept.told.append(text)

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        self.measured = (done, total, unit)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def heed(self) -> None:
        """Nobody asks a test to stop."""

    async def reached(self, patience: float = 60.0) -> Session:
        return self._session


class Bench:
    """An embedded cluster, a session on it, and a place to keep what steps note."""

    def __init__(self, chain: Chain, server: DemoServer, session: Session, config: Config, folder: Path) -> None:
        self.chain = chain
        self.store = chain.world.store
        self.server = server
        self.session = session
        self.config = config
        self.folder = folder
        self.told: list[str] = []
        self.notes: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, dict[str, Any]] = {}

    async def ground(self) -> Ground:
        return await gather(self.config, self.session, WHO)

    async def plan(self, planner: Callable[..., Any], *args: Any, **more: Any) -> Plan:
        made: Plan = await planner(await self.ground(), *args, **more)
        return made

    def hands(self, plan: Plan, step: PlanStep) -> Hands:
        return Hands(self.session, self.config, self.folder, plan, step, self)

    async def carry_out(self, plan: Plan) -> list[str]:
        """Carry out a plan as the runner does, and return the evidence."""
        assert not plan.blocked, plan.blocked
        load_steps()
        self.notes, self.outputs, evidence = {}, {}, []
        for each in plan.steps:
            at, step = self.hands(plan, each), step_of(each.kind)
            found = await step.check(at)
            if found.done:
                self.outputs[each.id] = found.outputs
                evidence.append(found.evidence)
                continue
            self.outputs[each.id] = dict(await step.apply(at) or {})
            evidence.append(await step.verify(at))
        return evidence

    def live(self, plural: str, name: str, namespace: str = "flux-system") -> dict[str, Any]:
        found = self.store.get(plural, namespace, name)
        assert found is not None, f"no {plural} {name}"
        return found

    def change(self, plural: str, name: str, spec: Mapping[str, Any], namespace: str = "flux-system") -> None:
        """Set fields of an object's spec, as the person who made it would."""

        def edit(obj: dict[str, Any]) -> dict[str, Any]:
            obj["spec"].update(spec)
            return obj

        self.store.mutate(plural, namespace, name, edit, manager="kubectl-edit")


@asynccontextmanager
async def bench(folder: Path, *, speed: float = 1.0) -> AsyncIterator[Bench]:
    """Run the embedded cluster with its API, Gitea and Flux for a block."""
    async with running_chain(folder, speed=speed) as chain:
        world, server = chain.world, DemoServer()
        await server.start(world.store, Providers(world.logs, world.usage, world.execs))
        access = kubeconfig(server, folder / "kubeconfig")
        config = Config(kubeconfig=str(access))
        git = dataclasses.replace(
            config.git,
            url=f"{world.gitea.url}/bakery-admin/bakery-ia.git",
            credentials=str(folder / "git-credentials"),
        )
        config = dataclasses.replace(config, git=git)
        session = Session(find_target(str(access)))
        await session.start()
        try:
            yield Bench(chain, server, session, config, folder)
        finally:
            await session.close()
            await server.close()
