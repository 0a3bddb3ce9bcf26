"""The CustomResourceDefinitions of Tekton and Flux: names, versions and columns.

The schemas are the embedded cluster's own: they hold what its controllers rely on, and keep fields they do not
know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bakeryops.demo.bakery.crds_flux import flux_spec
from bakeryops.demo.bakery.crds_triggers import triggers_spec
from bakeryops.demo.contracts import Object

__all__ = ["definitions"]

_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CONDITION = {**_OPEN, "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
              "required": ["type", "status"]}  # fmt: skip
_STATUS_FORM = {**_OPEN, "properties": {"conditions": {"type": "array", "items": _CONDITION}, "artifact": _OPEN}}
_READY = ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status')
_STATUS = ("Status", "string", '.status.conditions[?(@.type=="Ready")].message')
_AGE = ("Age", "date", ".metadata.creationTimestamp")
_URL = ("URL", "string", ".spec.url")
_RUN = (
    ("Succeeded", "string", '.status.conditions[?(@.type=="Succeeded")].status'),
    ("Reason", "string", '.status.conditions[?(@.type=="Succeeded")].reason'),
    ("StartTime", "date", ".status.startTime"),
    ("CompletionTime", "date", ".status.completionTime"),
)
_LISTENER = (
    ("Address", "string", ".status.address.url"),
    ("Available", "string", '.status.conditions[?(@.type=="Available")].status'),
    ("Reason", "string", '.status.conditions[?(@.type=="Available")].reason'),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
)
_APPLIERS = ("all", "fluxcd", "fluxcd-appliers")
_SOURCES = ("all", "fluxcd", "fluxcd-sources")
_IMAGES = ("all", "fluxcd", "fluxcd-images")
_NOTIFY = ("all", "fluxcd", "fluxcd-notifications")
_TEKTON = ("tekton", "tekton-pipelines")
_TRIGGERS = ("tekton", "tekton-triggers")
_FLUX = "toolkit.fluxcd.io"

Columns = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class _Kind:
    group: str
    kind: str
    versions: tuple[str, ...]
    """Served versions, the stored one first."""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: Columns = ()
    cluster: bool = False
    plural: str = ""
    begun: bool = False
    """Whether an object has a status from the beginning, one that says that nothing has been observed."""


_KINDS = (
    _Kind("tekton.dev", "Pipeline", ("v1", "v1beta1"), (), _TEKTON),
    _Kind("tekton.dev", "PipelineRun", ("v1", "v1beta1"), ("pr", "prs"), _TEKTON, _RUN),
    _Kind("tekton.dev", "Task", ("v1", "v1beta1"), (), _TEKTON),
    _Kind("tekton.dev", "TaskRun", ("v1", "v1beta1"), ("tr", "trs"), _TEKTON, _RUN),
    _Kind("tekton.dev", "CustomRun", ("v1beta1",), (), _TEKTON, _RUN),
    _Kind("tekton.dev", "StepAction", ("v1beta1", "v1alpha1"), (), _TEKTON),
    _Kind("resolution.tekton.dev", "ResolutionRequest", ("v1beta1",), (), _TEKTON, _RUN[:2]),
    _Kind("triggers.tekton.dev", "EventListener", ("v1beta1", "v1alpha1"), ("el",), _TRIGGERS, _LISTENER),
    _Kind("triggers.tekton.dev", "Trigger", ("v1beta1", "v1alpha1"), ("tri",), _TRIGGERS),
    _Kind("triggers.tekton.dev", "TriggerBinding", ("v1beta1", "v1alpha1"), ("tb",), _TRIGGERS),
    _Kind("triggers.tekton.dev", "TriggerTemplate", ("v1beta1", "v1alpha1"), ("tt",), _TRIGGERS),
    _Kind("triggers.tekton.dev", "ClusterTriggerBinding", ("v1beta1", "v1alpha1"), ("ctb",), _TRIGGERS,
          cluster=True),
    _Kind("triggers.tekton.dev", "Interceptor", ("v1alpha1",), ("ni",), _TRIGGERS),
    _Kind("triggers.tekton.dev", "ClusterInterceptor", ("v1alpha1",), ("ci",), _TRIGGERS, cluster=True),
    _Kind(f"source.{_FLUX}", "GitRepository", ("v1",), ("gitrepo",), _SOURCES, (_URL, _AGE, _READY, _STATUS),
          plural="gitrepositories", begun=True),
    _Kind(f"source.{_FLUX}", "OCIRepository", ("v1",), ("ocirepo",), _SOURCES, (_URL, _READY, _STATUS, _AGE),
          plural="ocirepositories", begun=True),
    _Kind(f"source.{_FLUX}", "HelmRepository", ("v1",), ("helmrepo",), _SOURCES, (_URL, _AGE, _READY, _STATUS),
          plural="helmrepositories", begun=True),
    _Kind(f"source.{_FLUX}", "HelmChart", ("v1",), ("hc",), _SOURCES, (_AGE, _READY, _STATUS), begun=True),
    _Kind(f"source.{_FLUX}", "Bucket", ("v1",), (), _SOURCES, (_AGE, _READY, _STATUS), begun=True),
    _Kind(f"kustomize.{_FLUX}", "Kustomization", ("v1",), ("ks",), _APPLIERS, (_AGE, _READY, _STATUS), begun=True),
    _Kind(f"helm.{_FLUX}", "HelmRelease", ("v2",), ("hr",), _APPLIERS, (_AGE, _READY, _STATUS), begun=True),
    _Kind(f"notification.{_FLUX}", "Alert", ("v1beta3",), (), _NOTIFY, (_AGE,)),
    _Kind(f"notification.{_FLUX}", "Provider", ("v1beta3",), (), _NOTIFY, (_AGE,)),
    _Kind(f"notification.{_FLUX}", "Receiver", ("v1",), (), _NOTIFY, (_AGE, _READY, _STATUS), begun=True),
    _Kind(f"image.{_FLUX}", "ImageRepository", ("v1",), ("imgrepo",), _IMAGES,
          (("Image", "string", ".spec.image"), ("Tags", "string", ".status.lastScanResult.tagCount"), _AGE, _READY,
           _STATUS), plural="imagerepositories", begun=True),
    _Kind(f"image.{_FLUX}", "ImagePolicy", ("v1",), ("imgpol",), _IMAGES,
          (("Image", "string", ".status.latestRef.name"), ("Tag", "string", ".status.latestRef.tag"), _AGE, _READY,
           _STATUS), plural="imagepolicies", begun=True),
    _Kind(f"image.{_FLUX}", "ImageUpdateAutomation", ("v1",), ("iua",), _IMAGES,
          (("Last run", "string", ".status.lastAutomationRunTime"), _AGE, _READY, _STATUS), begun=True),
)  # fmt: skip


def _version(kind: _Kind, version: str) -> Object:
    spec = flux_spec(kind.kind) if _FLUX in kind.group else triggers_spec(kind.kind)
    fields: dict[str, Any] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": spec or _OPEN,
        "status": {**_STATUS_FORM, "default": {"observedGeneration": -1}} if kind.begun else _STATUS_FORM,
    }
    schema: Object = {**_OPEN, "description": f"{kind.kind} of {kind.group}", "properties": fields}
    if spec is not None:
        schema["required"] = ["spec"]
    columns = [{"name": name, "type": form, "jsonPath": path} for name, form, path in kind.columns]
    entry: Object = {
        "name": version,
        "served": True,
        "storage": version == kind.versions[0],
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }  # fmt: skip
    if columns:
        entry["additionalPrinterColumns"] = columns
    return entry


def definitions() -> list[Object]:
    """Return the CustomResourceDefinition objects, established."""
    found = []
    for kind in _KINDS:
        singular = kind.kind.lower()
        plural = kind.plural or f"{singular}s"
        names: Object = {"kind": kind.kind, "listKind": f"{kind.kind}List", "plural": plural, "singular": singular}
        if kind.short:
            names["shortNames"] = list(kind.short)
        if kind.categories:
            names["categories"] = list(kind.categories)
        part = "flux" if _FLUX in kind.group else "tekton-pipelines"
        conditions = [
            {"type": name, "status": "True", "reason": reason, "message": message}
            for name, reason, message in (
                ("NamesAccepted", "NoConflicts", "no conflicts found"),
                ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            )
        ]
        found.append(
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.{kind.group}", "labels": {"app.kubernetes.io/part-of": part}},
                "spec": {
                    "group": kind.group,
                    "names": names,
                    "scope": "Cluster" if kind.cluster else "Namespaced",
                    "versions": [_version(kind, version) for version in kind.versions],
                    "conversion": {"strategy": "None"},
                },
                "status": {"acceptedNames": names, "conditions": conditions, "storedVersions": [kind.versions[0]]},
            }
        )
    return found
