"""Everything that is known of an incident, from wherever it still is; what is away is said and left out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from bakeryops import __version__
from bakeryops.actions.ground import Ground
from bakeryops.actions.hold_store import read_holds
from bakeryops.errors import BakeryopsError
from bakeryops.incident.excerpts import failing, of_pod, of_saved
from bakeryops.incident.facts import Excerpt, Incident, Running, Shipped
from bakeryops.incident.kept import Kept, kept_of
from bakeryops.incident.scope import Scope, scope_of
from bakeryops.incident.shipped import shipped
from bakeryops.incident.timeline import moments
from bakeryops.model.build import Build
from bakeryops.model.chain import ServiceView
from bakeryops.model.event import EventGroup
from bakeryops.model.history import Entry
from bakeryops.model.hold import Hold
from bakeryops.model.workload import PodView
from bakeryops.read.chain_parts import Situation
from bakeryops.read.events import group, newest_first
from bakeryops.read.history import told
from bakeryops.read.service import service_in
from bakeryops.text import clean

__all__ = ["gathered"]

MOMENTS: Final = 400
SHIPPED: Final = 25
LIVE: Final = 8
"""Logs of pods that fail now."""
EVENTS: Final = 80
JOBS: Final = 20
_PATIENCE: Final = 20.0
"""Seconds that one question to the cluster may take."""
_T = TypeVar("_T")


class _Gaps:
    """What could not be looked at, and what was left out."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.left: list[str] = []

    async def ask(self, what: str, work: Awaitable[_T], otherwise: _T) -> _T:
        """Return what a question answers, or `otherwise`, and note why."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await work
        except BakeryopsError as error:
            self.missing.append(f"{what}: {'; '.join(error.lines()[:2])}")
        except TimeoutError:
            self.missing.append(f"{what}: no answer within {_PATIENCE:.0f} seconds")
        except OSError as error:
            self.missing.append(f"{what}: {error.strerror or error}")
        return otherwise

    def cut(self, what: str, found: Sequence[_T], most: int) -> tuple[_T, ...]:
        """Return the first of them, and note how many there were more."""
        if len(found) > most:
            self.left.append(f"{len(found) - most} more {what}")
        return tuple(found[:most])


async def gathered(ground: Ground, service: str, since: float, *, away: str = "") -> Incident:
    """Return what is known of a service ("" for all) in the last `since` seconds.

    `away` says why the cluster is known not to answer; it is then not asked. Raises `BakeryopsError` where all
    services are known and none is called `service`; whatever else is away is said in the incident.
    """
    gaps = _Gaps()
    at, pods = _situation(ground, away, gaps)
    begin, until = ground.now - since, ground.now
    views, scope = _scope(ground, at, service, pods)
    mine = [each for each in pods or () if scope.has_pod(each)]
    session = ground.session if ground.session is not None and not away else None
    cluster = ground.session.target.server if ground.session is not None else ""
    kept: Kept = await gaps.ask(
        "what is kept on this machine",
        asyncio.to_thread(kept_of, cluster, scope, told(at, pods or ()), begin, until),
        Kept(),
    )
    gaps.missing += kept.missing
    holds, events = await asyncio.gather(
        _holds(ground, session, scope, gaps), _events(session, scope, begin, gaps)
    )
    builds = _builds(at, views if scope.service else None, begin, until)
    entries = [each for each in kept.entries if scope.has_entry(each, kept.jobs)]
    happened = moments(
        at, scope, begin, until, builds=builds, pods=mine, entries=entries, saved=kept.saved, holds=holds or ()
    )
    gaps.left += [f"{len(happened) - MOMENTS} earlier lines of the time line"] if len(happened) > MOMENTS else []
    deployments = [
        each for each in entries if each.commit and each.kind not in ("action", "sync") and each.when >= begin
    ]
    return Incident(
        service=scope.service,
        cluster=cluster,
        context=ground.session.target.context if ground.session is not None else "",
        since=begin,
        until=until,
        who=ground.who.label,
        version=__version__,
        moments=tuple(happened[-MOMENTS:]),
        running=tuple(_running(at, each) for each in views),
        shipped=await _shipped(ground, gaps.cut("deployments with their changes", deployments, SHIPPED), gaps),
        excerpts=await _excerpts(session, mine, kept, gaps),
        events=tuple(sorted(gaps.cut("events", events, EVENTS), key=newest_first)),
        holds=None if holds is None else tuple(holds),
        jobs=gaps.cut("jobs", kept.jobs, JOBS),
        missing=tuple(dict.fromkeys(gaps.missing)),
        left=tuple(gaps.left),
    )


def _situation(ground: Ground, away: str, gaps: _Gaps) -> tuple[Situation, list[PodView] | None]:
    """Return all parts joined, and the pods; None for what could not be seen."""
    code, delivery, workloads = ground.code, ground.delivery, ground.workloads
    if code.state != "live":
        old = ", what was fetched last is shown" if code.main else ""
        gaps.missing.append(f"Git: {code.reason or 'no repository is known'}{old}")
    link = ground.session.link if ground.session is not None else None
    if ground.session is None:
        away = away or "no cluster is connected"
    elif not away and link is not None and link.phase in ("stale", "unauthorized"):
        gaps.missing.append(f"Cluster: {link.reason or link.phase}, what was read last is shown")
    nothing = not (workloads.workloads or workloads.pods or delivery.builds.builds or delivery.flux.syncs)
    if nothing:
        why = away or "nothing could be read"
        gaps.missing.append(f"Cluster: {why}")
        reasons = dict.fromkeys(("builds", "flux", "workloads"), why)
        return Situation(code, None, None, None, None, now=ground.now, reasons=reasons), None
    if away:
        gaps.missing.append(f"Cluster: {away}, what was read last is shown")
    at = delivery.situation(code, workloads, ground.now)
    gaps.missing += [f"{part.capitalize()}: {why}" for part, why in at.reasons.items()]
    return at, list(workloads.pods.values())


def _scope(
    ground: Ground, at: Situation, service: str, pods: list[PodView] | None
) -> tuple[list[ServiceView], Scope]:
    names = ground.delivery.services(ground.code, ground.workloads)
    if not service:
        return [service_in(at, each, pods) for each in names], Scope()
    found = ground.delivery.service_named(service, ground.code, ground.workloads)
    view = service_in(at, found, pods)
    known = found in names or view.workload is not None or bool(view.releases)
    # While Git or the cluster is away nobody can say that there is no such service.
    if not known and names and at.workloads is not None:
        from bakeryops.config.values import nearest

        meant = nearest(service, names)
        raise BakeryopsError(
            f"there is no service {clean(service)}",
            hint=f"Did you mean {meant}?" if meant else "See: bakeryops service",
        )
    return [view], scope_of(view, at.sync.name if at.sync is not None else "")


def _builds(at: Situation, views: list[ServiceView] | None, begin: float, until: float) -> list[Build]:
    """Return the builds that ran in the window, those of the services where given."""
    found = list(at.builds or ()) if views is None else [each for view in views for each in view.builds]
    return [each for each in found if each.created <= until and (each.ended is None or each.ended >= begin)]


def _running(at: Situation, view: ServiceView) -> Running:
    load, commit = view.workload, view.commit
    return Running(
        service=view.name,
        health=view.health.value,
        state=view.state,
        why=view.why,
        tag=view.tag or view.image,
        wanted=view.wanted_tag,
        ready=f"{load.ready}/{load.desired}" if load is not None else "",
        commit=commit.short if commit is not None else "",
        subject=commit.subject if commit is not None else "",
        author=commit.author if commit is not None else "",
        known=at.workloads is not None,
    )


async def _holds(ground: Ground, session: Any, scope: Scope, gaps: _Gaps) -> list[Hold] | None:
    if session is None:
        return None
    found = await gaps.ask("Holds", read_holds(session, ground.holds_namespace), None)
    if found is None:
        return None
    return [
        each
        for name, each in sorted(found.items())
        if not scope.service or name.removesuffix("-service") == scope.short
    ]


async def _events(session: Any, scope: Scope, begin: float, gaps: _Gaps) -> list[EventGroup]:
    """Return the events of the window: warnings first, of both the newest first."""
    if session is None:
        return []
    feed = await gaps.ask("Events", session.snapshot(("events",)), None)
    if feed is None:
        return []
    store = feed.store("events")
    if store.state.phase not in ("live", "polling"):
        gaps.missing.append(f"Events: {store.state.reason or store.state.phase}")
    found = await asyncio.to_thread(group, list(store.items.values()))
    mine = [each for each in found if (each.last or 0.0) >= begin and scope.has_event(each)]
    # Where there are too many, ordinary ones give way.
    return sorted(mine, key=lambda each: not each.warning)


async def _shipped(ground: Ground, entries: Iterable[Entry], gaps: _Gaps) -> tuple[Shipped, ...]:
    repository, found = ground.repository, list(entries)
    if repository is None:
        if found:
            gaps.missing.append("Git: no repository at hand, so what the deployments changed is not shown")
        return tuple(Shipped(each) for each in found)
    services = ground.config.git.services

    async def one(entry: Entry) -> Shipped:
        late = Shipped(entry, missing="what it changed could not be read")
        work = shipped(repository, ground.code, services, entry)
        return await gaps.ask(f"What {entry.commit[:7]} changed", work, late)

    return tuple([await one(each) for each in found])


async def _excerpts(session: Any, pods: Sequence[PodView], kept: Kept, gaps: _Gaps) -> tuple[Excerpt, ...]:
    ill = failing(pods)
    if session is None and ill:
        gaps.missing.append("Logs of pods that fail now: the cluster does not answer")
    live: list[Callable[[], Awaitable[Excerpt]]] = [
        lambda pod=pod, box=box: of_pod(session, pod, box)  # type: ignore[misc]
        for pod, box in gaps.cut("logs of pods that fail now", ill, LIVE)
        if session is not None
    ]
    found = list(await asyncio.gather(*(each() for each in live)))
    whole = [kept.whole[each.id] for each in kept.saved if each.id in kept.whole]
    if len(kept.saved) > len(whole):
        gaps.left.append(f"{len(kept.saved) - len(whole)} logs of earlier failures (see: bakeryops blackbox)")
    return (*found, *map(of_saved, whole))
