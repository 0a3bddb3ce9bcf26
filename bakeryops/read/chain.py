"""The delivery chain as it stands: Git head, last build, images, fetched, applied, running; where it is stuck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bakeryops.model.build import Build
from bakeryops.model.chain import Chain, Leg
from bakeryops.model.code import CodeView
from bakeryops.model.health import Health, worst
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Source, Sync
from bakeryops.model.workload import WorkloadView
from bakeryops.read.chain_legs import applied_leg, build_leg, fetched_leg, git_leg, images_leg, ready_leg
from bakeryops.read.chain_parts import Situation, first_of

__all__ = ["chain_in", "chain_of", "first_stuck"]


def chain_of(
    code: CodeView,
    builds: Iterable[Build] | None,
    sources: Iterable[Source] | None,
    syncs: Iterable[Sync] | None,
    workloads: Iterable[WorkloadView] | None,
    *,
    now: float,
    service: str = "",
    reasons: Mapping[str, str] | None = None,
    holds: Mapping[str, Hold] | None = None,
) -> Chain:
    """Return the chain of the newest change, of one service where given.

    The legs are pushed, build, images, fetched, applied, ready. A part that is None cannot be seen: its leg is
    unknown, and says what `reasons` has under "builds", "flux" or "workloads". `holds` are those by service: what
    they keep from Git is held, and not stuck.
    """
    at = Situation(code, builds, sources, syncs, workloads, now=now, reasons=reasons, holds=holds)
    return chain_in(at, service)


def chain_in(at: Situation, service: str = "") -> Chain:
    """Return the chain in a situation, of one service where given."""
    change = at.change(service)
    build = None
    if change is not None:
        build = first_of(at.builds_of(change.sha)) or first_of(at.builds_since(change.sha))
    if change is None and not at.code_known:
        build = first_of(at.builds or [])
    deployed = change is not None and bool(at.deployments_of(None, change.sha))
    images = images_leg(at, change, build, service)
    fetched = fetched_leg(at)
    changed = {each.service for each in at.deployments_of(build, change.sha if change else "")}
    ready = ready_leg(at, changed, applied=False, service=service)
    applied = applied_leg(at, ready=ready.state == "done")
    if applied.state == "done":
        settled = fetched.state == "done"
        ready = ready_leg(at, changed, applied=settled, service=service)
    legs = (git_leg(at), build_leg(at, change, build, deployed=deployed), images, fetched, applied, ready)
    stuck = first_stuck(legs)
    known = [each.health for each in legs if each.state not in ("waiting", "skipped")]
    return Chain(
        legs=legs,
        commit=change or at.head,
        stuck=stuck,
        since=legs[stuck].started if stuck is not None else None,
        health=worst(known),
        why=legs[stuck].why if stuck is not None else _worst_why(legs),
        unknowns=tuple(each.why for each in legs if each.state == "unknown" and each.why),
    )


def first_stuck(legs: tuple[Leg, ...]) -> int | None:
    """Return the first leg that is stuck, else the first one at work, None where there is neither."""
    for state in ("stuck", "working"):
        for index, leg in enumerate(legs):
            if leg.state == state:
                return index
    return None


def _worst_why(legs: tuple[Leg, ...]) -> str:
    found = min(legs, key=lambda each: each.health.rank)
    return "" if found.health is Health.FINE else found.why
