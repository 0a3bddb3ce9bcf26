"""A drill on an embedded cluster: with its sockets, its API and a clone of its repository."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bakeryops.demo.chain.overlay import OVERLAY, set_tag
from bakeryops.demo.clock import WallClock
from bakeryops.demo.drills import DRILLS, DrillSession, Scene
from bakeryops.demo.faults import Faults
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.demo.world import build_world
from tests.support.chain import IMAGES, Chain
from tests.support.demo import Client, served
from tests.support.waiting import until

__all__ = ["Practice", "practice"]

Object = dict[str, Any]
FLUX = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/bakery-ia"
MERGE = "application/merge-patch+json"


class Practice:
    """A person at a drill."""

    def __init__(self, chain: Chain, session: DrillSession, server: DemoServer, client: Client) -> None:
        self.chain = chain
        self.session = session
        self.server = server
        self.client = client

    @property
    def scene(self) -> Scene:
        return self.session.drill.scene

    @property
    def service(self) -> str:
        return self.session.drill.service

    @property
    def workload(self) -> str:
        return self.session.drill.workload

    # ---- looking ------------------------------------------------------------------------------------------------

    def tag(self) -> str:
        """Return the tag of the service in Git."""
        return self.chain.tag(self.service)

    def states(self) -> list[str]:
        """Return how the containers of the service's pods stand or last ended: a reason each, and `ready`."""
        found = []
        for pod in self.scene.pods(self.service):
            for each in (pod.get("status") or {}).get("containerStatuses") or ():
                parts = [*(each.get("state") or {}).values(), *(each.get("lastState") or {}).values()]
                found += [str(part["reason"]) for part in parts if part.get("reason")]
                found += ["ready"] * bool(each.get("ready"))
        return found

    async def stays(self, seconds: float = 60.0) -> None:
        """Let cluster time pass, and see that the goal is not reached by that."""
        end = self.chain.world.clock.now() + seconds
        await until(lambda: self.session.reached or self.chain.world.clock.now() > end, 60)
        assert self.session.status()["state"] == "running"
        assert self.session.verdict == ""

    async def reached(self, seconds: float = 60.0) -> str:
        """Wait for the verdict; seconds of the wall."""
        await until(lambda: self.session.reached, seconds)
        assert self.session.status()["state"] == "reached"
        return self.session.verdict

    # ---- mending ------------------------------------------------------------------------------------------------

    async def set_tag(self, tag: str, subject: str = "") -> str:
        """Push a commit that sets the service's tag, as a rollback does, and return its sha."""
        await self.chain.git("pull", "--quiet", "--rebase", "origin", "main")
        path = self.chain.clone / OVERLAY
        changed = set_tag(path.read_text(encoding="utf-8"), f"{IMAGES}/{self.service}", tag)
        assert changed is not None
        path.write_text(changed, encoding="utf-8")
        subject = subject or f"rollback({self.service}): {self.tag()} -> {tag} [skip ci]"
        await self.chain.git("commit", "--quiet", "--all", "--message", subject)
        await self.chain.git("push", "--quiet", "origin", "main")
        return await self.chain.head()

    async def patch(self, path: str, body: Object) -> None:
        answer = await self.client.call("PATCH", path, body, content_type=MERGE)
        assert answer.status == 200, answer.raw

    async def suspend(self, value: bool | None) -> None:
        """Suspend Flux, or resume it with None."""
        await self.patch(FLUX, {"spec": {"suspend": value}})

    async def rebuild(self, revision: str) -> None:
        """Run the pipeline for the service at a revision, whatever has changed."""
        runs = self.chain.world.store.list("pipelineruns", "bakery-ci")
        spec = max(runs, key=lambda run: str(run["metadata"]["creationTimestamp"]))["spec"]
        given = {each["name"]: each["value"] for each in spec["params"]}
        given |= {"revision": revision, "force-services": [self.service]}
        body = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"generateName": "bakery-ia-ci-r-"},
                "spec": {**spec, "params": [{"name": name, "value": value} for name, value in given.items()]}}  # fmt: skip
        answer = await self.client.call("POST", "/apis/tekton.dev/v1/namespaces/bakery-ci/pipelineruns", body)
        assert answer.status == 201, answer.raw


@asynccontextmanager
async def practice(folder: Path, name: str, *, speed: float = 60.0, seed: int = 0) -> AsyncIterator[Practice]:
    """Begin a drill on a cluster without a life of its own."""
    clock = WallClock(speed=speed)
    world = build_world(clock, life=False, folder=folder, seed=seed)
    faults = Faults()
    session = DrillSession(DRILLS[name](Scene(world, faults)))
    await world.sockets.open()
    try:
        providers = Providers(world.logs, world.usage, world.execs, session)
        chain = Chain(world, folder)
        await chain.start()
        async with served(world.store, providers, faults=faults) as server, Client(server, "operator") as client:
            session.begin()
            yield Practice(chain, session, server, client)
    finally:
        await world.sockets.close()
        clock.close()
        world.clean_up()
