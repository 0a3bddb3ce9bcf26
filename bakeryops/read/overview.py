"""The overview put together: parts, budgets, nodes, what needs a person, and what could not be looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from bakeryops.cluster.wire.core import Namespace, Node, PersistentVolumeClaim
from bakeryops.cluster.wire.metrics import NodeMetrics, StatsSummary
from bakeryops.cluster.wire.tekton import PipelineRun
from bakeryops.model.health import Health, worst
from bakeryops.model.hold import CONFIG_MAP, Hold
from bakeryops.model.overview import ObjectRef, Overview, Part, Share
from bakeryops.model.sync import Sync
from bakeryops.model.workload import PodView, VolumeView, WorkloadView
from bakeryops.read.flux_needs import of_delivery, views_of
from bakeryops.read.holds import needs_of_hold
from bakeryops.read.images import split_image
from bakeryops.read.index import WorkloadIndex
from bakeryops.read.needs import of_namespaces, of_nodes, of_volumes, of_workloads, ordered, plural_of
from bakeryops.read.nodes import DISK_EVICTS_AT, node
from bakeryops.read.parts import BUILD_BUDGET, CICD_BUDGET, PARTS, Known, assign, part, steady
from bakeryops.read.volumes import measured, volumes
from bakeryops.text import clean

__all__ = ["Sources", "StateLike", "is_database", "overview", "shares"]

_LASTING = ("Deployment", "StatefulSet", "DaemonSet")
_DATABASE = re.compile(r"(?:^|/)(?:postgres|postgresql|postgis|timescaledb|postgres-[a-z]+)(?:$|[:@])")
_NEEDED = ("deployments", "statefulsets", "daemonsets", "jobs", "pods")
_JUDGED = ("cronjobs", "nodes", "persistentvolumeclaims", "namespaces")
"""Kinds that may be bad as a whole and are no reason to doubt a part; those of Flux are such too."""
_FINE_PHASES = frozenset({"live", "polling"})
_LATE = frozenset({"waiting", "syncing", "stale", "unauthorized"})
_OPTIONAL = frozenset({"absent"})


class StateLike(Protocol):
    """The state of one kind's store, as `cluster.state.KindState` has it."""

    @property
    def phase(self) -> str:
        """Return the phase: live, polling, stale, forbidden…"""

    @property
    def reason(self) -> str:
        """Return why, for people."""

    @property
    def notes(self) -> str:
        """Return what is wrong with single objects, for people; empty where all could be read."""


class Sources(msgspec.Struct):
    """What the overview is made from besides pods and workloads; None where a kind was not asked for.

    `states` are the states of kinds by plural: those missing are taken as current. `namespace` is the only one
    that was looked at; None for all.
    """

    nodes: Iterable[Node] = ()
    node_metrics: Iterable[NodeMetrics] = ()
    stats: Mapping[str, StatsSummary] = msgspec.field(default_factory=dict)
    claims: Iterable[PersistentVolumeClaim] = ()
    namespaces: Iterable[Namespace] = ()
    pipelineruns: Iterable[PipelineRun] | None = None
    flux: Mapping[str, Iterable[Any]] = msgspec.field(default_factory=dict)
    holds: Mapping[str, Hold] = msgspec.field(default_factory=dict)
    states: Mapping[str, Any] = msgspec.field(default_factory=dict)
    evicts_at: float = DISK_EVICTS_AT
    namespace: str | None = None


def is_database(view: WorkloadView) -> bool:
    """Return whether a workload is a PostgreSQL database, by its component label or its image."""
    if not steady(view):
        return False
    return view.component in ("database", "postgres", "postgresql") or bool(_DATABASE.search(view.image))


def shares(pods: Iterable[PodView]) -> tuple[Share, ...]:
    """Return what each namespace uses and asks for, the largest use of memory first."""
    sums: dict[str, list[float]] = {}
    used: dict[str, list[float | None]] = {}
    for pod in pods:
        if pod.finished:
            continue
        amounts = pod.amounts
        total = sums.setdefault(pod.namespace, [0.0, 0.0, 0.0])
        total[0] += 1
        total[1] += amounts.memory_request or 0.0
        total[2] += amounts.cpu_request or 0.0
        seen = used.setdefault(pod.namespace, [None, None])
        if amounts.memory_used is not None:
            seen[0] = (seen[0] or 0.0) + amounts.memory_used
        if amounts.cpu_used is not None:
            seen[1] = (seen[1] or 0.0) + amounts.cpu_used
    found = [
        Share(namespace, int(total[0]), used[namespace][0], total[1], used[namespace][1], total[2])
        for namespace, total in sums.items()
    ]
    return tuple(sorted(found, key=lambda share: (-(share.memory or 0.0), -share.memory_request, share.namespace)))


