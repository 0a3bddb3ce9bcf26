"""A repository behind HTTP: who we are to it, and what it may answer."""

from __future__ import annotations

import base64
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bakeryops.errors import CredentialError
from bakeryops.git.errors import GitError
from bakeryops.git.repository import Repository
from tests.support.git_origin import Origin

SECRET = "0123456789abcdef0123456789abcdef01234567"


class Front:
    """Serves a bare repository file by file, to whoever has the password."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.port = 0
        self.answer = 0
        self.hosts: list[str] = []
        self.seen: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.hosts.append(request.host)
        given = request.headers.get("Authorization", "")
        self.seen.append(given)
        if self.answer:
            return web.Response(status=self.answer, text="no")
        if given != f"Basic {base64.b64encode(f'ops:{SECRET}'.encode()).decode()}":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="Gitea"'})
        path = self.origin.path / request.match_info["path"]
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    origin = Origin(tmp_path / "origin.git")
    origin.commit({"a": "1"}, "first")
    origin.git("update-server-info")
    found = Front(origin)
    app = web.Application()
    app.router.add_get("/o/n.git/{path:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


def credentials(tmp_path: Path, host: str, secret: str = SECRET) -> Path:
    file = tmp_path / "it's (mine)"
    file.write_text(f"http://ops:{secret}@{host}\n")
    file.chmod(0o600)
    return file


async def test_the_credentials_come_from_the_file(front: Front, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{front.port}/o/n.git"
    file = credentials(tmp_path, f"127.0.0.1%3a{front.port}")
    repository = Repository(url, credentials=file, folder=tmp_path / "mirrors")
    await repository.refresh()
    assert await repository.head() == front.origin.tip()
    kept = [path for path in (tmp_path / "mirrors").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]


async def test_no_credentials(front: Front, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{front.port}/o/n.git"
    with pytest.raises(GitError, match="asks who we are") as caught:
        await Repository(url, folder=tmp_path / "mirrors").refresh()
    assert (caught.value.kind, caught.value.exit_code) == ("unauthorized", 4)
    assert "git.credentials" in caught.value.hint


async def test_a_refusal_leaves_the_file_as_it_is_and_does_not_repeat_the_secret(
    front: Front, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{front.port}/o/n.git"
    file = credentials(tmp_path, f"127.0.0.1%3a{front.port}", "wrong")
    before = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino
    with pytest.raises(GitError) as caught:
        await Repository(url, credentials=file, folder=tmp_path / "mirrors").refresh()
    assert caught.value.kind == "unauthorized"
    assert any("Basic" in given for given in front.seen)
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) == before
    assert "wrong" not in "".join(caught.value.lines())


async def test_a_file_that_others_can_read_is_not_used(front: Front, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{front.port}/o/n.git"
    file = credentials(tmp_path, f"127.0.0.1%3a{front.port}")
    file.chmod(stat.S_IRUSR | stat.S_IRGRP)
    with pytest.raises(CredentialError, match="open to others"):
        await Repository(url, credentials=file, folder=tmp_path / "mirrors").refresh()
    assert front.seen == []


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [(403, "forbidden", 5), (404, "not_found", 1), (500, "server", 4), (503, "server", 4)],
)
async def test_other_answers(front: Front, tmp_path: Path, status: int, kind: str, exit_code: int) -> None:
    front.answer = status
    with pytest.raises(GitError) as caught:
        await Repository(f"http://127.0.0.1:{front.port}/o/n.git", folder=tmp_path / "mirrors").refresh()
    assert (caught.value.kind, caught.value.exit_code) == (kind, exit_code)
    assert caught.value.why.startswith("git says: ")


async def test_a_name_that_only_the_cluster_knows_is_reached_at_the_address_given(
    front: Front, tmp_path: Path
) -> None:
    host = "gitea-http.gitea.svc.cluster.local"
    url = f"http://{host}:{front.port}/o/n.git"
    repository = Repository(
        url,
        credentials=credentials(tmp_path, f"{host}%3a{front.port}"),
        resolve=f"{host}:{front.port}:127.0.0.1",
        folder=tmp_path / "mirrors",
    )
    await repository.refresh()
    assert await repository.head() == front.origin.tip()
    assert set(front.hosts) == {f"{host}:{front.port}"}
