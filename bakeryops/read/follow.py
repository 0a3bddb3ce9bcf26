"""One commit followed from its push to ready pods: the time each leg took, and where it is stuck now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bakeryops.model.build import Build
from bakeryops.model.chain import Follow, Leg
from bakeryops.model.code import CodeView, Deployment
from bakeryops.model.health import Health
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Source, Sync
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.read.chain import first_stuck
from bakeryops.read.chain_parts import Situation
from bakeryops.read.follow_build import build_legs, pushed_leg
from bakeryops.read.follow_flux import Overtaking, applied_of, fetched_of, overtaking, ready_of, waiting_legs
from bakeryops.read.follow_subject import Subject, subject_of

__all__ = ["follow", "follow_in"]


_NOT_OVER = ("stuck", "held", "waiting", "unknown")


def follow(
    what: str,
    code: CodeView,
    builds: Iterable[Build] | None,
    sources: Iterable[Source] | None,
    syncs: Iterable[Sync] | None,
    workloads: Iterable[WorkloadView] | None,
    *,
    now: float,
    pods: Iterable[PodView] = (),
    reasons: Mapping[str, str] | None = None,
    holds: Mapping[str, Hold] | None = None,
) -> Follow | None:
    """Return the way of what a person names, None where nothing is known by that name.

    `what` is a commit (four digits at least), a build's name, an image or its tag, a service or a workload. The
    legs are pushed, webhook, build, tests, images, tag, fetched, applied, ready. Builds with their tasks tell when
    tests and images were made, `pods` since when they are ready. `reasons` and `holds` are those of `chain_of`.
    """
    situation = Situation(code, builds, sources, syncs, workloads, now=now, reasons=reasons, holds=holds)
    return follow_in(situation, what, pods)


def follow_in(at: Situation, what: str, pods: Iterable[PodView] = ()) -> Follow | None:
    """Return the way of what a person names in a situation."""
    subject = subject_of(at, what)
    if subject is None:
        return None
    builds = _builds(at, subject)
    deploys = _deploys(at, subject, builds)
    first = [pushed_leg(at, subject, builds[-1] if builds else None), *build_legs(at, subject, builds, deploys)]
    target = _target(at, subject, deploys)
    over = overtaking(at, deploys, target) if deploys else _passed_by(at, subject)
    legs = (*first, *_flux_legs(at, subject, first, deploys, target, over, list(pods)))
    legs, stuck = _standing(legs)
    taken = over.by if over is not None and (over.certain or not deploys) else ""
    if taken and stuck is not None and not deploys and legs[stuck].state in ("stuck", "held"):
        stuck = None
    return Follow(
        commit=subject.commit,
        title=subject.title,
        services=_services(at, subject, builds, deploys),
        legs=legs,
        stuck=stuck,
        builds=tuple(builds),
        deploys=tuple(
            at.code.commits[sha]
            for sha in dict.fromkeys(each.commit for each in deploys)
            if sha in at.code.commits
        ),
        seconds=_seconds(legs, at.now, stuck),
        overtaken_by=taken,
    )


def _standing(legs: tuple[Leg, ...]) -> tuple[tuple[Leg, ...], int | None]:
    """Return the legs and which of them it stands at, None where it has ended.

    Between two tasks nothing is at work, and yet it is not live: then the next leg is where it is now.
    """
    stuck = first_stuck(legs)
    if stuck is None:
        stuck = next((index for index, leg in enumerate(legs) if leg.state == "held"), None)
    if stuck is not None or legs[-1].state == "done":
        return legs, stuck
    if legs[-1].state == "skipped":
        # No pods to wait for, and yet nothing is live of which nobody knows whether it was applied.
        last = legs if legs[-2].state != "skipped" else ()
        unsure = ("tag", "fetched", "applied")
        return legs, next(
            (at for at, leg in enumerate(last) if leg.stage in unsure and leg.state == "unknown"), None
        )
    place = next(index for index, leg in enumerate(legs) if leg.state in ("waiting", "unknown"))
    if legs[place].state == "unknown":
        return legs, place
    why = legs[place].why or "about to begin"
    now = msgspec.structs.replace(legs[place], state="working", health=Health.WORKING, why=why)
    return (*legs[:place], now, *legs[place + 1 :]), place


def _builds(at: Situation, subject: Subject) -> list[Build]:
    if subject.direct:
        return []
    landed = at.landed(subject.sha) or subject.sha
    found = at.builds_of(landed) if landed else []
    if subject.build is not None:
        return [subject.build, *(each for each in found if each.key != subject.build.key)]
    return found


def _deploys(at: Situation, subject: Subject, builds: Sequence[Build]) -> list[Deployment]:
    if subject.direct:
        found = [each for each in at.code.deployments if each.commit == subject.sha]
    else:
        build = subject.build or (builds[0] if builds else None)
        landed = at.landed(subject.sha) or subject.sha
        found = at.deployments_of(build, build.trigger.revision if build is not None else landed)
        if subject.build is not None:
            # A commit that was built twice has the tags of both: only those of the build that was asked for.
            found = [each for each in found if each.run in ("", subject.build.name)] or found
    return [each for each in found if not subject.service or each.service == subject.service]


def _target(at: Situation, subject: Subject, deploys: Sequence[Deployment]) -> str:
    """Return the commit that has all of it: the last deployment, else the commit itself as it is on the branch."""
    if deploys:
        return max(deploys, key=lambda each: (each.when, -(at.position(each.commit) or 0))).commit
    return at.landed(subject.sha) or subject.sha


def _passed_by(at: Situation, subject: Subject) -> Overtaking | None:
    """Return what went live with this commit in it though it was never deployed by itself."""
    place = at.position(at.landed(subject.sha)) if subject.sha else None
    touched = at.touched(at.landed(subject.sha)) if place is not None else ()
    wanted = {subject.service} if subject.service else set(touched)
    if place is None or not wanted or subject.direct:
        return None
    for each in reversed(at.code.deployments):
        source = at.position(each.source)
        covered = "*" in wanted or each.service in wanted
        if source is not None and source < place and covered and each.kind == "deploy":
            return Overtaking(each.source, certain=True, live=False)
    return None


def _flux_legs(
    at: Situation,
    subject: Subject,
    first: Sequence[Leg],
    deploys: Sequence[Deployment],
    target: str,
    over: Overtaking | None,
    pods: Sequence[PodView],
) -> list[Leg]:
    if not deploys and over is not None and any(leg.state in _NOT_OVER for leg in first):
        return waiting_legs("skipped", f"overtaken by {over.by[:7]}, which has it in it")
    if any(leg.state in ("stuck", "held", "working", "waiting") for leg in first) and not deploys:
        return waiting_legs("waiting", "")
    if over is not None and over.certain and deploys:
        return waiting_legs("skipped", f"overtaken by {over.by[:7]} before Flux applied it")
    if not target:
        return waiting_legs("skipped", "which commit was built is not recorded")
    commit = subject.commit
    began = max((each.when for each in deploys), default=commit.committed if commit is not None else None)
    fetched = fetched_of(at, target, began)
    applied = applied_of(at, target, fetched)
    return [fetched, applied, ready_of(at, deploys, applied, pods, over)]


def _services(
    at: Situation, subject: Subject, builds: Sequence[Build], deploys: Sequence[Deployment]
) -> tuple[str, ...]:
    if subject.service:
        return (subject.service,)
    if deploys:
        return tuple(sorted({each.service for each in deploys}))
    if builds and builds[0].services is not None:
        return builds[0].services
    return at.touched(at.landed(subject.sha))


def _seconds(legs: Sequence[Leg], now: float, stuck: int | None) -> float | None:
    """Return the time from push to ready pods, or to now while it is on its way; None where either is unknown."""
    webhook = next((leg for leg in legs if leg.stage == "webhook"), None)
    pushed = legs[0].started
    if webhook is not None and webhook.state == "done":
        pushed = webhook.started if webhook.started is not None else webhook.ended
    last = legs[-1]
    if pushed is None:
        return None
    if last.state == "done" and last.ended is not None:
        return max(0.0, last.ended - pushed)
    return max(0.0, now - pushed) if stuck is not None else None
