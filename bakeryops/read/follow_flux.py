"""From a tag in the overlay to ready pods: fetched, applied, ready, and whether a later commit took its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bakeryops.model.chain import Leg
from bakeryops.model.code import Deployment
from bakeryops.model.health import Health
from bakeryops.model.sync import Past
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.read.chain_legs import applied_leg, fetched_leg, pods_leg
from bakeryops.read.chain_parts import Situation, same_commit
from bakeryops.read.images import split_image

__all__ = ["Overtaking", "applied_of", "fetched_of", "overtaking", "ready_of", "waiting_legs"]

STAGES = (("fetched", "flux"), ("applied", "applied"), ("ready", "ready"))


class Overtaking(msgspec.Struct, frozen=True):
    """What became of deployments that are no longer the newest: `certain` says that they never went live."""

    by: str
    """The commit that went live in their place: the source where it is known."""
    certain: bool
    live: bool
    """Whether they are known to have been applied."""


def waiting_legs(state: str, why: str) -> list[Leg]:
    """Return the three legs, none of them gone."""
    health = Health.FINE if state == "skipped" else Health.UNKNOWN
    return [Leg(stage, title, state, health, "", why) for stage, title in STAGES]


def overtaking(at: Situation, deploys: Sequence[Deployment], target: str) -> Overtaking | None:
    """Return what took the place of all these deployments, None where one of them is the newest of its service."""
    later: list[Deployment] = []
    for each in deploys:
        newest = next((other for other in at.code.deployments if other.service == each.service), each)
        if newest.commit == each.commit:
            return None
        later.append(_next(at, each))
    if not later:
        return None
    last = min(later, key=lambda each: each.when)
    history = at.sync.history if at.sync is not None else ()
    live = any(
        at.contains(_hash(past.revision), target) and at.contains(_hash(past.revision), last.commit) is False
        for past in history
    )
    oldest = min((past.first for past in history if past.first is not None), default=None)
    written = max(each.when for each in deploys)
    # Until Flux has applied what came after, it may still apply these on the way there.
    past_it = any(at.contains(_hash(past.revision), last.commit) for past in history)
    certain = not live and past_it and oldest is not None and oldest <= written
    return Overtaking(last.source or last.commit, certain, live)


def _next(at: Situation, found: Deployment) -> Deployment:
    """Return the deployment of the same service that came after this one."""
    after = found
    for each in at.code.deployments:
        if each.commit == found.commit and each.service == found.service:
            return after
        if each.service == found.service:
            after = each
    return after


def _hash(revision: str) -> str:
    return revision.rpartition(":")[2]


def fetched_of(at: Situation, target: str, began: float | None) -> Leg:
    """Return whether Flux has fetched the commit `target`, which was pushed at `began`."""
    now = fetched_leg(at)
    have = at.source.revision if at.source is not None else None
    inside = at.contains(have.hash, target) if have is not None else None
    if have is None or at.source is None:
        return now
    if inside:
        exact = same_commit(have.hash, target)
        ended = at.source.fetched if exact else None
        why = "" if exact else "when it was fetched is not recorded: Flux has a later commit by now"
        return Leg("fetched", "flux", "done", Health.FINE, target[:7], why, began, ended, at.source.ref, target)
    if inside is None:
        why = now.why or f"whether {have.short} has {target[:7]} in it is not known"
        return Leg("fetched", "flux", "unknown", Health.UNKNOWN, have.short, why, began, None, at.source.ref)
    return msgspec.structs.replace(now, started=began)


def applied_of(at: Situation, target: str, fetched: Leg) -> Leg:
    """Return whether Flux has applied the commit `target`."""
    now = applied_leg(at, ready=False)
    if at.sync is None or fetched.state not in ("done", "unknown"):
        if at.sync is None:
            return now
        return Leg("applied", "applied", "waiting", Health.UNKNOWN, "", "waits for Flux to fetch it")
    have, tried = at.sync.applied, at.sync.attempted
    inside = at.contains(have.hash, target) if have is not None else None
    began = fetched.ended
    if inside:
        ended = _first_applied(at, at.sync.history, target, fetched.started)
        why = "" if ended is not None else "when it was applied is not recorded"
        return Leg("applied", "applied", "done", Health.FINE, target[:7], why, began, ended, at.sync.ref, target)
    if tried is not None and at.contains(tried.hash, target) and now.state == "done":
        return msgspec.structs.replace(now, text=target[:7], started=began)
    if inside is None:
        why = now.why or "which commit Flux has applied is not known"
        return Leg("applied", "applied", "unknown", Health.UNKNOWN, "", why, began, None, at.sync.ref)
    return msgspec.structs.replace(now, started=began if began is not None else now.started)


def _first_applied(at: Situation, history: Sequence[Past], target: str, since: float | None) -> float | None:
    """Return when a commit was first among what is applied, None where the history does not reach back to it.

    Flux has one entry for each content, with the last revision of it: a later commit that changed nothing takes
    the entry of ours over, and keeps its first time.
    """
    before = False
    for past in reversed(history):
        if at.contains(_hash(past.revision), target):
            known = before or same_commit(_hash(past.revision), target)
            # The same content may have been applied long before, and rolled back to.
            right = past.first is not None and (since is None or past.first >= since - 5.0)
            return past.first if known and right else None
        before = True
    return None


def ready_of(
    at: Situation, deploys: Sequence[Deployment], applied: Leg, pods: Iterable[PodView], over: Overtaking | None
) -> Leg:
    """Return whether the pods of these deployments run them and are ready."""
    leg = ("ready", "ready")
    if at.workloads is None:
        return Leg(*leg, "unknown", Health.UNKNOWN, "pods ?", at.reasons.get("workloads") or "pods cannot be seen")
    if not deploys and not at.code_known:
        why = at.code.reason or "Git is not known"
        return Leg(*leg, "unknown", Health.UNKNOWN, "pods ?", f"which images were deployed is not known: {why}")
    if not deploys:
        return Leg(*leg, "skipped", Health.FINE, "", "no image was deployed")
    newest = {each.service: each for each in at.code.deployments[::-1]}
    mine = [each for each in deploys if newest.get(each.service, each).commit == each.commit]
    if not mine and (over is None or over.live or applied.state in ("done", "unknown")):
        return _replaced(over)
    if applied.state != "done":
        state = "unknown" if applied.state == "unknown" else "waiting"
        return Leg(
            *leg, state, Health.UNKNOWN, "", "waits for Flux to apply it" if state == "waiting" else applied.why
        )
    found = [_one(at, each, list(pods)) for each in mine]
    order = {"stuck": 0, "working": 1, "unknown": 2, "done": 3}
    found.sort(key=lambda each: (order.get(each.state, 2), each.health.rank))
    worst = found[0]
    if worst.state != "done":
        more = (
            f" +{sum(each.state != 'done' for each in found) - 1}"
            if found[1:] and found[1].state != "done"
            else ""
        )
        text = f"{worst.text}{more}"
        return Leg(
            *leg, worst.state, worst.health, text, worst.why, worst.started or applied.ended, None, worst.ref
        )
    ended = [each.ended for each in found]
    text = worst.text if len(found) == 1 else f"{len(found)} ready"
    known = max((each for each in ended if each is not None), default=None) if None not in ended else None
    why = "" if known is not None else "since when its pods are ready is not recorded"
    return Leg(*leg, "done", worst.health, text, worst.why or why, applied.ended, known, worst.ref)


def _replaced(over: Overtaking | None) -> Leg:
    by = over.by[:7] if over is not None else "a later commit"
    if over is not None and over.certain:
        return Leg("ready", "ready", "skipped", Health.FINE, "", f"overtaken by {by} before it was applied")
    if over is not None and over.live:
        return Leg("ready", "ready", "done", Health.FINE, "replaced", f"it went live and was replaced by {by}")
    why = f"replaced by {by}; whether it ran before is not recorded"
    return Leg("ready", "ready", "unknown", Health.UNKNOWN, "replaced", why)


def _one(at: Situation, deployment: Deployment, pods: Sequence[PodView]) -> Leg:
    image = at.image_of(deployment.service)
    found = at.workload(image) if image is not None else at.workload_named(deployment.service)
    service = deployment.service
    if found is None:
        return Leg("ready", service, "stuck", Health.SOON, f"{service} -", f"no workload runs {service}")
    have = split_image(found.image)
    same = have.digest == deployment.digest if deployment.digest else have.tag == deployment.tag
    verdict = pods_leg(found, service)
    if not same:
        why = f"{service} runs {found.tag or found.image}, this is {deployment.tag or deployment.digest}"
        return msgspec.structs.replace(verdict, state="stuck", health=Health.SOON, why=why, ended=None)
    ended = _ready_since(found, deployment, pods) if verdict.state == "done" else None
    return msgspec.structs.replace(verdict, ended=ended)


def _ready_since(found: WorkloadView, deployment: Deployment, pods: Sequence[PodView]) -> float | None:
    """Return when the last of the pods became ready; None where one has been restarted since, or is not known."""
    keys = set(found.pods)
    own = [each for each in pods if each.key in keys and not each.finished and each.terminating is None]
    times = [each.since for each in own if each.health is Health.FINE and not each.restarts]
    right = all(any(box.tag == deployment.tag for box in each.containers) for each in own) or bool(
        deployment.digest
    )
    if not own or len(own) < found.desired or len(times) != len(own) or None in times or not right:
        return None
    return max(each for each in times if each is not None)
