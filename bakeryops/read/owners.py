"""Which workload a pod belongs to, told from the pod alone."""

from __future__ import annotations

from bakeryops.cluster.wire.core import Pod
from bakeryops.cluster.wire.meta import OwnerReference
from bakeryops.text import clean

__all__ = ["controller", "owner"]

_HASH = "pod-template-hash"


def controller(references: list[OwnerReference] | None) -> OwnerReference | None:
    """Return the reference to the object that manages this one; the first where none says so, None for none."""
    if not references:
        return None
    for reference in references:
        if reference.controller:
            return reference
    return references[0]


def owner(pod: Pod) -> tuple[str, str]:
    """Return (kind, name) of a pod's workload.

    A Deployment's ReplicaSet is named after it with the template's hash behind, so the Deployment is known
    without reading ReplicaSets. A static pod's owner is its node: it counts as a bare pod, as one without owner.
    """
    reference = controller(pod.metadata.ownerReferences)
    if reference is None or reference.kind == "Node" or not reference.name:
        return "Pod", clean(pod.metadata.name)
    if reference.kind == "ReplicaSet":
        suffix = (pod.metadata.labels or {}).get(_HASH)
        if suffix and reference.name.endswith(f"-{suffix}"):
            return "Deployment", clean(reference.name[: -len(suffix) - 1])
    return clean(reference.kind), clean(reference.name)
