"""A repository's history as the console keeps it: read once, then only what is added."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from bakeryops.git.commits import Change
from bakeryops.git.deployments import Edit, deployments, touched_services
from bakeryops.git.errors import GitError
from bakeryops.git.overlay import NAMES, images, past_images
from bakeryops.git.repository import Repository
from bakeryops.model.code import CodeView, Commit, Deployment, OverlayImage

__all__ = ["History"]

MAIN = 400
"""Commits of the branch along first parents that are kept."""
DEPLOYMENTS = 200
"""Deployments that are kept."""
_WALK = 800
_MOST = 2000
"""Commits in all; with more, the history is read anew."""


class History:
    """The commits, the overlay and its deployments at the last head that was read."""

    def __init__(self, repository: Repository, overlay: str, services: str) -> None:
        """Take the repository, the overlay's folder and that of the services."""
        self._repository = repository
        self._overlay = overlay.strip("/")
        self._services = services.strip("/")
        self.head = ""
        self.problem: GitError | None = None
        """What is wrong with the overlay, where it cannot be read; its last good images stay."""
        self._commits: dict[str, Commit] = {}
        self._paths: dict[str, tuple[str, ...]] = {}
        self._main: list[str] = []
        self._edits: list[Edit] = []
        self._images: tuple[OverlayImage, ...] = ()
        self._folders: tuple[str, ...] = ()
        self._deployments: tuple[Deployment, ...] = ()

    async def load(self) -> bool:
        """Read what the mirror has by now; return whether anything changed. Raises `GitError`."""
        head = await self._repository.head()
        if head == self.head or not head:
            return False
        added = None
        if self.head and len(self._commits) < _MOST:
            added = await self._added(head)
        if added is None:
            found = await self._repository.walk(_WALK)
            self._commits, self._paths, self._main, self._edits = {}, {}, [], []
            added = _first_parents(head, {each.commit.sha: each.commit for each in found})
            self._keep(found)
        try:
            self._main = [*added, *self._main][:MAIN]
            await self._read_overlay(head, [sha for sha in added if self._touches_overlay(sha)])
            await self._read_deployments()
        except BaseException:
            # What was added in part would be added again: the next time everything is read anew.
            self.head = ""
            raise
        self.head = head
        return True

    def onto(self, view: CodeView) -> CodeView:
        """Return `view` with what was read."""
        services = tuple(dict.fromkeys([*(image.service for image in self._images), *self._folders]))
        return CodeView(
            state=view.state,
            reason=view.reason,
            hint=view.hint,
            url=view.url,
            branch=view.branch,
            overlay=self._overlay,
            head=self.head,
            fetched=view.fetched,
            main=tuple(self._main),
            commits=dict(self._commits),
            touched={sha: touched_services(paths, self._services, services) for sha, paths in self._paths.items()},
            images=self._images,
            services=services,
            deployments=self._deployments,
        )

    async def _added(self, head: str) -> list[str] | None:
        """Read what came on top of the last head; None where the branch was rewritten."""
        try:
            found = await self._repository.walk(_WALK, until=self.head)
        except GitError:
            return None
        commits = {each.commit.sha: each.commit for each in found}
        way = _first_parents(head, commits)
        last = commits.get(way[-1]) if way else None
        if last is None or self.head not in last.parents[:1]:
            return None
        self._keep(found)
        return way

    def _keep(self, found: Iterable[Change]) -> None:
        for each in found:
            self._commits[each.commit.sha] = each.commit
            self._paths[each.commit.sha] = each.paths

    def _touches_overlay(self, sha: str) -> bool:
        return any(f"{self._overlay}/{name}" in self._paths.get(sha, ()) for name in NAMES)

    async def _read_overlay(self, head: str, edited: Sequence[str]) -> None:
        """Read the overlay at the head and around these commits, all in one git."""
        edited = edited[: DEPLOYMENTS + 50]
        asked = [f"{head}:{self._overlay}/{name}" for name in NAMES]
        points: list[str] = []
        for sha in edited:
            points += [sha, *self._commits[sha].parents[:1]]
        points = list(dict.fromkeys(points))
        path = next((name for name in NAMES if self._named(edited, name)), NAMES[0])
        blobs = await self._repository.blobs([*asked, *(f"{sha}:{self._overlay}/{path}" for sha in points)])
        current = next((blob for blob in blobs[: len(NAMES)] if blob is not None), None)
        self.problem = None
        try:
            if current is None:
                raise GitError(
                    f"{self._overlay} has no {NAMES[0]} at {head[:7]}",
                    kind="missing",
                    hint="Set git.overlay to the folder of the kustomization that Flux applies.",
                )
            self._images = await asyncio.to_thread(images, current, f"{self._overlay}/{path}")
        except GitError as error:
            self.problem = error
        past = await asyncio.to_thread(_past, points, blobs[len(NAMES) :])
        for sha in reversed(edited):
            parents = self._commits[sha].parents[:1]
            before = past.get(parents[0], ()) if parents else ()
            self._edits.insert(0, Edit(self._commits[sha], before, past.get(sha, ())))
        del self._edits[DEPLOYMENTS + 50 :]
        self._folders = await self._repository.folders(head, self._services)

    def _named(self, edited: Sequence[str], name: str) -> bool:
        return any(f"{self._overlay}/{name}" in self._paths[sha] for sha in edited)

    async def _read_deployments(self) -> None:
        """Make the deployments, and read the commits that they were built from where they lie further back."""
        found = deployments(self._edits, self._find)[:DEPLOYMENTS]
        missing = {each.source for each in found if each.source and each.source not in self._commits}
        if missing:
            # Not every tag ends with a commit, and not every commit is in the mirror.
            self._keep(await self._repository.commits(sorted(missing)))
            found = deployments(self._edits, self._find)[:DEPLOYMENTS]
        self._deployments = tuple(found)

    def _find(self, prefix: str) -> str:
        if prefix in self._commits or len(prefix) < 7:
            return prefix if prefix in self._commits else ""
        found = [sha for sha in self._commits if sha.startswith(prefix)]
        return found[0] if len(found) == 1 else ""


def _first_parents(head: str, commits: dict[str, Commit]) -> list[str]:
    """Return the commits from the head along first parents, as far as they are known."""
    found: list[str] = []
    sha = head
    while sha in commits and len(found) < _WALK:
        found.append(sha)
        sha = next(iter(commits[sha].parents), "")
    return found


def _past(points: Sequence[str], blobs: Sequence[bytes | None]) -> dict[str, tuple[OverlayImage, ...]]:
    return {sha: past_images(blob) if blob is not None else () for sha, blob in zip(points, blobs, strict=True)}
