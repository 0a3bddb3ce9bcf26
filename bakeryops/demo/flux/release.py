"""helm-controller, as far as its status is read: releases are counted and told of; no chart is rendered."""

from __future__ import annotations

import json

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.flux.charts import CHARTS
from bakeryops.demo.flux.conditions import Draft, is_true
from bakeryops.demo.flux.durations import go_text, seconds_of
from bakeryops.demo.flux.steady import Kind, NotReadyError, Steady, Told
from bakeryops.demo.objects import copy_json, dig

__all__ = ["HelmReleaseController"]

_RELEASES = "helmreleases.helm.toolkit.fluxcd.io"
_MANAGER = "helm-controller"
_GROUP = "helm.toolkit.fluxcd.io"
_TIMEOUT = 300.0
_ACTION_SECONDS = 3.0
_KEPT = 5


class HelmReleaseController(Steady):
    """Asks for the charts of HelmReleases and notes what would be installed."""

    def __init__(self, cluster: Cluster) -> None:
        """Take the cluster."""
        super().__init__(cluster, Kind(_RELEASES, _MANAGER, generation=False))

    def start(self) -> None:
        """Follow releases, and the charts made for them."""
        super().start()

        def changed(change: str, chart: Object, before: Object | None) -> None:
            labels = chart["metadata"].get("labels") or {}
            name, namespace = labels.get(f"{_GROUP}/name"), labels.get(f"{_GROUP}/namespace")
            if name and namespace and chart.get("status") != (before or {}).get("status"):
                self.loop.add((namespace, name))

        self.cluster.store.listen(CHARTS, changed)

    def announce(self, obj: Object, draft: Draft) -> float:
        """Ask for the chart; say that an action runs when there is something to do."""
        self._ask(obj)
        chart = self._chart(obj)
        if chart is None or not self._due(obj, chart):
            return 0.05
        action = "upgrade" if dig(obj, "status", "history") else "install"
        limit = go_text(seconds_of(obj["spec"].get("timeout"), _TIMEOUT))
        draft.progress(f"Running '{action}' action with timeout of {limit}", unsettle=True)
        return _ACTION_SECONDS

    def work(self, obj: Object, draft: Draft) -> Told:
        """Note the release."""
        chart = self._chart(obj)
        namespace, name = self._place(obj)
        if chart is None:
            raise NotReadyError(
                "SourceNotReady", f"HelmChart '{namespace}/{name}' is not ready: it has no artifact yet"
            )
        draft.status["helmChart"] = f"{namespace}/{name}"
        history = draft.status.get("history") or []
        if not self._due(obj, chart):
            ready = draft.get("Released") or {}
            return Told(ready.get("reason", "Succeeded"), ready.get("message", ""))
        action = "Upgrade" if history else "Install"
        entry = self._entry(obj, chart, history)
        if history:
            history = [{**history[0], "status": "superseded"}, *history[1:]]
        draft.status["history"] = [entry, *history][:_KEPT]
        draft.status["lastAttemptedRevision"] = entry["chartVersion"]
        draft.status["lastAttemptedGeneration"] = obj["metadata"]["generation"]
        draft.status["lastAttemptedReleaseAction"] = action.lower()
        draft.status["lastAttemptedConfigDigest"] = entry["configDigest"]
        draft.status["storageNamespace"] = obj["spec"].get("storageNamespace") or obj["metadata"]["namespace"]
        release = f"{entry['namespace']}/{entry['name']}.v{entry['version']}"
        which = f"chart {entry['chartName']}@{entry['chartVersion']}"
        message = f"Helm {action.lower()} succeeded for release {release} with {which}"
        draft.set("Released", "True", f"{action}Succeeded", message)
        return Told(f"{action}Succeeded", message, f"{action}Succeeded")

    def gone(self, obj: Object) -> None:
        """Delete the chart that was asked for."""
        self.cluster.store.delete(CHARTS, *self._place(obj))

    def _entry(self, obj: Object, chart: Object, history: list[Object]) -> Object:
        now = self.cluster.stamp()
        metadata, spec = obj["metadata"], obj["spec"]
        version = history[0]["version"] + 1 if history else 1
        where = spec.get("targetNamespace")
        name = spec.get("releaseName") or (f"{where}-{metadata['name']}" if where else metadata["name"])
        values = f"sha256:{_values(obj)}"
        revision = chart["status"]["artifact"]["revision"]
        return {
            "chartName": chart["spec"]["chart"],
            "chartVersion": revision,
            "configDigest": values,
            "digest": f"sha256:{digest(metadata['uid'], version, revision, values)}",
            "firstDeployed": history[-1]["firstDeployed"] if history else now,
            "lastDeployed": now,
            "name": name,
            "namespace": where or metadata["namespace"],
            "status": "deployed",
            "version": version,
        }

    def _due(self, obj: Object, chart: Object) -> bool:
        history = dig(obj, "status", "history") or []
        if not history:
            return True
        latest = history[0]
        same = latest.get("chartVersion") == chart["status"]["artifact"]["revision"]
        return not (same and latest.get("configDigest") == f"sha256:{_values(obj)}")

    def _place(self, obj: Object) -> tuple[str, str]:
        reference = dig(obj, "spec", "chart", "spec", "sourceRef") or {}
        own = obj["metadata"]["namespace"]
        return reference.get("namespace") or own, f"{own}-{obj['metadata']['name']}"

    def _chart(self, obj: Object) -> Object | None:
        chart = self.cluster.store.get(CHARTS, *self._place(obj))
        ready = chart is not None and is_true(chart, "Ready") and dig(chart, "status", "artifact") is not None
        return chart if ready else None

    def _ask(self, obj: Object) -> None:
        """Make the HelmChart of a release, or bring it up to date."""
        wanted = copy_json(dig(obj, "spec", "chart", "spec") or {})
        if not wanted:
            return
        namespace, name = self._place(obj)
        reference = wanted.get("sourceRef") or {}
        spec = {
            "chart": wanted.get("chart"),
            "interval": wanted.get("interval") or obj["spec"].get("interval") or "10m",
            "sourceRef": {"kind": reference.get("kind"), "name": reference.get("name")},
            "version": wanted.get("version") or "*",
        }
        if self.cluster.store.get(CHARTS, namespace, name) is None:
            own = obj["metadata"]
            labels = {f"{_GROUP}/name": own["name"], f"{_GROUP}/namespace": own["namespace"]}
            body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
            self.cluster.store.create(CHARTS, body, manager=_MANAGER, namespace=namespace)
            return

        def change(chart: Object) -> Object:
            chart["spec"] = spec
            return chart

        self.cluster.store.mutate(CHARTS, namespace, name, change, manager=_MANAGER)


def _values(obj: Object) -> str:
    return digest(json.dumps(obj["spec"].get("values") or {}, sort_keys=True))
