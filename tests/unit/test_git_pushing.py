"""Pushing: on top of what is there, never over it, and what the server says when it does not want it."""

from __future__ import annotations

import asyncio
import base64
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bakeryops.git.editing import Editor
from bakeryops.git.entries import Entry
from bakeryops.git.errors import GitError
from bakeryops.git.objects import Identity
from bakeryops.git.pushing import Push
from bakeryops.git.repository import Repository
from tests.support.git_origin import OVERLAY, REGISTRY, Origin, overlay
from tests.support.waiting import until

FOLDER = OVERLAY.rpartition("/")[0]
BOT = Identity("bakeryops", "bakeryops@bakery-ia.local")
SECRET = "s3cr3t0123456789abcdef0123456789abcdef01"


class Pushing:
    """An origin, the editor of its mirror, and a commit that can be pushed."""

    def __init__(self, origin: Origin, repository: Repository) -> None:
        self.origin = origin
        self.repository = repository
        self.editor = Editor(repository)

    async def made(self, tag: str = "a-0") -> tuple[str, str]:
        """Return the branch's tip as fetched and a commit on top of it."""
        await self.repository.refresh()
        head = await self.repository.head()
        tree = await self.editor.set_entries(head, FOLDER, {f"{REGISTRY}/auth": Entry(tag)})
        return head, await self.editor.commit(
            tree, head, f"rollback(auth): -> {tag}", author=BOT, when=1_795_000_000
        )

    def hook(self, name: str, script: str) -> None:
        path = self.origin.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def pushing(tmp_path: Path) -> Pushing:
    origin = Origin(tmp_path / "origin.git")
    origin.commit({OVERLAY: overlay({"auth": "a-1"})}, "begin")
    return Pushing(origin, Repository(origin.url, folder=tmp_path / "mirrors"))


async def test_a_commit_is_pushed_and_fetched_again(pushing: Pushing) -> None:
    head, sha = await pushing.made()
    assert pushing.origin.tip() == head
    assert await pushing.editor.push(sha, expect=head) == Push("pushed")
    assert pushing.origin.tip() == sha
    assert await pushing.repository.refresh()
    assert await pushing.repository.head() == sha


async def test_a_second_push_of_the_same_commit_changes_nothing(pushing: Pushing) -> None:
    head, sha = await pushing.made()
    await pushing.editor.push(sha, expect=head)
    assert await pushing.editor.push(sha, expect=head) == Push("pushed")
    assert pushing.origin.git("rev-list", "--count", "main") == "2"


async def test_somebody_else_was_faster(pushing: Pushing) -> None:
    head, sha = await pushing.made()
    theirs = pushing.origin.commit({"other": "1"}, "theirs")
    found = await pushing.editor.push(sha, expect=head)
    assert found.state == "rejected"
    assert found.reason
    assert pushing.origin.tip() == theirs
    head, sha = await pushing.made()
    assert head == theirs
    assert (await pushing.editor.push(sha, expect=head)).state == "pushed"


async def test_a_branch_that_was_set_back_is_not_moved_forward_again(pushing: Pushing) -> None:
    first = pushing.origin.tip()
    pushing.origin.commit({"withdrawn": "1"}, "to be withdrawn")
    head, sha = await pushing.made()
    pushing.origin.git("update-ref", "refs/heads/main", first)
    assert (await pushing.editor.push(sha, expect=head)).state == "rejected"
    assert pushing.origin.tip() == first


async def test_a_branch_that_is_gone_is_not_made_again(pushing: Pushing) -> None:
    head, sha = await pushing.made()
    pushing.origin.git("update-ref", "-d", "refs/heads/main")
    assert (await pushing.editor.push(sha, expect=head)).state == "rejected"
    assert pushing.origin.tip() == ""


async def test_what_does_not_build_on_the_tip_is_never_sent(pushing: Pushing) -> None:
    first = pushing.origin.tip()
    await pushing.repository.refresh()
    tree = pushing.origin.git("rev-parse", "main^{tree}")
    beside = await pushing.editor.commit(tree, first, "beside", author=BOT, when=1)
    head = pushing.origin.commit({"other": "1"}, "theirs")
    await pushing.repository.refresh()
    with pytest.raises(GitError, match="does not build on"):
        await pushing.editor.push(beside, expect=head)
    assert pushing.origin.tip() == head


async def test_two_at_once_one_arrives_and_the_other_is_told(pushing: Pushing, tmp_path: Path) -> None:
    other = Pushing(pushing.origin, Repository(pushing.origin.url, folder=tmp_path / "others"))
    mine, theirs = await pushing.made("a-8"), await other.made("a-9")
    found = await asyncio.gather(
        pushing.editor.push(mine[1], expect=mine[0]), other.editor.push(theirs[1], expect=theirs[0])
    )
    assert sorted(each.state for each in found) == ["pushed", "rejected"]
    assert pushing.origin.tip() == (mine if found[0].state == "pushed" else theirs)[1]


async def test_a_protected_branch_refuses_in_the_servers_words(pushing: Pushing) -> None:
    pushing.hook(
        "pre-receive", r"printf 'Gitea: Not allowed to \033[31mpush to\007 protected branch main\n\n' >&2; exit 1"
    )
    head, sha = await pushing.made()
    found = await pushing.editor.push(sha, expect=head)
    assert found.state == "refused"
    assert found.reason == "Gitea: Not allowed to push to protected branch main"
    assert pushing.origin.tip() == head


async def test_a_hook_that_says_nothing(pushing: Pushing) -> None:
    pushing.hook("update", "exit 1")
    head, sha = await pushing.made()
    found = await pushing.editor.push(sha, expect=head)
    assert found.state == "refused"
    assert "hook declined" in found.reason


