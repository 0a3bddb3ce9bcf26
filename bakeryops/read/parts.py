"""The parts of the installation: what belongs to Gitea, Tekton, Flux, SigNoz and the app, and their budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from bakeryops.model.health import Health, worst
from bakeryops.model.overview import Part
from bakeryops.model.workload import WorkloadView
from bakeryops.text import clean

__all__ = ["BUILD_BUDGET", "CICD_BUDGET", "CONTROLLERS", "PARTS", "Known", "assign", "part", "steady"]

_MIB = 2.0**20

CICD_BUDGET = 2048 * _MIB
"""Bytes the plan gives Gitea, Tekton and Flux together."""

BUILD_BUDGET = 512 * _MIB
"""Bytes the plan adds for each build that runs."""

CONTROLLERS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
"""Kinds that are meant to run for ever."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """How a part is recognized: by its namespaces, or by the beginning of a label; and its budget in bytes."""

    name: str
    namespaces: tuple[str, ...]
    labels: tuple[str, ...]
    budget: float | None = None
    cicd: bool = False


PARTS: tuple[Known, ...] = (
    Known("Gitea", ("gitea",), ("gitea",), 768 * _MIB, cicd=True),
    Known(
        "Tekton",
        ("tekton-pipelines", "tekton-pipelines-resolvers", "tekton-operator"),
        ("tekton",),
        650 * _MIB,
        True,
    ),
    Known("Flux", ("flux-system",), ("flux",), 230 * _MIB, cicd=True),
    Known("SigNoz", ("signoz", "platform", "monitoring"), ("signoz",)),
    Known("App", ("bakery-ia",), ("bakery",)),
)
"""The parts of a Bakery-IA installation, in the order they are shown."""


def steady(view: WorkloadView) -> bool:
    """Return whether a workload is meant to run for ever."""
    return view.kind in CONTROLLERS


def _matches(known: Known, view: WorkloadView) -> bool:
    return any(
        value.startswith(prefix)
        for prefix in known.labels
        for value in (view.part_of, view.service, view.name)
        if value
    )


def assign(views: Iterable[WorkloadView], parts: Iterable[Known] = PARTS) -> dict[str, list[WorkloadView]]:
    """Return the workloads of each part by its name: by namespace first, else by what its labels begin with."""
    known = list(parts)
    by_namespace = {namespace: each for each in known for namespace in each.namespaces}
    found: dict[str, list[WorkloadView]] = {each.name: [] for each in known}
    for view in views:
        owner = by_namespace.get(view.namespace)
        if owner is None and steady(view):
            owner = next((each for each in known if _matches(each, view)), None)
        if owner is not None:
            found[owner.name].append(view)
    return found


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _version(views: list[WorkloadView], name: str) -> str:
    """Return the version that the workload named as the part is says, or most say; empty where they differ."""
    own = [view for view in views if view.name == name.lower()]
    own = own or [view for view in views if view.name.startswith(name.lower())]
    for group in (own, views):
        named = Counter(view.version for view in group if view.version)
        if named:
            version, count = named.most_common(1)[0]
            if 2 * count > len(group):
                return version
    tagged = [view for view in own if view.tag and not view.commit]
    return tagged[0].tag.removeprefix("v").split("-")[0] if tagged else ""


def part(known: Known, views: list[WorkloadView], *, doubt: str = "", only: str | None = None) -> Part:
    """Return a part read from its workloads; `doubt` is why they may be out of date or not known at all.

    `only` is the only namespace that was looked at, None for all.
    """
    running = [view for view in views if steady(view) and view.health is not Health.HELD]
    judged = [view for view in views if view.kind != "TaskRun" and not (view.kind == "Job" and view.owner)]
    health = worst((view.health for view in judged if view.health is not Health.HELD), Health.HELD)
    present = bool(running or judged)
    bad = min(
        (view for view in judged if view.reason), key=lambda view: (view.health.rank, view.name), default=None
    )
    if not present:
        elsewhere = only is not None and only not in known.namespaces
        absent = f"not looked at: only {clean(only or '')} is" if elsewhere else "not found in this cluster"
        health, reason = (Health.UNKNOWN, doubt or absent)
    elif health is Health.FINE or bad is None:
        reason = ""
    else:
        reason = f"{bad.name}: {bad.reason}"
    if doubt and present and health in (Health.FINE, Health.WORKING, Health.HELD):
        health, reason = Health.UNKNOWN, doubt
    return Part(
        name=known.name,
        namespaces=tuple(sorted({view.namespace for view in views})) or known.namespaces,
        health=health,
        reason=reason,
        present=present,
        version=_version(running, known.name),
        ready=sum(1 for view in running if view.ready >= view.desired),
        total=len(running),
        memory=_sum(view.amounts.memory_used for view in views),
        cpu=_sum(view.amounts.cpu_used for view in views),
        budget=known.budget,
    )
