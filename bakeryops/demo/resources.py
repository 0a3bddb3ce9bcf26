"""The registry of kinds that the embedded cluster serves; CustomResourceDefinitions add to it at run time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bakeryops.demo.schema import Shape, builtin_shape
from bakeryops.demo.status import page_not_found

__all__ = ["ALL_VERBS", "Registry", "Resource", "builtin_resources", "version_rank"]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind."""

    plural: str
    kind: str
    group: str = ""
    versions: tuple[str, ...] = ("v1",)
    """Served versions, the preferred one first."""
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    custom: bool = False
    """True for a kind that a CustomResourceDefinition defines."""
    storage_version: str = ""
    alias_of: str = ""
    """Key of the resource whose objects are shown, as events.k8s.io shows the core Events."""
    generation: bool = False
    """Whether `metadata.generation` counts the changes of the spec."""
    computed: bool = False
    """True for objects that are made when asked for (metrics), never stored."""
    list_kind: str = ""
    shape: Shape | None = field(default=None, compare=False, repr=False)
    """Shape of a custom kind, from its schema."""
    definition: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    """The CustomResourceDefinition of a custom kind."""

    @property
    def key(self) -> str:
        """Name that is unique in a cluster: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def version(self) -> str:
        """The version objects are stored in."""
        return self.storage_version or self.versions[0]

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group, of the stored form."""
        return self.api_version_of(self.version)

    def api_version_of(self, version: str) -> str:
        """Return the apiVersion text of a version of this group."""
        return f"{self.group}/{version}" if self.group else version

    @property
    def form(self) -> Shape:
        """What fields the objects have."""
        return self.shape or builtin_shape(self.kind, self.group)

    def has(self, subresource: str) -> bool:
        """Say whether a subresource such as `status` is served."""
        return subresource in self.subresources


# plural kind [g=group] [v=versions] [cluster] [short=…] [cat=…] [sub=…] [generation] [one=singular]
_BUILTIN = """
configmaps ConfigMap short=cm
endpoints Endpoints short=ep one=endpoints
events Event short=ev
limitranges LimitRange short=limits
namespaces Namespace cluster short=ns sub=finalize,status single
nodes Node cluster short=no sub=proxy,status
persistentvolumeclaims PersistentVolumeClaim short=pvc sub=status
persistentvolumes PersistentVolume cluster short=pv sub=status
pods Pod short=po cat=all sub=attach,binding,ephemeralcontainers,eviction,exec,log,portforward,resize,status generation
podtemplates PodTemplate
replicationcontrollers ReplicationController short=rc cat=all sub=scale,status generation
resourcequotas ResourceQuota short=quota sub=status
secrets Secret
serviceaccounts ServiceAccount short=sa sub=token
services Service short=svc cat=all sub=status
apiservices APIService g=apiregistration.k8s.io cluster cat=api-extensions sub=status
controllerrevisions ControllerRevision g=apps
daemonsets DaemonSet g=apps short=ds cat=all sub=status generation
deployments Deployment g=apps short=deploy cat=all sub=scale,status generation
replicasets ReplicaSet g=apps short=rs cat=all sub=scale,status generation
statefulsets StatefulSet g=apps short=sts cat=all sub=scale,status generation
events Event g=events.k8s.io short=ev alias=events
horizontalpodautoscalers HorizontalPodAutoscaler g=autoscaling v=v2 short=hpa cat=all sub=status
cronjobs CronJob g=batch short=cj cat=all sub=status generation
jobs Job g=batch cat=all sub=status generation
ingressclasses IngressClass g=networking.k8s.io cluster one=ingressclass generation
ingresses Ingress g=networking.k8s.io short=ing sub=status one=ingress generation
networkpolicies NetworkPolicy g=networking.k8s.io short=netpol one=networkpolicy generation
poddisruptionbudgets PodDisruptionBudget g=policy short=pdb sub=status generation
clusterrolebindings ClusterRoleBinding g=rbac.authorization.k8s.io cluster
clusterroles ClusterRole g=rbac.authorization.k8s.io cluster
rolebindings RoleBinding g=rbac.authorization.k8s.io
roles Role g=rbac.authorization.k8s.io
storageclasses StorageClass g=storage.k8s.io cluster short=sc one=storageclass
customresourcedefinitions CustomResourceDefinition g=apiextensions.k8s.io cluster short=crd,crds cat=api-extensions sub=status generation
priorityclasses PriorityClass g=scheduling.k8s.io cluster short=pc one=priorityclass generation
leases Lease g=coordination.k8s.io
endpointslices EndpointSlice g=discovery.k8s.io generation
"""  # noqa: E501


