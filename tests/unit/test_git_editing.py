"""Reverts and other tags, made in the mirror: the same as git makes in a working tree, and nothing at the origin."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from bakeryops.git.editing import Editor, Reverted
from bakeryops.git.entries import Entry
from bakeryops.git.errors import GitError
from bakeryops.git.objects import Identity
from bakeryops.git.overlay import images
from bakeryops.git.repository import Repository
from tests.support.git_clone import Clone
from tests.support.git_origin import OVERLAY, REGISTRY, Origin, deploy_message, overlay, tag_of

FOLDER = OVERLAY.rpartition("/")[0]
FIRST = {"auth": "a-1", "gateway": "g-1", "orders": "o-1", "pos": "p-1"}
BOT = Identity("bakeryops", "bakeryops@bakery-ia.local")
WHEN = 1_795_000_000


class Shop:
    """An origin with an overlay, and the editor of its mirror."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.origin = Origin(path / "origin.git")
        self.tags = dict(FIRST)
        self.origin.commit({OVERLAY: overlay(self.tags), "README.md": "shop\n"}, "begin")
        self.repository = Repository(self.origin.url, folder=path / "mirrors")
        self.editor = Editor(self.repository)

    def deploy(self, service: str, tag: str, **files: str | bytes | None) -> str:
        self.tags[service] = tag
        return self.origin.commit(
            {OVERLAY: overlay(self.tags), **files}, deploy_message(service, tag_of("f" * 40), "f" * 40)
        )

    async def head(self) -> str:
        await self.repository.refresh()
        return await self.repository.head()

    async def reverted(self, *commits: str) -> Reverted:
        """Revert, and see that git does the same in a working tree."""
        found = await self.editor.revert(await self.head(), commits)
        clone = Clone(self.origin, self.path / f"clone-{time.monotonic_ns()}")
        assert found.tree == clone.reverted(*commits, merges=found.merges)
        return found

    async def tags_in(self, tree: str) -> dict[str, str]:
        (data,) = await self.repository.blobs([f"{tree}:{OVERLAY}"])
        assert data is not None
        return {each.service: each.tag for each in images(data, OVERLAY)}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def test_a_deploy_is_taken_back_after_a_neighbour_moved_on(shop: Shop) -> None:
    bad = shop.deploy("auth", "a-2")
    shop.deploy("orders", "o-2")
    before = shop.origin.git("show-ref")
    found = await shop.reverted(bad)
    assert (found.conflicts, found.empty, found.merges) == ((), False, ())
    assert await shop.tags_in(found.tree) == FIRST | {"orders": "o-2"}
    assert shop.origin.git("show-ref") == before


async def test_a_later_deploy_of_the_same_service_is_a_conflict(shop: Shop) -> None:
    bad = shop.deploy("auth", "a-2")
    shop.deploy("auth", "a-3")
    found = await shop.reverted(bad)
    assert found == Reverted("", (OVERLAY,))


async def test_several_newest_first_are_one_tree(shop: Shop) -> None:
    commits = [shop.deploy("auth", "a-2"), shop.deploy("auth", "a-3"), shop.deploy("pos", "p-2")]
    shop.deploy("gateway", "g-2")
    found = await shop.reverted(*reversed(commits))
    assert await shop.tags_in(found.tree) == FIRST | {"gateway": "g-2"}
    oldest_first = await shop.editor.revert(await shop.head(), commits)
    assert oldest_first.conflicts == (OVERLAY,)


async def test_a_merge_is_taken_back_against_its_first_parent(shop: Shop) -> None:
    base = shop.origin.tip()
    other = {OVERLAY: overlay(FIRST | {"auth": "a-2"})}
    shop.origin.commit(other, "deploy(auth): a-2", branch="pr", parents=(base,))
    merge = shop.origin.commit(other, "Merge pull request 'deploy auth'", parents=(base, "refs/heads/pr"))
    shop.tags["auth"] = "a-2"
    shop.deploy("orders", "o-2")
    found = await shop.reverted(merge)
    assert found.merges == (merge,)
    assert await shop.tags_in(found.tree) == FIRST | {"orders": "o-2"}


