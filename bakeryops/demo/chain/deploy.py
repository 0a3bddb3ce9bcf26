"""What the task update-tag does: a commit for each new tag, all in one push, on whatever main is by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeryops.demo.chain.holds import Hold
from bakeryops.demo.chain.overlay import OVERLAY, set_tag, source_of, tag_of
from bakeryops.demo.git import BareRepo, GitFailedError

__all__ = ["Deployed", "Release", "deploy"]

BOT_NAME = "Bakery CI"
_ATTEMPTS = 5
_NOBODY: Mapping[str, Hold] = {}


@dataclass(frozen=True)
class Release:
    """What is to be deployed."""

    services: Sequence[str]
    tag: str
    source: str
    """Full sha of the commit that the images were built from."""
    run: str
    """Name of the PipelineRun."""
    images: str
    """What the images' names begin with, such as `registry/owner`."""
    branch: str = "main"


@dataclass(frozen=True)
class Deployed:
    """What came of it."""

    commits: tuple[str, ...] = ()
    """Shas of the commits, oldest first."""
    before: str = ""
    """Where the branch was."""
    lines: tuple[str, ...] = ()
    failed: bool = False

    @property
    def commit(self) -> str:
        """The last commit, "" where none was needed."""
        return self.commits[-1] if self.commits else ""


def deploy(
    repo: BareRepo, release: Release, *, email: str, when: float, seen: str, holds: Mapping[str, Hold] = _NOBODY
) -> Deployed:
    """Commit and push the tags; `seen` is the branch's commit that the task had cloned when it started.

    A branch that moved meanwhile is not merged with: the edit is made anew on its tip, which cannot conflict.
    Services that `holds` names keep their tags, unless the hold is over by `when`.
    """
    holds = {service: hold for service, hold in holds.items() if not hold.over(when)}
    lines: list[str] = []
    expected = seen
    for _ in range(_ATTEMPTS):
        tip = repo.head(f"refs/heads/{release.branch}")
        if tip is None:
            return Deployed(lines=(*lines, f"error: {release.branch} is not there any more"), failed=True)
        if tip != expected:
            lines += _rejected(release.branch, tip)
            expected = tip
        try:
            return _commit(repo, release, tip, email, when, lines, holds)
        except GitFailedError:
            # Somebody pushed between reading the tip and moving it.
            expected = ""
    return Deployed(lines=(*lines, f"error: the push was rejected {_ATTEMPTS} times"), failed=True)


def _commit(
    repo: BareRepo, release: Release, tip: str, email: str, when: float, said: list[str], holds: Mapping[str, Hold]
) -> Deployed:
    raw = repo.read(tip, OVERLAY)
    if raw is None:
        return Deployed(lines=(*said, f"error: {OVERLAY}: no such file"), failed=True)
    text, lines = raw.decode(), list(said)
    edits: list[tuple[str, str, str]] = []
    for service in release.services:
        image = f"{release.images}/{service}"
        present = tag_of(text, image)
        if present is None:
            return Deployed(lines=(*lines, f"error: {OVERLAY} has no entry for {image}"), failed=True)
        if present == release.tag:
            lines.append(f"{service}: {present} is there already")
            continue
        if service in holds:
            lines.append(f"\x1b[33m{holds[service].told(service, present)}\x1b[0m")
            continue
        if _is_older(repo, release.source, source_of(present)):
            lines.append(f"\x1b[33m{service}: {present} was built from a later commit, left as it is\x1b[0m")
            continue
        changed = set_tag(text, image, release.tag)
        assert changed is not None
        text = changed
        edits.append((service, present, text))
    if not edits:
        return Deployed(before=tip, lines=(*lines, "nothing to commit"))
    commits, parent = [], tip
    with repo.importer() as importer:
        for service, present, content in edits:
            message = (
                f"deploy({service}): {release.tag}\n\n"
                f"Bakery-Service: {service}\n"
                f"Bakery-Source-Commit: {release.source}\n"
                f"Bakery-PipelineRun: {release.run}\n"
            )
            changes = {OVERLAY: content.encode()}
            parent = importer.commit(release.branch, changes, message, BOT_NAME, email, when, parents=[parent])
            commits.append(parent)
            lines.append(f"[{release.branch} {parent[:7]}] deploy({service}): {release.tag} (was {present})")
    lines.append(f"   {tip[:7]}..{parent[:7]}  {release.branch} -> {release.branch}")
    return Deployed(tuple(commits), tip, tuple(lines))


def _is_older(repo: BareRepo, ours: str, present: str) -> bool:
    """Tell whether what runs was built from a commit that comes after ours."""
    found = repo.head(present) if present else None
    return found is not None and found != ours and repo.is_ancestor(ours, found)


def _rejected(branch: str, tip: str) -> list[str]:
    return [
        f" \x1b[31m! [rejected]\x1b[0m        {branch} -> {branch} (fetch first)",
        f"{branch} has moved: the tags are set anew on {tip[:7]}",
    ]
