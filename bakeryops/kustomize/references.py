"""Where objects name each other, so that a reference can follow a renaming."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PLACES", "UNCLEAR", "Place"]


class Place(NamedTuple):
    """A field that holds another object's name."""

    kinds: tuple[str, ...]
    """Kinds that it may name."""
    path: tuple[str, ...]
    """The field; lists on the way are taken item by item."""
    referrers: tuple[str, ...] | None
    """Kinds that have the field; None for all."""
    kind_field: str | None = None
    """The field beside it that tells which of the kinds it names."""
    with_namespace: bool = False
    """Whether a field `namespace` stands beside it."""


_PODS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Pod", ("spec",)),
    ("Deployment", ("spec", "template", "spec")),
    ("StatefulSet", ("spec", "template", "spec")),
    ("DaemonSet", ("spec", "template", "spec")),
    ("ReplicaSet", ("spec", "template", "spec")),
    ("ReplicationController", ("spec", "template", "spec")),
    ("Job", ("spec", "template", "spec")),
    ("CronJob", ("spec", "jobTemplate", "spec", "template", "spec")),
)
_CONTAINERS = ("containers", "initContainers")
_IN_PODS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ConfigMap", ("volumes", "configMap", "name")),
    ("ConfigMap", ("volumes", "projected", "sources", "configMap", "name")),
    *(("ConfigMap", (each, "env", "valueFrom", "configMapKeyRef", "name")) for each in _CONTAINERS),
    *(("ConfigMap", (each, "envFrom", "configMapRef", "name")) for each in _CONTAINERS),
    ("Secret", ("volumes", "secret", "secretName")),
    ("Secret", ("volumes", "projected", "sources", "secret", "name")),
    *(("Secret", (each, "env", "valueFrom", "secretKeyRef", "name")) for each in _CONTAINERS),
    *(("Secret", (each, "envFrom", "secretRef", "name")) for each in _CONTAINERS),
    ("Secret", ("imagePullSecrets", "name")),
    ("ServiceAccount", ("serviceAccountName",)),
    ("PersistentVolumeClaim", ("volumes", "persistentVolumeClaim", "claimName")),
    ("PriorityClass", ("priorityClassName",)),
)
_BINDINGS = ("RoleBinding", "ClusterRoleBinding")
_WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_SCALED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")

PLACES: tuple[Place, ...] = (
    *(Place((kind,), (*pod, *path), (referrer,)) for referrer, pod in _PODS for kind, path in _IN_PODS),
    Place(("Secret",), ("spec", "tls", "secretName"), ("Ingress",)),
    Place(("Secret",), ("secrets", "name"), ("ServiceAccount",)),
    Place(("Secret",), ("imagePullSecrets", "name"), ("ServiceAccount",)),
    Place(("ServiceAccount",), ("subjects", "name"), _BINDINGS, "kind", True),
    Place(("Role", "ClusterRole"), ("roleRef", "name"), _BINDINGS, "kind"),
    Place(("Service",), ("spec", "serviceName"), ("StatefulSet",)),
    Place(("Service",), ("spec", "rules", "http", "paths", "backend", "service", "name"), ("Ingress",)),
    Place(("Service",), ("spec", "defaultBackend", "service", "name"), ("Ingress",)),
    Place(("Service",), ("webhooks", "clientConfig", "service", "name"), _WEBHOOKS, None, True),
    Place(("PersistentVolume",), ("spec", "volumeName"), ("PersistentVolumeClaim",)),
    Place(("StorageClass",), ("spec", "storageClassName"), ("PersistentVolume", "PersistentVolumeClaim")),
    Place(("StorageClass",), ("spec", "volumeClaimTemplates", "spec", "storageClassName"), ("StatefulSet",)),
    Place(_SCALED, ("spec", "scaleTargetRef", "name"), ("HorizontalPodAutoscaler",), "kind"),
)

UNCLEAR: tuple[Place, ...] = (Place(("IngressClass",), ("spec", "ingressClassName"), ("Ingress",)),)
"""Places that some versions of kustomize change and others do not."""
