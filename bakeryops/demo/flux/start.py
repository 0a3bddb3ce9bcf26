"""Flux as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.flux.charts import HelmChartController, HelmRepositoryController, OCIRepositoryController
from bakeryops.demo.flux.images import ImageAutomationController, ImagePolicyController, ImageRepositoryController
from bakeryops.demo.flux.kustomization import KustomizationController
from bakeryops.demo.flux.receiver import ReceiverController
from bakeryops.demo.flux.registry import NoRegistry, Registry
from bakeryops.demo.flux.release import HelmReleaseController
from bakeryops.demo.flux.repository import GitRepositoryController
from bakeryops.demo.flux.sources import GitSources
from bakeryops.demo.flux.steady import Steady
from bakeryops.demo.flux.storage import Storage

__all__ = ["Flux", "start_flux"]


class Flux:
    """The running controllers."""

    def __init__(self, cluster: Cluster, sources: GitSources, registry: Registry, gates: frozenset[str]) -> None:
        """Take the cluster, the git servers, the registries and the feature gates that are on."""
        storage = Storage(cluster.clock, sources)
        self._kustomizations = KustomizationController(cluster, storage, gates)
        self._receivers = ReceiverController(cluster)
        self._repositories = GitRepositoryController(cluster, sources, storage, self._stored)
        scans = ImageRepositoryController(cluster, registry)
        self._others: tuple[Steady, ...] = (
            HelmRepositoryController(cluster, registry),
            HelmChartController(cluster, registry),
            HelmReleaseController(cluster),
            OCIRepositoryController(cluster, registry, self._stored),
            scans,
            ImagePolicyController(cluster, scans),
            ImageAutomationController(cluster, storage),
        )

    def start(self) -> None:
        """Begin to act."""
        self._repositories.start()
        self._kustomizations.start()
        self._receivers.start()
        for each in self._others:
            each.start()

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a webhook that was posted to the Service of the receivers; returns the HTTP status of the answer.

        404: no receiver has the path. 503: it is suspended or not ready. 400: the signature or the event is wrong.
        500: something it names is not there. 200: reconciles have been asked for.
        """
        return self._receivers.receive(path, headers, body)

    def _stored(self, source: Object) -> None:
        self._kustomizations.source_changed(source)


def start_flux(
    cluster: Cluster, sources: GitSources, *, registry: Registry | None = None, gates: Iterable[str] = ()
) -> Flux:
    """Start Flux' controllers on a cluster that has their definitions.

    Without `registry` no registry of images and charts can be reached. `gates` are feature gates of
    kustomize-controller, such as `CancelHealthCheckOnNewRevision`.
    """
    flux = Flux(cluster, sources, registry or NoRegistry(), frozenset(gates))
    flux.start()
    return flux
