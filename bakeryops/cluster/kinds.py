"""The catalogue of kinds: where each is served, in which versions, and what of it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bakeryops.cluster.wire import apps, batch, conditioned, core, flux, metrics, tekton
from bakeryops.model.hold import CONFIG_MAP

__all__ = ["KINDS", "Kind", "kind_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object."""

    name: str
    """Unique key; the plural, except where two groups share one."""
    group: str
    versions: tuple[str, ...]
    """Versions that we can read, the preferred first."""
    kind: str
    namespaced: bool
    struct: type
    """The msgspec Struct of one object."""
    metadata_only: bool = False
    """Whether to ask for PartialObjectMetadata: the rest is large, or none of our business."""
    poll_seconds: float | None = None
    """Seconds between lists, for a kind that cannot be watched."""
    plural: str = ""
    """The name in the address, where it is not `name`."""
    only: str = ""
    """The name of the one object of it that is read; "" for all."""

    @property
    def resource(self) -> str:
        """The name in the address."""
        return self.plural or self.name

    @property
    def qualified(self) -> str:
        """The name with its group, as people write it: `deployments.apps`, `pods`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


_TEKTON = "tekton.dev"
_TRIGGERS = "triggers.tekton.dev"
_KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
_HELM = "helm.toolkit.fluxcd.io"
_SOURCE = "source.toolkit.fluxcd.io"
_IMAGE = "image.toolkit.fluxcd.io"
_NOTIFY = "notification.toolkit.fluxcd.io"
_V1 = ("v1",)
_V1_BETA = ("v1", "v1beta1")
_V1_BETA2 = ("v1", "v1beta2")
_V1_ALPHA = ("v1", "v1beta1", "v1alpha1")
_Any = conditioned.ConditionedObject

# Versions by release: Tekton serves v1 since 0.44; Flux' kinds moved to v1 at different times (2.0 to 2.7).
_ALL = (
    Kind("pods", "", _V1, "Pod", True, core.Pod),
    Kind("nodes", "", _V1, "Node", False, core.Node),
    Kind("namespaces", "", _V1, "Namespace", False, core.Namespace),
    Kind("events", "", _V1, "Event", True, core.Event),
    Kind("persistentvolumeclaims", "", _V1, "PersistentVolumeClaim", True, core.PersistentVolumeClaim),
    Kind("services", "", _V1, "Service", True, core.Service),
    Kind("resourcequotas", "", _V1, "ResourceQuota", True, core.ResourceQuota),
    Kind("configmaps", "", _V1, "ConfigMap", True, core.PartialObject, metadata_only=True),
    Kind("holds", "", _V1, "ConfigMap", True, core.ConfigMap, plural="configmaps", only=CONFIG_MAP),
    Kind("secrets", "", _V1, "Secret", True, core.PartialObject, metadata_only=True),
    Kind("serviceaccounts", "", _V1, "ServiceAccount", True, core.PartialObject, metadata_only=True),
    Kind("persistentvolumes", "", _V1, "PersistentVolume", False, core.PartialObject, metadata_only=True),
    Kind("deployments", "apps", _V1, "Deployment", True, apps.Deployment),
    Kind("replicasets", "apps", _V1, "ReplicaSet", True, apps.ReplicaSet),
    Kind("statefulsets", "apps", _V1, "StatefulSet", True, apps.StatefulSet),
    Kind("daemonsets", "apps", _V1, "DaemonSet", True, apps.DaemonSet),
    Kind("jobs", "batch", _V1, "Job", True, batch.Job),
    Kind("cronjobs", "batch", _V1, "CronJob", True, batch.CronJob),
    Kind("leases", "coordination.k8s.io", _V1, "Lease", True, core.PartialObject, metadata_only=True),
    Kind("ingresses", "networking.k8s.io", _V1, "Ingress", True, core.PartialObject, metadata_only=True),
    Kind(
        "customresourcedefinitions",
        "apiextensions.k8s.io",
        _V1,
        "CustomResourceDefinition",
        False,
        core.PartialObject,
        metadata_only=True,
    ),
    Kind(
        "podmetrics",
        "metrics.k8s.io",
        ("v1", "v1beta1"),
        "PodMetrics",
        True,
        metrics.PodMetrics,
        poll_seconds=15.0,
        plural="pods",
    ),
    Kind(
        "nodemetrics",
        "metrics.k8s.io",
        ("v1", "v1beta1"),
        "NodeMetrics",
        False,
        metrics.NodeMetrics,
        poll_seconds=15.0,
        plural="nodes",
    ),
    Kind("pipelineruns", _TEKTON, _V1_BETA, "PipelineRun", True, tekton.PipelineRun),
    Kind("taskruns", _TEKTON, _V1_BETA, "TaskRun", True, tekton.TaskRun),
    Kind("customruns", _TEKTON, _V1_BETA, "CustomRun", True, _Any),
    Kind("pipelines", _TEKTON, _V1_BETA, "Pipeline", True, _Any),
    Kind("tasks", _TEKTON, _V1_BETA, "Task", True, _Any),
    Kind("eventlisteners", _TRIGGERS, _V1_ALPHA, "EventListener", True, _Any),
    Kind("triggers", _TRIGGERS, _V1_ALPHA, "Trigger", True, _Any),
    Kind("triggerbindings", _TRIGGERS, _V1_ALPHA, "TriggerBinding", True, _Any),
    Kind("triggertemplates", _TRIGGERS, _V1_ALPHA, "TriggerTemplate", True, _Any),
    Kind("clusterinterceptors", _TRIGGERS, _V1_ALPHA, "ClusterInterceptor", False, _Any),
    Kind("kustomizations", _KUSTOMIZE, _V1_BETA2, "Kustomization", True, flux.Kustomization),
    Kind("gitrepositories", _SOURCE, _V1_BETA2, "GitRepository", True, flux.Source),
    Kind("ocirepositories", _SOURCE, _V1_BETA2, "OCIRepository", True, flux.Source),
    Kind("buckets", _SOURCE, _V1_BETA2, "Bucket", True, flux.Source),
    Kind("helmrepositories", _SOURCE, _V1_BETA2, "HelmRepository", True, flux.Source),
    Kind("helmcharts", _SOURCE, _V1_BETA2, "HelmChart", True, flux.Source),
    Kind("helmreleases", _HELM, ("v2", "v2beta2", "v2beta1"), "HelmRelease", True, flux.HelmRelease),
    Kind("imagerepositories", _IMAGE, _V1_BETA2, "ImageRepository", True, flux.FluxObject),
    Kind("imagepolicies", _IMAGE, _V1_BETA2, "ImagePolicy", True, flux.FluxObject),
    Kind(
        "imageupdateautomations", _IMAGE, (*_V1_BETA2, "v1beta1"), "ImageUpdateAutomation", True, flux.FluxObject
    ),
    Kind("receivers", _NOTIFY, _V1_BETA2, "Receiver", True, flux.FluxObject),
    Kind("alerts", _NOTIFY, ("v1", "v1beta3", "v1beta2"), "Alert", True, flux.FluxObject),
    Kind("providers", _NOTIFY, ("v1", "v1beta3", "v1beta2"), "Provider", True, flux.FluxObject),
)

KINDS: Mapping[str, Kind] = MappingProxyType({each.name: each for each in _ALL})
"""Every kind by its `name`."""

_BY_KIND = {(each.group, each.kind): each for each in _ALL if not each.only}


def kind_of(api_version: str, kind: str) -> Kind | None:
    """Return the entry for an object's `apiVersion` and `kind`, in whatever version; None if unknown."""
    group = api_version.rpartition("/")[0]
    return _BY_KIND.get((group, kind))
