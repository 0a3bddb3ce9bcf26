"""`spec.dependsOn`: which Kustomizations have to be ready first."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.flux.conditions import is_true

__all__ = ["unready"]

_KUSTOMIZATIONS = "kustomizations.kustomize.toolkit.fluxcd.io"


def unready(cluster: Cluster, obj: Object, source: Object) -> str:
    """Return why a Kustomization has to wait for another one, or ""."""
    own = obj["metadata"]["namespace"]
    revision = source["status"]["artifact"]["revision"]
    for wanted in obj["spec"].get("dependsOn") or ():
        namespace, name = wanted.get("namespace") or own, str(wanted.get("name") or "")
        other = cluster.store.get(_KUSTOMIZATIONS, namespace, name)
        if other is None:
            return f"dependency '{namespace}/{name}' not found"
        status = other.get("status") or {}
        if status.get("observedGeneration") != other["metadata"]["generation"] or not is_true(other, "Ready"):
            return f"dependency '{namespace}/{name}' is not ready"
        if _same_source(obj, other) and status.get("lastAppliedRevision") != revision:
            return f"dependency '{namespace}/{name}' revision is not up to date"
    return ""


def _same_source(one: Object, other: Object) -> bool:
    def named(obj: Object) -> tuple[object, ...]:
        reference = obj["spec"].get("sourceRef") or {}
        namespace = reference.get("namespace") or obj["metadata"]["namespace"]
        return reference.get("kind"), namespace, reference.get("name")

    return named(one) == named(other)
