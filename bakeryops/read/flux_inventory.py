"""The objects of an applier as a tree: workloads down to pods, other kinds gathered."""

from __future__ import annotations

from collections.abc import Mapping

from bakeryops.model.health import Health, worst
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import Inventory, InventoryEntry, Node, Sync
from bakeryops.model.workload import workload_key
from bakeryops.read.flux import SYNCS, flux_key
from bakeryops.read.index import WorkloadIndex

__all__ = ["inventory_of"]

_WORKLOADS = {
    "Deployment": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "Job": "batch",
    "CronJob": "batch",
    "Pod": "",
}
_DEEPEST = 20
_APPLIERS = {kind: plural for plural, kind in SYNCS.items()}


def inventory_of(sync: Sync, index: WorkloadIndex, syncs: Mapping[str, Sync]) -> Inventory:
    """Return what an applier has put into the cluster, with the health of what is watched.

    `syncs` are the appliers by key: those that it applies are followed. A workload that the inventory names and
    the cluster has not is bad, unless none of its kind is seen at all: it may be that none may be read. Kinds that
    are not watched are listed without a judgement.
    """
    return Inventory(sync.key, _nodes(sync, index, syncs, (sync.key,)), len(sync.inventory))


def _nodes(
    sync: Sync, index: WorkloadIndex, syncs: Mapping[str, Sync], above: tuple[str, ...]
) -> tuple[Node, ...]:
    judged: list[Node] = []
    others: dict[str, list[InventoryEntry]] = {}
    for entry in sync.inventory:
        if _WORKLOADS.get(entry.kind) == entry.group:
            judged.append(_workload(entry, index))
        elif entry.kind in _APPLIERS and entry.group.endswith(".toolkit.fluxcd.io"):
            node = _applier(entry, index, syncs, above)
            if node is not None:
                judged.append(node)
        else:
            others.setdefault(entry.kind, []).append(entry)
    judged.sort(key=lambda node: (node.health.rank, node.kind, node.title))
    return (*judged, *(_gathered(kind, others[kind]) for kind in sorted(others)))


def _ref(entry: InventoryEntry) -> ObjectRef:
    return ObjectRef(entry.plural, entry.namespace, entry.name)


def _workload(entry: InventoryEntry, index: WorkloadIndex) -> Node:
    key = workload_key(entry.kind, entry.namespace, entry.name)
    view = index.workloads.get(key)
    if view is None:
        known = any(each.kind == entry.kind for each in index.workloads.values()) or bool(
            entry.kind == "Pod" and index.pods
        )
        return Node(
            key=key,
            ref=_ref(entry),
            kind=entry.kind,
            title=entry.name,
            health=Health.BAD if known else Health.UNKNOWN,
            state="missing" if known else "not seen",
            why="was applied, and is not in the cluster"
            if known
            else f"no {entry.kind} is seen at all: they are not read yet, may not be read, or are all gone",
        )
    pods = tuple(
        Node(
            key=f"pods/{pod.key}",
            ref=ObjectRef("pods", pod.namespace, pod.name),
            kind="Pod",
            title=pod.name,
            health=pod.health,
            state=pod.status,
            why=pod.reason,
        )
        for pod in index.pods_of(key)
        if entry.kind != "Pod"
    )
    return Node(
        key=key,
        ref=_ref(entry),
        kind=entry.kind,
        title=entry.name,
        health=view.health,
        state=view.status,
        why=view.reason,
        children=pods,
    )


def _applier(
    entry: InventoryEntry, index: WorkloadIndex, syncs: Mapping[str, Sync], above: tuple[str, ...]
) -> Node | None:
    """Return a nested applier with its own objects; None for one that is on the way here already, or too deep."""
    key = flux_key(_APPLIERS[entry.kind], entry.namespace, entry.name)
    if key in above or len(above) >= _DEEPEST:
        return None
    view = syncs.get(key)
    if view is None:
        return Node(
            key=key,
            ref=_ref(entry),
            kind=entry.kind,
            title=entry.name,
            health=Health.BAD if syncs else Health.UNKNOWN,
            state="missing",
            why="was applied, and is not in the cluster",
        )
    children = _nodes(view, index, syncs, (*above, key))
    health = worst([view.health, *(node.health for node in children if node.state)])
    return Node(
        key=key,
        ref=_ref(entry),
        kind=entry.kind,
        title=entry.name,
        health=health,
        state=view.state,
        why=view.why,
        children=children,
    )


def _gathered(kind: str, entries: list[InventoryEntry]) -> Node:
    children = tuple(
        Node(
            key=f"{entry.group}/{kind}/{entry.namespace}/{entry.name}",
            ref=_ref(entry),
            kind=kind,
            title=entry.name,
            health=Health.UNKNOWN,
            state="",
            why="",
        )
        for entry in sorted(entries, key=lambda entry: (entry.namespace, entry.name))
    )
    count = len(children)
    return Node(
        key=f"kind/{kind}",
        ref=ObjectRef(entries[0].plural, "", ""),
        kind=kind,
        title=f"{count} object" if count == 1 else f"{count} objects",
        health=Health.UNKNOWN,
        state="",
        why="",
        children=children,
    )
