"""Registries as Flux' controllers reach them: Gitea's container registry, and nothing beyond the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bakeryops.demo.flux.registry import NoRegistry
from bakeryops.demo.flux.sources import SourceFault
from bakeryops.demo.gitea.server import Gitea

__all__ = ["ChainRegistry"]

_UNKNOWN = "NAME_UNKNOWN: repository name not known to registry"


class ChainRegistry:
    """Reads Gitea's registry under the names that the cluster knows it by.

    Whoever asks may read: `secretRef` of the objects is not looked at, as the kubelet here asks pods for no pull
    secrets either.
    """

    def __init__(self, gitea: Gitea) -> None:
        """Take the server."""
        self._gitea = gitea
        self._nowhere = NoRegistry()

    def tags(self, image: str) -> Sequence[str]:
        """Return the tags of an image; raises `SourceFault`."""
        host, repository = self._reach(image)
        found = self._gitea.registry.tags(repository)
        if not found:
            where = f"https://{host}/v2/{repository}/tags/list"
            raise SourceFault("ReadOperationFailed", f"GET {where}: {_UNKNOWN}")
        return found

    def digest(self, image: str, tag: str) -> str | None:
        """Return the digest of a tag, None where it is not there; raises `SourceFault`."""
        return self._gitea.registry.digest(self._reach(image)[1], tag)

    def charts(self, url: str) -> Mapping[str, Sequence[str]]:
        """Refuse: nothing in this cluster keeps charts."""
        host = url.partition("://")[2].partition("/")[0]
        if self._gitea.names.knows(host.partition(":")[0]):
            raise SourceFault("Failed", f"failed to fetch {url.rstrip('/')}/index.yaml : 404 Not Found")
        return self._nowhere.charts(url)

    def _reach(self, image: str) -> tuple[str, str]:
        """Return host and repository of an image; raises `SourceFault` where no registry answers for its host."""
        host, _, repository = image.partition("/")
        names, faults = self._gitea.names, self._gitea.faults
        if not names.knows(host.partition(":")[0]):
            self._nowhere.tags(image)
        real = names.find(f"http://{host}/")
        if real is None or not real.startswith(f"{self._gitea.url}/") or faults.down == "closed":
            where = names.address(host) or host
            raise SourceFault("ReadOperationFailed", f"dial tcp {where}: connect: connection refused")
        if faults.down:
            raise SourceFault(
                "ReadOperationFailed", f"GET https://{host}/v2/: unexpected status code 502 Bad Gateway"
            )
        return host, repository
