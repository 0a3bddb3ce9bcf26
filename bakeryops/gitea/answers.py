"""What Gitea answers, as far as it is read: text cleaned, times epoch seconds; total on whatever comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from bakeryops.masking import mask_text
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["Comparison", "GitCommit", "Hook", "Package", "RepositoryInfo", "Status", "StatusItem", "Version"]

_NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


class Version(msgspec.Struct, frozen=True, gc=False):
    """Gitea's version; `numbers` is (0, 0, 0) where the text tells none."""

    text: str
    numbers: tuple[int, int, int]

    @classmethod
    def read(cls, text: str) -> Version:
        """Return a version read: "1.26.3", or "1.27.0+dev-12-gabc" of a development build."""
        found = _NUMBERS.match(text)
        return cls(clean(text)[:60], (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0))


class RepositoryInfo(msgspec.Struct, frozen=True, gc=False):
    """A repository and what we may do with it."""

    full_name: str
    clone_url: str
    default_branch: str
    empty: bool
    mirror: bool
    archived: bool
    admin: bool
    push: bool
    pull: bool


class GitCommit(msgspec.Struct, frozen=True, gc=False):
    """A commit; `message` is its first line."""

    sha: str
    message: str
    author: str
    when: float | None
    parents: tuple[str, ...]


class StatusItem(msgspec.Struct, frozen=True, gc=False):
    """One state that somebody gave a commit: pending, success, error, failure, warning, skipped."""

    context: str
    state: str
    description: str
    target_url: str
    creator: str
    created: float | None


class Status(msgspec.Struct, frozen=True):
    """The state of a commit taken together ("" where nobody gave one), with the newest of each context."""

    sha: str
    state: str
    items: tuple[StatusItem, ...]


class Hook(msgspec.Struct, frozen=True, gc=False):
    """A webhook; its secret is never told."""

    id: int
    type: str
    active: bool
    url: str
    events: tuple[str, ...]
    branch_filter: str
    updated: float | None


class Comparison(msgspec.Struct, frozen=True):
    """What one commit has over another."""

    total: int
    commits: tuple[GitCommit, ...]


class Package(msgspec.Struct, frozen=True, gc=False):
    """One version of a package: for images a tag, or a digest "sha256:…"."""

    name: str
    version: str
    created: float | None


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the mappings of a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _text(value: Any, *path: str) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return clean(value[:4000]) if isinstance(value, str) else ""


def _is(value: Any, *path: str) -> bool:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value is True


def repository(found: Any) -> RepositoryInfo:
    """Return a repository read."""
    return RepositoryInfo(
        full_name=_text(found, "full_name"),
        clone_url=_text(found, "clone_url"),
        default_branch=_text(found, "default_branch"),
        empty=_is(found, "empty"),
        mirror=_is(found, "mirror"),
        archived=_is(found, "archived"),
        admin=_is(found, "permissions", "admin"),
        push=_is(found, "permissions", "push"),
        pull=_is(found, "permissions", "pull"),
    )


def commit(found: dict[str, Any]) -> GitCommit:
    """Return a commit read."""
    message = found.get("commit", {}).get("message") if isinstance(found.get("commit"), dict) else ""
    return GitCommit(
        sha=_text(found, "sha"),
        message=mask_text(clean(message.partition("\n")[0])[:1000]) if isinstance(message, str) else "",
        author=_text(found, "commit", "author", "name"),
        when=parse_time(_text(found, "commit", "committer", "date") or None),
        parents=tuple(_text(each, "sha") for each in mappings(found.get("parents"))),
    )


def status_item(found: dict[str, Any]) -> StatusItem:
    """Return one state read; Gitea calls it `status` here and `state` where states are combined."""
    return StatusItem(
        context=_text(found, "context"),
        state=_text(found, "status") or _text(found, "state"),
        description=_text(found, "description"),
        target_url=_text(found, "target_url"),
        creator=_text(found, "creator", "login"),
        created=parse_time(_text(found, "created_at") or None),
    )


def status(found: Any) -> Status:
    """Return the combined state read."""
    items = found.get("statuses") if isinstance(found, dict) else None
    return Status(_text(found, "sha"), _text(found, "state"), tuple(status_item(each) for each in mappings(items)))


def hook(found: dict[str, Any]) -> Hook:
    """Return a webhook read."""
    number, events = found.get("id"), found.get("events")
    return Hook(
        id=number if isinstance(number, int) else 0,
        type=_text(found, "type"),
        active=_is(found, "active"),
        url=_text(found, "config", "url"),
        events=tuple(clean(each) for each in events if isinstance(each, str)) if isinstance(events, list) else (),
        branch_filter=_text(found, "branch_filter"),
        updated=parse_time(_text(found, "updated_at") or None),
    )


def comparison(found: Any) -> Comparison:
    """Return a comparison read."""
    total = found.get("total_commits") if isinstance(found, dict) else None
    commits = tuple(commit(each) for each in mappings(found.get("commits") if isinstance(found, dict) else None))
    return Comparison(total if isinstance(total, int) else len(commits), commits)


def package(found: dict[str, Any]) -> Package:
    """Return a version of a package read."""
    return Package(_text(found, "name"), _text(found, "version"), parse_time(_text(found, "created_at") or None))
