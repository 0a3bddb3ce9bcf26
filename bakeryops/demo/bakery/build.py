"""Fills an empty store with Bakery-IA, settled and with a past."""

from __future__ import annotations

import json
from typing import Any

from bakeryops.demo import crds
from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.bakery.delivery import delivery_objects
from bakeryops.demo.bakery.ground import ADDRESS, cluster_objects, node
from bakeryops.demo.bakery.inventory import APP, DATABASES, NODE, PLATFORM, REGISTRY, SERVICES, Workload
from bakeryops.demo.bakery.manifests import image_of, service_for, shared, supporting, workload
from bakeryops.demo.bakery.past import Past, Trouble
from bakeryops.demo.bakery.settle import Settler
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.behaviour import ANNOTATION
from bakeryops.demo.controllers.endpoints import endpoints_for, slice_for
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.controllers.namespaces import furnish
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.store import ObjectStore

__all__ = ["CRASH_LINES", "build"]

_DAY = 86_400.0

CRASH_LINES = (
    "Traceback (most recent call last):",
    '  File "/usr/local/lib/python3.12/site-packages/uvicorn/config.py", line 406, in load',
    "    self.loaded_app = import_from_string(self.app)",
    "                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    '  File "/app/app/main.py", line 23, in <module>',
    "    settings = load_settings(os.environ)",
    "               ^^^^^^^^^^^^^^^^^^^^^^^^^",
    '  File "/app/app/core/settings.py", line 41, in load_settings',
    '    terminal_key=environ["POS_TERMINAL_KEY"],',
    "                 ~~~~~~~^^^^^^^^^^^^^^^^^^^^",
    "KeyError: 'POS_TERMINAL_KEY'",
)
"""What the crash-looping service prints before it ends."""


def build(
    store: ObjectStore, past: Past, images: Images, *, seed: int, cpu: int, memory_gib: int, pods: int
) -> Settler:
    """Create everything; `past` must be the store's clock meanwhile. Returns the settler, for more of the same."""
    settler = Settler(store, past, images, node=NODE, address=ADDRESS, seed=seed)
    now = past.now()
    settler.at(41 * _DAY)
    store.create("nodes", node(now, cpu=cpu, memory_gib=memory_gib, pods=pods), manager="kubelet")
    for plural, obj in (*cluster_objects(), *shared(seed)):
        made = store.create(plural, obj, manager="kubectl")
        if plural == "namespaces":
            furnish(store, made["metadata"]["name"])
    crds.install(store)
    for definition in definitions():
        store.create("customresourcedefinitions", definition, manager="kubectl")
    for work in (*PLATFORM, *DATABASES, *SERVICES):
        settle(settler, store, work, seed)
    _stuck_rollout(settler, store)
    _unschedulable(settler, store)
    for cron in _cron_jobs():
        settler.at(30 * _DAY)
        store.create("cronjobs", cron, manager="kustomize-controller")
    for plural, age, obj in delivery_objects(now, seed):
        settler.at(age)
        store.create(plural, obj, manager="kubectl")
    settler.at(0.0)
    return settler


def settle(settler: Settler, store: ObjectStore, work: Workload, seed: int) -> None:
    """Create one workload with its Service and what else it needs."""
    age = work.age_days * _DAY - int(digest(seed, "age", work.name)[:4], 16)
    settler.at(age + 30)
    for plural, obj in supporting(work, seed):
        if plural == "persistentvolumeclaims":
            settler.claim(obj)
        else:
            store.create(plural, obj, manager="kubectl")
    trouble, annotations = _trouble_of(work)
    manifest = workload(work, image_of(work, seed), annotations=annotations)
    if work.kind == "Deployment":
        own = work.image.startswith(REGISTRY)
        rolled_out = (2 + int(digest(seed, "rollout", work.name)[:4], 16) % 190) * 3600.0 if own else age - 5
        earlier = tuple(image_of(work, seed, build) for build in (3, 2, 1)) if own else ()
        if work.name == "pos-service":
            rolled_out = 5500.0
        settler.deployment(manifest, age=age, rolled_out=rolled_out, earlier=earlier, trouble=trouble)
    elif work.kind == "StatefulSet":
        settler.stateful_set(manifest, age=age, trouble=trouble)
    else:
        settler.daemon_set(manifest, age=age)
    serve(settler, store, work, age)


def serve(settler: Settler, store: ObjectStore, work: Workload, age: float) -> None:
    """Create the Service of a workload, with its EndpointSlice and Endpoints."""
    service = service_for(work)
    if service is None:
        return
    settler.at(age + 10)
    made = store.create("services", service, manager="kustomize-controller" if work.flux else "kubectl")
    pods = store.list("pods", work.namespace, made["spec"]["selector"])
    store.create("endpointslices", slice_for(made, pods, NODE), manager="kube-controller-manager")
    store.create("endpoints", endpoints_for(made, pods, NODE), manager="kube-controller-manager")


