"""The delivery chain of the embedded cluster over real sockets: a clone of its repository, pushes, what comes of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bakeryops.demo.chain.overlay import OVERLAY, tag_of
from bakeryops.demo.clock import WallClock
from bakeryops.demo.controllers.pods import is_ready
from bakeryops.demo.world import World, build_world
from tests.support.waiting import until

__all__ = ["Chain", "running_chain"]

Object = dict[str, Any]
IMAGES = "gitea.bakery-ia.local/bakery-admin"
CI, APP = "bakery-ci", "bakery-ia"


class Chain:
    """A running cluster and a clone of its repository, made with the operator's credentials."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.clone = folder / "clone"
        self._credentials = folder / "git-credentials"
        self._credentials.write_text(world.gitea.credentials(), encoding="utf-8")
        self._credentials.chmod(0o600)
        self.known = {run["metadata"]["name"] for run in world.store.list("pipelineruns", CI)}

    # ---- git ----------------------------------------------------------------------------------------------------

    async def git(self, *arguments: str, where: Path | None = None, fails: bool = False) -> str:
        """Run git as the operator does; its failure is an error unless expected."""
        identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                    for what, value in (("NAME", "Operator"), ("EMAIL", "operator@bakery-ia.local"))}  # fmt: skip
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        child = await asyncio.create_subprocess_exec(
            "git", "-c", f"credential.helper=store --file={self._credentials}", *arguments, cwd=where or self.clone,
            env={"PATH": os.environ["PATH"], "HOME": str(self.clone.parent), **settings, **identity},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await child.communicate()
        assert (child.returncode != 0) == fails, out.decode()
        return out.decode()

    async def start(self) -> None:
        """Clone the repository."""
        url = f"{self.world.gitea.url}/bakery-admin/bakery-ia.git"
        await self.git("clone", "--quiet", url, str(self.clone), where=self.clone.parent)

    async def commit(self, message: str, **files: str) -> str:
        """Commit files, given by path with `__` for `/`, and return the sha."""
        for name, text in files.items():
            path = self.clone / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        await self.git("add", "--all")
        await self.git("commit", "--quiet", "--message", message)
        return (await self.git("rev-parse", "HEAD")).strip()

    async def push(self, *what: str) -> None:
        """Push, on top of what the pipeline has pushed meanwhile."""
        await self.git("fetch", "--quiet", "origin", "main")
        await self.git("rebase", "--quiet", "origin/main")
        await self.git("push", "--quiet", "origin", *(what or ("main",)))

    async def head(self) -> str:
        return (await self.git("rev-parse", "HEAD")).strip()

    # ---- the cluster --------------------------------------------------------------------------------------------

    def runs(self) -> list[Object]:
        """Return the runs that were not there at first."""
        found = self.world.store.list("pipelineruns", CI)
        return [run for run in found if run["metadata"]["name"] not in self.known]

    async def built(self, sha: str, seconds: float = 60.0) -> Object:
        """Return the run for a commit once it has ended."""

        def find() -> Object | None:
            for run in self.runs():
                if run["metadata"]["labels"]["bakery.dev/revision"] == sha and reason(run) and ended(run):
                    return run
            return None

        await until(find, seconds)
        found = find()
        assert found is not None
        return found

    def task_runs(self, run: Object, task: str) -> list[Object]:
        labels = {"tekton.dev/pipelineRun": run["metadata"]["name"], "tekton.dev/pipelineTask": task}
        return self.world.store.list("taskruns", CI, labels)

    def tag(self, service: str) -> str:
        """Return the tag that the overlay in Git has for a service."""
        raw = self.world.gitea.repo("bakery-admin", "bakery-ia").read("main", OVERLAY)
        return tag_of((raw or b"").decode(), f"{IMAGES}/{service}") or ""

    def applied(self) -> str:
        """Return the commit that Flux has applied last."""
        found = self.world.store.get("kustomizations", "flux-system", "bakery-ia")
        assert found is not None
        return str(found["status"]["lastAppliedRevision"]).rpartition(":")[2]

    def runs_image(self, name: str, tag: str) -> bool:
        """Tell whether all pods of a workload are ready with an image's tag, and none other is left."""
        pods = self.world.store.list("pods", APP, {"app.kubernetes.io/name": name})
        images = [pod["spec"]["containers"][0]["image"] for pod in pods]
        return bool(pods) and all(image.endswith(f":{tag}") for image in images) and all(map(is_ready, pods))

    def git_head(self) -> str:
        return self.world.gitea.repo("bakery-admin", "bakery-ia").head() or ""

    def said(self, pod: Object, step: str) -> str:
        lines = self.world.logs.read(pod, f"step-{step}", previous=False)
        return b"".join(line.data for line in lines).decode()


def reason(run: Object) -> str:
    conditions = (run.get("status") or {}).get("conditions") or [{}]
    return str(conditions[0].get("reason", ""))


def ended(run: Object) -> bool:
    return "completionTime" in (run.get("status") or {})


@asynccontextmanager
async def running_chain(folder: Path, *, speed: float = 60.0) -> AsyncIterator[Chain]:
    """Run the cluster, without a life of its own, for the time of a block."""
    clock = WallClock(speed=speed)
    world = build_world(clock, life=False, folder=folder)
    await world.sockets.open()
    try:
        chain = Chain(world, folder)
        await chain.start()
        yield chain
    finally:
        await world.sockets.close()
        clock.close()
        world.clean_up()
