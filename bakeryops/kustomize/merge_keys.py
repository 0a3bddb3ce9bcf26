"""By which fields the items of lists are told apart in patches of Kubernetes' own kinds."""

from __future__ import annotations

from bakeryops.kustomize.resource import group_of

__all__ = ["Keys", "keys_of"]

Keys = dict[tuple[str, ...], tuple[str, ...]]
"""Path of a list, without indexes -> the fields of its items; () for a list of plain values that is a set."""

_CONTAINER: Keys = {
    ("env",): ("name",),
    ("ports",): ("containerPort", "protocol"),
    ("volumeMounts",): ("mountPath",),
    ("volumeDevices",): ("devicePath",),
}
_POD: Keys = {
    ("containers",): ("name",),
    ("initContainers",): ("name",),
    ("ephemeralContainers",): ("name",),
    ("volumes",): ("name",),
    ("imagePullSecrets",): ("name",),
    ("hostAliases",): ("ip",),
    ("topologySpreadConstraints",): ("topologyKey", "whenUnsatisfiable"),
    ("resourceClaims",): ("name",),
    ("schedulingGates",): ("name",),
} | {
    (kind, *path): keys
    for kind in ("containers", "initContainers", "ephemeralContainers")
    for path, keys in _CONTAINER.items()
}
_META: Keys = {("finalizers",): (), ("ownerReferences",): ("uid",)}
_TEMPLATE = {
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("", "ReplicationController"): ("spec", "template"),
    ("", "PodTemplate"): ("template",),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("", "Pod"): (),
}
_WEBHOOKS: Keys = {("webhooks",): ("name",)}
_OTHER: dict[tuple[str, str], Keys] = {
    ("", "Service"): {("spec", "ports"): ("port", "protocol")},
    ("", "ServiceAccount"): {("secrets",): ("name",)},
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _WEBHOOKS,
}
_GROUPS = frozenset(
    [
        "apps",
        "batch",
        "autoscaling",
        "policy",
        "networking.k8s.io",
        "rbac.authorization.k8s.io",
        "storage.k8s.io",
        "scheduling.k8s.io",
        "admissionregistration.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "node.k8s.io",
    ]
) | {""}


def keys_of(value: dict[str, object]) -> Keys:
    """Return the merge keys of an object's lists; those that are not named are replaced as a whole."""
    group, kind = group_of(value), str(value.get("kind"))
    if group not in _GROUPS:
        return {}
    keys: Keys = {("metadata", *path): each for path, each in _META.items()} | _OTHER.get((group, kind), {})
    template = _TEMPLATE.get((group, kind))
    if template is not None:
        keys |= {(*template, "spec", *path): each for path, each in _POD.items()}
        keys |= {(*template, "metadata", *path): each for path, each in _META.items()}
    return keys
