"""In which order objects are applied, what an inventory calls them, and what has left it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bakeryops.demo.contracts import Object

__all__ = ["Identity", "entries_of", "identities_of", "identity_of", "in_order", "is_definition"]

_EARLY = (
    "CustomResourceDefinition", "Namespace", "ClusterClass", "RuntimeClass", "PriorityClass", "StorageClass",
    "VolumeSnapshotClass", "IngressClass", "GatewayClass", "ResourceQuota", "ServiceAccount", "Role",
    "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ConfigMap", "Secret", "Service", "LimitRange",
    "Deployment", "StatefulSet", "CronJob", "PodDisruptionBudget",
)  # fmt: skip
_LATE = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_DEFINITIONS = ("CustomResourceDefinition", "Namespace", "ClusterRole")


@dataclass(frozen=True, slots=True)
class Identity:
    """An object as an inventory knows it."""

    namespace: str
    name: str
    group: str
    kind: str
    version: str = ""

    @property
    def text(self) -> str:
        """The form `Kind/namespace/name` of Flux' messages."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def entry(self) -> Object:
        """The entry of `status.inventory`; a colon in a name is written as two underscores."""
        name = self.name.replace(":", "__")
        return {"id": f"{self.namespace}_{name}_{self.group}_{self.kind}", "v": self.version}

    @property
    def api_version(self) -> str:
        """Group and version."""
        return f"{self.group}/{self.version}" if self.group else self.version


def identity_of(obj: Object) -> Identity:
    """Return what an object is called."""
    group, _, version = str(obj.get("apiVersion") or "").rpartition("/")
    metadata = obj.get("metadata") or {}
    return Identity(
        str(metadata.get("namespace") or ""),
        str(metadata.get("name") or ""),
        group,
        str(obj.get("kind") or ""),
        version,
    )


def _rank(each: Identity) -> tuple[int, str, str, str]:
    if each.kind in _EARLY:
        return (_EARLY.index(each.kind) - len(_EARLY), "", each.namespace, each.name)
    if each.kind in _LATE:
        return (1 + _LATE.index(each.kind), "", each.namespace, each.name)
    return (0, each.kind, each.namespace, each.name)


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Return objects in the order in which they are applied: what others need first."""
    return sorted(objects, key=lambda obj: _rank(identity_of(obj)))


def is_definition(obj: Object) -> bool:
    """Tell whether an object is applied, and waited for, before all others."""
    return obj.get("kind") in _DEFINITIONS


def entries_of(objects: Iterable[Object]) -> list[Object]:
    """Return `status.inventory.entries` of applied objects."""
    return [each.entry for each in sorted(map(identity_of, objects), key=_rank)]


def identities_of(entries: Sequence[Object]) -> list[Identity]:
    """Return what the entries of an inventory name; what is no entry is left out."""
    found = []
    for entry in entries:
        head, _, kind = str(entry.get("id") or "").rpartition("_")
        head, _, group = head.rpartition("_")
        namespace, _, name = head.partition("_")
        if name and kind:
            found.append(Identity(namespace, name.replace("__", ":"), group, kind, str(entry.get("v") or "")))
    return found
