"""The manifests in Git: base and overlay, from which kustomize makes what the cluster runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from bakeryops.demo.bakery.inventory import APP, DATABASES, PLATFORM, REGISTRY, SERVICES, Workload
from bakeryops.demo.bakery.manifests import service_for, shared, workload
from bakeryops.demo.contracts import Object

__all__ = [
    "BASE",
    "OVERLAY",
    "OWN_IMAGES",
    "as_written",
    "base_files",
    "overlay_text",
    "owned_workloads",
    "report_archive",
]

BASE = "infrastructure/kubernetes/base"
OVERLAY = "infrastructure/kubernetes/overlays/prod/kustomization.yaml"

OWN_IMAGES = tuple(
    sorted(work.image.rpartition("/")[2] for work in (*SERVICES, *PLATFORM) if REGISTRY in work.image)
)
"""Services whose images the pipeline builds, by folder: the 19 microservices, gateway and frontend."""

_ARCHIVE_TAG = "1.4.0"
_GIVEN = ("clusterIP", "clusterIPs")
"""Fields of a Service that the cluster gives."""
_FLUX = "kustomize.toolkit.fluxcd.io/"
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def owned_workloads() -> list[Workload]:
    """Return the workloads that Flux applies, in the order of the inventory."""
    return [work for work in (*PLATFORM, *DATABASES, *SERVICES) if work.flux]


def report_archive() -> list[Object]:
    """Return the claim and the Deployment of the archive of reports, whose storage class nobody has installed."""
    image = f"{REGISTRY}/bakery-admin/report-archive"
    work = Workload("report-archive", APP, image, memory=64, part_of="bakery-ia",
                    component="archive", probes="none", flux=True)  # fmt: skip
    manifest = workload(work, f"{image}:{_ARCHIVE_TAG}")
    claim = {"name": "archive", "persistentVolumeClaim": {"claimName": "report-archive"}}
    manifest["spec"]["template"]["spec"]["volumes"] = [claim]
    request: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "report-archive", "namespace": APP},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "100Gi"}},
            "storageClassName": "nfs-archive",
            "volumeMode": "Filesystem",
        },
    }
    return [request, manifest]


def as_written(obj: Object) -> Object:
    """Return an object as somebody writes it: without status, addresses given by the cluster and Flux' labels."""
    made = {key: value for key, value in obj.items() if key != "status"}
    metadata = dict(obj["metadata"])
    labels = {
        key: value for key, value in (metadata.pop("labels", None) or {}).items() if not key.startswith(_FLUX)
    }
    made["metadata"] = metadata | ({"labels": labels} if labels else {})
    if obj["kind"] == "Service":
        made["spec"] = {key: value for key, value in obj["spec"].items() if key not in _GIVEN}
    return made


def _document(obj: Object) -> str:
    made = as_written(obj)
    made["metadata"] = {key: value for key, value in made["metadata"].items() if key != "namespace"}
    return str(yaml.dump(made, Dumper=_DUMPER, sort_keys=False, default_flow_style=False, width=120))


def _file(objects: Sequence[Object]) -> bytes:
    return "---\n".join(_document(each) for each in objects).encode()


def _folder(work: Workload) -> str:
    if work.component == "database":
        return "databases"
    if work.component == "microservice":
        return "services"
    return "edge" if work.image.startswith(REGISTRY) else "platform"


def base_files(*, extra: Sequence[Object] = (), limits: Mapping[str, int] | None = None) -> dict[str, bytes]:
    """Return the files of the base by path; `limits` are memory limits in MiB other than the inventory's.

    `extra` are further objects, written to `base/jobs/<name>.yaml`.
    """
    files: dict[str, bytes] = {}
    config = next(obj for plural, obj in shared(0) if plural == "configmaps")
    files["config/bakery-ia-config.yaml"] = _file([config])
    for work in owned_workloads():
        if limits and work.name in limits:
            work = replace(work, limit=limits[work.name])
        objects = [workload(work, work.image)]
        service = service_for(work)
        files[f"{_folder(work)}/{work.name}.yaml"] = _file([*objects, service] if service else objects)
    claim, deployment = report_archive()
    image = f"{REGISTRY}/bakery-admin/report-archive"
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
    files["archive/report-archive.yaml"] = _file([claim, deployment])
    for obj in extra:
        files[f"jobs/{obj['metadata']['name']}.yaml"] = _file([obj])
    folders: dict[str, list[str]] = {}
    for path in files:
        folder, _, name = path.partition("/")
        folders.setdefault(folder, []).append(name)
    for folder, names in folders.items():
        files[f"{folder}/kustomization.yaml"] = _kustomization(sorted(names))
    files["kustomization.yaml"] = _kustomization(sorted(folders))
    return {f"{BASE}/{path}": content for path, content in sorted(files.items())}


def _kustomization(resources: Sequence[str]) -> bytes:
    head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
    return (head + "".join(f"  - {each}\n" for each in resources)).encode()


_HEAD = """\
# What runs in production. Flux applies this folder.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: bakery-ia

resources:
  - ../../base

# The tags below are written by the pipeline (bakery-ci-bot), one commit a service.
# To go back, use a rollback; do not edit a tag by hand while a build is running.
images:
"""
_NOTES = {
    "auth": "# identity first: everything else asks it",
    "forecasting": "# needs 384Mi, see docs/forecasting.md",
    "gateway": "# the way in",
    "pos": "# talk to María before deploying on a Saturday",
    "training": "# big image (numpy, prophet): its build takes a while",
}


def overlay_text(tags: Mapping[str, str]) -> bytes:
    """Return the overlay's kustomization with a tag for each own image."""
    lines = [_HEAD]
    for name in OWN_IMAGES:
        if note := _NOTES.get(name):
            lines.append(f"  {note}\n")
        lines.append(f"  - name: {REGISTRY}/bakery-admin/{name}\n    newTag: {tags[name]}\n")
    lines.append("  # built by hand until somebody moves it into this repository\n")
    lines.append(f'  - name: {REGISTRY}/bakery-admin/report-archive\n    newTag: "{_ARCHIVE_TAG}"\n')
    return "".join(lines).encode()
