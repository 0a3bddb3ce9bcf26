"""The private mirror: real git, a real origin in a folder."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from bakeryops.git.errors import GitError
from bakeryops.git.process import Git
from bakeryops.git.repository import Repository
from tests.support.git_origin import Origin
from tests.support.waiting import until


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin.git")


def mirror_of(origin: Origin, tmp_path: Path, branch: str = "main") -> Repository:
    return Repository(origin.url, branch, folder=tmp_path / "mirrors")


async def test_a_refresh_says_whether_the_branch_moved(origin: Origin, tmp_path: Path) -> None:
    first = origin.commit({"README.md": "a\n"}, "first")
    repository = mirror_of(origin, tmp_path)
    assert await repository.head() == ""
    assert await repository.refresh()
    assert await repository.head() == first
    assert not await repository.refresh()
    second = origin.commit({"README.md": "b\n"}, "second")
    assert await repository.refresh()
    assert await repository.head() == second


async def test_a_refresh_without_change_is_cheap(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"README.md": "a\n"}, "first")
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    before = repository.runs
    await repository.refresh()
    assert repository.runs - before <= 3


async def test_the_mirror_is_private_and_no_clone_of_the_users(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"README.md": "a\n"}, "first")
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    assert stat.S_IMODE(repository.mirror.stat().st_mode) == 0o700
    assert stat.S_IMODE(repository.mirror.parent.stat().st_mode) == 0o700
    assert "origin" not in repository.mirror.name
    assert not (repository.mirror / "hooks").exists()
    assert origin.url not in (repository.mirror / "config").read_text()


async def test_a_forced_push_is_followed(origin: Origin, tmp_path: Path) -> None:
    first = origin.commit({"a": "1"}, "first")
    origin.commit({"a": "2"}, "second")
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    third = origin.commit({"a": "3"}, "third", parents=(first,))
    assert await repository.refresh()
    assert await repository.head() == third


async def test_a_commit_is_read_whatever_it_says(origin: Origin, tmp_path: Path) -> None:
    subject = "caf\xe9 \x1b]52;c;xx\x07[/red]".encode("latin-1")
    body = (
        b"\n\nA body.\nSecond \xff line.\n\nSigned-off-by: Someone <s@example.org>\nBakery-Service: au\x1b[2Jth\n"
    )
    origin.commit({"f": "1"}, subject + body)
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    (commit,) = await repository.log()
    assert commit.subject == "caf\ufffd [/red]"
    assert commit.body == "A body.\nSecond \ufffd line."
    assert commit.trailer("bakery-service") == "auth"
    assert commit.author == "dev-one"
    assert (commit.authored, commit.committed) == (origin.when, origin.when)


async def test_an_empty_message_and_odd_paths(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"services/b\u00e4ckerei/a b.py": "1", "-x": "2", "quo'te": "3"}, "")
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    (change,) = await repository.walk()
    assert change.commit.subject == ""
    assert set(change.paths) == {"services/b\u00e4ckerei/a b.py", "-x", "quo'te"}
    assert await repository.files("main") == {"services/b\u00e4ckerei/a b.py": b"1", "-x": b"2", "quo'te": b"3"}
    assert (await repository.log(path="-x"))[0].sha == change.commit.sha


async def test_a_merge_counts_with_what_it_brings(origin: Origin, tmp_path: Path) -> None:
    base = origin.commit({"a": "1"}, "base")
    side = origin.commit({"services/auth/x.py": "1"}, "side", branch="topic", parents=(base,)) or origin.tip(
        "topic"
    )
    side = origin.tip("topic")
    origin.plan({"gateway/y": "1"}, "main goes on", parents=(base,))
    origin.write()
    merge = origin.commit({"services/auth/x.py": "1"}, "Merge topic", parents=(origin.tip(), side))
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    change = await repository.show(merge)
    assert change.paths == ("services/auth/x.py",)
    assert len(change.commit.parents) == 2
    assert "services/auth/x.py" in await repository.diff(merge)
    assert "gateway" not in await repository.diff(merge)


async def test_differences_files_and_ancestors(origin: Origin, tmp_path: Path) -> None:
    first = origin.commit({"services/auth/a.py": "one\n", "docs/x.md": "x\n"}, "first")
    second = origin.commit({"services/auth/a.py": "two\x1b[2J\n", "docs/x.md": "y\n"}, "second")
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    text = await repository.diff(second, "services/auth/a.py")
    assert "-one\n+two" in text
    assert "\x1b" not in text
    assert "docs" not in text
    assert "docs/x.md" in await repository.diff(f"{first}..{second}")
    assert (await repository.diff(second, most=40)).endswith("\n… more is left out")
    assert await repository.files(first, "services") == {"services/auth/a.py": b"one\n"}
    assert await repository.files(first, "services/au") == {}
    assert await repository.folders(first, "services") == ("auth",)
    assert await repository.is_ancestor(first, second)
    assert not await repository.is_ancestor(second, first)
    assert await repository.blobs([f"{first}:docs/x.md", f"{first}:none", f"{first}:docs", "a\nb"]) == [
        b"x\n",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("name", ["--output=/tmp/x", "f" * 40, "no-such", "a..b", "", "HEAD:README.md", "@{-1}"])
async def test_a_commit_that_is_not_there(origin: Origin, tmp_path: Path, name: str) -> None:
    origin.commit({"a": "1"}, "first")
    repository = mirror_of(origin, tmp_path)
    await repository.refresh()
    with pytest.raises(GitError) as caught:
        await repository.show(name)
    assert caught.value.kind == "missing"


async def test_a_branch_that_is_not_there(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"a": "1"}, "first")
    with pytest.raises(GitError, match="has no such branch") as caught:
        await mirror_of(origin, tmp_path, "release").refresh()
    assert caught.value.kind == "branch"
    assert "git.branch" in caught.value.hint


async def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        await Repository(f"file://{tmp_path}/none.git", folder=tmp_path / "mirrors").refresh()
    assert caught.value.kind == "not_found"


async def test_nothing_answers(tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        await Repository("http://127.0.0.1:1/o/n.git", folder=tmp_path / "mirrors").refresh()
    assert (caught.value.kind, caught.value.exit_code) == ("refused", 4)


async def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        await Repository("http://gitea.invalid/o/n.git", folder=tmp_path / "mirrors").refresh()
    assert caught.value.kind == "host"


@pytest.mark.parametrize("url", ["http://ops:pw@h/x.git", "http://ops@h/x.git", "ssh://git:pw@h/x", "http://[::1"])
def test_an_address_with_a_secret_is_not_used(url: str, tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        Repository(url, folder=tmp_path)
    assert "pw" not in "".join(caught.value.lines())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["objects", "refs", "HEAD", "lock"])
async def test_a_damaged_mirror_is_made_anew(origin: Origin, tmp_path: Path, damage: str) -> None:
    first = origin.commit({"a": "1"}, "first")
    await mirror_of(origin, tmp_path).refresh()
    repository = mirror_of(origin, tmp_path)
    if damage == "objects":
        for path in repository.mirror.glob("objects/??/*"):
            path.chmod(0o600)
            path.write_bytes(b"")
    elif damage == "refs":
        (repository.mirror / "refs/heads/main").write_text("nonsense")
    elif damage == "HEAD":
        (repository.mirror / "HEAD").unlink()
    else:
        origin.commit({"a": "2"}, "second")
        (repository.mirror / "refs/heads/main.lock").touch()
    await repository.refresh()
    assert await repository.head() == origin.tip()
    assert (await repository.log())[-1].sha == first


async def test_two_consoles_fetch_one_after_the_other(origin: Origin, tmp_path: Path) -> None:
    first = origin.commit({"a": "1"}, "first")
    consoles = [mirror_of(origin, tmp_path) for _ in range(4)]
    await asyncio.gather(*(each.refresh() for each in consoles))
    assert {await each.head() for each in consoles} == {first}


async def test_git_sees_nothing_of_our_environment(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("BAKERYOPS_TEST_SECRET", "x")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    seen = Git(tmp_path / "x.git").environment()
    assert not {"GIT_DIR", "BAKERYOPS_TEST_SECRET", "GIT_CONFIG_COUNT"} & seen.keys()
    assert (seen["GIT_TERMINAL_PROMPT"], seen["GIT_CONFIG_GLOBAL"]) == ("0", os.devnull)


async def test_a_cancelled_git_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\nsleep 1000 &\necho $! > {pid}.part\nmv {pid}.part {pid}\nwait\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    task = asyncio.create_task(Git(tmp_path / "x.git").run("fetch", doing="fetching"))
    await until(pid.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not _alive(int(pid.read_text())))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


async def test_a_git_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 1000\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    with pytest.raises(GitError, match="no end after") as caught:
        await Git(tmp_path / "x.git").run("fetch", doing="fetching", seconds=0.05)
    assert caught.value.kind == "timeout"


async def test_no_git_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="not installed") as caught:
        await Git(tmp_path / "x.git").run("fetch", doing="fetching")
    assert "apt-get install git" in caught.value.hint