def overview(index: WorkloadIndex, sources: Sources, *, now: float, parts: Iterable[Known] = PARTS) -> Overview:
    """Return the overview of everything in `index` and `sources` at `now` (seconds since the epoch)."""
    views = list(index.workloads.values())
    pods = list(index.pods.values())
    unknowns = tuple(_unknowns(sources.states))
    doubt = next(
        (_sentence(kind, sources.states[kind]) for kind in _NEEDED if _doubtful(sources.states.get(kind))), ""
    )
    by_part = assign(views, parts)
    known = list(parts)
    read = tuple(part(each, by_part[each.name], doubt=doubt, only=sources.namespace) for each in known)
    metrics = {clean(each.metadata.name): each for each in sources.node_metrics}
    nodes = tuple(
        node(
            each,
            pods,
            usage=metrics.get(clean(each.metadata.name)),
            stats=sources.stats.get(each.metadata.name),
            evicts_at=sources.evicts_at,
        )
        for each in sources.nodes
    )
    claims = volumes(sources.claims, pods, measured(sources.stats.values()))
    flux = [view for plural, objects in sources.flux.items() for view in views_of(plural, objects)]
    needs = ordered(
        [
            # While kinds are still being read, pods without their Deployment and the like are no news.
            *(
                need
                for need in of_workloads(views, index.pods_of)
                if not (doubt and need.health is Health.UNKNOWN)
            ),
            *of_nodes(nodes),
            *of_volumes(claim for claim in claims if not _told(claim, index)),
            *of_namespaces(sources.namespaces, now),
            *of_delivery(flux, now),
            *needs_of_hold(sources.holds.values(), now, lambda service: _held_object(service, views)),
        ]
    )
    running = _builds(sources.pipelineruns)
    standing = [view for view in views if steady(view) and view.health is not Health.HELD]
    databases = [view for view in standing if is_database(view)]
    suspensions = tuple(view.suspension for view in flux if view.suspension is not None)
    healths = [each.health for each in read if each.present] + [need.health for need in needs]
    if sources.holds or suspensions:
        healths.append(Health.HELD)
    if doubt or not views or any(_late(sources.states.get(kind)) for kind in (*_JUDGED, *sources.flux)):
        healths.append(Health.UNKNOWN)
    return Overview(
        health=worst(healths),
        parts=read,
        needs=needs,
        shares=shares(pods),
        nodes=nodes,
        workloads_ready=sum(1 for view in standing if view.ready >= view.desired),
        workloads_total=len(standing),
        databases_ready=sum(1 for view in databases if view.ready >= view.desired),
        databases_total=len(databases),
        pods_total=sum(1 for pod in pods if not pod.finished),
        restarts_hour=sum(view.restarts_hour for view in views),
        restarts_at_least=any(view.restarts_at_least for view in views),
        cicd_memory=_cicd_memory(known, read, views),
        cicd_budget=CICD_BUDGET + BUILD_BUDGET * (running or 0),
        builds_running=running,
        unknowns=unknowns,
        holds=tuple(sources.holds.values()),
        suspensions=suspensions,
        write_backs=tuple(each for view in flux if isinstance(view, Sync) for each in view.write_backs),
    )


def _held_object(service: str, views: Iterable[WorkloadView]) -> ObjectRef:
    """Return the workload of a service that is held, else what keeps the hold."""
    for view in views:
        if view.kind in _LASTING and (
            view.name in (service, f"{service}-service")
            or split_image(view.image).name.rpartition("/")[2] == service
        ):
            return ObjectRef(plural_of(view.kind), view.namespace, view.name)
    return ObjectRef("configmaps", "", CONFIG_MAP)


def _told(claim: VolumeView, index: WorkloadIndex) -> bool:
    """Return whether a pod that waits for this claim says so already."""
    waiting = (index.pods.get(key) for key in claim.pods)
    return any(pod is not None and pod.health is Health.BAD and claim.name in pod.reason for pod in waiting)


def _doubtful(state: StateLike | None) -> bool:
    return state is not None and (state.phase not in _FINE_PHASES or bool(state.notes))


def _late(state: StateLike | None) -> bool:
    """Return whether what is known of a kind may be old or not all; what may not be read is told, and no doubt."""
    return state is not None and (state.phase in _LATE or bool(state.notes))


def _sentence(kind: str, state: StateLike) -> str:
    reason = clean(state.reason)
    if state.phase in _FINE_PHASES:
        return f"{kind}: {clean(state.notes)}"
    text = {
        "waiting": "are not read yet",
        "syncing": "are still being read",
        "stale": "are not up to date",
        "forbidden": "may not be read",
        "absent": "are not served by this cluster",
        "unauthorized": "cannot be read: the credentials are refused",
    }.get(state.phase, f"are {clean(state.phase)}")
    name = {"podmetrics": "metrics of pods", "nodemetrics": "metrics of nodes"}.get(kind, kind)
    return f"{name} {text}: {reason}" if reason else f"{name} {text}"


def _unknowns(states: Mapping[str, StateLike]) -> Iterable[str]:
    for kind, state in states.items():
        if not _doubtful(state):
            continue
        if state.phase in _OPTIONAL and kind not in (*_NEEDED, "podmetrics", "nodemetrics"):
            continue
        yield _sentence(kind, state)


def _builds(runs: Iterable[PipelineRun] | None) -> int | None:
    """Return how many PipelineRuns are not finished; None where they cannot be seen."""
    if runs is None:
        return None
    count = 0
    for run in runs:
        conditions = (run.status.conditions if run.status else None) or ()
        state = next((each for each in conditions if each.type == "Succeeded"), None)
        if state is not None and state.status == "Unknown" and state.reason != "PipelineRunPending":
            count += 1
    return count


def _cicd_memory(known: list[Known], read: tuple[Part, ...], views: list[WorkloadView]) -> float | None:
    """Return what CI/CD uses in bytes: its parts and the pods of builds; None where nothing is measured."""
    used = [each.memory for each, which in zip(read, known, strict=True) if which.cicd]
    used += [view.amounts.memory_used for view in views if view.kind == "TaskRun"]
    measured_only = [value for value in used if value is not None]
    return sum(measured_only) if measured_only else None
