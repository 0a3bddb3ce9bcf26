"""Workloads and pods as rows of a table; columns in their order of worth on a narrow screen."""

from __future__ import annotations

from collections.abc import Sequence

from bakeryops.model.workload import Amounts, PodView, WorkloadView
from bakeryops.units import format_age, format_bytes, format_cpu
from screens.rows_sorting import POD_SORT, WORKLOAD_SORT, last_end, pod_search, share, workload_search
from screens.widgets.cells import Cell, Column, Row
from screens.widgets.chart import bar, sparkline

__all__ = ["POD_COLUMNS", "WORKLOAD_COLUMNS", "Curves", "pod_row", "ref_plural", "summary", "workload_row"]

CURVE = 9
"""Cells of a curve: each stands for a minute and a half."""

BAR = 6
"""Cells of a bar."""

TAIL = 6
"""Cells of a name's end that are always shown: pods of one workload differ only there."""

NEAR_LIMIT = 0.9
"""Share of its memory limit from which a container is likely to be killed soon."""

Curves = tuple[Sequence[float], Sequence[float]]
"""The course of CPU (cores) and memory (bytes), oldest first, a value a cell."""

NO_CURVES: Curves = ((), ())

_PLURAL = {
    "Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "Job": "jobs",
    "CronJob": "cronjobs", "Pod": "pods", "ReplicaSet": "replicasets", "TaskRun": "taskruns",
    "PipelineRun": "pipelineruns", "Node": "nodes", "PersistentVolumeClaim": "persistentvolumeclaims",
    "Kustomization": "kustomizations", "HelmRelease": "helmreleases", "GitRepository": "gitrepositories",
}  # fmt: skip
_SHORT = {"Deployment": "deploy", "StatefulSet": "sts", "DaemonSet": "ds", "CronJob": "cron"}

_USAGE = (
    Column("memory", "mem", 5, worth=86, align="right"),
    Column("memory_bar", "limit", BAR, worth=79, sort=False),
    Column("memory_curve", "", CURVE, worth=62, sort=False),
    Column("memory_request", "asked", 5, worth=48, align="right"),
    Column("memory_limit", "limit", 5, worth=50, align="right"),
    Column("cpu", "cpu", 6, worth=80, align="right"),
    Column("cpu_bar", "asked", BAR, worth=56, sort=False),
    Column("cpu_curve", "", CURVE, worth=58, sort=False),
    Column("cpu_request", "asked", 5, worth=46, align="right"),
    Column("cpu_limit", "limit", 5, worth=44, align="right"),
)

WORKLOAD_COLUMNS: tuple[Column, ...] = (
    Column("health", "", 1, worth=100),
    Column("name", "name", 20, worth=99, grow=True, keep=TAIL),
    Column("namespace", "namespace", 12, worth=77, keep=4),
    Column("service", "service", 12, worth=30, grow=True, most=24),
    Column("kind", "kind", 6, worth=60),
    Column("ready", "ready", 5, worth=98, align="right"),
    Column("status", "status", 16, worth=97),
    Column("restarts", "↻", 3, worth=90, align="right"),
    Column("oom", "oom", 3, worth=52, align="right"),
    Column("tag", "image tag", 17, worth=76, keep=8),
    Column("commit", "commit", 8, worth=64),
    Column("age", "age", 4, worth=88, align="right"),
    *_USAGE,
)
"""A workload a row."""

POD_COLUMNS: tuple[Column, ...] = (
    Column("health", "", 1, worth=100),
    Column("name", "pod", 24, worth=99, grow=True, keep=TAIL),
    Column("namespace", "namespace", 12, worth=74, keep=4),
    Column("service", "service", 12, worth=30, grow=True, most=24),
    Column("ready", "ready", 5, worth=96, align="right"),
    Column("status", "status", 16, worth=97),
    Column("restarts", "↻", 3, worth=90, align="right"),
    Column("last", "last end", 15, worth=66),
    Column("oom", "oom", 3, worth=52, align="right"),
    Column("qos", "QoS", 10, worth=42),
    Column("age", "age", 4, worth=88, align="right"),
    *_USAGE,
)
"""A pod a row."""


def ref_plural(kind: str) -> str:
    """Return the plural of a workload's kind."""
    return _PLURAL.get(kind, kind.lower() + "s")


