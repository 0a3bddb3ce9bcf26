"""Commits made in the private mirror: reverts and other tags, in memory and without a working tree."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from bakeryops.git.entries import Entry
from bakeryops.git.entry_edits import edited
from bakeryops.git.errors import GitError
from bakeryops.git.objects import EMPTY_TREE, Found, Identity, Made, TreeEntry, commit, pack, read_tree, tree
from bakeryops.git.overlay import NAMES
from bakeryops.git.process import Output
from bakeryops.git.pushing import Push, can_push, push, push_arguments
from bakeryops.git.repository import Repository
from bakeryops.text import clean, decode

__all__ = ["Editor", "Reverted"]

_SHA = re.compile(r"[0-9a-f]{40}")
_NOBODY = Identity("bakeryops", "bakeryops@localhost")
_FILES = (b"100644", b"100755")
_MOST = 200
"""Commits that are reverted at once."""
_UNKNOWN_OPTION = 129
"""How git exits when it does not know an option."""


class Reverted(msgspec.Struct, frozen=True):
    """What a revert comes to: the `tree`, or ("" then) the paths that are in conflict."""

    tree: str
    conflicts: tuple[str, ...] = ()
    empty: bool = False
    """Whether nothing is changed: it was taken back already."""
    merges: tuple[str, ...] = ()
    """Those of the commits that are merges: bringing in their branches again brings nothing."""


class Editor:
    """Makes commits on top of what was fetched; nobody sees them until one is pushed."""

    def __init__(self, repository: Repository) -> None:
        """Take the repository in whose mirror the objects are written."""
        self._repository = repository
        self.commands: list[str] = []
        """Every git command run so far, as a shell would take it."""

    async def revert(self, head: str, commits: Sequence[str]) -> Reverted:
        """Return what reverting commits (full shas, newest first) on top of `head` gives, one after the other.

        A merge is taken back against its first parent. It stops at the first conflict. Raises `GitError`, also for
        commits that are not in `head`'s history and where git is older than 2.38.
        """
        wanted = list(dict.fromkeys(_full(each) for each in commits))
        if not wanted or len(wanted) > _MOST:
            raise GitError(f"{len(wanted)} commits cannot be reverted at once")
        root, found = await self._ancestors(_full(head), wanted)
        # The change back: from the commit to its first parent. As the commit is in the history of `head`, it is
        # also the base of the merge, and the merge exactly what `git revert` does.
        backwards = [commit(before, [sha], "back", _NOBODY, 0) for sha, before, _ in found]
        await self._store(backwards)
        ours, result = head, root
        for place, back in enumerate(backwards):
            merged = await self._merged(ours, back.sha)
            if isinstance(merged, tuple):
                return Reverted("", merged, merges=_merges(found))
            if merged != result and place + 1 < len(backwards):
                step = commit(merged, [head], "step", _NOBODY, 0)
                await self._store([step])
                ours = step.sha
            result = merged
        return Reverted(result, empty=result == root, merges=_merges(found))

    async def set_entries(self, head: str, folder: str, entries: Mapping[str, Entry]) -> str:
        """Return the tree of `head` (a commit or tree) in which these images of a folder's kustomization say this.

        Only the bytes of the entries change. Raises `GitError` with file and line for what cannot be changed so,
        and for an entry that is not there.
        """
        steps = [step for step in folder.split("/") if step not in ("", ".")]
        if ".." in steps:
            raise GitError(f"{clean(folder)} is not a folder of the repository", kind="missing")
        levels = ["/".join(steps[:depth]) for depth in range(len(steps) + 1)]
        place = f"{_full(head)}:"
        found = await self._read(
            [f"{head}^{{tree}}", *(place + level for level in levels[1:])],
            [place + "/".join([*steps, name]) for name in NAMES],
        )
        trees = [each for each in found[: len(levels)] if each is not None and each.kind == "tree"]
        names = [name for name, each in zip(NAMES, found[len(levels) :], strict=True) if each is not None]
        if len(trees) < len(levels) or len(names) != 1:
            what = "several of" if len(names) > 1 else "no"
            raise GitError(
                f"{clean(folder) or 'the repository'} has {what} {' '.join(names) or NAMES[0]} at {head[:7]}",
                kind="missing",
                hint="Set git.overlay to the folder of the kustomization that Flux applies.",
            )
        name = names[0]
        path = "/".join([*steps, name])
        file = found[len(levels) + NAMES.index(name)]
        lines = read_tree(trees[-1].data)
        if file is None or not any(each.name == name.encode() and each.mode in _FILES for each in lines):
            raise GitError(f"{clean(path)} is not a file at {head[:7]}", kind="missing")
        after = await asyncio.to_thread(edited, file.data, path, entries)
        if after == file.data:
            return trees[0].sha
        made = [Made("blob", after)]
        for level, step in zip(reversed(trees), [name, *reversed(steps)], strict=True):
            made.append(tree(_replaced(read_tree(level.data), step, made[-1].sha)))
        await self._store(made)
        return made[-1].sha

    async def commit(self, root: str, parent: str, message: str, *, author: Identity, when: int) -> str:
        """Write the commit of a tree on top of `parent`, and return its sha: the same for the same arguments.

        `when` is in seconds since the epoch. Raises `GitError`.
        """
        made = commit(_full(root), [_full(parent)], message, author, when)
        await self._store([made])
        return made.sha

    async def push(self, sha: str, *, expect: str) -> Push:
        """Push a commit to the branch if that still is at `expect`; see `bakeryops.git.pushing.push`."""
        self.commands.append(self.push_command(sha, expect=expect))
        return await push(self._repository, _full(sha), expect=_full(expect))

    def push_command(self, sha: str, *, expect: str) -> str:
        """Return the command that `push` runs, as a shell would take it."""
        return _shown(push_arguments(self._repository, sha, expect))

    async def can_push(self) -> str:
        """Return why the branch cannot be pushed to, "" where it can as far as can be told beforehand."""
        return await can_push(self._repository)

    async def _ancestors(self, head: str, wanted: Sequence[str]) -> tuple[str, list[tuple[str, str, bool]]]:
        """Return `head`'s tree, and of each commit its sha, the tree before it and whether it is a merge."""
        names = [name for sha in wanted for name in (f"{sha}^{{commit}}", f"{sha}^1^{{tree}}")]
        found = await self._read([f"{head}^{{tree}}", *names])
        if found[0] is None:
            raise GitError(f"there is no commit {head[:12]}", kind="missing")
        commits: list[tuple[str, str, bool]] = []
        for sha, itself, before in zip(wanted, found[1::2], found[2::2], strict=True):
            if itself is None:
                raise GitError(f"there is no commit {sha[:12]}", kind="missing")
            parents = itself.data.partition(b"\n\n")[0].count(b"\nparent ")
            if parents and before is None:
                raise GitError(f"what was before commit {sha[:12]} is not in the mirror", kind="missing")
            commits.append((sha, before.sha if before is not None else EMPTY_TREE, parents > 1))
        strange = await self._run(
            "rev-list", "--max-count=1", "--end-of-options", *wanted, f"^{head}", doing="reading the history"
        )
        if strange.out.strip():
            raise GitError(
                f"commit {decode(strange.out)[:12]} is not in the history of {head[:12]}",
                kind="missing",
                hint="The branch may have been rewritten: fetch, then look again.",
            )
        return found[0].sha, commits

    async def _merged(self, ours: str, theirs: str) -> str | tuple[str, ...]:
        """Return the tree of a merge, or the paths that are in conflict."""
        found = await self._run(
            "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs,
            doing="taking a commit back", codes=(0, 1, _UNKNOWN_OPTION),
        )  # fmt: skip
        root, *paths = found.out.split(b"\0")
        if found.code == _UNKNOWN_OPTION or not _SHA.fullmatch(decode(root).strip()):
            raise GitError(
                "this git cannot revert without a working tree",
                kind="git",
                why="git merge-tree --write-tree came with git 2.38",
                hint="Set the tag instead, or install git 2.38 or newer.",
            )
        if found.code:
            return tuple(dict.fromkeys(clean(decode(path)) for path in paths if path))
        return decode(root).strip()

    async def _read(self, *names: Sequence[str]) -> list[Found | None]:
        self.commands.append(_shown(["cat-file", "--batch"]))
        return await self._repository.objects([each for some in names for each in some])

    async def _store(self, objects: Sequence[Made]) -> None:
        await self._run("unpack-objects", "-q", doing="writing to the mirror", stdin=pack(objects))

    async def _run(self, *arguments: str, doing: str, stdin: bytes = b"", codes: Sequence[int] = (0,)) -> Output:
        self.commands.append(_shown(arguments))
        return await self._repository.run(*arguments, doing=doing, stdin=stdin, codes=codes)


def _replaced(lines: Sequence[TreeEntry], name: str, sha: str) -> list[TreeEntry]:
    wanted = name.encode("utf-8", "surrogateescape")
    return [TreeEntry(each.mode, each.name, sha) if each.name == wanted else each for each in lines]


def _merges(found: Sequence[tuple[str, str, bool]]) -> tuple[str, ...]:
    return tuple(sha for sha, _, merge in found if merge)


def _shown(arguments: Sequence[str]) -> str:
    return shlex.join(["git", *map(clean, arguments)])


def _full(sha: str) -> str:
    """Return a full sha; raises `GitError` for anything else."""
    if not _SHA.fullmatch(sha):
        raise GitError(f"{clean(sha)[:80]!r} is not the full name of a commit", kind="missing")
    return sha
