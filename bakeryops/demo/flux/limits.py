"""What a Kustomization may ask for and this cluster's kustomize-controller does not do."""

from __future__ import annotations

from bakeryops.demo.contracts import Object

__all__ = ["unsupported"]

_FIELDS = ("decryption", "healthCheckExprs", "kubeConfig")


def unsupported(spec: Object) -> str:
    """Return which field of a spec would be passed over, so that the Kustomization fails instead; "" for none."""
    found = [f"spec.{name}" for name in _FIELDS if spec.get(name)]
    if any(each.get("readyExpr") for each in spec.get("dependsOn") or ()):
        found.append("spec.dependsOn[].readyExpr")
    return ", ".join(found)
