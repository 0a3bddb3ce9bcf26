"""The embedded Gitea for tests: a server with a small repository, git as a client, and a target for webhooks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from bakeryops.demo.clock import WallClock
from bakeryops.demo.gitea import Gitea, Push
from bakeryops.demo.names import Names

__all__ = ["OWNER", "REPO", "Target", "client", "run_git", "served_gitea", "target", "url_for"]

OWNER, REPO = "bakery-admin", "bakery-ia"
_START = 1_790_000_000.0


@asynccontextmanager
async def served_gitea(folder: Path, *, version: str = "1.25.2") -> AsyncIterator[tuple[Gitea, list[Push]]]:
    """Serve Gitea with one commit in bakery-admin/bakery-ia; yields it with the pushes it will have told of."""
    gitea = Gitea(folder / "gitea", WallClock(start=_START), seed=7, names=Names(), version=version)
    files: dict[str, bytes | None] = {"README.md": b"# Bakery\n", "services/pos/app/main.py": b"print()\n"}
    gitea.repo(OWNER, REPO).commit("main", files, "First\n", "María", "maria@bakery-ia.local", _START - 1000)
    pushes: list[Push] = []
    gitea.on_push.append(pushes.append)
    await gitea.start()
    try:
        yield gitea, pushes
    finally:
        await gitea.close()


def url_for(
    gitea: Gitea, login: str = "operator", secret: str | None = None, path: str = f"{OWNER}/{REPO}.git"
) -> str:
    """Return the URL of a repository with credentials in it, a token by default."""
    found = gitea.token(login) if secret is None else secret
    return f"{gitea.url.replace('http://', f'http://{login}:{found}@')}/{path}"


async def run_git(*arguments: str, cwd: Path) -> tuple[int, str]:
    """Run git with no configuration but what is given; returns its exit code and what it said."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "Tom",
        "GIT_AUTHOR_EMAIL": "tom@bakery-ia.local", "GIT_COMMITTER_NAME": "Tom", "GIT_COMMITTER_EMAIL": "t@x",
    }  # fmt: skip
    child = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        cwd=cwd,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, out.decode()


def client(gitea: Gitea, login: str | None = "operator") -> httpx.AsyncClient:
    """Return a client of the server with a user's token, or with nothing."""
    headers = {} if login is None else {"Authorization": f"token {gitea.token(login)}"}
    return httpx.AsyncClient(base_url=gitea.url, headers=headers, trust_env=False)


@dataclass
class Target:
    """A listener for webhooks."""

    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 202
    hold: asyncio.Event | None = None
    """When set, answers wait for it."""

    async def answer(self, request: web.Request) -> web.Response:
        """Keep a delivery."""
        self.received.append((dict(request.headers), await request.read()))
        if self.hold is not None:
            await self.hold.wait()
        return web.json_response({"ok": True}, status=self.status)


@asynccontextmanager
async def target() -> AsyncIterator[Target]:
    """Listen on a port of loopback."""
    found = Target()
    app = web.Application()
    app.router.add_post("/{path:.*}", found.answer)
    runner: Any = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        if found.hold is not None:
            found.hold.set()
        await runner.cleanup()
