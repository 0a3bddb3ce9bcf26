"""One object of a build, with the names it had on its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bakeryops.kustomize.errors import KustomizeError

__all__ = ["CLUSTER_SCOPED", "Id", "Resource", "copy_json", "group_of", "select"]

CLUSTER_SCOPED = frozenset(
    [
        "APIService",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "ComponentStatus",
        "CSIDriver",
        "CSINode",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PodSecurityPolicy",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "SelfSubjectAccessReview",
        "SelfSubjectReview",
        "SelfSubjectRulesReview",
        "StorageClass",
        "SubjectAccessReview",
        "TokenReview",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "DeviceClass",
        "ResourceSlice",
        "ServiceCIDR",
        "IPAddress",
    ]
)
"""Kinds of Kubernetes that live in no namespace."""


class Id(NamedTuple):
    """What tells an object from others in one build."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        gvk = f"{self.kind}.{self.version or '[noVer]'}.{self.group or '[noGrp]'}"
        return f"{gvk}/{self.name}.{self.namespace or '[noNs]'}"


@dataclass(eq=False)
class Resource:
    """An object, changed in place by transformers, and what later steps must know of its past."""

    value: dict[str, Any]
    earlier: list[Id] = field(default_factory=list)
    """Its ids before each renaming, the first one first."""
    prefixes: list[str] = field(default_factory=list)
    suffixes: list[str] = field(default_factory=list)
    hashed: bool = False
    """Whether a hash of the content belongs at the end of its name."""
    behavior: str = ""
    """What a generator asked for: create, merge or replace."""
    deleted: bool = False

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata, which every object has."""
        found = self.value["metadata"]
        assert isinstance(found, dict)
        return found

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.value["kind"])

    @property
    def group(self) -> str:
        """Its API group, "" for the core group."""
        return group_of(self.value)

    @property
    def name(self) -> str:
        """Its present name."""
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        """Its present namespace, "" where none is given."""
        return str(self.metadata.get("namespace") or "")

    @property
    def namespaced(self) -> bool:
        """Whether it lives in a namespace, as far as its kind tells: unknown kinds do."""
        return self.kind not in CLUSTER_SCOPED

    @property
    def id(self) -> Id:
        """Its present id."""
        version = str(self.value["apiVersion"]).rpartition("/")[2]
        return Id(self.group, version, self.kind, self.namespace, self.name)

    def ids(self) -> Iterator[Id]:
        """Yield every id it has had, the present one last."""
        yield from self.earlier
        yield self.id

    def remember(self) -> None:
        """Keep the present id before it changes."""
        self.earlier.append(self.id)


def group_of(value: dict[str, Any]) -> str:
    """Return the API group of an object."""
    return str(value.get("apiVersion") or "").rpartition("/")[0]


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value."""
    if isinstance(value, dict):
        return {key: copy_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [copy_json(each) for each in value]
    return value


def select(value: Any, path: tuple[str, ...], *, create: bool = False) -> list[dict[str, Any]]:
    """Return the mappings at a path, lists on the way taken item by item; `create` makes those that are missing.

    Raises `KustomizeError` where something on the way is neither a mapping nor a list.
    """
    found: list[dict[str, Any]] = [value]
    for step in path:
        reached: list[dict[str, Any]] = []
        for each in found:
            inner = each.get(step)
            if inner is None:
                if not create:
                    continue
                inner = each[step] = {}
            for item in inner if isinstance(inner, list) else [inner]:
                if not isinstance(item, dict):
                    raise KustomizeError(f"considering field '{'/'.join(path)}': expected a map at {step}")
                reached.append(item)
        found = reached
    return found
