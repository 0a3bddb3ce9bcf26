"""Discovery: which groups, versions and resources there are, in the plain and the aggregated form."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from bakeryops.demo.contracts import Object
from bakeryops.demo.resources import Registry, Resource
from bakeryops.demo.table import encode

__all__ = ["Discovery", "aggregated_version"]

_SUBRESOURCE_VERBS = {
    "attach": ["create", "get"],
    "binding": ["create"],
    "eviction": ["create"],
    "exec": ["create", "get"],
    "finalize": ["update"],
    "log": ["get"],
    "portforward": ["create", "get"],
    "proxy": ["create", "delete", "get", "patch", "update"],
    "token": ["create"],
}
_DEFAULT_VERBS = ["get", "patch", "update"]
_FOREIGN = {
    "binding": ("", "v1", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
    "exec": ("", "v1", "PodExecOptions"),
    "attach": ("", "v1", "PodAttachOptions"),
    "portforward": ("", "v1", "PodPortForwardOptions"),
    "proxy": ("", "v1", "NodeProxyOptions"),
    "scale": ("autoscaling", "v1", "Scale"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
}
_REVIEWS = (
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", False),
    ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", True),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", False),
)


def aggregated_version(accept: str) -> str | None:
    """Return the version of apidiscovery.k8s.io (v2, v2beta1) that an Accept header asks for first, or None."""
    for part in accept.split(","):
        media, *params = (piece.strip() for piece in part.split(";"))
        options = dict(param.split("=", 1) for param in params if "=" in param)
        if media != "application/json":
            continue
        if not options:
            return None
        if options.get("as") == "APIGroupDiscoveryList" and options.get("v") in ("v2", "v2beta1"):
            return options["v"]
    return None


class Discovery:
    """The documents of discovery, derived from the registry and kept while it does not change."""

    def __init__(self, registry: Registry, address: str) -> None:
        self._registry = registry
        self._address = address
        self._version = -1
        self._aggregated: dict[tuple[str, str], tuple[bytes, str]] = {}

    def _resources(self, group: str, version: str) -> list[Resource]:
        found = [each for each in self._registry if each.group == group and version in each.versions]
        if group in ("authentication.k8s.io", "authorization.k8s.io") and version == "v1":
            found += [
                Resource(
                    plural, kind, review_group, namespaced=namespaced, singular=kind.lower(), verbs=("create",)
                )
                for review_group, plural, kind, namespaced in _REVIEWS
                if review_group == group
            ]
        return found

    def groups(self) -> dict[str, list[str]]:
        """Return the served versions by group."""
        found = self._registry.groups()
        for group, *_ in _REVIEWS:
            found.setdefault(group, ["v1"])
        return found

    def api_versions(self) -> Object:
        """Return the answer of `/api`."""
        cidrs = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": cidrs}

    def group_list(self) -> Object:
        """Return the answer of `/apis`."""
        return {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [_group(name, versions) for name, versions in self.groups().items()],
        }

    def group(self, name: str) -> Object | None:
        """Return the answer of `/apis/<group>`, None when it is not served."""
        versions = self.groups().get(name)
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None

    def resource_list(self, group: str, version: str) -> Object | None:
        """Return the answer of `/api/v1` or `/apis/<group>/<version>`, None when it is not served."""
        resources = self._resources(group, version)
        if not resources and not (group == "" and version == "v1"):
            return None
        listed: list[Object] = []
        for resource in resources:
            listed.append(_plain(resource))
            listed.extend(_plain_subresource(resource, each) for each in sorted(resource.subresources))
        group_version = f"{group}/{version}" if group else version
        head: Object = {"kind": "APIResourceList"}
        if group:  # the core list lacks it in real servers too
            head["apiVersion"] = "v1"
        return {**head, "groupVersion": group_version, "resources": listed}

    def aggregated(self, root: str, version: str) -> tuple[bytes, str]:
        """Return the aggregated document of `/api` or `/apis` and its ETag."""
        if self._registry.version != self._version:
            self._aggregated.clear()
            self._version = self._registry.version
        known = self._aggregated.get((root, version))
        if known is None:
            body = encode(self._aggregated_list(root, version))
            etag = '"' + hashlib.sha512(body).hexdigest().upper() + '"'
            known = self._aggregated[root, version] = (body, etag)
        return known

    def _aggregated_list(self, root: str, version: str) -> Object:
        if root == "api":
            items: list[Object] = [{"metadata": {}, "versions": [self._aggregated_version("", "v1")]}]
        else:
            items = [
                {
                    "metadata": {"name": name},
                    "versions": [self._aggregated_version(name, each) for each in versions],
                }
                for name, versions in self.groups().items()
            ]
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {},
            "items": items,
        }

    def _aggregated_version(self, group: str, version: str) -> Object:
        resources = [_aggregated_resource(each, version) for each in self._resources(group, version)]
        return {"version": version, "resources": resources, "freshness": "Current"}


def _group(name: str, versions: list[str]) -> Object:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _plain(resource: Resource) -> Object:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "watch" in resource.verbs:
        digest = hashlib.sha256(f"{resource.group}/{resource.version}/{resource.kind}".encode()).digest()
        entry["storageVersionHash"] = base64.b64encode(digest[:8]).decode()
    return entry


def _plain_subresource(resource: Resource, name: str) -> Object:
    entry: Object = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
    }
    kind = resource.kind
    if name in _FOREIGN:
        group, version, kind = _FOREIGN[name]
        if group:
            entry.update(group=group, version=version)
    return {**entry, "kind": kind, "verbs": _SUBRESOURCE_VERBS.get(name, _DEFAULT_VERBS)}


def _response_kind(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}


def _aggregated_resource(resource: Resource, version: str) -> Object:
    entry: Object = {
        "resource": resource.plural,
        "responseKind": _response_kind(resource.group, version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = list(_aggregated_subresources(resource, version))
    return entry


def _aggregated_subresources(resource: Resource, version: str) -> Iterable[Object]:
    for name in sorted(resource.subresources):
        group, its_version, kind = _FOREIGN.get(name, (resource.group, version, resource.kind))
        yield {
            "subresource": name,
            "responseKind": _response_kind(group, its_version, kind),
            "verbs": _SUBRESOURCE_VERBS.get(name, _DEFAULT_VERBS),
        }
