"""Which services a push has to build, from the two trees and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bakeryops.demo.git import ZERO, BareRepo, GitFailedError

__all__ = ["Changes", "buildable", "find_changes", "folder_of"]

_SINGLE = ("gateway", "frontend")
"""Services with a folder of their own at the root."""
_SHARED = ("shared/",)
"""Folders that go into every image."""
_SERVICE = re.compile(r"services/([^/]+)/")


@dataclass(frozen=True)
class Changes:
    """What is to be built, and why."""

    services: tuple[str, ...]
    """Names of folders, sorted."""
    reasons: tuple[str, ...]
    """The reasoning, a line each, for the log."""


def folder_of(service: str) -> str:
    """Return the folder of a service, without a slash at the end."""
    return service if service in _SINGLE else f"services/{service}"


def buildable(repo: BareRepo, revision: str) -> tuple[str, ...]:
    """Return the services that have a Dockerfile at a revision, sorted."""
    names = [entry.path.rpartition("/")[2] for entry in repo.tree(revision, "services") if entry.kind == "tree"]
    return tuple(
        sorted(
            name
            for name in (*names, *_SINGLE)
            if repo.object(f"{revision}:{folder_of(name)}/Dockerfile") is not None
        )
    )


def find_changes(repo: BareRepo, before: str, after: str, forced: Sequence[str] = ()) -> Changes:
    """Return the services between two commits; `forced` names are built whatever has changed.

    A `before` of zeros (a new branch) or one that the repository does not have (a forced push) means all.
    """
    every = buildable(repo, after)
    if wanted := tuple(sorted({name for name in forced if name})):
        known = tuple(name for name in wanted if name in every)
        unknown = [f"{name}: no Dockerfile at {after[:12]}, left out" for name in wanted if name not in every]
        return Changes(known, (f"asked for by force-services: {' '.join(wanted)}", *unknown))
    if not before or before == ZERO:
        return Changes(every, ("no commit before this one: all services",))
    try:
        paths = repo.changed(before, after)
    except GitFailedError:
        return Changes(every, (f"commit {before[:12]} is not in the repository: all services",))
    return _judge(paths, every)


def _judge(paths: Iterable[str], every: Sequence[str]) -> Changes:
    reasons: list[str] = []
    found: set[str] = set()
    for path in paths:
        name = _service_of(path)
        if name == "*":
            reasons.append(f"{path}: shared by all services")
            found.update(every)
        elif name and name not in found:
            reasons.append(f"{path}: {name}" + ("" if name in every else ", which has no Dockerfile any more"))
            found.add(name)
    services = tuple(sorted(found.intersection(every)))
    if not reasons:
        reasons.append("nothing below services/, gateway/, frontend/ or shared/ has changed")
    return Changes(services, tuple(reasons))


def _service_of(path: str) -> str:
    """Return the service a path belongs to, "*" for all, "" for none."""
    if path.startswith(_SHARED):
        return "*"
    if found := _SERVICE.match(path):
        return found[1]
    head, slash, _ = path.partition("/")
    return head if slash and head in _SINGLE else ""
