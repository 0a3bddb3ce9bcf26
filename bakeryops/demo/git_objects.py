"""What git's objects hold, read from their raw form."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CommitInfo", "GitCommit", "TreeEntry", "parse_commit"]


class CommitInfo(NamedTuple):
    """Who wrote a commit, when (seconds since the epoch) and what they said."""

    author: str
    email: str
    when: float
    message: str


class GitCommit(NamedTuple):
    """A commit object as it is; times are seconds since the epoch."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    authored: float
    committer: str
    committer_email: str
    committed: float
    message: str


class TreeEntry(NamedTuple):
    """One line of a tree: `kind` is blob, tree or commit, `size` is None for what is no blob."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


def _signature(line: str) -> tuple[str, str, float]:
    who, _, rest = line.rpartition("> ")
    name, _, email = who.partition(" <")
    seconds = rest.split(" ")[0]
    return name, email, float(seconds) if seconds.lstrip("-").isdigit() else 0.0


def parse_commit(sha: str, raw: bytes) -> GitCommit:
    """Read a commit object."""
    head, _, message = raw.decode("utf-8", "replace").partition("\n\n")
    tree, parents = "", []
    author = committer = ("", "", 0.0)
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        if key == "tree":
            tree = value
        elif key == "parent":
            parents.append(value)
        elif key == "author":
            author = _signature(value)
        elif key == "committer":
            committer = _signature(value)
    return GitCommit(sha, tree, tuple(parents), *author, *committer, message)
