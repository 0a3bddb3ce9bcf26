"""Rollbacks on an embedded cluster: releases that went before, jobs run in this process, and what became of both."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bakeryops.actions.ground import Ground, gather
from bakeryops.actions.rollback import Wish, plan_rollback, plan_undo
from bakeryops.actions.steps import load_steps
from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.config import Config
from bakeryops.demo.bakery.monorepo.history import tag_for
from bakeryops.demo.bakery.monorepo.releases import PastRelease
from bakeryops.demo.chain.overlay import OVERLAY, set_tag
from bakeryops.demo.clock import WallClock
from bakeryops.demo.drills.releases import Change, released
from bakeryops.demo.drills.scene import BRANCH, OWNER, REPOSITORY, Scene
from bakeryops.demo.git_objects import GitCommit
from bakeryops.demo.gitea.accounts import BOT
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.demo.world import GATES, World, build_world
from bakeryops.jobs.person import Operator
from bakeryops.jobs.runner import run_job
from bakeryops.jobs.settings import Settings
from bakeryops.jobs.store import JobStore
from bakeryops.model.job import JobView
from bakeryops.model.plan import Plan, PlanStep
from tests.support.demo import kubeconfig
from tests.support.waiting import until

__all__ = ["FOLDER", "REGISTRY", "WHO", "Matrix", "matrix", "notes", "push_of", "trailers"]

Object = dict[str, Any]
Files = Mapping[str, bytes | None]
FOLDER = OVERLAY.rpartition("/")[0]
REGISTRY = "gitea.bakery-ia.local/bakery-admin"
WHO = Operator("tester", "tester@example.org", "bench")


class Matrix:
    """A running cluster, its repository, a person who acts, and the jobs of that person."""

    def __init__(self, world: World, server: DemoServer, session: Session, config: Config, folder: Path) -> None:
        self.world = world
        self.store = world.store
        self.server = server
        self.session = session
        self.config = config
        self.scene = Scene(world)
        self.repo = self.scene.repo
        self.folder = folder
        self.jobs = JobStore(folder / "jobs")
        self._releases = 0
        load_steps()

    # ---- what went before ---------------------------------------------------------------------------------------

    def source(self, service: str, files: Files | None = None, *, author: str = "maria", subject: str = "") -> str:
        """Commit a change to a service's source that nothing is built of, and return the sha."""
        self._releases += 1
        path = f"services/{service}/app/core/change_{self._releases}.py"
        body = {path: f"CHANGE = {self._releases}\n".encode(), **(files or {})}
        text = f"{service}: {subject or f'change {self._releases}'}\n"
        return self.scene.commit(author, text, body, self.scene.now)

    async def release(
        self,
        service: str,
        files: Files | None = None,
        *,
        apply: bool = True,
        ready: bool = True,
        subject: str = "",
    ) -> PastRelease:
        """Have a change to a service built and deployed, applied by Flux and ready unless said otherwise."""
        self._releases += 1
        path = f"services/{service}/app/core/change_{self._releases}.py"
        change = Change(
            "maria",
            f"{service}: {subject or f'change {self._releases}'}\n",
            {path: f"CHANGE = {self._releases}\n".encode(), **(files or {})},
        )
        made = released(self.scene, service, change, ago=20.0, tell=apply)
        if apply and ready:
            await self.running(service, made.tag)
        return made

    def image(self, service: str, source: str = "") -> str:
        """Put an image of a commit into the registry and return its tag."""
        self._releases += 1
        tag = tag_for(self.scene.now + self._releases, source or self.scene.head())
        self.world.gitea.registry.put(f"{OWNER}/{service}", tag)
        return tag

    def together(self, tags: Mapping[str, str], message: str = "", more: Files | None = None) -> str:
        """Commit tags of several services at once, with other files, and return the sha."""
        text = (self.repo.read(BRANCH, OVERLAY) or b"").decode()
        for service, tag in tags.items():
            changed = set_tag(text, f"{REGISTRY}/{service}", tag)
            assert changed is not None
            text = changed
        message = message or f"deploy: {', '.join(tags)} [skip ci]\n"
        files = {OVERLAY: text.encode()} | dict(more or {})
        return self.scene.commit(BOT, message, files, self.scene.now)

    def rewrite(self, change: Callable[[str], str], message: str, more: Files | None = None) -> str:
        """Commit another text of the overlay's kustomization, and return the sha."""
        before = (self.repo.read(BRANCH, OVERLAY) or b"").decode()
        after = change(before)
        assert after != before
        return self.scene.commit("maria", message, {OVERLAY: after.encode()} | dict(more or {}), self.scene.now)

    def merged(self, service: str, tag: str, files: Files | None = None) -> tuple[str, str]:
        """Deploy through a pull request; return the merge commit and that of its branch."""
        head = self.scene.head()
        text = set_tag((self.repo.read(BRANCH, OVERLAY) or b"").decode(), f"{REGISTRY}/{service}", tag)
        assert text is not None
        body = {OVERLAY: text.encode()} | dict(files or {})
        with self.repo.importer() as importer:
            who = ("Maria", "maria@bakery-ia.local", self.scene.now)
            side = importer.commit(f"pr-{tag}", body, f"deploy({service}): {tag}\n", *who, parents=[head])
            merge = importer.commit(
                "main", body, f"Merge pull request 'deploy {service}' (#7)\n", *who, parents=[head, side]
            )
        return merge, side

    def several(self, run: str, services: Sequence[str]) -> dict[str, str]:
        """Write a release of several services, a commit each in one build, and return the commits by service."""
        source = self.source(services[0])
        tag = tag_for(self.scene.now, source)
        commits = {}
        for service in services:
            self.world.gitea.registry.put(f"{OWNER}/{service}", tag)
            message = (
                f"deploy({service}): {tag}\n\n[skip ci]\n\nBakery-Service: {service}\n"
                f"Bakery-Source-Commit: {source}\nBakery-PipelineRun: {run}\n"
            )
            commits[service] = self.together({service: tag}, message)
        return commits

    # ---- acting -------------------------------------------------------------------------------------------------

    async def ground(self, config: Config | None = None, *, away: str = "") -> Ground:
        return await gather(config or self.config, self.session, WHO, away=away)

    async def plan(self, service: str = "", *, config: Config | None = None, away: str = "", **wish: Any) -> Plan:
        """Plan a rollback."""
        ground = await self.ground(config, away=away)
        return await plan_rollback(ground, Wish(service, **({"watch": 0.0} | wish)))

    async def undo(self, service: str, **more: Any) -> Plan:
        return await plan_undo(await self.ground(), service, watch=0.0, **more)

    def save(self, plan: Plan) -> str:
        """Make a job of a plan."""
        return self.jobs.create(plan, Settings(self.config, self.server.url), WHO.label)

    async def run(self, plan: Plan) -> JobView:
        """Carry a plan out as a job, to its end."""
        assert not plan.blocked, plan.blocked
        assert plan.steps
        return await self.resume(self.save(plan))

    async def resume(self, job: str) -> JobView:
        """Carry a job on to its end."""
        async with asyncio.timeout(60):
            await run_job(self.jobs, job)
        return self.jobs.view(job)

    async def back(self, service: str, **wish: Any) -> JobView:
        """Plan a rollback, carry it out, and see it done."""
        view = await self.run(await self.plan(service, **wish))
        assert view.state == "done", (view.text, view.why)
        return view

    def tells(self, job: str, wanted: str) -> bool:
        """Tell whether a job has said something."""
        return any(wanted in line for step in self.jobs.view(job).steps for line in (*step.log, step.text))

    # ---- what became of it --------------------------------------------------------------------------------------

    def head(self) -> GitCommit:
        """Return the newest commit of main."""
        found = self.repo.commit_object(BRANCH)
        assert found is not None
        return found

    def tag(self, service: str, revision: str = BRANCH) -> str:
        return self.scene.tag(service, revision)

    def changed(self, commit: GitCommit) -> list[str]:
        """Return the paths that a commit changes."""
        return self.repo.changed(commit.parents[0], commit.sha)

    def lines(self, commit: GitCommit, path: str = OVERLAY) -> list[str]:
        """Return the lines that a commit takes away and brings."""
        raw = self.repo.git("diff", "-U0", commit.parents[0], commit.sha, "--", path).decode()
        return [line for line in raw.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]

    def live(self, plural: str, name: str, namespace: str = "flux-system") -> Object:
        found = self.store.get(plural, namespace, name)
        assert found is not None, f"no {plural} {name}"
        return found

    def edit(self, plural: str, name: str, namespace: str, change: Callable[[Object], object]) -> None:
        """Change an object as somebody with kubectl does."""

        def changed(obj: Object) -> Object:
            change(obj)
            return obj

        self.store.mutate(plural, namespace, name, changed, manager="kubectl-edit")

    def holds(self) -> dict[str, str]:
        """Return what is held, by service."""
        found = self.store.get("configmaps", "bakery-ci", "bakery-holds") or {}
        return dict(found.get("data") or {})

    def runs(self, service: str, tag: str) -> bool:
        """Tell whether all pods of a service are ready with a tag."""
        return self.scene.running_image(service) == f"{REGISTRY}/{service}:{tag}"

    async def running(self, service: str, tag: str) -> None:
        """Wait until a service runs a tag and Flux rests."""
        await until(lambda: self.runs(service, tag) and self.scene.applied() == self.scene.head(), 30)

    def everything(self) -> dict[str, Any]:
        """Return every ref of the repository and the version of every object that only people change."""
        kinds = (
            "kustomizations", "gitrepositories", "deployments", "statefulsets", "configmaps", "pipelineruns",
            "imageupdateautomations", "leases",
        )  # fmt: skip
        found: dict[str, Any] = {"refs": self.repo.refs()}
        for kind in kinds:
            for obj in self.store.list(kind):
                meta = obj["metadata"]
                found[f"{kind}/{meta.get('namespace')}/{meta['name']}"] = meta["resourceVersion"]
        return found


