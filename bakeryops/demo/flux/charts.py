"""source-controller's other sources: HelmRepositories, HelmCharts and OCIRepositories."""

from __future__ import annotations

import json
from collections.abc import Callable

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.flux.conditions import Draft
from bakeryops.demo.flux.registry import Registry, latest_of
from bakeryops.demo.flux.repository import artifact_status
from bakeryops.demo.flux.sources import SourceFault
from bakeryops.demo.flux.steady import Kind, NotReadyError, Steady, Told
from bakeryops.demo.objects import dig

__all__ = ["CHARTS", "HelmChartController", "HelmRepositoryController", "OCIRepositoryController"]

_GROUP = "source.toolkit.fluxcd.io"
_REPOSITORIES = f"helmrepositories.{_GROUP}"
CHARTS = f"helmcharts.{_GROUP}"
_OCI = f"ocirepositories.{_GROUP}"
_MANAGER = "source-controller"


def _store(draft: Draft, revision: str, size: int, now: str, path: str = "") -> bool:
    """Put an artifact into the draft; tells whether it is another one."""
    before = draft.status.get("artifact")
    if before is None or before["revision"] != revision:
        artifact = artifact_status(draft.obj, revision, f"sha256:{digest(revision)}", size, now)
        if path:
            head = artifact["path"].rpartition("/")[0]
            artifact["url"] = artifact["url"].replace(artifact["path"], f"{head}/{path}")
            artifact["path"] = f"{head}/{path}"
        draft.status["artifact"] = artifact
    draft.set("ArtifactInStorage", "True", "Succeeded", f"stored artifact: revision '{revision}'")
    return before is None or bool(before["revision"] != revision)


def _fetch_failed(draft: Draft, reason: str, message: str) -> NotReadyError:
    draft.set("FetchFailed", "True", reason, message)
    return NotReadyError(reason, message)


class HelmRepositoryController(Steady):
    """Fetches the indexes of Helm repositories."""

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        """Take the registries."""
        super().__init__(cluster, Kind(_REPOSITORIES, _MANAGER))
        self._registry = registry

    def skips(self, obj: Object) -> bool:
        """Skip what is suspended, and registries of type `oci`, which have no index and no status."""
        return super().skips(obj) or obj["spec"].get("type") == "oci"

    def work(self, obj: Object, draft: Draft) -> Told:
        """Fetch the index."""
        try:
            index = {name: list(versions) for name, versions in self._registry.charts(obj["spec"]["url"]).items()}
        except SourceFault as fault:
            raise _fetch_failed(
                draft, "Failed", f"failed to fetch Helm repository index: {fault.message}"
            ) from fault
        text = json.dumps(index, sort_keys=True)
        hashed = digest(text)
        fresh = _store(draft, f"sha256:{hashed}", len(text), self.cluster.stamp(), f"index-{hashed}.yaml")
        message = f"stored artifact: revision 'sha256:{hashed}'"
        return Told("Succeeded", message, "NewArtifact" if fresh else "")


class HelmChartController(Steady):
    """Pulls the chart versions that HelmCharts ask for."""

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        """Take the registries."""
        super().__init__(cluster, Kind(CHARTS, _MANAGER))
        self._registry = registry

    def start(self) -> None:
        """Follow charts, and their repositories."""
        super().start()
        self.wake(_REPOSITORIES, "sourceRef")

    def work(self, obj: Object, draft: Draft) -> Told:
        """Pull."""
        spec = obj["spec"]
        reference = spec.get("sourceRef") or {}
        namespace, name = obj["metadata"]["namespace"], str(reference.get("name"))
        if reference.get("kind") != "HelmRepository":
            raise NotReadyError("SourceUnavailable", f"charts of a {reference.get('kind')} are not served here")
        source = self.cluster.store.get(_REPOSITORIES, namespace, name)
        if source is None:
            why = f'failed to get source: helmrepositories.{_GROUP} "{name}" not found'
            raise NotReadyError("SourceUnavailable", why)
        oci = source["spec"].get("type") == "oci"
        if not oci and dig(source, "status", "artifact") is None:
            raise NotReadyError("NoSourceArtifact", f"no artifact available for HelmRepository source '{name}'")
        chart, wanted = str(spec.get("chart")), str(spec.get("version") or "*")
        try:
            if oci:
                versions = self._registry.tags(f"{str(source['spec']['url']).removeprefix('oci://')}/{chart}")
            else:
                versions = self._registry.charts(source["spec"]["url"]).get(chart, ())
        except SourceFault as fault:
            raise _fetch_failed(draft, "ChartPullError", f"chart pull error: {fault.message}") from fault
        version = wanted if wanted in versions else latest_of(versions, wanted)
        if version is None:
            why = "invalid chart reference: failed to get chart version for remote reference"
            told = f"{why}: no '{chart}' chart with version matching '{wanted}' found"
            raise _fetch_failed(draft, "InvalidChartReference", told)
        fresh = _store(draft, version, 4096 + len(chart), self.cluster.stamp(), f"{chart}-{version}.tgz")
        draft.status["observedChartName"] = chart
        if not oci:
            draft.status["observedSourceArtifactRevision"] = source["status"]["artifact"]["revision"]
        message = f"pulled '{chart}' chart with version '{version}'"
        draft.set("ArtifactInStorage", "True", "ChartPullSucceeded", message)
        return Told("ChartPullSucceeded", message, "ChartPullSucceeded" if fresh else "")


class OCIRepositoryController(Steady):
    """Follows the tags of OCI artifacts; their contents are not stored."""

    def __init__(self, cluster: Cluster, registry: Registry, stored: Callable[[Object], None]) -> None:
        """Take the registries, and what to call with a source that has another artifact."""
        super().__init__(cluster, Kind(_OCI, _MANAGER))
        self._registry = registry
        cluster.store.listen(_OCI, lambda change, obj, before: self._tell(stored, obj, before))

    def _tell(self, stored: Callable[[Object], None], obj: Object, before: Object | None) -> None:
        revision = dig(obj, "status", "artifact", "revision")
        if revision and revision != dig(before, "status", "artifact", "revision"):
            stored(obj)

    def work(self, obj: Object, draft: Draft) -> Told:
        """Resolve the tag."""
        spec = obj["spec"]
        image = str(spec.get("url") or "").removeprefix("oci://")
        ref = spec.get("ref") or {}
        try:
            tag = str(ref.get("tag") or "latest")
            if ref.get("semver"):
                tag = latest_of(self._registry.tags(image), str(ref["semver"])) or ""
            found = ref.get("digest") or (tag and self._registry.digest(image, tag))
        except SourceFault as fault:
            why = f"failed to determine artifact digest: {fault.message}"
            raise _fetch_failed(draft, "OCIArtifactPullFailed", why) from fault
        if not found:
            why = f"failed to determine artifact digest: MANIFEST_UNKNOWN: manifest unknown; unknown tag={tag}"
            raise _fetch_failed(draft, "OCIArtifactPullFailed", why)
        revision = str(found) if ref.get("digest") else f"{tag}@{found}"
        fresh = _store(draft, revision, 4096, self.cluster.stamp())
        message = f"stored artifact for digest '{revision}'"
        return Told("Succeeded", message, "NewArtifact" if fresh else "")
