"""From a commit to its tag in the overlay: pushed, webhook, build, tests, images, tag, with the time each took."""

from __future__ import annotations

from collections.abc import Sequence

from bakeryops.model.build import Build, BuildTask
from bakeryops.model.chain import Leg
from bakeryops.model.code import Deployment
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.read.chain_legs import build_leg, build_problem, images_leg
from bakeryops.read.chain_parts import Situation, build_label, named
from bakeryops.read.follow_subject import Subject
from bakeryops.units import format_duration

__all__ = ["build_legs", "pushed_leg", "skipped"]

_AT_ONCE = 300.0
"""Seconds between a commit and its build within which the commit's time is taken for that of the push."""
_STAGES = (("build", "build"), ("tests", "tests"), ("images", "images"), ("tag", "tag commit"))


def skipped(stage: str, title: str, why: str) -> Leg:
    """Return a leg that is not gone."""
    return Leg(stage, title, "skipped", Health.FINE, "", why)


def pushed_leg(at: Situation, subject: Subject, first: Build | None) -> Leg:
    """Return the push. Git keeps no time of it: the commit's own is shown."""
    commit = subject.commit
    if commit is None:
        text = subject.sha[:7]
        why = "the commit is not among those that were read from Git"
        if first is None:
            return Leg("pushed", "pushed", "unknown", Health.UNKNOWN, text, why)
        return Leg("pushed", "pushed", "done", Health.FINE, text, why, None, None, None, subject.sha)
    landed = at.landed(commit.sha)
    if not landed and first is None:
        why = f"{commit.short} is not on {at.code.branch}"
        return Leg("pushed", "pushed", "waiting", Health.UNKNOWN, commit.short, why, commit=commit.sha)
    when = commit.committed
    return Leg("pushed", "pushed", "done", Health.FINE, commit.short, "", when, when, commit=commit.sha)


def build_legs(
    at: Situation, subject: Subject, builds: Sequence[Build], deploys: Sequence[Deployment]
) -> list[Leg]:
    """Return webhook, build, tests, images and tag; `builds` are those of the commit, the newest first."""
    commit = subject.commit
    if subject.direct:
        why = "the commit changes the overlay by itself"
        written = max((each.when for each in deploys), default=commit.committed if commit else None)
        tag = Leg(
            "tag", "tag commit", "done", Health.FINE, subject.sha[:7], "", written, written, commit=subject.sha
        )
        return [skipped("webhook", "webhook", why), *(skipped(*stage, why) for stage in _STAGES[:3]), tag]
    build = builds[0] if builds else None
    if build is None:
        return _without_build(at, subject, deploys)
    legs = [_webhook(at, subject, builds[-1]), *_of_tasks(at, build), _tag(at, subject, build, deploys)]
    return _in_order(legs)


def _without_build(at: Situation, subject: Subject, deploys: Sequence[Deployment]) -> list[Leg]:
    commit = subject.commit
    if commit is not None and at.builds is not None and not deploys and not at.touched(at.landed(commit.sha)):
        why = "nothing that the services are made of was changed"
        return [skipped("webhook", "webhook", why), *(skipped(*stage, why) for stage in _STAGES)]
    leg = build_leg(at, commit, None, deployed=bool(deploys)) if commit is not None or at.builds is None else None
    if leg is None:
        leg = Leg("build", "build", "unknown", Health.UNKNOWN, "build ?", "no build of this commit is known")
    if deploys:
        why = leg.why if leg.state == "done" or at.builds is None else "its run is no longer kept"
        gone = [Leg(*stage, "done", Health.FINE, "", why) for stage in (("webhook", "webhook"), *_STAGES[:3])]
        return [*gone, _written(deploys, None)]
    first = Leg("webhook", "webhook", leg.state, leg.health, leg.text, leg.why, leg.started, commit=leg.commit)
    return [first, *(Leg(*stage, "waiting", Health.UNKNOWN, "") for stage in _STAGES)]


