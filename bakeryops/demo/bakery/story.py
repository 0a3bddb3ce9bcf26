"""What the repository tells of the past: which image of each service ran since when, and the builds there were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from bakeryops.demo.bakery.inventory import REGISTRY
from bakeryops.demo.bakery.repository import OVERLAY, OWN_IMAGES, PastRelease, overlay_tags
from bakeryops.demo.git import BareRepo, GitCommit

__all__ = ["Applied", "Placed", "Story", "read_story"]

_MANIFESTS = "infrastructure/kubernetes"


@dataclass(frozen=True)
class Placed:
    """A tag of a service as it came into the overlay."""

    tag: str
    when: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Applied:
    """A state of the manifests that Flux has applied."""

    commit: str
    """The last commit that had it."""
    when: float
    """When that was pushed."""
    first: float
    """When the manifests came to be like that."""
    subject: str


@dataclass(frozen=True)
class Story:
    """The past as Git has it."""

    releases: Sequence[PastRelease]
    """Oldest first."""
    head: str
    head_when: float
    tags: dict[str, tuple[Placed, ...]]
    """Tags of each own image, oldest first; the last one is in the overlay now."""
    applied: tuple[Applied, ...]
    """The last states of the manifests, newest first."""

    def image(self, service: str) -> str:
        """Return the image of a service as the overlay has it."""
        return f"{REGISTRY}/bakery-admin/{service}:{self.tags[service][-1].tag}"


def read_story(repo: BareRepo, releases: Sequence[PastRelease], *, applied: int = 40) -> Story:
    """Read the past from a repository; `applied` is how many of the last states are told of."""
    found: dict[str, list[Placed]] = {name: [] for name in OWN_IMAGES}
    for sha in reversed(repo.log(["main"], paths=[OVERLAY])):
        commit = repo.commit_object(sha)
        assert commit is not None
        for name, tag in overlay_tags(repo, sha).items():
            known = found.get(name)
            if known is not None and (not known or known[-1].tag != tag):
                known.append(Placed(tag, commit.committed))
    head = repo.commit_object("main")
    assert head is not None
    states = list(islice(_states(repo), applied))
    tags = {name: tuple(placed) for name, placed in found.items()}
    return Story(releases, head.sha, head.committed, tags, tuple(states))


def _states(repo: BareRepo) -> Iterator[Applied]:
    """Yield the states of the manifests, newest first; commits that leave them alone prolong a state."""
    touching = set(repo.log(["main"], paths=[_MANIFESTS], options=["--first-parent"]))
    newest: GitCommit | None = None
    for sha in repo.log(["main"], options=["--first-parent"]):
        commit = repo.commit_object(sha)
        assert commit is not None
        newest = newest or commit
        if sha in touching:
            yield Applied(newest.sha, newest.committed, commit.committed, newest.message.partition("\n")[0])
            newest = None
