"""Flux as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.flux.kustomization import KustomizationController
from bakeryops.demo.flux.receiver import ReceiverController
from bakeryops.demo.flux.repository import GitRepositoryController
from bakeryops.demo.flux.sources import GitSources
from bakeryops.demo.flux.storage import Storage

__all__ = ["Flux", "start_flux"]


class Flux:
    """The running controllers."""

    def __init__(self, cluster: Cluster, sources: GitSources, gates: frozenset[str]) -> None:
        """Take the cluster, the git servers and the feature gates that are on."""
        storage = Storage(cluster.clock, sources)
        self._kustomizations = KustomizationController(cluster, storage, gates)
        self._receivers = ReceiverController(cluster)
        self._repositories = GitRepositoryController(cluster, sources, storage, self._stored)

    def start(self) -> None:
        """Begin to act."""
        self._repositories.start()
        self._kustomizations.start()
        self._receivers.start()

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a webhook that was posted to the Service of the receivers; returns the HTTP status of the answer.

        404: no receiver has the path. 503: it is suspended or not ready. 400: the signature or the event is wrong.
        500: something it names is not there. 200: reconciles have been asked for.
        """
        return self._receivers.receive(path, headers, body)

    def _stored(self, source: Object) -> None:
        self._kustomizations.source_changed(source)


def start_flux(cluster: Cluster, sources: GitSources, *, gates: Iterable[str] = ()) -> Flux:
    """Start Flux' controllers on a cluster that has their definitions.

    `gates` are feature gates of kustomize-controller, such as `CancelHealthCheckOnNewRevision`.
    """
    flux = Flux(cluster, sources, frozenset(gates))
    flux.start()
    return flux
