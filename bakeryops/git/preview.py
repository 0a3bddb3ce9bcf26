"""What a person wants to know of Git before a rollback: commits between, migrations, the same done by hand."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Collection, Sequence

import msgspec

from bakeryops.git.commits import split_message
from bakeryops.git.repository import Repository
from bakeryops.model.code import Commit
from bakeryops.text import clean, decode

__all__ = ["Shortlog", "find_trailer", "migrations", "revert_commands", "shortlog"]

_MIGRATIONS = re.compile(r"(?:^|/)(?:migrations|alembic/versions)/(?:.*/)?([^/]+)$", re.IGNORECASE)
_NO_MIGRATIONS = frozenset({"__init__.py"})


class Shortlog(msgspec.Struct, frozen=True):
    """The commits between two, newest first; `more` says how many are left out.

    `back` are those that only the older one has: none, unless the two are on different branches of history.
    """

    commits: tuple[Commit, ...] = ()
    more: int = 0
    back: tuple[Commit, ...] = ()
    back_more: int = 0


async def shortlog(
    repository: Repository, older: str, newer: str, paths: Sequence[str] = (), *, limit: int = 50
) -> Shortlog:
    """Return the commits between two that change any of the paths; raises `GitError` for unknown ones."""
    (commits, more), (back, back_more) = await asyncio.gather(
        _one_way(repository, older, newer, paths, limit), _one_way(repository, newer, older, paths, limit)
    )
    return Shortlog(commits, more, back, back_more)


async def _one_way(
    repository: Repository, older: str, newer: str, paths: Sequence[str], limit: int
) -> tuple[tuple[Commit, ...], int]:
    found = await repository.between(older, newer, paths, limit + 1)
    commits = tuple(each.commit for each in found[:limit])
    if len(found) <= limit:
        return commits, 0
    counted = await repository.run(
        "rev-list", "--count", "--end-of-options", newer, f"^{older}", "--",
        *(f":(literal,top){path}" for path in paths),
        doing="counting commits",
    )  # fmt: skip
    return commits, max(1, int(counted.out or b"0") - limit)


async def migrations(repository: Repository, one: str, other: str, folder: str = "") -> tuple[str, ...]:
    """Return the database migrations below a folder that differ between two source commits.

    They are the files below any `migrations` or `alembic/versions`. Raises `GitError`, of kind missing where a
    commit is not known.
    """
    paths = await repository.changed(one, other, folder)
    return tuple(
        clean(path)
        for path in paths
        if (found := _MIGRATIONS.search(path)) and found[1].lower() not in _NO_MIGRATIONS
    )


def revert_commands(
    url: str, branch: str, commits: Sequence[str], message: str, *, merges: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the commands with which a person would do the same in a clone: revert commits in one, and push it."""
    reverts = [["revert", "--no-commit", *(["-m", "1"] if each in merges else []), each] for each in commits]
    commands = [
        ["fetch", url, branch],
        ["checkout", "--detach", "FETCH_HEAD"],
        *reverts,
        ["commit", "-m", clean(message)],
        ["push", url, f"HEAD:refs/heads/{branch}"],
    ]
    return tuple(shlex.join(["git", *map(clean, each)]) for each in commands)


async def find_trailer(repository: Repository, key: str, value: str, limit: int = 200) -> str:
    """Return the newest commit of the branch, among the last `limit`, with a trailer; "" where none has it."""
    found = await repository.run(
        "log", "-z", f"--max-count={limit}", "--no-color", "--format=%H%x00%B", "--end-of-options",
        f"refs/heads/{repository.branch}", "--",
        doing="reading the history",
    )  # fmt: skip
    parts = found.out.split(b"\0")
    for sha, message in zip(parts[::2], parts[1::2], strict=False):
        trailers = split_message(decode(message))[2]
        if any(name.lower() == key.lower() and text == value for name, text in trailers):
            return decode(sha).strip()
    return ""