async def test_an_octopus_is_taken_back(shop: Shop) -> None:
    base = shop.origin.tip()
    for name, service in (("one", "auth"), ("two", "pos")):
        shop.origin.commit({OVERLAY: overlay(FIRST | {service: "x-2"})}, name, branch=name, parents=(base,))
    both = {OVERLAY: overlay(FIRST | {"auth": "x-2", "pos": "x-2"})}
    merge = shop.origin.commit(both, "Merge both", parents=(base, "refs/heads/one", "refs/heads/two"))
    found = await shop.reverted(merge)
    assert found.merges == (merge,)
    assert await shop.tags_in(found.tree) == FIRST


async def test_what_else_the_commit_did_is_taken_back_too(shop: Shop) -> None:
    shop.origin.commit({f"{FOLDER}/old.yaml": "kind: ConfigMap\n", "bäckerei/ñ.yaml": "a: 1\n"}, "more")
    bad = shop.deploy(
        "auth",
        "a-2",
        **{f"{FOLDER}/old.yaml": None, f"{FOLDER}/neu ü.yaml": "kind: Job\n", "bäckerei/ñ.yaml": "a: 2\n"},
    )
    shop.deploy("orders", "o-2")
    found = await shop.reverted(bad)
    assert set(await shop.repository.files(found.tree, "")) == {
        "README.md", OVERLAY, f"{FOLDER}/old.yaml", "bäckerei/ñ.yaml",
    }  # fmt: skip
    assert await shop.repository.blobs([f"{found.tree}:bäckerei/ñ.yaml"]) == [b"a: 1\n"]


async def test_a_conflict_names_every_path_as_it_is_called(shop: Shop) -> None:
    bad = shop.deploy("auth", "a-2", **{"bäckerei/ñ.yaml": "a: 2\n"})
    shop.deploy("auth", "a-3", **{"bäckerei/ñ.yaml": "a: 3\n"})
    found = await shop.reverted(bad)
    assert set(found.conflicts) == {OVERLAY, "bäckerei/ñ.yaml"}


async def test_what_was_taken_back_already_leaves_nothing_to_do(shop: Shop) -> None:
    bad = shop.deploy("auth", "a-2")
    shop.deploy("auth", "a-1")
    found = await shop.editor.revert(await shop.head(), [bad])
    assert found.empty
    assert found.tree == shop.origin.git("rev-parse", "main^{tree}")


async def test_the_very_first_commit_can_be_taken_back(shop: Shop) -> None:
    found = await shop.editor.revert(await shop.head(), [shop.origin.tip()])
    assert await shop.repository.files(found.tree) == {}


async def test_only_commits_of_the_branch_are_taken_back(shop: Shop) -> None:
    base = shop.origin.tip()
    strange = shop.deploy("auth", "a-2")
    await shop.head()
    shop.origin.git("update-ref", "refs/heads/main", base)
    head = await shop.head()
    with pytest.raises(GitError, match=f"{strange[:12]} is not in the history of") as caught:
        await shop.editor.revert(head, [strange])
    assert caught.value.kind == "missing"
    for name in ("0" * 40, "main", "HEAD~1", "--all", "", f"{head}\n"):
        with pytest.raises(GitError):
            await shop.editor.revert(head, [name])
    with pytest.raises(GitError):
        await shop.editor.revert(head, [])


async def test_the_same_arguments_make_the_same_commit(shop: Shop) -> None:
    commits = [shop.deploy("auth", "a-2"), shop.deploy("pos", "p-2")]
    head = await shop.head()
    made = []
    for folder in ("mirrors", "other"):
        repository = Repository(shop.origin.url, folder=shop.path / folder)
        await repository.refresh()
        editor = Editor(repository)
        for _ in range(2):
            tree = (await editor.revert(head, commits[::-1])).tree
            made.append(await editor.commit(tree, head, "rollback(auth): a-2 -> a-1", author=BOT, when=WHEN))
    assert len(set(made)) == 1
    (commit,) = await shop.repository.commits([made[0]])
    assert (commit.commit.authored, commit.commit.committed, commit.commit.author) == (WHEN, WHEN, BOT.name)
    assert (commit.commit.parents, commit.paths) == ((head,), (OVERLAY,))


