"""In which order a build gives its objects."""

from __future__ import annotations

from typing import Any

from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.resource import Resource

__all__ = ["ordered"]

_FIRST = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
]
_LAST = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]


def ordered(resources: list[Resource], options: Any) -> list[Resource]:
    """Return the objects in kustomize's order: by kind unless `sortOptions` asks for order of appearance."""
    first, last = _FIRST, _LAST
    if options is not None:
        if not isinstance(options, dict):
            raise KustomizeError("invalid Kustomization: sortOptions is not a map")
        if unknown := sorted(options.keys() - {"order", "legacySortOptions"}):
            raise KustomizeError(f'invalid Kustomization: json: unknown field "sortOptions.{unknown[0]}"')
        if options.get("order") == "fifo":
            return resources
        if options.get("order") != "legacy":
            raise KustomizeError(f"the sortOptions.order {options.get('order')!r} is neither fifo nor legacy")
        legacy = options.get("legacySortOptions")
        if legacy is not None:
            first, last = _kinds(legacy, "orderFirst"), _kinds(legacy, "orderLast")
    rank = {kind: place - len(first) for place, kind in enumerate(first)}
    rank |= {kind: 1 + place for place, kind in enumerate(last)}
    return sorted(resources, key=lambda each: (rank.get(each.kind, 0), *_key(each)))


def _kinds(legacy: Any, field: str) -> list[str]:
    named = legacy.get(field) if isinstance(legacy, dict) else None
    if named is None:
        return []
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise KustomizeError(
            f"invalid Kustomization: sortOptions.legacySortOptions.{field} is not a list of kinds"
        )
    return named


def _key(each: Resource) -> tuple[str, str]:
    """Kinds of one rank sort by their full type, then by namespace and name as one text."""
    now = each.id
    gvk = "_".join((now.group or "~G", now.version or "~V", now.kind))
    return gvk, f"{now.namespace or '~X'}|{now.name}"
