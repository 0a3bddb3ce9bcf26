"""Users and what they may do, from the Role and ClusterRole objects in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakeryops.demo.contracts import Object

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["ANONYMOUS", "Attributes", "Decision", "User", "authorize", "rules_for", "seed_rbac"]

MASTERS = "system:masters"
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for: a resource, or a path that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    """With its subresource: `pods/log`."""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and by what."""

    allowed: bool
    reason: str = ""


def authorize(store: ObjectStore, user: User, asked: Attributes) -> Decision:
    """Decide on a request."""
    if MASTERS in user.groups:
        return Decision(True)
    for rule, reason in _grants(store, user, asked.namespace):
        if _covers(rule, asked):
            return Decision(True, reason)
    return Decision(False)


def rules_for(store: ObjectStore, user: User, namespace: str) -> tuple[list[Object], list[Object]]:
    """Return the resource rules and the other rules of a user in a namespace, as a rules review lists them."""
    resources: list[Object] = []
    others: list[Object] = []
    for rule, _ in _grants(store, user, namespace):
        if rule.get("nonResourceURLs"):
            others.append({"verbs": rule.get("verbs") or [], "nonResourceURLs": rule["nonResourceURLs"]})
        else:
            entry = {
                "verbs": rule.get("verbs") or [],
                "apiGroups": rule.get("apiGroups") or [],
                "resources": rule.get("resources") or [],
            }
            if rule.get("resourceNames"):
                entry["resourceNames"] = rule["resourceNames"]
            resources.append(entry)
    if MASTERS in user.groups:
        resources.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        others.append({"verbs": ["*"], "nonResourceURLs": ["*"]})
    return resources, others


def _grants(store: ObjectStore, user: User, namespace: str) -> Iterator[tuple[Object, str]]:
    """Yield the rules that are bound to a user, each with the sentence that a review gives as its reason."""
    for binding in store.list(f"clusterrolebindings.{_RBAC}"):
        subject = _subject(binding, user)
        if subject:
            yield from _rules(store, binding, "ClusterRoleBinding", "", subject)
    if namespace:
        for binding in store.list(f"rolebindings.{_RBAC}", namespace):
            subject = _subject(binding, user)
            if subject:
                yield from _rules(store, binding, "RoleBinding", namespace, subject)


def _rules(
    store: ObjectStore, binding: Object, kind: str, namespace: str, subject: str
) -> Iterator[tuple[Object, str]]:
    reference = binding.get("roleRef") or {}
    if reference.get("kind") == "ClusterRole":
        role = store.get(f"clusterroles.{_RBAC}", None, reference.get("name", ""))
    else:
        role = store.get(f"roles.{_RBAC}", namespace, reference.get("name", ""))
    if role is None:
        return
    name = binding["metadata"]["name"]
    shown = f"{name}/{namespace}" if namespace else name
    reason = f'RBAC: allowed by {kind} "{shown}" of {reference.get("kind")} "{reference.get("name")}" to {subject}'
    for rule in role.get("rules") or ():
        yield rule, reason


def _subject(binding: Object, user: User) -> str:
    """Return how a binding names the user, or nothing when it does not."""
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name")
        if kind == "User" and name == user.name:
            return f'User "{name}"'
        if kind == "Group" and name in user.groups:
            return f'Group "{name}"'
        if kind == "ServiceAccount":
            space = subject.get("namespace") or binding["metadata"].get("namespace", "")
            if user.name == f"system:serviceaccount:{space}:{name}":
                return f'ServiceAccount "{name}/{space}"'
    return ""


def _covers(rule: Object, asked: Attributes) -> bool:
    verbs = rule.get("verbs") or ()
    if "*" not in verbs and asked.verb not in verbs:
        return False
    if asked.path:
        return any(_path_covered(each, asked.path) for each in rule.get("nonResourceURLs") or ())
    groups = rule.get("apiGroups") or ()
    if "*" not in groups and asked.group not in groups:
        return False
    if not _resource_covered(rule.get("resources") or (), asked.resource):
        return False
    names = rule.get("resourceNames") or ()
    return not names or asked.name in names


def _resource_covered(resources: Any, wanted: str) -> bool:
    if "*" in resources or wanted in resources:
        return True
    _, slash, subresource = wanted.partition("/")
    return bool(slash) and f"*/{subresource}" in resources