def _parse(line: str) -> Resource:
    plural, kind, *words = line.split()
    options = dict(word.split("=", 1) for word in words if "=" in word)

    def split(key: str) -> tuple[str, ...]:
        return tuple(options[key].split(",")) if key in options else ()

    return Resource(
        plural=plural,
        kind=kind,
        group=options.get("g", ""),
        versions=split("v") or ("v1",),
        namespaced="cluster" not in words,
        singular=options.get("one", plural.removesuffix("s")),
        short_names=split("short"),
        categories=split("cat"),
        subresources=split("sub"),
        verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection" or "single" not in words),
        alias_of=options.get("alias", ""),
        generation="generation" in words,
        list_kind=f"{kind}List",
    )


def builtin_resources() -> list[Resource]:
    """Return the kinds that every cluster has, in the order of discovery."""
    return [_parse(line) for line in _BUILTIN.split("\n") if line]


class Registry:
    """Finds resources by what is at hand: key, plural, group and version of a path, kind of an owner reference."""

    def __init__(self) -> None:
        self._by_key: dict[str, Resource] = {}
        self.version = 0
        """Counts the changes, for caches of what is derived from the registry."""
        for resource in builtin_resources():
            self.add(resource)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_key.values())

    def add(self, resource: Resource) -> None:
        """Serve a kind, replacing what the key stood for."""
        self._by_key[resource.key] = resource
        self.version += 1

    def remove(self, key: str) -> None:
        """Stop serving a kind."""
        if self._by_key.pop(key, None) is not None:
            self.version += 1

    def find(self, name: str) -> Resource:
        """Return the resource of a key or of a plural; the core group, then the first added wins a tie."""
        found = self._by_key.get(name)
        if found is None:
            found = next((each for each in self._by_key.values() if each.plural == name), None)
        if found is None:
            raise page_not_found()
        return found

    def known(self, key: str) -> Resource | None:
        """Return the resource of a key, None when it is not served."""
        return self._by_key.get(key)

    def served(self, group: str, version: str, plural: str) -> Resource | None:
        """Return what a path stands for, or None when it is not served."""
        resource = self._by_key.get(f"{plural}.{group}" if group else plural)
        return resource if resource is not None and version in resource.versions else None

    def groups(self) -> dict[str, list[str]]:
        """Return the served versions of every named group, the preferred first, in the order of discovery."""
        found: dict[str, list[str]] = {}
        for resource in self._by_key.values():
            if resource.group:
                versions = found.setdefault(resource.group, [])
                versions.extend(version for version in resource.versions if version not in versions)
        for versions in found.values():
            versions.sort(key=version_rank)
        return found

    def owner(self, api_version: str, kind: str) -> Resource | None:
        """Return the resource that an owner reference or a role names by kind."""
        group = api_version.rpartition("/")[0]
        return next((each for each in self._by_key.values() if each.kind == kind and each.group == group), None)

    def storage(self, name: str) -> Resource:
        """Return the resource whose table holds the objects of `name`; raises `StatusError` 404."""
        resource = self.find(name)
        return self._by_key[resource.alias_of] if resource.alias_of else resource


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sort key of API versions: v2, v1, v1beta2, v1beta1, v1alpha1, then anything else."""
    text = version.removeprefix("v")
    for rank, word in enumerate(("beta", "alpha"), start=1):
        major, found, minor = text.partition(word)
        if found and major.isdigit() and minor.isdigit():
            return (rank, -int(major), -int(minor), version)
    if text.isdigit():
        return (0, -int(text), 0, version)
    return (3, 0, 0, version)
