"""A bare repository of the embedded cluster: what is written is what git reads, and nobody's configuration counts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeryops.demo.git import ZERO, BareRepo, GitFailedError

WHEN = 1_790_000_000.0


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[BareRepo]:
    found = BareRepo.create(tmp_path / "x.git")
    yield found
    found.close()


def _commit(repo: BareRepo, changes: dict[str, bytes | None], message: str = "m", branch: str = "main") -> str:
    return repo.commit(branch, changes, message, "María", "maria@x", WHEN)


def test_an_empty_repository_has_nothing(repo: BareRepo) -> None:
    assert repo.head() is None
    assert repo.refs() == {}
    assert repo.read("main", "a") is None
    assert repo.files("main") == {}
    assert repo.commit_object("main") is None
    with pytest.raises(GitFailedError, match="no commit"):
        repo.commit_info("main")


def test_commits_change_add_and_delete(repo: BareRepo) -> None:
    one = _commit(repo, {"a/b.txt": b"1", "c": b"\0\xff", 'q"u\\o\tte/ñ 日': b"x"})
    two = _commit(repo, {"a/b.txt": b"2", "c": None}, "Two\n\nBody ü\n")
    assert repo.files("main") == {"a/b.txt": b"2", 'q"u\\o\tte/ñ 日': b"x"}
    assert repo.files(one, "a") == {"a/b.txt": b"1"}
    assert repo.read(one, "c") == b"\0\xff"
    assert repo.read(two, "c") is None
    assert repo.read(two, "a") is None
    assert repo.changed(one, two) == ["a/b.txt", "c"]
    assert repo.changed(ZERO, one) == ["a/b.txt", "c", 'q"u\\o\tte/ñ 日']
    assert repo.head() == two
    assert repo.commit_info("main") == ("María", "maria@x", WHEN, "Two\n\nBody ü\n")
    found = repo.commit_object(two)
    assert found is not None
    assert found.parents == (one,)


def test_git_itself_finds_no_fault(repo: BareRepo) -> None:
    _commit(repo, {"a/b": b"1", "é": b"2"})
    _commit(repo, {"a/b": b"2"}, branch="side")
    done = subprocess.run(
        ["git", "fsck", "--strict", "--full"], env=repo.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_ancestors(repo: BareRepo) -> None:
    one = _commit(repo, {"a": b"1"})
    two = _commit(repo, {"a": b"2"})
    other = _commit(repo, {"b": b"1"}, branch="other")
    assert repo.is_ancestor(one, two)
    assert repo.is_ancestor(one, one)
    assert not repo.is_ancestor(two, one)
    assert not repo.is_ancestor(other, two)
    assert not repo.is_ancestor("a" * 40, two)


def test_a_branch_may_begin_elsewhere(repo: BareRepo) -> None:
    one = _commit(repo, {"a": b"1"})
    sha = repo.commit("side", {"b": b"2"}, "m", "n", "e", WHEN, base="main")
    assert repo.files("side") == {"a": b"1", "b": b"2"}
    assert repo.is_ancestor(one, sha)
    assert repo.refs() == {"refs/heads/main": one, "refs/heads/side": sha}
    repo.update_ref("refs/heads/side", ZERO)
    assert repo.refs() == {"refs/heads/main": one}


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/../b", ".git/config", "a/.GIT/x", "."])
def test_paths_that_lead_out_are_refused(repo: BareRepo, path: str) -> None:
    with pytest.raises(GitFailedError, match="no path"):
        _commit(repo, {path: b"x"})
    assert repo.head() is None


@pytest.mark.parametrize("branch", ["a b", "a\nreset refs/heads/main", "..", "a..b", "x.lock"])
def test_names_that_are_no_branches_are_refused(repo: BareRepo, branch: str) -> None:
    with pytest.raises(GitFailedError):
        _commit(repo, {"a": b"x"}, branch=branch)
    assert repo.refs() == {}


def test_texts_that_would_end_a_line_do_not(repo: BareRepo) -> None:
    repo.commit("main", {"a": b"1"}, "m\ncommit refs/heads/evil", "N <x>\nfrom y", "e>\n", WHEN)
    assert list(repo.refs()) == ["refs/heads/main"]
    info = repo.commit_info("main")
    assert (info.author, info.email, info.message) == ("N x from y", "e", "m\ncommit refs/heads/evil")


def test_an_import_that_fails_moves_nothing(repo: BareRepo) -> None:
    one = _commit(repo, {"a": b"1"})

    def stop() -> None:
        with repo.importer() as importer:
            importer.commit("main", {"a": b"2"}, "m", "n", "e", WHEN, parents=[one])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    assert repo.head() == one


def test_merges_and_their_first_parents(repo: BareRepo) -> None:
    with repo.importer() as importer:
        root = importer.commit("main", {"a": b"1"}, "root", "n", "e", WHEN, parents=[])
        side = importer.commit("side", {"b": b"2"}, "side", "n", "e", WHEN + 1, parents=[root])
        last = importer.commit("main", {"b": b"2"}, "merge", "n", "e", WHEN + 2, parents=[root, side])
    assert repo.log(["main"], options=["--first-parent"]) == [last, root]
    assert repo.count(["main"]) == 3
    assert repo.log(["main"], paths=["b"], limit=1) == [side]
    assert repo.log(["main"], skip=2) == [root]


def test_paths_are_literal(repo: BareRepo) -> None:
    _commit(repo, {"a": b"1", "*": b"2"}, "both")
    sha = _commit(repo, {"a": b"3"}, "a")
    assert sha not in repo.log(["main"], paths=["*"])
    assert repo.count(["main"], ["*"]) == 1


def test_nobodys_configuration_or_hooks_count(
    repo: BareRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[core]\n\tbare = nonsense\n[fetch]\n\tunpackLimit = wrong\n")
    hooks = repo.path / "hooks"
    hooks.mkdir()
    hook = hooks / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    _commit(repo, {"a": b"1"})
    repo.update_ref("refs/heads/x", repo.head() or "")
    assert repo.commit_info("main").author == "María"
    assert not (tmp_path / "ran").exists()


def test_the_child_that_reads_is_started_again(repo: BareRepo) -> None:
    _commit(repo, {"a": b"1"})
    assert repo.read("main", "a") == b"1"
    assert repo._reader is not None
    repo._reader.kill()
    repo._reader.wait()
    assert repo.read("main", "a") == b"1"
    repo.close()
    assert repo.read("main", "a") == b"1"


def test_odd_names_mean_nothing(repo: BareRepo) -> None:
    _commit(repo, {"a": b"1"})
    for name in ("", "main\nHEAD", "--batch-all-objects", "main:", "a" * 5000, "main^{tree}:a b", "\ud800"):
        assert repo.head(name) is None or name == "main:"
    assert repo.read("main", "a") == b"1"
