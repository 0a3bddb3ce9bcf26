"""What Git says: commits, the overlay's images, deployments. Times are epoch seconds."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["CodeView", "Commit", "Deployment", "OverlayImage"]


class Commit(msgspec.Struct, frozen=True, gc=False):
    """A commit; `trailers` are the (key, value) lines at the end of its message, `body` is the rest of it."""

    sha: str
    parents: tuple[str, ...]
    author: str
    email: str
    authored: float
    committed: float
    subject: str
    body: str = ""
    trailers: tuple[tuple[str, str], ...] = ()

    @property
    def short(self) -> str:
        """The first seven digits."""
        return self.sha[:7]

    def trailer(self, key: str) -> str:
        """Return the value of a trailer, whatever its case, or ""."""
        return next((value for name, value in self.trailers if name.lower() == key.lower()), "")


class OverlayImage(msgspec.Struct, frozen=True, gc=False):
    """An entry of `images:` in the overlay; `service` is the last part of its name, `line` counts from 1."""

    service: str
    name: str
    new_name: str
    tag: str
    digest: str
    line: int


class Deployment(msgspec.Struct, frozen=True, gc=False):
    """One change of a service's image in the overlay, as Git has it.

    `kind` is deploy, rollback, reapply or edit (by hand); `source` is the commit that the image was built from
    ("" where the tag does not tell), `run` the PipelineRun that wrote it.
    """

    service: str
    when: float
    commit: str
    subject: str
    author: str
    kind: str
    tag: str
    digest: str
    before: str
    """The tag it replaced, "" for the first."""
    source: str
    run: str


class CodeView(msgspec.Struct, frozen=True):
    """The repository as last fetched.

    `state` is off (nothing configured or found), waiting, live, stale or refused, with a `reason` and a `hint` for
    people. `main` are the commits of the branch, newest first along first parents; `commits` has those and more by
    full sha. `touched` says which services a commit touches (names of folders), "*" for shared code.
    """

    state: str = "off"
    reason: str = ""
    hint: str = ""
    url: str = ""
    branch: str = "main"
    overlay: str = ""
    head: str = ""
    fetched: float | None = None
    main: tuple[str, ...] = ()
    commits: Mapping[str, Commit] = msgspec.field(default_factory=dict)
    touched: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    images: tuple[OverlayImage, ...] = ()
    services: tuple[str, ...] = ()
    """Services that Git knows: `images:` of the overlay and folders under services/."""
    deployments: tuple[Deployment, ...] = ()
    """Newest first."""

    def find(self, prefix: str) -> Commit | None:
        """Return the commit whose sha begins with `prefix` (four digits at least), None if none or several."""
        if prefix in self.commits:
            return self.commits[prefix]
        if len(prefix) < 4:
            return None
        found = [commit for sha, commit in self.commits.items() if sha.startswith(prefix)]
        return found[0] if len(found) == 1 else None