def _webhook(at: Situation, subject: Subject, first: Build) -> Leg:
    pushed = at.code.find(first.trigger.revision) or subject.commit
    gap = first.created - pushed.committed if pushed is not None else None
    known = gap is not None and -5.0 <= gap <= _AT_ONCE and pushed is not None
    why = "" if known else "when it was pushed is not recorded"
    started = min(pushed.committed, first.created) if known and pushed is not None else None
    ref = ObjectRef("pipelineruns", first.namespace, first.name)
    return Leg("webhook", "webhook", "done", Health.FINE, build_label(first), why, started, first.created, ref)


def _stage(task: BuildTask) -> str:
    """Return the leg that a task belongs to, by its name: pipelines are not all alike."""
    name = task.task.lower()
    if "test" in name or "lint" in name or "check-" in name:
        return "tests"
    if "tag" in name or "gitops" in name or "deploy" in name or "overlay" in name:
        return "tag"
    if "build" in name or "image" in name or "kaniko" in name:
        return "images"
    return "build"


def _of_tasks(at: Situation, build: Build) -> list[Leg]:
    tasks: dict[str, list[BuildTask]] = {"build": [], "tests": [], "images": [], "tag": []}
    for task in build.tasks:
        if not task.finally_:
            tasks[_stage(task)].append(task)
    ref = ObjectRef("pipelineruns", build.namespace, build.name)
    if not build.tasks:
        return [_unread(build, stage, title, ref) for stage, title in _STAGES[:3]]
    return [
        _queue(build, tasks, ref),
        *(_work(build, stage, title, tasks[stage], ref) for stage, title in _STAGES[1:3]),
    ]


def _unread(build: Build, stage: str, title: str, ref: ObjectRef) -> Leg:
    """Return a leg of a build of which only the run itself was read."""
    label = build_label(build)
    if build.state == "succeeded":
        began, ended = (build.created, build.ended) if stage == "build" else (None, None)
        return Leg(stage, title, "done", Health.FINE, label if stage == "build" else "", "", began, ended, ref)
    problem = build_problem(build)
    failed = build.failure.title if build.failure is not None else ""
    where = _stage_of_title(failed)
    if problem and (stage == where or (stage == "build" and not failed)):
        return Leg(stage, title, "stuck", Health.BAD, label, problem, build.ended, None, ref)
    order = ("build", "tests", "images")
    if problem and failed and where in order and order.index(stage) < order.index(where):
        return Leg(stage, title, "done", Health.FINE, label if stage == "build" else "", "", None, None, ref)
    if stage == "build" and not build.finished:
        why = build.why or f"build {label} is {build.state}"
        return Leg(
            stage, title, "working", Health.WORKING, f"{label} {build.state}", why, build.created, None, ref
        )
    return Leg(stage, title, "waiting", Health.UNKNOWN, "", "", None, None, ref)


def _stage_of_title(title: str) -> str:
    first = title.partition(" ")[0].lower()
    return "tests" if "test" in first else "images" if first.startswith(("build", "image")) else "build"


def _queue(build: Build, tasks: dict[str, list[BuildTask]], ref: ObjectRef) -> Leg:
    """Return the wait for a place, and what comes before tests and images."""
    label = build_label(build)
    queued = f", queued {format_duration(build.queued)}" if build.queued is not None and build.queued >= 1 else ""
    later = [
        each.started for stage in ("tests", "images", "tag") for each in tasks[stage] if each.started is not None
    ]
    bad = _bad(tasks["build"])
    if bad is not None:
        why = _trouble(build, bad)
        return Leg("build", "build", "stuck", Health.BAD, label, why, build.created, bad.ended, ref)
    if later or (all(each.ended is not None for each in tasks["build"]) and tasks["build"]):
        ended = min(later) if later else max(each.ended or 0.0 for each in tasks["build"])
        return Leg("build", "build", "done", Health.FINE, f"{label}{queued}", "", build.created, ended, ref)
    problem = build_problem(build)
    if problem:
        return Leg("build", "build", "stuck", Health.BAD, label, problem, build.ended, None, ref)
    if build.finished:
        return Leg("build", "build", "done", Health.FINE, f"{label}{queued}", "", build.created, build.ended, ref)
    why = build.why or (
        f"build {label} waits for its turn" if build.started is None else f"build {label} is running"
    )
    return Leg(
        "build", "build", "working", Health.WORKING, f"{label} {build.state}", why, build.created, None, ref
    )