def _trouble_of(work: Workload) -> tuple[Trouble | None, dict[str, str] | None]:
    if work.name == "pos-service":
        behaviour = {work.name: {"kind": "crash", "code": 1, "after": 4, "lines": CRASH_LINES}}
        back_off = f"back-off 5m0s restarting failed container={work.name} pod={{pod}}_{APP}"
        trouble = Trouble("CrashLoopBackOff", back_off, restarts=19, ended={"exitCode": 1}, ended_ago=140.0)
        return trouble, {ANNOTATION: json.dumps(behaviour)}
    if work.name == "forecasting-service":
        return Trouble(restarts=3, ended={"exitCode": 137, "reason": "OOMKilled"}, ended_ago=3540.0), None
    if work.name == "rabbitmq":
        return Trouble(restarts=1, ended={"exitCode": 0}, ended_ago=6 * _DAY), None
    if work.name in ("tekton-pipelines-webhook", "source-controller", "calico-node", "external-service"):
        return Trouble(restarts=2, ended={"exitCode": 1}, ended_ago=11 * _DAY), None
    return None, None


def _stuck_rollout(settler: Settler, store: ObjectStore) -> None:
    """Give the distribution service a newer template whose image cannot be pulled; the old pod still serves."""
    image = f"{REGISTRY}/bakery-admin/distribution:missing"
    found = store.get("deployments.apps", APP, "distribution-service")
    assert found is not None
    cause = f'failed to pull and unpack image "{image}": {image}: not found'
    problem = f'Back-off pulling image "{image}": ErrImagePull: {cause}'
    settler.stuck_rollout(found, image, 1500.0, Trouble("ImagePullBackOff", problem))


def _unschedulable(settler: Settler, store: ObjectStore) -> None:
    """Create a workload that waits for a volume of a storage class that does not exist."""
    image = f"{REGISTRY}/bakery-admin/report-archive"
    work = Workload("report-archive", APP, image, memory=64, part_of="bakery-ia",
                    component="archive", probes="none", flux=True)  # fmt: skip
    manifest = workload(work, f"{image}:1.4.0")
    claim = {"name": "archive", "persistentVolumeClaim": {"claimName": "report-archive"}}
    manifest["spec"]["template"]["spec"]["volumes"] = [claim]
    settler.at(7200.0)
    request: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "report-archive", "namespace": APP, "finalizers": ["kubernetes.io/pvc-protection"]},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "100Gi"}},
            "storageClassName": "nfs-archive",
            "volumeMode": "Filesystem",
        },
        "status": {"phase": "Pending"},
    }
    store.create("persistentvolumeclaims", request, manager="kustomize-controller")
    why = (
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are "
        "available: 1 Preemption is not helpful for scheduling."
    )
    settler.deployment(manifest, age=7190.0, rolled_out=7189.0, trouble=Trouble(unscheduled=why))


def _cron_jobs() -> list[Object]:
    found = []
    for name, schedule, image, seconds, code, memory in (
        ("daily-forecast", "*/5 * * * *", "forecasting", 45, 0, 192),
        ("pos-sync", "*/3 * * * *", "pos-sync", 20, 0, 64),
        ("report-mail", "*/20 * * * *", "notification", 12, 1, 64),
        ("database-backup", "30 2 * * *", "backup", 240, 0, 128),
    ):
        behaviour = {"kind": "job", "after": seconds, "code": code}
        if code:
            behaviour["lines"] = ["smtplib.SMTPServerDisconnected: Connection unexpectedly closed"]
        container = {
            "name": name,
            "image": f"{REGISTRY}/bakery-admin/{image}:1.8.2",
            "imagePullPolicy": "IfNotPresent",
            "resources": {
                "requests": {"cpu": "50m", "memory": f"{memory}Mi"},
                "limits": {"memory": f"{memory * 2}Mi"},
            },
        }
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bakery-ia"}
        template = {
            "metadata": {"labels": labels, "annotations": {ANNOTATION: json.dumps(behaviour)}},
            "spec": {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 30},
        }
        found.append(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {"name": name, "namespace": APP, "labels": labels},
                "spec": {
                    "schedule": schedule,
                    "concurrencyPolicy": "Forbid",
                    "suspend": False,
                    "successfulJobsHistoryLimit": 2,
                    "failedJobsHistoryLimit": 1,
                    "jobTemplate": {
                        "metadata": {"labels": labels},
                        "spec": {"backoffLimit": 1, "template": template},
                    },
                },
                "status": {},
            }
        )
    return found