def workload_row(view: WorkloadView, now: float, curves: Curves = NO_CURVES) -> Row:
    """Return a workload as a row; `now` is seconds since the epoch."""
    tone = view.health.value
    ready_tone = "" if view.ready >= view.desired else tone
    age = now - view.created if view.created is not None else None
    used = _usage_cells(view.amounts, curves)
    restarts = f"{view.restarts}{'+' if view.restarts_at_least else ''}" if view.restarts else ""
    cells = (
        Cell(view.health.symbol, tone),
        Cell(view.name, tone if view.health.rank < 3 else ""),
        Cell(view.namespace, "dim"),
        Cell(view.service, "dim"),
        Cell(_SHORT.get(view.kind, view.kind.lower()), "dim"),
        Cell(f"{view.ready}/{view.desired}" if not view.one_shot else "", ready_tone),
        Cell(view.status, tone if tone != "fine" else "dim"),
        Cell(restarts, "soon" if view.restarts_hour else "dim"),
        Cell(str(view.oom_kills) if view.oom_kills else "", "bad"),
        Cell(view.tag, ""),
        Cell(view.commit[:8], "dim"),
        Cell(format_age(age), "dim"),
        *used,
    )
    sort = tuple(value(view) for value in WORKLOAD_SORT)
    return Row(view.key, cells, sort, workload_search(view))


def pod_row(view: PodView, now: float, curves: Curves = NO_CURVES) -> Row:
    """Return a pod as a row; `now` is seconds since the epoch."""
    tone = view.health.value
    age = now - view.created if view.created is not None else None
    used = _usage_cells(view.amounts, curves)
    cells = (
        Cell(view.health.symbol, tone),
        Cell(view.name, tone if view.health.rank < 3 else ""),
        Cell(view.namespace, "dim"),
        Cell(view.service, "dim"),
        Cell(f"{view.ready}/{view.total}", "" if view.ready >= view.total or view.finished else tone),
        Cell(view.status, tone if tone != "fine" else "dim"),
        Cell(str(view.restarts) if view.restarts else "", "soon" if _lately(view, now) else "dim"),
        Cell(last_end(view), "dim"),
        Cell(str(view.oom_kills) if view.oom_kills else "", "bad"),
        Cell(view.qos, "dim"),
        Cell(format_age(age), "dim"),
        *used,
    )
    sort = tuple(value(view) for value in POD_SORT)
    return Row(view.key, cells, sort, pod_search(view))


def summary(shown: int, total: int, bad: int, noun: str) -> str:
    """Return how many there are, for the heading of a table."""
    counted = f"{shown} of {total} {noun}" if shown != total else f"{total} {noun}"
    return f"{counted} · {bad} not well" if bad else counted


def _usage_cells(amounts: Amounts, curves: Curves) -> tuple[Cell, ...]:
    cpu_curve, memory_curve = curves
    memory_share = share(amounts.memory_used, amounts.memory_limit)
    near = "soon" if memory_share is not None and memory_share >= NEAR_LIMIT else ""
    return (
        Cell(_known(amounts.memory_used, format_bytes), near),
        _bar(amounts.memory_used, amounts.memory_limit, near),
        Cell(_curve(memory_curve), "dim"),
        Cell(_known(amounts.memory_request, format_bytes), "dim"),
        Cell(_known(amounts.memory_limit, format_bytes), "dim"),
        Cell(_known(amounts.cpu_used, format_cpu)),
        _bar(amounts.cpu_used, amounts.cpu_request, ""),
        Cell(_curve(cpu_curve), "dim"),
        Cell(_known(amounts.cpu_request, format_cpu), "dim"),
        Cell(_known(amounts.cpu_limit, format_cpu), "dim"),
    )


def _curve(values: Sequence[float]) -> str:
    return sparkline(values[-CURVE:], CURVE) if values else ""


def _bar(used: float | None, limit: float | None, tone: str) -> Cell:
    if used is None or not limit:
        return Cell("", "dim")
    return Cell(bar(used, limit, BAR), tone or "dim")


def _known(value: float | None, form: object) -> str:
    return "" if value is None else form(value)  # type: ignore[operator]


def _lately(view: PodView, now: float) -> bool:
    return view.restarted is not None and now - view.restarted < 3600
