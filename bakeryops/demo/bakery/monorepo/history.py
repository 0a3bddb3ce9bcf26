"""Writes the history of main: pushes of people, the builds they started, and what the bot committed then."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bakeryops.demo.bakery.monorepo.edits import Edit, Editor
from bakeryops.demo.bakery.monorepo.manifests import OVERLAY, OWN_IMAGES, overlay_text
from bakeryops.demo.bakery.monorepo.releases import Failing, PastRelease
from bakeryops.demo.git import ZERO, Importer
from bakeryops.demo.gitea.accounts import BOT, PEOPLE

__all__ = ["BOT_NAME", "History", "services_of", "tag_for"]

BOT_NAME = "Bakery CI"
"""Author of the bot's commits."""
_NAMES = dict(PEOPLE) | {"operator": "Operator", BOT: BOT_NAME}
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_PATH = re.compile(r"(?:services/([^/]+)|(gateway|frontend))/")
_SIDE = "side"


def tag_for(when: float, source: str) -> str:
    """Return the tag that the pipeline gives to images: time in UTC, and twelve digits of the source commit."""
    return f"{datetime.fromtimestamp(int(when), UTC):%Y%m%d%H%M%S}-{source[:12]}"


def services_of(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the services that changed paths belong to, sorted: all of them for shared code."""
    if any(path.startswith("shared/") for path in paths):
        return OWN_IMAGES
    found = {match[1] or match[2] for path in paths if (match := _PATH.match(path))}
    return tuple(sorted(found.intersection(OWN_IMAGES)))


def seconds_for(services: int, rng: random.Random) -> float:
    """Return how long a build takes: two services at a time."""
    if not services:
        return 22.0 + rng.randrange(9)
    return 190.0 + (services + 1) // 2 * 92.0 + rng.randrange(40)


@dataclass(frozen=True)
class Pushed:
    """A push of people that is to be written."""

    when: float
    author: str
    edits: Sequence[Edit]
    merge: str = ""
    """Message of the merge commit that brings the edits in from a branch, "" for edits on main."""
    failing: Failing | None = None
    seconds: float | None = None
    """How long the build took; None leaves it to chance."""


class History:
    """The history as far as it is written."""

    def __init__(self, importer: Importer, editor: Editor, rng: random.Random, first: Mapping[str, str]) -> None:
        """Take what writes commits, the files, and the first tag of each image."""
        self.editor = editor
        self.tags = dict(first)
        self.tip = ""
        self.quiet = 0.0
        """When the last thing that was written had ended."""
        self.releases: list[PastRelease] = []
        self.deployed: dict[str, list[tuple[str, str]]] = {name: [] for name in OWN_IMAGES}
        """(tag, deploy commit) of each service, oldest first."""
        self.branches: set[str] = set()
        """Branches that were merged and are to be removed."""
        self._importer = importer
        self._rng = rng
        self._overlay = overlay_text(first)

    def _commit(
        self, edit: Edit, author: str, when: float, *, parents: Sequence[str] | None = None, branch: str = "main"
    ) -> str:
        if parents is None:
            parents = [self.tip] if self.tip else []
        zone = "+0000" if author == BOT else "+0100"
        email = f"{author}@bakery-ia.local"
        name = _NAMES[author]
        return self._importer.commit(
            branch, edit.changes, edit.message, name, email, when, parents=parents, zone=zone
        )

    def push(self, pushed: Pushed) -> PastRelease:
        """Write a push of people with the build it started, and the commits of the bot when that went well."""
        before, count = self.tip or ZERO, len(pushed.edits)
        parent, branch = self.tip, f"{_SIDE}-{len(self.releases)}" if pushed.merge else "main"
        for index, edit in enumerate(pushed.edits):
            # Committed over the hour before the push, in order.
            when = pushed.when - (count - index) * 600.0 + 540.0
            parent = self._commit(edit, pushed.author, when, parents=[parent] if parent else [], branch=branch)
        if pushed.merge:
            self.branches.add(branch)
            everything: dict[str, bytes | None] = {}
            for edit in pushed.edits:
                everything |= edit.changes
            merge = Edit(pushed.merge, everything)
            parent = self._commit(merge, pushed.author, pushed.when - 30, parents=[self.tip, parent])
        self.tip = parent
        paths = [path for edit in pushed.edits for path in edit.changes]
        subject = (pushed.merge or pushed.edits[-1].message).split("\n")[0]
        release = self._build(pushed, before, subject, services_of(paths))
        self.releases.append(release)
        self.quiet = release.ended
        return release

    def _build(self, pushed: Pushed, before: str, subject: str, services: tuple[str, ...]) -> PastRelease:
        started = float(int(pushed.when) + 2)
        seconds = seconds_for(len(services), self._rng) if pushed.seconds is None else pushed.seconds
        run = f"bakery-ia-ci-{''.join(self._rng.choices(_ALPHABET, k=5))}"
        source = self.tip
        tag = tag_for(started, source) if services else ""
        commits: dict[str, str] = {}
        if services and pushed.failing is None:
            commits = self._deploy(services, tag, source, run, started + seconds - 9.0)
        return PastRelease(
            run, before, source, pushed.author, subject, services, tag, float(int(pushed.when)), started,
            started + seconds, "failed" if pushed.failing else "succeeded", commits, pushed.failing,
        )  # fmt: skip

    def _set_tag(self, service: str, tag: str) -> dict[str, bytes | None]:
        self.tags[service] = tag
        self._overlay = overlay_text(self.tags)
        return {OVERLAY: self._overlay}

    def _deploy(self, services: Sequence[str], tag: str, source: str, run: str, when: float) -> dict[str, str]:
        found = {}
        for service in services:
            message = (
                f"deploy({service}): {tag}\n\nBakery-Service: {service}\n"
                f"Bakery-Source-Commit: {source}\nBakery-PipelineRun: {run}\n"
            )
            self.tip = found[service] = self._commit(Edit(message, self._set_tag(service, tag)), BOT, when)
            self.deployed[service].append((tag, self.tip))
        return found

    def roll_back(self, service: str, author: str, when: float) -> str:
        """Set a service back to the tag before its last, and return the commit."""
        (old, _), (new, commit) = self.deployed[service][-2:]
        return self._move(f"rollback({service}): {new} -> {old}", service, old, commit, author, when)

    def reapply(self, service: str, reverted: str, author: str, when: float) -> str:
        """Take back a rollback, and return the commit."""
        (old, _), (new, _) = self.deployed[service][-2:]
        return self._move(f"reapply({service}): {old} -> {new}", service, new, reverted, author, when)

    def _move(self, subject: str, service: str, tag: str, reverted: str, author: str, when: float) -> str:
        message = f"{subject}\n\n[skip ci]\n\nBakery-Service: {service}\nReverts: {reverted}\n"
        self.tip = self._commit(Edit(message, self._set_tag(service, tag)), author, when)
        self.quiet = when
        return self.tip

    def edit_by_hand(self, service: str, tag: str, message: str, author: str, when: float) -> PastRelease:
        """Write a tag into the overlay by hand: a push that starts a build of nothing."""
        return self.push(Pushed(when, author, [Edit(message, self._set_tag(service, tag))]))
