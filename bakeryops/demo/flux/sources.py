"""What source-controller needs of a git server: a ref resolved to a commit, the files of a commit, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

__all__ = ["Fetched", "GitRef", "GitSources", "SourceFault"]


@dataclass(frozen=True, slots=True)
class GitRef:
    """What `spec.ref` of a GitRepository asks for; the first of commit, name, semver, tag, branch counts."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    """Full name such as `refs/heads/main`."""
    commit: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for, which means the branch `master` to Flux."""
        return not (self.branch or self.tag or self.semver or self.name or self.commit)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The commit that a ref stands for now."""

    commit: str
    """Full hash."""
    ref: str
    """The branch, tag or full name that the revision is written with; "" for a bare commit."""
    subject: str = ""
    """First line of the commit's message."""


class SourceFault(Exception):  # noqa: N818 - the name is part of the agreed interface
    """A source cannot be fetched; `reason` is the reason of the condition, the text its message's last part."""

    def __init__(self, reason: str, message: str) -> None:
        """Take the condition's reason, and what the git client says; never put credentials into either."""
        super().__init__(message)
        self.reason = reason
        self.message = message

    @classmethod
    def no_repository(cls) -> SourceFault:
        """The server answers 404."""
        return cls("GitOperationFailed", "repository not found: ")

    @classmethod
    def unauthorized(cls) -> SourceFault:
        """The server answers 401 or refuses the user."""
        return cls("GitOperationFailed", "authentication required: ")

    @classmethod
    def no_branch(cls, branch: str) -> SourceFault:
        """The repository has no such branch."""
        return cls("GitOperationFailed", f'couldn\'t find remote ref "refs/heads/{branch}"')

    @classmethod
    def no_ref(cls, name: str) -> SourceFault:
        """The repository has no such ref, given by its full name."""
        return cls("GitOperationFailed", f'couldn\'t find remote ref "{name}"')

    @classmethod
    def refused(cls, url: str) -> SourceFault:
        """Nobody listens at the address of a URL."""
        address = urlsplit(url)
        where = f"{address.hostname}:{address.port or (443 if address.scheme == 'https' else 80)}"
        return cls("GitOperationFailed", f"{_request(url)}: dial tcp {where}: connect: connection refused")

    @classmethod
    def unknown_host(cls, url: str) -> SourceFault:
        """The name of the host of a URL means nothing in the cluster."""
        host = urlsplit(url).hostname or ""
        return cls("GitOperationFailed", f"{_request(url)}: dial tcp: lookup {host}: no such host")


def _request(url: str) -> str:
    """Return the first request of a clone, as Go's HTTP client names it in errors."""
    return f'Get "{url}/info/refs?service=git-upload-pack"'


class GitSources(Protocol):
    """The git servers that the cluster can reach."""

    def fetch(self, url: str, ref: GitRef, username: str, password: str) -> Fetched:
        """Return the commit that a ref stands for; raises `SourceFault`."""

    def files(self, commit: str, folder: str) -> Mapping[str, bytes]:
        """Return the files below a folder ("" for all) of a commit by their paths in the repository.

        The commit has been fetched before.
        """
