"""What Gitea keeps of a repository beside git's own: webhooks and commit statuses."""

from __future__ import annotations

from dataclasses import dataclass, field

from bakeryops.demo.git import BareRepo
from bakeryops.demo.gitea.webhooks import Hook

__all__ = ["CommitStatus", "Repository"]


@dataclass(frozen=True)
class CommitStatus:
    """What somebody said of a commit; later ones of the same context hide earlier ones."""

    id: int
    """Counts the statuses of its commit, from 1: two commits have the same ids."""
    sha: str
    state: str
    """pending, success, error, failure, warning; skipped since 1.25."""
    context: str
    description: str
    target_url: str
    creator: str
    """Login."""
    when: float


@dataclass
class Repository:
    """A repository with what belongs to it."""

    id: int
    owner: str
    name: str
    git: BareRepo
    private: bool
    created: float
    description: str = ""
    default_branch: str = "main"
    hooks: list[Hook] = field(default_factory=list)
    statuses: list[CommitStatus] = field(default_factory=list)
    """Oldest first."""

    @property
    def full_name(self) -> str:
        """Owner and name, as `bakery-admin/bakery-ia`."""
        return f"{self.owner}/{self.name}"

    @property
    def empty(self) -> bool:
        """Whether it has no branch."""
        return self.git.head(self.default_branch) is None and not self.git.refs()

    def hook(self, number: int) -> Hook | None:
        """Return a webhook by its id."""
        return next((each for each in self.hooks if each.id == number), None)