def _path_covered(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return pattern == path


_DISCOVERY_PATHS = [
    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version",
    "/version/",
]  # fmt: skip
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_CI_GROUPS = ["tekton.dev", "triggers.tekton.dev"]
_FLUX_GROUPS = [f"{word}.toolkit.fluxcd.io" for word in ("source", "kustomize", "helm", "notification", "image")]
_VIEW_CORE = [
    "configmaps", "endpoints", "events", "limitranges", "namespaces", "persistentvolumeclaims",
    "persistentvolumes", "pods", "pods/log", "pods/status", "replicationcontrollers", "resourcequotas",
    "serviceaccounts", "services",
]  # fmt: skip


def _view_rules(*, nodes: bool) -> list[Object]:
    groups = [
        "apps", "batch", "autoscaling", "policy", "coordination.k8s.io", "networking.k8s.io", "events.k8s.io",
        "discovery.k8s.io",
    ]  # fmt: skip
    rules = [
        {"verbs": _READ, "apiGroups": [""], "resources": _VIEW_CORE},
        {"verbs": _READ, "apiGroups": groups, "resources": ["*"]},
        {"verbs": _READ, "apiGroups": [*_CI_GROUPS, *_FLUX_GROUPS], "resources": ["*"]},
        {"verbs": _READ, "apiGroups": ["metrics.k8s.io"], "resources": ["pods", *(["nodes"] if nodes else [])]},
    ]
    if nodes:
        cluster = ["apiextensions.k8s.io", "storage.k8s.io", "apiregistration.k8s.io", "scheduling.k8s.io"]
        rules.append({"verbs": _READ, "apiGroups": [""], "resources": ["nodes", "nodes/proxy"]})
        rules.append({"verbs": _READ, "apiGroups": cluster, "resources": ["*"]})
    return rules


def _operate_rules() -> list[Object]:
    return [
        *_view_rules(nodes=True),
        {"verbs": _READ, "apiGroups": [""], "resources": ["secrets"]},
        {
            "verbs": _WRITE,
            "apiGroups": [""],
            "resources": ["configmaps", "events", "pods", "persistentvolumeclaims", "secrets", "services"],
        },
        {"verbs": ["create"], "apiGroups": [""], "resources": ["pods/eviction"]},
        {"verbs": ["create", "get"], "apiGroups": [""], "resources": ["pods/exec", "pods/portforward"]},
        {"verbs": _WRITE, "apiGroups": ["apps", "batch", *_CI_GROUPS, *_FLUX_GROUPS], "resources": ["*"]},
        {"verbs": _WRITE, "apiGroups": ["coordination.k8s.io"], "resources": ["leases"]},
        {"verbs": ["patch", "update"], "apiGroups": [""], "resources": ["nodes"]},
    ]


def _role(name: str, rules: list[Object]) -> Object:
    return {"metadata": {"name": name}, "rules": rules}


def _binding(name: str, role: str, kind: str, subject: str) -> Object:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": kind, "name": subject}],
    }


def seed_rbac(store: ObjectStore, *, viewer_namespace: str) -> None:
    """Create the roles that every cluster has and those of the demo's users; leaves alone what is there."""
    reviews = [
        {
            "verbs": ["create"],
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        },
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
    ]
    well_known = [{"verbs": ["get"], "nonResourceURLs": ["/.well-known", "/.well-known/*"]}]
    public = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
    everything = [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ]
    signed_in, anyone = "system:authenticated", "system:unauthenticated"
    roles = [
        _role("cluster-admin", everything),
        _role("system:basic-user", reviews),
        _role("system:service-account-issuer-discovery", well_known),
        _role("system:discovery", [{"verbs": ["get"], "nonResourceURLs": _DISCOVERY_PATHS}]),
        _role("system:public-info-viewer", [{"verbs": ["get"], "nonResourceURLs": public}]),
        _role("bakeryops-viewer", _view_rules(nodes=True)),
        _role("bakeryops-namespace-viewer", _view_rules(nodes=False)),
        _role("bakeryops-operator", _operate_rules()),
    ]
    bindings = [
        _binding("system:basic-user", "system:basic-user", "Group", signed_in),
        _binding("system:discovery", "system:discovery", "Group", signed_in),
        _binding("system:public-info-viewer", "system:public-info-viewer", "Group", signed_in),
        _binding("system:public-info-viewer-anonymous", "system:public-info-viewer", "Group", anyone),
        _binding("system:service-account-issuer-discovery", "system:service-account-issuer-discovery", "Group",
                 "system:serviceaccounts"),
        _binding("bakeryops-viewer", "bakeryops-viewer", "User", "viewer"),
        _binding("bakeryops-operator", "bakeryops-operator", "User", "operator"),
    ]  # fmt: skip
    _create(store, f"clusterroles.{_RBAC}", roles)
    _create(store, f"clusterrolebindings.{_RBAC}", bindings)
    if store.get("namespaces", None, viewer_namespace) is not None:
        binding = _binding("bakeryops-nsviewer", "bakeryops-namespace-viewer", "User", "nsviewer")
        binding["metadata"]["namespace"] = viewer_namespace
        _create(store, f"rolebindings.{_RBAC}", [binding])


def _create(store: ObjectStore, plural: str, objects: list[Object]) -> None:
    for obj in objects:
        meta = obj["metadata"]
        if store.get(plural, meta.get("namespace"), meta["name"]) is None:
            store.create(plural, obj, manager="kube-apiserver", namespace=meta.get("namespace"))
