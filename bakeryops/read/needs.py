"""What wants a person, worst first: what it is, why, since when, and what to open."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bakeryops.cluster.wire.core import Namespace
from bakeryops.model.health import Health
from bakeryops.model.node import NodeView
from bakeryops.model.overview import NeedsYou, ObjectRef
from bakeryops.model.workload import PodView, VolumeView, WorkloadView
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["of_namespaces", "of_nodes", "of_volumes", "of_workloads", "ordered", "plural_of"]

_WANTED = frozenset({Health.BAD, Health.SOON, Health.UNKNOWN})
_PLURALS = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
    "Job": "jobs",
    "CronJob": "cronjobs",
    "Pod": "pods",
    "TaskRun": "taskruns",
    "PipelineRun": "pipelineruns",
    "Node": "nodes",
    "Namespace": "namespaces",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Service": "services",
    "Kustomization": "kustomizations",
    "GitRepository": "gitrepositories",
    "HelmRelease": "helmreleases",
}
_TERMINATING_PATIENCE = 300.0


def plural_of(kind: str) -> str:
    """Return the plural of a kind, as URLs and kubectl have it; of an unknown one by the usual rule."""
    known = _PLURALS.get(kind)
    if known is not None:
        return known
    lower = kind.lower()
    if lower.endswith("y") and not lower.endswith(("ay", "ey", "oy", "uy")):
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith(("s", "x", "ch")) else f"{lower}s"


def ordered(needs: Iterable[NeedsYou]) -> tuple[NeedsYou, ...]:
    """Return them worst first, among equals what restarts most, then by name: an order that does not flutter."""
    return tuple(sorted(needs, key=lambda need: (need.health.rank, -need.restarts, need.namespace, need.name)))


def of_workloads(views: Iterable[WorkloadView], pods_of: Callable[[str], list[PodView]]) -> list[NeedsYou]:
    """Return the workloads that are broken, soon will be, or cannot be judged; builds have their own view."""
    found = []
    for view in views:
        if (
            view.health not in _WANTED
            or view.kind in ("TaskRun", "PipelineRun")
            or (view.kind == "Job" and view.owner)
        ):
            continue
        pods = [pod for pod in pods_of(view.key) if pod.terminating is None or pod.health is Health.BAD]
        pod = min(pods, key=lambda pod: (pod.health.rank, pod.name), default=None)
        container = (
            min(pod.containers, key=lambda each: each.health.rank, default=None) if pod is not None else None
        )
        found.append(
            NeedsYou(
                health=view.health,
                name=view.name,
                what=view.status,
                why=view.reason,
                since=view.since,
                ref=ObjectRef(plural_of(view.kind), view.namespace, view.name),
                namespace=view.namespace,
                pod=pod.name if pod is not None else "",
                container=container.name if container is not None else "",
                restarts=view.restarts,
            )
        )
    return found


def of_nodes(nodes: Iterable[NodeView]) -> list[NeedsYou]:
    """Return the nodes that are not well."""
    return [
        NeedsYou(view.health, view.name, view.status, view.reason, view.since, ObjectRef("nodes", "", view.name))
        for view in nodes
        if view.health in _WANTED
    ]


def of_volumes(volumes: Iterable[VolumeView]) -> list[NeedsYou]:
    """Return the claims that are lost, not bound though mounted, or nearly full."""
    return [
        NeedsYou(
            health=view.health,
            name=view.name,
            what=view.status,
            why=view.reason,
            since=view.created if view.status == "Pending" else None,
            ref=ObjectRef("persistentvolumeclaims", view.namespace, view.name),
            namespace=view.namespace,
        )
        for view in volumes
        if view.health in _WANTED
    ]


def of_namespaces(namespaces: Iterable[Namespace], now: float) -> list[NeedsYou]:
    """Return the namespaces that have been going for too long."""
    found = []
    for each in namespaces:
        asked = parse_time(each.metadata.deletionTimestamp)
        if asked is None or now - asked < _TERMINATING_PATIENCE:
            continue
        conditions = (each.status.conditions if each.status else None) or ()
        said = next((clean(one.message or "") for one in conditions if one.status == "True" and one.message), "")
        name = clean(each.metadata.name)
        why = f"does not go: {said}" if said else "does not go"
        found.append(NeedsYou(Health.SOON, name, "Terminating", why, asked, ObjectRef("namespaces", "", name)))
    return found
