"""What the parts of the chain know of each other: which build is of which commit, who applies the overlay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from urllib.parse import urlsplit

from bakeryops.model.build import Build
from bakeryops.model.code import CodeView, Commit, Deployment, OverlayImage
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Source, Sync
from bakeryops.model.workload import WorkloadView
from bakeryops.read.images import split_image

__all__ = ["Situation", "build_label", "named", "same_commit"]

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_SHORTEST = 7


def build_label(build: Build) -> str:
    """Return a build's name without that of its pipeline in front, as a strip has room for."""
    return build.name.removeprefix(f"{build.pipeline}-") if build.pipeline else build.name


def same_commit(one: str, other: str) -> bool:
    """Return whether two shas, of which either may be short, are of one commit."""
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= _SHORTEST and longer.startswith(shorter)


def named(services: Iterable[str], most: int = 3) -> str:
    """Return names as people list them: "auth, tenant and 2 more"."""
    found = list(services)
    if len(found) <= most:
        return ", ".join(found)
    return f"{', '.join(found[: most - 1])} and {len(found) - most + 1} more"


class Situation:
    """All parts at one moment, joined. A part that is None cannot be seen; `reasons` says why, by name.

    The names are "builds", "flux" and "workloads"; why Git is not known stands in the CodeView.
    """

    def __init__(
        self,
        code: CodeView,
        builds: Iterable[Build] | None,
        sources: Iterable[Source] | None,
        syncs: Iterable[Sync] | None,
        workloads: Iterable[WorkloadView] | None,
        *,
        now: float,
        reasons: Mapping[str, str] | None = None,
        holds: Mapping[str, Hold] | None = None,
    ) -> None:
        """Take what each part says, in any order, the time, and the holds by service."""
        self.code = code
        self.builds = None if builds is None else sorted(builds, key=lambda each: each.created, reverse=True)
        self.sources = None if sources is None else list(sources)
        self.syncs = None if syncs is None else list(syncs)
        self.workloads = None if workloads is None else [each for each in workloads if each.kind in _KINDS]
        self.now = now
        self.reasons = reasons or {}
        self.holds = holds or {}
        self._at = {sha: index for index, sha in enumerate(code.main)}

    # Commits.

    @property
    def code_known(self) -> bool:
        """Whether there is a history at all, be it an old one."""
        return bool(self.code.main)

    @property
    def code_live(self) -> bool:
        """Whether the history is that of now."""
        return self.code_known and self.code.state == "live"

    @cached_property
    def head(self) -> Commit | None:
        """The commit at the tip of the branch."""
        return self.code.commits.get(self.code.main[0]) if self.code.main else None

    @cached_property
    def deploys(self) -> frozenset[str]:
        """The commits that changed a tag in the overlay."""
        return frozenset(each.commit for each in self.code.deployments)

    def touched(self, sha: str) -> tuple[str, ...]:
        """Return the services that a commit has a build to do for; "*" for all."""
        return self.code.touched.get(sha, ())

    def change(self, service: str = "") -> Commit | None:
        """Return the newest commit of the branch that has something to build, for one service where given."""
        for sha in self.code.main:
            touched = self.touched(sha)
            if touched and (not service or service in touched or "*" in touched):
                return self.code.commits.get(sha)
        return None

    def position(self, sha: str) -> int | None:
        """Return how many commits of the branch came after this one, None where it is not on it."""
        return self._at.get(sha)

    def contains(self, have: str, want: str) -> bool | None:
        """Return whether the branch at `have` has `want` in it; None where that is not known."""
        if same_commit(have, want):
            return True
        first, second = self._at.get(have), self._at.get(want)
        return None if first is None or second is None else first <= second

    def landed(self, sha: str) -> str:
        """Return the commit of the branch that brought a commit to it: itself, or the merge; "" where unknown."""
        if sha in self._at:
            return sha
        for candidate in reversed(self.code.main):
            commit = self.code.commits.get(candidate)
            if commit is not None and len(commit.parents) > 1 and self._brought(commit, sha):
                return candidate
        return ""

    def _brought(self, merge: Commit, sha: str) -> bool:
        left = list(merge.parents[1:])
        seen: set[str] = set()
        while left:
            each = left.pop()
            if each == sha:
                return True
            commit = self.code.commits.get(each)
            if commit is not None and each not in seen and each not in self._at:
                seen.add(each)
                left += commit.parents
        return False

    # Builds.

    def builds_of(self, sha: str) -> list[Build]:
        """Return the builds that have a commit in them for the first time, or again: the newest first."""
        return [build for build in self.builds or () if self._covers(build, sha)]

    def _covers(self, build: Build, sha: str) -> bool:
        revision = build.trigger.revision
        if same_commit(revision, sha):
            return True
        tip, wanted, before = self._at.get(revision), self._at.get(sha), self._base(build.trigger.before)
        return None not in (tip, wanted, before) and tip <= wanted < before  # type: ignore[operator]

    def _base(self, before: str) -> int | None:
        """Return where a push began: the newest commit of the branch in what was there before it, None if unknown.

        After a merge of the remote branch into the local one, what was there before is not on the line of first
        parents any more.
        """
        if before in self._at:
            return self._at[before]
        left: list[str] = [before]
        seen: set[str] = set()
        found: list[int] = []
        while left:
            each = left.pop()
            commit = self.code.commits.get(each)
            if each in self._at:
                found.append(self._at[each])
            elif commit is not None and each not in seen:
                seen.add(each)
                left += commit.parents
        return min(found, default=None)

    def builds_since(self, sha: str) -> list[Build]:
        """Return the builds of a commit or of any that came after it on the branch: the newest first."""
        wanted = self._at.get(sha)
        found = []
        for build in self.builds or ():
            tip = self._at.get(build.trigger.revision)
            if same_commit(build.trigger.revision, sha) or (
                tip is not None and wanted is not None and tip <= wanted
            ):
                found.append(build)
        return found

    # Deployments.

    def deployments_of(self, build: Build | None, source: str) -> list[Deployment]:
        """Return the deployments that a build wrote, or that carry what was built from a commit."""
        return [
            each
            for each in self.code.deployments
            if each.kind == "deploy"
            and (
                (build is not None and each.run == build.name)
                or (build is not None and bool(build.tag) and each.tag == build.tag)
                or (bool(source) and same_commit(each.source, source))
            )
        ]

    # Flux.

    @cached_property
    def sync(self) -> Sync | None:
        """The Kustomization that applies the overlay."""
        found = [each for each in self.syncs or () if each.kind == "Kustomization"]
        overlay = _path(self.code.overlay)
        exact = [each for each in found if overlay and _path(each.path) == overlay]
        if exact:
            # Another repository may have such a folder too.
            return next((each for each in exact if self._fetches(each)), exact[0])
        mine = [each for each in found if self._fetches(each)]
        return mine[0] if len(mine) == 1 and not overlay else None

    def _fetches(self, sync: Sync) -> bool:
        source = next((each for each in self.sources or () if each.key == sync.source), None)
        if source is None or source.kind != "GitRepository":
            return False
        return not self.code.url or repository_path(source.url) == repository_path(self.code.url)

    @cached_property
    def source(self) -> Source | None:
        """The source that the overlay is fetched by."""
        if self.sync is not None:
            return next((each for each in self.sources or () if each.key == self.sync.source), None)
        wanted = repository_path(self.code.url)
        found = [
            each
            for each in self.sources or ()
            if each.kind == "GitRepository" and (not wanted or repository_path(each.url) == wanted)
        ]
        return found[0] if len(found) == 1 else None

    # Workloads.

    def workload(self, image: OverlayImage) -> WorkloadView | None:
        """Return the workload that runs an image of the overlay."""
        return self._by_image.get(image.new_name or image.name) or self.workload_named(image.service)

    def workload_named(self, service: str) -> WorkloadView | None:
        """Return the workload of a service: by its name, with or without "-service", or by its label."""
        names = (service, f"{service}-service")
        found = self._by_name
        return next((found[name] for name in names if name in found), None) or next(
            (each for each in self.workloads or () if each.service in names and each.component != "database"), None
        )

    @cached_property
    def _by_image(self) -> dict[str, WorkloadView]:
        return {split_image(each.image).name: each for each in self._others_first if each.image}

    @cached_property
    def _by_name(self) -> dict[str, WorkloadView]:
        return {each.name: each for each in self._others_first}

    @cached_property
    def _others_first(self) -> list[WorkloadView]:
        """The workloads, at the end those that the overlay's Kustomization owns: a test namespace has the like."""
        mine = {(each.kind, each.namespace, each.name) for each in (self.sync.inventory if self.sync else ())}
        found = list(reversed(self.workloads or ()))
        return sorted(found, key=lambda each: (each.kind, each.namespace, each.name) in mine)

    def image_of(self, service: str) -> OverlayImage | None:
        """Return the overlay's entry of a service."""
        return next((each for each in self.code.images if each.service == service), None)


def repository_path(url: str) -> str:
    """Return what names a repository on its server ("owner/name"), so that two addresses of one can be compared.

    A server that stands below a path is told by one address and not by the other.
    """
    try:
        path = urlsplit(url).path if "://" in url else url.rpartition(":")[2]
    except ValueError:
        return ""
    return "/".join(path.strip("/").removesuffix(".git").lower().split("/")[-2:])


def _path(path: str) -> str:
    return path.removeprefix("./").strip("/")


def runs(workload: WorkloadView, image: OverlayImage) -> bool:
    """Return whether a workload is set to the very image that the overlay wants."""
    have = split_image(workload.image)
    if image.digest:
        return have.digest == image.digest
    return have.tag == image.tag


def first_of(found: Sequence[Build]) -> Build | None:
    """Return the newest build, None for none."""
    return found[0] if found else None
