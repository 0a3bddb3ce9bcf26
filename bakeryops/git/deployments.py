"""Deployments as Git has them: the changes of an image's tag in the overlay, commit by commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from bakeryops.model.code import Commit, Deployment, OverlayImage

__all__ = ["Edit", "deployments", "source_in_tag", "touched_services"]

SHARED = "shared"
"""The folder whose code is in every service."""

_COMMIT_AT_END = re.compile(r"(?:^|.*[-_.])([0-9a-f]{7,40})")
_DEPLOY = re.compile(r"deploy(?:\([^)]*\))?!?: ")
_ROLLBACK = re.compile(r"rollback(?:\([^)]*\))?!?: |Revert \"(?:deploy|reapply)\b")
_REAPPLY = re.compile(r"reapply(?:\([^)]*\))?!?: |Reapply \"|Revert \"(?:rollback|Revert)\b")


class Edit(msgspec.Struct, frozen=True):
    """A commit that changed the overlay, with the images before and after it."""

    commit: Commit
    before: tuple[OverlayImage, ...]
    after: tuple[OverlayImage, ...]


def source_in_tag(tag: str) -> str:
    """Return the commit that a tag ends with, as many digits as it has, or ""."""
    found = _COMMIT_AT_END.fullmatch(tag)
    return found[1] if found and not found[1].isdigit() else ""


def deployments(edits: Iterable[Edit], find: Callable[[str], str]) -> list[Deployment]:
    """Return what each edit deployed, in the order of the edits; an entry that went away is no deployment.

    `find` gives the full sha of the commit that begins with a prefix, or "".
    """
    found: list[Deployment] = []
    for edit in edits:
        before = {image.name: image for image in edit.before}
        for image in edit.after:
            old = before.get(image.name)
            if not (image.tag or image.digest) or (old is not None and _same(old, image)):
                continue
            found.append(_deployment(edit.commit, image, old, find))
    return found


def _same(one: OverlayImage, other: OverlayImage) -> bool:
    return (one.tag, one.digest, one.new_name) == (other.tag, other.digest, other.new_name)


def _deployment(
    commit: Commit, image: OverlayImage, old: OverlayImage | None, find: Callable[[str], str]
) -> Deployment:
    mine = image.service in _trailers(commit, "Bakery-Service") or not commit.trailer("Bakery-Service")
    kind = _kind(commit.subject) if mine else "edit"
    named = commit.trailer("Bakery-Source-Commit") if mine and kind == "deploy" else ""
    source = named or source_in_tag(image.tag)
    return Deployment(
        service=image.service,
        when=commit.committed,
        commit=commit.sha,
        subject=commit.subject,
        author=commit.author,
        kind=kind,
        tag=image.tag,
        digest=image.digest,
        before=old.tag if old is not None else "",
        source=(find(source) or source) if source else "",
        run=commit.trailer("Bakery-PipelineRun") if mine else "",
    )


def _kind(subject: str) -> str:
    if _REAPPLY.match(subject):
        return "reapply"
    if _ROLLBACK.match(subject):
        return "rollback"
    return "deploy" if _DEPLOY.match(subject) else "edit"


def _trailers(commit: Commit, key: str) -> list[str]:
    return [value for name, value in commit.trailers if name.lower() == key.lower()]


def touched_services(paths: Iterable[str], folder: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the services whose folders these paths lie in, "*" for code that all of them share.

    `folder` holds a folder for each service; those of `known` may also have one at the root (gateway, frontend).
    """
    inside = f"{folder.strip('/')}/"
    roots = frozenset(known)
    found: set[str] = set()
    for path in paths:
        if path.startswith(inside):
            name, slash, _ = path[len(inside) :].partition("/")
        else:
            name, slash, _ = path.partition("/")
            if name == SHARED:
                name = "*"
            elif name not in roots:
                continue
        if slash:
            found.add(name)
    return tuple(sorted(found))
