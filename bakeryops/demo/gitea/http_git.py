"""Git over HTTP: git's own `http-backend` as a CGI child, its input and output streamed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from bakeryops.demo.git import ZERO
from bakeryops.demo.gitea.repositories import Repository

if TYPE_CHECKING:
    from bakeryops.demo.gitea.server import Gitea

__all__ = ["add_git_routes"]

_CHUNK = 65_536
_DENIED = "error: User permission denied for writing."
_SERVICES = ("git-upload-pack", "git-receive-pack")


@cache
def _backend() -> str:
    """Return the path of `git-http-backend`, which is not on the PATH."""
    where = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True).stdout.strip()
    return shutil.which("git-http-backend", path=where) or "git-http-backend"


class _Commands:
    """Reads what refs a push wants to move, from the head of its body as it streams by."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []
        """(before, after, ref)."""
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes; those after the list of commands are of no interest."""
        if self._ended:
            return
        self._rest += data
        while len(self._rest) >= 4:
            try:
                size = int(self._rest[:4], 16)
            except ValueError:
                self._ended = True
                return
            if size < 4:
                self._ended = True
                return
            if len(self._rest) < size:
                return
            line, self._rest = self._rest[4:size], self._rest[size:]
            parts = line.split(b"\0")[0].decode("utf-8", "replace").strip().split(" ", 2)
            if len(parts) == 3 and len(parts[0]) == len(parts[1]) == 40:
                self.found.append((parts[0], parts[1], parts[2]))


def add_git_routes(app: web.Application, gitea: Gitea) -> None:
    """Answer clone, fetch and push below `/{owner}/{repository}[.git]/`."""

    async def info(request: web.Request) -> web.StreamResponse:
        service = request.query.get("service", "")
        if service not in _SERVICES:
            return web.Response(status=400, text="dumb HTTP is not served here\n")
        return await _answer(gitea, request, service, "info/refs")

    async def rpc(request: web.Request) -> web.StreamResponse:
        service = request.match_info["service"]
        return await _answer(gitea, request, service, service)

    app.router.add_get("/{owner}/{repository}/info/refs", info)
    app.router.add_post("/{owner}/{repository}/{service:git-upload-pack|git-receive-pack}", rpc)


async def _answer(gitea: Gitea, request: web.Request, service: str, tail: str) -> web.StreamResponse:
    repository = gitea.find(request.match_info["owner"], request.match_info["repository"].removesuffix(".git"))
    header = request.headers.get("Authorization", "")
    login = gitea.accounts.authenticate(header) if header else None
    level = "write" if service == "git-receive-pack" else "read"
    if login is None and (header or repository is None or repository.private or level == "write"):
        return web.Response(status=401, text="Unauthorized\n", headers={"WWW-Authenticate": 'Basic realm="Gitea"'})
    if login is not None and not login.has(level, "repository"):
        return web.Response(status=403, text="User permission denied\n")
    if repository is None and level == "write":
        return web.Response(status=403, text="Push to create is not enabled for users.\n")
    if repository is None or (login is not None and repository.private and not login.user.may("read")):
        return web.Response(status=404, text="Repository not found\n")
    user = login.user.login if login else ""
    environment = _environment(request, repository, tail, user)
    if level == "read" or request.method == "GET":
        return await _stream(request, environment)
    before = repository.git.refs()
    commands = _Commands()

    def tell() -> None:
        after = repository.git.refs()
        for old, new, ref in commands.found:
            reached = after.get(ref, ZERO)
            moved = reached == new or (new != ZERO and repository.git.is_ancestor(new, reached))
            if old != new and before.get(ref, ZERO) == old and moved:
                gitea.pushed(repository.owner, repository.name, ref, old, new, user)

    with tempfile.TemporaryDirectory(prefix="hooks-") as folder:
        # Whoever may read gets this far; that it may not write is said by a hook (hook_pre_receive.go).
        denied = "" if login is not None and login.user.may("write") else _DENIED
        if refusal := denied or gitea.faults.push_refused:
            environment |= _refusing(Path(folder), refusal)
        return await _stream(request, environment, commands, tell)


def _refusing(folder: Path, text: str) -> dict[str, str]:
    """Return an environment with a pre-receive hook that refuses, written into a folder."""
    said = "".join(each for each in text if each.isprintable() and each not in "'\\")
    hook = folder / "pre-receive"
    hook.write_text(f"#!/bin/sh\nprintf '%s\\n' '{said}' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": str(folder)}


def _environment(request: web.Request, repository: Repository, tail: str, user: str) -> dict[str, str]:
    found = repository.git.environment()
    del found["GIT_DIR"]
    path = repository.git.path
    found |= {
        "GIT_PROJECT_ROOT": str(path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{path.name}/{tail}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }
    if user:
        found["REMOTE_USER"] = user
    protocol = request.headers.get("Git-Protocol", "")
    if protocol and len(protocol) < 100 and protocol.isprintable():
        found["GIT_PROTOCOL"] = protocol
    return found


async def _stream(
    request: web.Request,
    environment: Mapping[str, str],
    commands: _Commands | None = None,
    ended: Callable[[], None] | None = None,
) -> web.StreamResponse:
    """Run the backend for a request; `ended` is called when it is through, before the client sees the end."""
    child = await asyncio.create_subprocess_exec(
        _backend(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    feeder = asyncio.create_task(_feed(request, child.stdin, commands))
    try:
        status, headers = await _head(child.stdout)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        while data := await child.stdout.read(_CHUNK):
            await response.write(data)
        await child.wait()
    finally:
        feeder.cancel()
        if child.returncode is None:
            child.kill()
        await asyncio.gather(feeder, child.wait(), return_exceptions=True)
        # What was moved is told even where the client has gone meanwhile.
        if ended is not None:
            ended()
    await response.write_eof()
    return response


async def _feed(request: web.Request, pipe: asyncio.StreamWriter, commands: _Commands | None) -> None:
    try:
        async for data in request.content.iter_chunked(_CHUNK):
            if commands is not None:
                commands.feed(data)
            pipe.write(data)
            await pipe.drain()
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        pipe.close()


async def _head(output: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read the CGI head: the status (200 where none is said) and the headers."""
    status = 200
    headers: dict[str, str] = {}
    while line := (await output.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name] = value.strip()
    if not headers:
        return 500, {}
    return status, headers