def _bad(tasks: Sequence[BuildTask]) -> BuildTask | None:
    return next((each for each in tasks if each.state in ("failed", "timed out", "cancelled")), None)


def _trouble(build: Build, bad: BuildTask) -> str:
    """Return a sentence on a task that stopped a build."""
    return build_problem(build) or f"{bad.title}: {bad.why or bad.message or bad.reason or bad.state}"


def _work(build: Build, stage: str, title: str, tasks: Sequence[BuildTask], ref: ObjectRef) -> Leg:
    """Return the tests or the images: all tasks of the kind together."""
    gone = [each for each in tasks if each.state != "skipped"]
    if not gone:
        if tasks or build.finished:
            why = next((each.why for each in tasks if each.why), "the pipeline did not do that")
            return skipped(stage, title, why)
        return Leg(stage, title, "waiting", Health.UNKNOWN, "", "", None, None, ref)
    started = min((each.started for each in gone if each.started is not None), default=None)
    count = gone[0].matrix_title if len(gone) == 1 else str(len(gone))
    bad = _bad(gone)
    if bad is not None:
        why = _trouble(build, bad)
        return Leg(stage, title, "stuck", Health.BAD, bad.title, why, started, bad.ended, ref)
    if all(each.state in ("succeeded", "ignored") for each in gone):
        ended = max((each.ended for each in gone if each.ended is not None), default=None)
        health = Health.SOON if any(each.state == "ignored" for each in gone) else Health.FINE
        return Leg(stage, title, "done", health, count, "", started, ended, ref)
    unseen = next((each for each in gone if each.state == "unknown"), None)
    if unseen is not None and build.finished:
        return Leg(stage, title, "unknown", Health.UNKNOWN, count, unseen.why, started, None, ref)
    if started is None:
        problem = build_problem(build)
        return Leg(stage, title, "waiting", Health.UNKNOWN, "", problem, None, None, ref)
    left = [each.title for each in gone if each.state not in ("succeeded", "ignored")]
    why = next((each.why for each in gone if each.why and each.state != "succeeded"), "") or f"{named(left)} to go"
    done = len(gone) - len(left)
    return Leg(stage, title, "working", Health.WORKING, f"{done}/{len(gone)}", why, started, None, ref)


def _tag(at: Situation, subject: Subject, build: Build, deploys: Sequence[Deployment]) -> Leg:
    if deploys:
        own = [each.ended for each in build.tasks if _stage(each) == "images" and each.ended is not None]
        return _written(deploys, max(own, default=None))
    leg = images_leg(at, subject.commit, build, subject.service)
    ref = ObjectRef("pipelineruns", build.namespace, build.name)
    bad = _bad([each for each in build.tasks if _stage(each) == "tag"])
    if bad is not None:
        why = _trouble(build, bad)
        return Leg("tag", "tag commit", "stuck", Health.BAD, bad.title, why, bad.started, bad.ended, ref)
    return Leg(
        "tag", "tag commit", leg.state, leg.health, leg.text, leg.why, leg.started, leg.ended, ref, leg.commit
    )


def _written(deploys: Sequence[Deployment], began: float | None) -> Leg:
    newest = max(deploys, key=lambda each: each.when)
    started = min(began, newest.when) if began is not None else None
    return Leg(
        "tag", "tag commit", "done", Health.FINE, newest.commit[:7], "", started, newest.when, commit=newest.commit
    )


def _in_order(legs: Sequence[Leg]) -> list[Leg]:
    """Return the legs with none at work or done before the one that holds them up is through."""
    found: list[Leg] = []
    held = False
    for leg in legs:
        if held and leg.state in ("stuck", "unknown"):
            found.append(Leg(leg.stage, leg.title, "waiting", Health.UNKNOWN, "", leg.why, ref=leg.ref))
        else:
            found.append(leg)
        held = held or leg.state == "stuck"
    return found
