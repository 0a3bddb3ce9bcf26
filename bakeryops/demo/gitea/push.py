"""A push as it is told to those that follow it, and the refusal of a git client."""

from __future__ import annotations

from dataclasses import dataclass

from bakeryops.demo.git import ZERO

__all__ = ["GitRefusedError", "Push"]


@dataclass(frozen=True)
class Push:
    """One ref that a push moved, made or removed."""

    owner: str
    name: str
    """Name of the repository."""
    ref: str
    """Full name, such as refs/heads/main."""
    before: str
    """Full sha, zeros where the ref was made."""
    after: str
    """Full sha, zeros where the ref was removed."""
    pusher: str
    """Login."""
    when: float
    """Cluster time, seconds since the epoch."""

    @property
    def branch(self) -> str:
        """The branch's name, "" for a tag."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""

    @property
    def created(self) -> bool:
        """Whether the ref was not there before."""
        return self.before == ZERO

    @property
    def deleted(self) -> bool:
        """Whether the ref is gone."""
        return self.after == ZERO


class GitRefusedError(Exception):
    """A git client got no repository; the text is what its library says."""

    def __init__(self, status: int, message: str) -> None:
        """Take the HTTP status (0 where no connection came about) and the text."""
        super().__init__(message)
        self.status = status
        self.message = message
