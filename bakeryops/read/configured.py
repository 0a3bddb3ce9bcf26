"""The overview as the configuration wants it: where each part lives, and the memory planned for it."""

from __future__ import annotations

import msgspec

from bakeryops.config import Config
from bakeryops.model.overview import Overview
from bakeryops.read.index import WorkloadIndex
from bakeryops.read.overview import Sources, overview
from bakeryops.read.parts import PARTS, Known

__all__ = ["configured_overview", "configured_parts"]


def configured_parts(config: Config) -> tuple[Known, ...]:
    """Return the known parts with the namespaces and budgets of the configuration."""
    namespaces, budgets = config.namespaces, config.budgets
    named = {
        "Gitea": (namespaces.gitea, budgets.gitea),
        "Tekton": (namespaces.tekton, budgets.tekton),
        "Flux": (namespaces.flux, budgets.flux),
        "SigNoz": (namespaces.signoz, None),
        "App": (namespaces.app, None),
    }
    return tuple(
        msgspec.structs.replace(known, namespaces=where, budget=known.budget if budget is None else float(budget))
        for known in PARTS
        for where, budget in (named.get(known.name, (known.namespaces, None)),)
    )


def configured_overview(index: WorkloadIndex, sources: Sources, config: Config, *, now: float) -> Overview:
    """Return the overview at `now` (seconds since the epoch), judged by the configuration's budgets."""
    found = overview(index, sources, now=now, parts=configured_parts(config))
    budget = config.budgets.total + config.budgets.build * (found.builds_running or 0)
    return msgspec.structs.replace(found, cicd_budget=float(budget))
