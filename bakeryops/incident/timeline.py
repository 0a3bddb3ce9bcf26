"""The time line: what Git, Tekton, Flux, pods, the black box and the audit log tell, in one order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bakeryops.incident.facts import Moment
from bakeryops.incident.scope import Scope
from bakeryops.model.blackbox import Saved
from bakeryops.model.build import Build
from bakeryops.model.health import Health
from bakeryops.model.history import Entry
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Source, Sync
from bakeryops.model.workload import ContainerView, PodView
from bakeryops.read.chain_parts import Situation, named
from bakeryops.read.flux_revisions import parse_revision
from bakeryops.units import format_duration

__all__ = ["moments"]

_TONES = {
    "done": "fine", "applied": "fine", "failed": "bad", "partial": "bad", "cancelled": "held", "refused": "soon",
    "rolled back": "held", "overtaken": "held", "running": "working", "waiting": "working",
}  # fmt: skip
_SAME = 5.0
"""Seconds within which two tellings of one thing differ at most."""


def moments(
    at: Situation,
    scope: Scope,
    since: float,
    until: float,
    *,
    builds: Iterable[Build],
    pods: Iterable[PodView],
    entries: Iterable[Entry],
    saved: Iterable[Saved],
    holds: Iterable[Hold],
) -> list[Moment]:
    """Return what happened from `since` to `until`, oldest first; what is given is of the scope already."""
    told = list(entries)
    found = [
        *_pushes(at, scope),
        *(each for build in builds for each in _build(build)),
        *_deployed(told),
        *_applied(told),
        *_flux(at, scope),
        *(each for entry in told if entry.kind == "action" for each in _action(entry)),
        *(each for pod in pods for each in _pod(pod)),
        *map(_saved, saved),
        *(each for hold in holds for each in _hold(hold)),
    ]
    unique = {(int(each.when), each.kind, each.what): each for each in found if since <= each.when <= until}
    return sorted(unique.values(), key=lambda each: each.when)


def _pushes(at: Situation, scope: Scope) -> Iterator[Moment]:
    for sha in at.code.main:
        commit = at.code.commits.get(sha)
        touched = at.touched(sha)
        if commit is None or sha in at.deploys:
            continue
        if scope.service and not ({scope.service, "*"} & set(touched)):
            continue
        about = f" ({named('shared code' if each == '*' else each for each in touched)})" if touched else ""
        yield Moment(commit.committed, "push", f"{commit.short} {commit.subject}{about}", "", commit.author)


def _build(build: Build) -> Iterator[Moment]:
    trigger = build.trigger
    of = f" of {trigger.revision[:7]}" if trigger.revision else ""
    again = f", again what {trigger.rerun_of} did" if trigger.rerun_of else ""
    yield Moment(build.created, "build", f"{build.name}{of} begins{again}", "", trigger.pusher)
    if build.ended is not None:
        took = build.seconds(build.ended)
        after = "" if took is None else f" after {format_duration(took)}"
        why = "" if build.health is Health.FINE else f": {build.why or build.message or build.reason}"
        yield Moment(
            build.ended, "build", f"{build.name} {build.state}{after}{why.rstrip(': ')}", build.health.value
        )


def _deployed(entries: list[Entry]) -> Iterator[Moment]:
    for each in entries:
        if each.kind in ("deploy", "rollback", "reapply", "edit"):
            before = f" (was {each.before})" if each.before else ""
            what = f"{each.kind} {each.service} {each.tag}{before} by commit {each.commit[:7]}: {each.title}"
            yield Moment(each.when, "deploy", f"{what}. {_fate(each)}", _TONES.get(each.result, ""), each.who)


def _fate(each: Entry) -> str:
    result = "What became of it is not known" if each.result == "unknown" else each.result.capitalize()
    return f"{result}. {each.text}".strip() if each.text else f"{result}."


def _applied(entries: list[Entry]) -> Iterator[Moment]:
    """Yield what Flux applied: revisions with nothing deployed in them, and those with deployments, each once."""
    carried: dict[tuple[int, str], list[Entry]] = {}
    for each in entries:
        if each.kind == "sync":
            text = f": {each.text}" if each.text else ""
            yield Moment(
                each.when, "flux", f"{each.title} {each.result}{text}", _TONES.get(each.result, ""), "flux"
            )
        elif each.kind != "action" and each.applied is not None:
            carried.setdefault((int(each.applied), each.commit), []).append(each)
    for (when, commit), group in carried.items():
        services = named(each.service for each in group)
        yield Moment(when, "flux", f"Flux had applied {commit[:7]} ({services})", "fine", "flux")
    for each in entries:
        late = each.ready is not None and (each.applied is None or each.ready - each.applied > _SAME)
        if each.kind != "action" and late and each.ready is not None:
            what = f"{each.service or each.title} ready with {each.tag or each.commit[:7]}"
            yield Moment(each.ready, "pod", what, "fine")


def _flux(at: Situation, scope: Scope) -> Iterator[Moment]:
    """Yield failed applies that Flux still tells of, and what is not well with it now, since when it is so."""
    syncs = [
        each for each in at.syncs or () if not scope.service or (at.sync is not None and each.key == at.sync.key)
    ]
    for sync in syncs:
        for past in sync.history:
            if past.health is Health.BAD and (past.last or past.first) is not None:
                shown = parse_revision(past.revision)
                what = f"{sync.name} failed to apply {shown.short if shown is not None else past.revision}"
                yield Moment(past.first or past.last or 0.0, "flux", f"{what}: {past.status}", "bad", "flux")
    keys = {each.source for each in syncs}
    ill: list[Sync | Source] = [
        *syncs,
        *(each for each in at.sources or () if not scope.service or each.key in keys),
    ]
    for each in ill:
        if each.health not in (Health.FINE, Health.WORKING) and each.since is not None:
            why = each.why or each.message
            yield Moment(each.since, "flux", f"{each.kind} {each.name} {each.state}" + (f": {why}" if why else ""),
                         each.health.value, "flux")  # fmt: skip


def _action(entry: Entry) -> Iterator[Moment]:
    job = f" (job {entry.job})" if entry.job else ""
    if not entry.job or entry.result in ("noted", "running"):
        text = f": {entry.text}" if entry.text else ""
        yield Moment(entry.when, "action", f"{entry.title}{text}{job}", _TONES.get(entry.result, ""), entry.who)
        return
    yield Moment(entry.when, "action", f"{entry.title}: begun{job}", "", entry.who)
    if entry.ended is not None:
        text = f": {entry.text}" if entry.text and entry.text != entry.result else ""
        what = f"{entry.title}: {entry.result}{text}{job}"
        yield Moment(entry.ended, "action", what, _TONES.get(entry.result, ""), entry.who)


def _pod(pod: PodView) -> Iterator[Moment]:
    for box in pod.containers:
        yield from _container(pod, box)
    if pod.health in (Health.BAD, Health.SOON) and pod.since is not None:
        why = f": {pod.reason}" if pod.reason else ""
        yield Moment(pod.since, "pod", f"{pod.name} is {pod.status}{why}", pod.health.value)


def _container(pod: PodView, box: ContainerView) -> Iterator[Moment]:
    failed = box.oom or (box.last_exit or 0) != 0
    if box.last_ended is None or not failed:
        return
    code = "" if box.last_exit is None else f" with exit code {box.last_exit}"
    reason = (
        " (out of memory)" if box.oom else f" ({box.last_reason})" if box.last_reason not in ("", "Error") else ""
    )
    times = f", {box.restarts} restarts so far" if box.restarts else ""
    yield Moment(box.last_ended, "pod", f"{pod.name} {box.name} ended{code}{reason}{times}", "bad")
    if box.state == "running" and box.ready and box.since is not None and box.since >= box.last_ended:
        yield Moment(box.since, "pod", f"{pod.name} {box.name} runs again", "fine")


def _saved(saved: Saved) -> Moment:
    code = "" if saved.exit_code is None else f" (exit code {saved.exit_code})"
    error = saved.error or saved.why
    what = f"{saved.title} {saved.reason or saved.verdict}{code}" + (f": {error}" if error else "")
    kind = "pod" if saved.kind == "Pod" else "build"
    return Moment(saved.when, kind, what, "held" if saved.verdict == "cancelled" else "bad")


def _hold(hold: Hold) -> Iterator[Moment]:
    if hold.since is not None:
        yield Moment(
            hold.since, "hold", f"{hold.service} held: {hold.reason or 'no reason given'}", "held", hold.owner
        )
    if hold.until is not None:
        yield Moment(hold.until, "hold", f"the hold of {hold.service} is over by itself")