def trailers(commit: GitCommit) -> list[tuple[str, str]]:
    """Return the trailers of a commit, the name of the change left out."""
    last = commit.message.rstrip("\n").rpartition("\n\n")[2]
    found = [line.partition(": ") for line in last.splitlines()]
    return [(key, value) for key, _, value in found if key != "Bakery-Change"]


def push_of(plan: Plan) -> PlanStep:
    """Return the step that commits and pushes."""
    return next(step for step in plan.steps if step.id == "push")


def notes(plan: Plan, tone: str = "") -> str:
    """Return the notes of a plan as text, those of one tone if named."""
    return "\n".join(each.text for each in plan.notes if not tone or each.tone == tone)


@asynccontextmanager
async def matrix(
    folder: Path, *, speed: float = 60.0, gates: Sequence[str] = GATES, seed: int = 0
) -> AsyncIterator[Matrix]:
    """Run the cluster, without a life of its own, with Git, registry and API for the time of a block."""
    clock = WallClock(speed=speed)
    world = build_world(clock, life=False, folder=folder, gates=gates, seed=seed)
    patch = pytest.MonkeyPatch()
    for kind in ("STATE", "CACHE", "CONFIG", "DATA"):
        patch.setenv(f"XDG_{kind}_HOME", str(folder / kind.lower()))
    server = DemoServer()
    try:
        await world.sockets.open()
        await server.start(world.store, Providers(world.logs, world.usage, world.execs))
        secrets = {"git-credentials": world.gitea.credentials(), "gitea-token": world.gitea.token()}
        for name, text in secrets.items():
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o600)
        config = Config(kubeconfig=str(kubeconfig(server, folder / "kubeconfig")))
        url = f"{world.gitea.url}/{OWNER}/{REPOSITORY}.git"
        config = dataclasses.replace(
            config,
            git=dataclasses.replace(config.git, url=url, credentials=str(folder / "git-credentials")),
            gitea=dataclasses.replace(config.gitea, url=world.gitea.url, token=str(folder / "gitea-token")),
            registry=dataclasses.replace(config.registry, user="operator"),
        )
        session = Session(find_target(config.kubeconfig, None))
        await session.start()
        try:
            yield Matrix(world, server, session, config, folder)
        finally:
            await session.close()
    finally:
        await server.close()
        await world.sockets.close()
        clock.close()
        world.clean_up()
        patch.undo()
