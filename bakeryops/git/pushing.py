"""Pushing one commit to the branch: on top of what is there and never over it."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from bakeryops.errors import BakeryopsError
from bakeryops.git.errors import GitError, explained
from bakeryops.git.process import Output
from bakeryops.git.repository import Repository
from bakeryops.text import clean, decode

__all__ = ["Push", "can_push", "push", "push_arguments"]

_SECONDS = 120.0
_LONGEST = 400
_REFUSAL = 1
"""How `git push` exits when the server answered and did not take it."""
_MOVED = re.compile(r"\((?:fetch first|non-fast-forward|stale info|needs force|incorrect old value provided)\)")
_RACED = re.compile(r"is at [0-9a-f]+ but expected|cannot lock ref", re.IGNORECASE)
_UNKNOWN = ("remote failed to report status", "remote failure")
_NO_RIGHT = "Push with a user who may write to this branch: see git.credentials."


class Push(msgspec.Struct, frozen=True, gc=False):
    """How a push ended.

    `state` is pushed, rejected (the branch is not where it was expected) or refused (by a hook, by a protected
    branch, or for want of the right to write); `reason` is what the server said, as one clean line.
    """

    state: Literal["pushed", "rejected", "refused"]
    reason: str = ""


async def push(repository: Repository, sha: str, *, expect: str) -> Push:
    """Push a commit to the branch, provided that the branch still is at `expect` and the commit builds on it.

    One that is there already counts as pushed. Raises `GitError` and `CredentialError` as a fetch does; after one
    of kind server, refused or timeout only a fetch tells whether the commit arrived.
    """
    if not await repository.is_ancestor(expect, sha):
        raise GitError(f"commit {sha[:12]} does not build on {expect[:12]}, and is not pushed")
    try:
        found = await _run(repository, push_arguments(repository, sha, expect))
    except GitError as error:
        if error.kind != "forbidden":
            raise
        return Push("refused", error.why.removeprefix("git says: ") or "this user may not write")
    return _read(repository, found)


def push_arguments(repository: Repository, sha: str, expect: str) -> list[str]:
    """Return what git is called with to push a commit on top of `expect`."""
    name = f"refs/heads/{repository.branch}"
    # A lease only adds a condition here: what builds on `expect` forces nothing, and a branch that was set back
    # meanwhile is not moved forward again.
    lease = f"--force-with-lease={name}:{expect}"
    return ["push", "--porcelain", "--no-progress", lease, "--", repository.url, f"{sha}:{name}"]


async def can_push(repository: Repository) -> str:
    """Return why the branch cannot be pushed to, "" where nothing speaks against it.

    The server is asked whether this user may write; what its hooks say is known only after a push.
    """
    try:
        head = await repository.head()
        if not head:
            return "nothing was fetched yet"
        name = f"refs/heads/{repository.branch}"
        arguments = ["push", "--porcelain", "--no-progress", "--dry-run", "--", repository.url, f"{head}:{name}"]
        found = _read(repository, await _run(repository, arguments))
    except GitError as error:
        if error.kind == "forbidden":
            return f"this user may not write to {repository.url}. {_NO_RIGHT}"
        return _sentence(error)
    except BakeryopsError as error:
        return _sentence(error)
    return found.reason if found.state == "refused" else ""


async def _run(repository: Repository, arguments: list[str]) -> Output:
    await repository.check_credentials()
    doing = f"pushing to {repository.branch} of {repository.url}"
    return await repository.run(*arguments, doing=doing, seconds=_SECONDS, codes=(0, _REFUSAL))


def _read(repository: Repository, output: Output) -> Push:
    """Return how a push ended, by what `--porcelain` wrote; raises `GitError` where that does not tell."""
    ref = f":refs/heads/{repository.branch}"
    lines = [line.split("\t") for line in decode(output.out).split("\n")]
    flag, summary = next(
        ((line[0], line[2]) for line in lines if len(line) >= 3 and line[1].endswith(ref)), ("", "")
    )
    if flag in (" ", "=", "*"):
        return Push("pushed")
    if flag != "!" or any(each in summary for each in _UNKNOWN):
        raise explained(f"pushing to {repository.branch} of {repository.url}", output.err or summary)
    said = _said(output.err)
    if _MOVED.search(summary) or _RACED.search(output.err):
        return Push("rejected", clean(summary)[:_LONGEST])
    return Push("refused", said or clean(summary)[:_LONGEST])


def _said(stderr: str) -> str:
    """Return the server's own words as one line."""
    lines = [
        clean(line.removeprefix("remote:")).strip() for line in stderr.splitlines() if line.startswith("remote:")
    ]
    return " ".join(line for line in lines if line)[:_LONGEST]


def _sentence(error: BakeryopsError) -> str:
    return ". ".join(line.removesuffix(".") for line in error.lines()) + "."