async def test_what_a_hook_says_of_a_push_that_it_takes_is_no_refusal(pushing: Pushing) -> None:
    pushing.hook("pre-receive", "echo 'error: cannot lock ref (just kidding)' >&2")
    head, sha = await pushing.made()
    assert (await pushing.editor.push(sha, expect=head)).state == "pushed"


async def test_an_origin_that_is_gone(pushing: Pushing) -> None:
    head, sha = await pushing.made()
    pushing.origin.path.rename(pushing.origin.path.with_suffix(".away"))
    with pytest.raises(GitError) as caught:
        await pushing.editor.push(sha, expect=head)
    assert caught.value.kind == "not_found"
    assert "no such repository" in await pushing.editor.can_push()


async def test_a_push_can_be_stopped(pushing: Pushing, tmp_path: Path) -> None:
    began = tmp_path / "began"
    pushing.hook("pre-receive", f"echo $$ > {began}; exec sleep 600")
    head, sha = await pushing.made()
    task = asyncio.create_task(pushing.editor.push(sha, expect=head))
    await until(lambda: began.exists() and bool(began.read_text().strip()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pid = int(began.read_text())
    await until(lambda: not _alive(pid))
    assert pushing.origin.tip() == head


@pytest.mark.parametrize("turns", range(8))
async def test_a_push_can_be_stopped_while_it_starts(pushing: Pushing, tmp_path: Path, turns: int) -> None:
    pushing.hook("pre-receive", "exec sleep 600")
    head, sha = await pushing.made()
    runs = pushing.repository.runs
    task = asyncio.create_task(pushing.editor.push(sha, expect=head))
    await until(lambda: pushing.repository.runs > runs + 1)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert pushing.origin.tip() == head


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_whether_one_could_push_is_asked_without_pushing(pushing: Pushing) -> None:
    assert await pushing.editor.can_push() == "nothing was fetched yet"
    head, _ = await pushing.made()
    assert await pushing.editor.can_push() == ""
    theirs = pushing.origin.commit({"other": "1"}, "theirs")
    assert await pushing.editor.can_push() == ""
    assert theirs == pushing.origin.tip() != head


async def test_the_command_that_is_shown_is_the_one_that_is_run(
    pushing: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, sha = await pushing.made()
    real = pushing.origin.git("--exec-path", bare=False)
    seen = tmp_path / "seen"
    spy = tmp_path / "bin" / "git"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\nprintf "%s " "$@" >> {seen}; echo >> {seen}\nexec {real}/git "$@"\n')
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    shown = pushing.editor.push_command(sha, expect=head)
    await pushing.editor.push(sha, expect=head)
    assert pushing.editor.commands[-1] == shown
    assert any(line.strip().endswith(shown.removeprefix("git ")) for line in seen.read_text().splitlines())
    assert "+" not in shown
    assert " --force " not in shown


class Server:
    """Answers for a push over HTTP as Gitea does: who are you, and may you write."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 403
        self.seen: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        self.seen.append(request.path_qs)
        if given != f"Basic {base64.b64encode(f'ops:{SECRET}'.encode()).decode()}":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="Gitea"'})
        return web.Response(status=self.status, text="User permission denied for writing.\n")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


async def over_http(pushing: Pushing, server: Server, tmp_path: Path, secret: str) -> tuple[Editor, str, str]:
    """Return an editor whose mirror was fetched before and whose origin is now this server."""
    head, sha = await pushing.made()
    file = tmp_path / "credentials"
    file.write_text(f"http://ops:{secret}@127.0.0.1%3a{server.port}\n")
    file.chmod(0o600)
    url = f"http://127.0.0.1:{server.port}/o/n.git"
    repository = Repository(url, credentials=file if secret else None, folder=tmp_path / "http")
    repository.mirror.parent.mkdir()
    pushing.repository.mirror.rename(repository.mirror)
    return Editor(repository), head, sha


async def test_a_user_who_may_not_write_is_refused(pushing: Pushing, server: Server, tmp_path: Path) -> None:
    editor, head, sha = await over_http(pushing, server, tmp_path, SECRET)
    found = await editor.push(sha, expect=head)
    assert found.state == "refused"
    assert "403" in found.reason or "denied" in found.reason
    assert "may not write" in await editor.can_push()
    assert any("git-receive-pack" in each for each in server.seen)
    assert SECRET not in "".join([found.reason, *editor.commands, await editor.can_push()])
    kept = [path for path in (tmp_path / "http").rglob("*") if path.is_file()]
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("secret", ["", "wrong-secret"])
async def test_who_is_not_known_is_told_so(pushing: Pushing, server: Server, tmp_path: Path, secret: str) -> None:
    editor, head, sha = await over_http(pushing, server, tmp_path, secret)
    with pytest.raises(GitError) as caught:
        await editor.push(sha, expect=head)
    assert caught.value.kind == "unauthorized"
    reason = await editor.can_push()
    assert "asks who we are" in reason
    assert "git.credentials" in reason
    assert "wrong-secret" not in reason + "".join(caught.value.lines())


async def test_a_server_with_a_fault_is_no_refusal(pushing: Pushing, server: Server, tmp_path: Path) -> None:
    editor, head, sha = await over_http(pushing, server, tmp_path, SECRET)
    server.status = 500
    with pytest.raises(GitError) as caught:
        await editor.push(sha, expect=head)
    assert (caught.value.kind, caught.value.exit_code) == ("server", 4)


async def test_credentials_that_others_can_read_are_not_used(
    pushing: Pushing, server: Server, tmp_path: Path
) -> None:
    editor, _, _ = await over_http(pushing, server, tmp_path, SECRET)
    (tmp_path / "credentials").chmod(0o644)
    assert "open to others" in await editor.can_push()
    assert server.seen == []
