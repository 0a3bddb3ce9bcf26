"""Git as Flux' source-controller reaches it: Gitea at its address within the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bakeryops.demo.flux.sources import Fetched, GitRef, SourceFault
from bakeryops.demo.git import BareRepo
from bakeryops.demo.gitea.push import GitRefusedError
from bakeryops.demo.gitea.server import Gitea

__all__ = ["ChainSources"]

_VERSION = re.compile(r"refs/tags/v?([0-9]{1,9}(?:\.[0-9]{1,9})*)")


class ChainSources:
    """Fetches from Gitea's repositories."""

    def __init__(self, gitea: Gitea) -> None:
        """Take the server."""
        self._gitea = gitea
        self._fetched: dict[str, BareRepo] = {}

    def fetch(self, url: str, ref: GitRef, username: str, password: str) -> Fetched:
        """Return the commit that a ref stands for; raises `SourceFault`."""
        try:
            repo = self._gitea.resolve(url, username, password)
        except GitRefusedError as error:
            raise _fault(url, error) from None
        commit, name = _commit(repo, ref)
        self._fetched[commit] = repo
        found = repo.commit_object(commit)
        return Fetched(commit, name, found.message.partition("\n")[0] if found else "")

    def files(self, commit: str, folder: str) -> Mapping[str, bytes]:
        """Return the files below a folder of a commit, by their paths; raises `SourceFault` for an unknown one."""
        known = self._fetched.get(commit)
        places = [known] if known is not None else [each.git for each in self._gitea.repositories()]
        for repo in places:
            if repo.head(commit) is not None:
                return repo.files(commit, folder)
        raise SourceFault("GitOperationFailed", f"git commit '{commit}' not found: object not found")


def _fault(url: str, error: GitRefusedError) -> SourceFault:
    if error.status == 404:
        return SourceFault.no_repository()
    if error.status in (401, 403):
        return SourceFault.unauthorized()
    if error.status:
        return SourceFault("GitOperationFailed", error.message)
    return SourceFault.unknown_host(url) if "no such host" in error.message else SourceFault.refused(url)


def _commit(repo: BareRepo, ref: GitRef) -> tuple[str, str]:
    """Return the commit of a ref and the name that the revision is written with."""
    if ref.commit:
        found = repo.head(ref.commit)
        if found is None:
            raise SourceFault("GitOperationFailed", f"git commit '{ref.commit}' not found: object not found")
        return found, ref.branch
    for full, name in (
        (ref.name, ref.name),
        (f"refs/tags/{ref.tag}" if ref.tag else "", ref.tag),
        (f"refs/heads/{ref.branch}" if ref.branch else "", ref.branch),
    ):
        if full:
            found = repo.head(full)
            if found is None:
                raise SourceFault.no_branch(name) if full.startswith("refs/heads/") else SourceFault.no_ref(full)
            return found, name
    if ref.semver:
        return _newest(repo, ref.semver)
    found = repo.head("refs/heads/master")
    if found is None:
        raise SourceFault.no_branch("master")
    return found, "master"


def _newest(repo: BareRepo, wanted: str) -> tuple[str, str]:
    """Return the commit of the highest tag that looks like a version; ranges other than "*" are not read."""
    tags = {
        tuple(int(part) for part in found[1].split(".")): name
        for name in repo.refs()
        if (found := _VERSION.fullmatch(name))
    }
    if wanted.strip() != "*" or not tags:
        raise SourceFault("GitOperationFailed", f"no match found for semver: {wanted}")
    name = tags[max(tags)]
    commit = repo.head(name)
    if commit is None:
        raise SourceFault.no_ref(name)
    return commit, name.removeprefix("refs/tags/")
