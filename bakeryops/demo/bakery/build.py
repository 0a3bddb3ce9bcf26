"""Fills an empty store with Bakery-IA, settled and with a past."""

from __future__ import annotations

from bakeryops.demo import crds
from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.bakery.delivery import delivery_objects
from bakeryops.demo.bakery.ground import ADDRESS, cluster_objects, node
from bakeryops.demo.bakery.inventory import APP, DATABASES, NODE, PLATFORM, REGISTRY, SERVICES, Workload
from bakeryops.demo.bakery.jobs import cron_jobs
from bakeryops.demo.bakery.manifests import flux_labels, service_for, shared, supporting, workload
from bakeryops.demo.bakery.past import Past, Trouble
from bakeryops.demo.bakery.pipeline import CLAIM
from bakeryops.demo.bakery.repository import report_archive
from bakeryops.demo.bakery.settle import Settler
from bakeryops.demo.bakery.story import Story
from bakeryops.demo.bakery.tasks import CI
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.endpoints import endpoints_for, slice_for
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.controllers.namespaces import furnish
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.store import ObjectStore

__all__ = ["build"]

_DAY = 86_400.0
_MONTH = 41 * _DAY
_ROLL_SECONDS = 45.0
"""From the commit of a tag to pods that run it."""
_KEPT = 3
"""Earlier ReplicaSets that are there of each service."""
_NOT_BUILT = ("initial", "missing")
"""Tags that no build has made: of the first commit, and of a mistake."""


def build(
    store: ObjectStore,
    past: Past,
    images: Images,
    story: Story,
    *,
    seed: int,
    cpu: int,
    memory_gib: int,
    pods: int,
) -> Settler:
    """Create everything but runs; `past` must be the store's clock meanwhile. Returns the settler, for more of it.

    `story` says which image of each service is deployed, and since when.
    """
    settler = Settler(store, past, images, node=NODE, address=ADDRESS, seed=seed)
    now = past.now()
    settler.at(_MONTH)
    store.create("nodes", node(now, cpu=cpu, memory_gib=memory_gib, pods=pods), manager="kubelet")
    for plural, obj in (*cluster_objects(), *shared(seed)):
        made = store.create(plural, obj, manager="kubectl")
        if plural == "namespaces":
            furnish(store, made["metadata"]["name"])
    crds.install(store)
    for definition in definitions():
        store.create("customresourcedefinitions", definition, manager="kubectl")
    for work in (*PLATFORM, *DATABASES, *SERVICES):
        settle(settler, store, work, seed, story, now)
    _stuck_rollout(settler, store, story, now)
    _unschedulable(settler, store)
    for cron in cron_jobs():
        settler.at(30 * _DAY)
        store.create("cronjobs", flux_labels(cron) | {"status": {}}, manager="kustomize-controller")
    settler.at(_MONTH)
    for plural, obj in delivery_objects(seed):
        store.create(plural, obj, manager="kubectl")
    amount = {"requests": {"storage": "20Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": amount, "storageClassName": "microk8s-hostpath",
            "volumeMode": "Filesystem"}  # fmt: skip
    settler.claim({"metadata": {"name": CLAIM, "namespace": CI}, "spec": spec})
    settler.at(0.0)
    return settler


def settle(settler: Settler, store: ObjectStore, work: Workload, seed: int, story: Story, now: float) -> None:
    """Create one workload with its Service and what else it needs."""
    age = work.age_days * _DAY - int(digest(seed, "age", work.name)[:4], 16)
    settler.at(age + 30)
    for plural, obj in supporting(work, seed):
        if plural == "persistentvolumeclaims":
            settler.claim(obj)
        else:
            store.create(plural, obj, manager="kubectl")
    trouble = _trouble_of(work)
    if work.kind == "Deployment" and work.image.startswith(REGISTRY):
        came = _images_of(work, story, now, age)
        image, rolled_out = came[-1]
        settler.deployment(
            workload(work, image), age=age, rolled_out=rolled_out, earlier=came[:-1], trouble=trouble
        )
    elif work.kind == "Deployment":
        settler.deployment(workload(work, work.image), age=age, rolled_out=age - 5, trouble=trouble)
    elif work.kind == "StatefulSet":
        settler.stateful_set(workload(work, work.image), age=age, trouble=trouble)
    else:
        settler.daemon_set(workload(work, work.image), age=age)
    serve(settler, store, work, age)


def _images_of(work: Workload, story: Story, now: float, age: float) -> list[tuple[str, float]]:
    """Return the images of a service that ReplicaSets are left of, each with the seconds since it came."""
    # A tag that came twice, by a rollback, has one ReplicaSet, which counts as the newer.
    placed = {each.tag: each for each in story.tags[work.image.rpartition("/")[2]] if each.tag not in _NOT_BUILT}
    came = [
        (f"{work.image}:{each.tag}", now - each.when - _ROLL_SECONDS)
        for each in sorted(placed.values(), key=lambda each: each.when)
    ]
    kept = [(image, ago) for image, ago in came if ago < age]
    return kept[-_KEPT - 1 :] or [(came[-1][0], age - 5)]


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


def _trouble_of(work: Workload) -> Trouble | None:
    if work.name == "pos-service":
        back_off = f"back-off 5m0s restarting failed container={work.name} pod={{pod}}_{APP}"
        return Trouble("CrashLoopBackOff", back_off, restarts=19, ended={"exitCode": 1}, ended_ago=140.0)
    if work.name == "forecasting-service":
        return Trouble(restarts=3, ended={"exitCode": 137, "reason": "OOMKilled"}, ended_ago=3540.0)
    if work.name == "rabbitmq":
        return Trouble(restarts=1, ended={"exitCode": 0}, ended_ago=6 * _DAY)
    if work.name in ("tekton-pipelines-webhook", "source-controller", "calico-node", "external-service"):
        return Trouble(restarts=2, ended={"exitCode": 1}, ended_ago=11 * _DAY)
    return None


def _stuck_rollout(settler: Settler, store: ObjectStore, story: Story, now: float) -> None:
    """Give the distribution service the tag that was set by hand and never built; the old pod still serves."""
    image, when = story.image("distribution"), story.tags["distribution"][-1].when
    found = store.get("deployments.apps", APP, "distribution-service")
    assert found is not None
    cause = f'failed to pull and unpack image "{image}": {image}: not found'
    problem = f'Back-off pulling image "{image}": ErrImagePull: {cause}'
    settler.stuck_rollout(found, image, now - when - _ROLL_SECONDS, Trouble("ImagePullBackOff", problem))


def _unschedulable(settler: Settler, store: ObjectStore) -> None:
    """Create a workload that waits for a volume of a storage class that does not exist."""
    claim, manifest = report_archive()
    settler.at(7200.0)
    body: Object = flux_labels(claim) | {"status": {"phase": "Pending"}}
    body["metadata"] = {**body["metadata"], "finalizers": ["kubernetes.io/pvc-protection"]}
    store.create("persistentvolumeclaims", body, manager="kustomize-controller")
    why = (
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are "
        "available: 1 Preemption is not helpful for scheduling."
    )
    settler.deployment(manifest, age=7190.0, rolled_out=7189.0, trouble=Trouble(unscheduled=why))