async def test_a_message_is_kept_to_the_letter_and_passes_gits_own_check(shop: Shop) -> None:
    head = await shop.head()
    tree = await shop.editor.set_entries(head, FOLDER, {f"{REGISTRY}/auth": Entry("a-9")})
    message = "rollback(auth): \x1b[2J'; rm -rf / #\u202e\n\n# not a comment\n\nReverts: x\nBakery-Service: auth\n"
    author = Identity("Eve <eve@x>\n\0parent 123", "a@b>\n<c")
    sha = await shop.editor.commit(tree, head, message, author=author, when=WHEN)
    await shop.repository.run("fsck", "--strict", "--no-dangling", sha, doing="checking")
    (found,) = await shop.repository.objects([sha])
    assert found is not None
    assert found.data.partition(b"\n\n")[2].decode() == message
    (change,) = await shop.repository.commits([sha])
    assert change.commit.subject == "rollback(auth): '; rm -rf / #"
    assert change.commit.trailers == (("Reverts", "x"), ("Bakery-Service", "auth"))
    assert change.commit.parents == (head,)


async def test_hostile_subjects_change_nothing(shop: Shop) -> None:
    shop.tags["auth"] = "a-2"
    bad = shop.origin.commit(
        {OVERLAY: overlay(shop.tags)}, b"\xff\x1b]52;c;x\x07 $(reboot) --force\n\ntree 123\nparent 456"
    )
    found = await shop.reverted(bad)
    assert await shop.tags_in(found.tree) == FIRST


async def test_a_whole_plan_is_quick_and_starts_few_processes(shop: Shop) -> None:
    bad = shop.deploy("auth", "a-2")
    shop.deploy("orders", "o-2")
    head = await shop.head()
    taken = []
    for _ in range(5):
        begun, runs = time.perf_counter(), shop.repository.runs
        found = await shop.editor.revert(head, [bad])
        tree = await shop.editor.set_entries(found.tree, FOLDER, {f"{REGISTRY}/pos": Entry("p-0")})
        sha = await shop.editor.commit(tree, head, "rollback(auth): a-2 -> a-1", author=BOT, when=WHEN)
        text = await shop.repository.diff(f"{head}..{sha}", OVERLAY)
        taken.append(time.perf_counter() - begun)
        assert shop.repository.runs - runs <= 8
    assert "-    newTag: a-2" in text
    assert "+    newTag: p-0" in text
    assert "o-2" in text
    assert min(taken) < 0.5
    assert len(shop.editor.commands) == 5 * 7
    assert shop.editor.commands[0] == "git cat-file --batch"


async def test_an_old_git_says_so_and_still_sets_tags(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = shop.deploy("auth", "a-2")
    head = await shop.head()
    real = shop.origin.git("--exec-path", bare=False)
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    # Before 2.38 merge-tree knew no option, and answered any with how it is used.
    old.write_text(
        f'#!/bin/sh\ncase " $* " in *" merge-tree --"*) echo "usage: git merge-tree" >&2; exit 129;; esac\nexec {real}/git "$@"\n'
    )
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin:/bin")
    with pytest.raises(GitError, match="cannot revert") as caught:
        await shop.editor.revert(head, [bad])
    assert caught.value.kind == "git"
    assert "Set the tag instead" in caught.value.hint
    tree = await shop.editor.set_entries(head, FOLDER, {f"{REGISTRY}/auth": Entry("a-1")})
    sha = await shop.editor.commit(tree, head, "rollback", author=BOT, when=WHEN)
    assert (await shop.editor.push(sha, expect=head)).state == "pushed"
    assert shop.origin.tip() == sha
