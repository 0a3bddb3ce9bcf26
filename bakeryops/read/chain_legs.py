"""The legs of the delivery chain as it stands: each one part compared with the one before it."""

from __future__ import annotations

from collections.abc import Collection

from bakeryops.model.build import Build
from bakeryops.model.chain import Leg
from bakeryops.model.code import Commit, OverlayImage
from bakeryops.model.health import Health, worst
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import Sync
from bakeryops.model.workload import WorkloadView
from bakeryops.read.chain_held import held_leg, holds_on, suspended
from bakeryops.read.chain_parts import Situation, build_label, named, runs
from bakeryops.units import format_duration

__all__ = [
    "applied_leg",
    "build_leg",
    "build_problem",
    "fetched_leg",
    "git_leg",
    "images_leg",
    "pods_leg",
    "ready_leg",
]

GRACE = 60.0
"""Seconds that one part is given to notice what the part before it did."""
_INTERVAL = 60.0
"""Seconds between two looks of a source that does not say."""


def git_leg(at: Situation) -> Leg:
    """Return where the branch stands."""
    head = at.head
    if head is None:
        why = at.code.reason or ("Git has not been read yet" if at.code.state == "waiting" else "Git is not known")
        return Leg("pushed", "git", "unknown", Health.UNKNOWN, "git ?", why)
    if not at.code_live:
        why = at.code.reason or "the repository has not been fetched since this began"
        return Leg("pushed", "git", "unknown", Health.UNKNOWN, head.short, why, commit=head.sha)
    when = head.committed
    # The branch is known, and something in it is not as it should be: an overlay that cannot be read.
    health = Health.SOON if at.code.reason else Health.FINE
    return Leg("pushed", "git", "done", health, head.short, at.code.reason, when, when, commit=head.sha)


def build_leg(at: Situation, change: Commit | None, build: Build | None, *, deployed: bool) -> Leg:
    """Return how far the build of a change is; `deployed` says that the overlay has images of it."""
    if at.builds is None:
        why = at.reasons.get("builds") or "builds cannot be seen"
        return Leg("build", "build", "unknown", Health.UNKNOWN, "build ?", why)
    if change is None and at.code_known:
        return Leg("build", "build", "skipped", Health.FINE, "nothing to build")
    if build is None:
        return _no_build(at, change, deployed=deployed)
    ref = ObjectRef("pipelineruns", build.namespace, build.name)
    label, sha = build_label(build), build.trigger.revision
    began = build.started if build.started is not None else build.created
    problem = build_problem(build)
    if problem:
        health = Health.BAD if build.state in ("failed", "timed out") else Health.SOON
        return Leg(
            "build", "build", "stuck", health, f"{label} {build.state}", problem, build.ended, None, ref, sha
        )
    if build.finished:
        took = build.seconds(at.now)
        text = f"{label} {format_duration(took)}" if took is not None else label
        return Leg("build", "build", "done", Health.FINE, text, "", began, build.ended, ref, sha)
    waits = build.state in ("queued", "pending")
    text = f"{label} {build.state}" if waits else f"{label} {_progress(build)}"
    why = build.why or (f"build {label} waits for its turn" if waits else f"build {label} is running")
    health = build.health if build.health in (Health.BAD, Health.SOON) else Health.WORKING
    return Leg("build", "build", "working", health, text.strip(), why, began, None, ref, sha)


def _progress(build: Build) -> str:
    return f"{build.done}/{build.total}" if build.done is not None and build.total else "running"


def _no_build(at: Situation, change: Commit | None, *, deployed: bool) -> Leg:
    if change is None:
        found = at.builds[0] if at.builds else None
        if found is None:
            return Leg("build", "build", "unknown", Health.UNKNOWN, "no build", "Git is not known, nor any build")
        return build_leg(at, None, found, deployed=False)
    if deployed:
        why = f"{change.short} was built; its run is no longer kept"
        return Leg("build", "build", "done", Health.FINE, "built", why, commit=change.sha)
    age = at.now - change.committed
    if -GRACE < age < GRACE:
        why = f"{change.short} was committed {format_duration(age)} ago; its build has not begun"
        return Leg("build", "build", "working", Health.WORKING, "no build yet", why, change.committed)
    why = f"no build for {change.short}: was the webhook lost?"
    if not at.code_live:
        return Leg("build", "build", "unknown", Health.UNKNOWN, "no build", why, commit=change.sha)
    return Leg("build", "build", "stuck", Health.SOON, "no build", why, change.committed, commit=change.sha)


def build_problem(build: Build) -> str:
    """Return a sentence on a build that ended and did not succeed, "" for every other."""
    if not build.finished or build.state == "succeeded":
        return ""
    label = build_label(build)
    failure = build.failure
    if failure is not None and failure.title:
        return f"build {label} failed in {failure.title}" + (f": {failure.text}" if failure.text else "")
    words = {"cancelled": "was cancelled", "timed out": "ran out of time"}
    why = build.why or build.message
    return f"build {label} {words.get(build.state, 'failed')}" + (f": {why}" if why else "")


def images_leg(at: Situation, change: Commit | None, build: Build | None, service: str = "") -> Leg:
    """Return whether the images of a change are wanted by the overlay."""
    leg = ("images", "images")
    if change is None and at.code_known:
        return Leg(*leg, "skipped", Health.FINE, "none to make")
    if build is not None and build.state == "succeeded" and build.services == ():
        return Leg(
            *leg, "skipped", Health.FINE, "none to make", "nothing that the services are made of was changed"
        )
    sha = change.sha if change is not None else ""
    written = [each for each in at.deployments_of(build, sha) if not service or each.service == service]
    made = tuple(dict.fromkeys(each.service for each in written))
    if build is None and made:
        newest = max(each.when for each in written)
        return Leg(*leg, "done", Health.FINE, _count(made), "", newest, newest, commit=written[0].commit)
    if build is None:
        state = "unknown" if at.builds is None else "waiting"
        return Leg(*leg, state, Health.UNKNOWN, "images ?" if state == "unknown" else "")
    if build.state != "succeeded":
        return Leg(*leg, "waiting", Health.UNKNOWN, "", "waits for the build")
    wanted = tuple(each for each in build.services or made if not service or each == service)
    missing = [each for each in wanted if each not in made]
    if not at.code_known:
        return Leg(
            *leg, "done", Health.FINE, _count(wanted), "", build.ended, build.ended, commit=build.deploy_commit
        )
    held = holds_on(at, change, build, service, missing if wanted else None)
    if held:
        return held_leg(build, held, _count(made) if made else "")
    if not missing and made:
        newest = max(each.when for each in written)
        # The run goes on after its tag commit: its closing tasks come then.
        began = min(build.ended, newest) if build.ended is not None else None
        return Leg(*leg, "done", Health.FINE, _count(made), "", began, newest, commit=written[0].commit)
    if build.deploy_commit and at.position(build.deploy_commit) is not None:
        return Leg(
            *leg, "done", Health.FINE, _count(wanted), "", build.ended, build.ended, commit=build.deploy_commit
        )
    return _no_tag(at, build, missing)


def _no_tag(at: Situation, build: Build, missing: Collection[str]) -> Leg:
    label = build_label(build)
    what = f"of {named(missing)} " if missing else ""
    why = f"build {label} succeeded, but Git has no commit with its tag {what}({build.tag or 'unknown'})"
    if not at.code_live:
        return Leg("images", "images", "unknown", Health.UNKNOWN, "images ?", f"{why}, as far as was fetched")
    age = at.now - (build.ended or build.created)
    if -GRACE < age < GRACE:
        return Leg("images", "images", "working", Health.WORKING, "tag commit", why, build.ended)
    return Leg("images", "images", "stuck", Health.BAD, "no tag commit", why, build.ended)


def _count(services: Collection[str]) -> str:
    return next(iter(services)) if len(services) == 1 else str(len(services))


def fetched_leg(at: Situation) -> Leg:
    """Return which commit Flux has fetched, against the head of the branch."""
    leg = ("fetched", "flux")
    source, head = at.source, at.head
    if at.sources is None or source is None:
        why = at.reasons.get("flux") or (
            "Flux' sources cannot be seen"
            if at.sources is None
            else "no GitRepository of Flux fetches this repository"
        )
        return Leg(*leg, "unknown", Health.UNKNOWN, "flux ?", why)
    ref = source.ref
    have = source.revision
    text = have.short if have is not None else "nothing"
    sha = have.hash if have is not None else ""
    says = source.why or source.message or source.reason or f"{source.name} is {source.state}"
    if have is None:
        state, health = ("stuck", source.health) if source.health is Health.BAD else ("working", Health.WORKING)
        why = source.why or f"{source.name} has fetched nothing yet"
        return Leg(*leg, state, health, text, why, source.since, None, ref)
    if head is None or have.hash == head.sha:
        # What it has is right, or cannot be compared; a fetch that fails since then is told all the same.
        ails = source.health not in (Health.FINE, Health.WORKING)
        began = head.committed if head is not None else source.fetched
        health = source.health if ails else Health.FINE
        return Leg(*leg, "done", health, text, says if ails else "", began, source.fetched, ref, sha)
    if at.position(have.hash) is None:
        known = have.hash in at.code.commits
        why = (
            f"Flux has {have.short}, which is not on {at.code.branch} any more"
            if known
            else f"Flux has {have.short}, which has not been read here yet"
        )
        return Leg(*leg, "unknown", Health.UNKNOWN, text, why, None, source.fetched, ref, sha)
    behind = f"Flux has not fetched {head.short}; it has {have.short}"
    if source.suspended:
        why = f"{behind}, and {source.name} is {suspended(source)}"
        return Leg(*leg, "stuck", Health.HELD, text, why, head.committed, None, ref, sha)
    if source.health is Health.BAD:
        why = f"{behind}: {says}"
        return Leg(*leg, "stuck", Health.BAD, text, why, source.since or head.committed, None, ref, sha)
    # A commit from the future tells nothing of when it was pushed.
    if not -GRACE < at.now - head.committed <= 2 * (source.interval or _INTERVAL) + GRACE:
        return Leg(*leg, "stuck", Health.SOON, text, behind, head.committed, None, ref, sha)
    return Leg(*leg, "working", Health.WORKING, text, behind, head.committed, None, ref, sha)


def applied_leg(at: Situation, *, ready: bool) -> Leg:
    """Return which commit Flux has applied, against the one it has fetched; `ready` says that all of it runs."""
    leg = ("applied", "applied")
    sync, source = at.sync, at.source
    if at.syncs is None or sync is None:
        why = at.reasons.get("flux") or (
            "Flux' Kustomizations cannot be seen"
            if at.syncs is None
            else f"no Kustomization applies {at.code.overlay or 'the overlay'}"
        )
        return Leg(*leg, "unknown", Health.UNKNOWN, "applied ?", why)
    ref, have = sync.ref, sync.applied
    want = source.revision if source is not None else None
    began = source.fetched if source is not None else None
    text, sha = (have.short, have.hash) if have is not None else ("nothing", "")
    if want is None:
        why = sync.why or "what Flux has fetched is not known"
        return Leg(*leg, "unknown", Health.UNKNOWN, text, why, None, sync.last, ref, sha)
    if have is not None and have.text == want.text:
        if sync.health is Health.BAD:
            why = sync.why or sync.message or f"{sync.name} fails"
            return Leg(*leg, "stuck", Health.BAD, text, why, sync.since, None, ref, sha)
        health, why = Health.FINE, ""
        if sync.suspended:
            health, why = Health.HELD, f"{sync.name} is {suspended(sync)}"
        elif sync.health in (Health.SOON, Health.UNKNOWN):
            health, why = sync.health, sync.why or f"{sync.name} is {sync.state}"
        return Leg(*leg, "done", health, text, why, began, _applied_at(sync, have.text, began), ref, sha)
    behind = f"Flux has not applied {want.short}"
    if sync.suspended:
        why = f"{behind}: {sync.name} is {suspended(sync)}"
        health = Health.BAD if sync.write_backs else Health.HELD
        return Leg(*leg, "stuck", health, text, why, began, None, ref, sha)
    tried = sync.attempted is not None and sync.attempted.text == want.text
    if tried and not ready and (sync.state == "checking" or "HealthCheck" in sync.reason):
        why = f"{want.short} is applied; Flux waits for its objects to be ready"
        return Leg(*leg, "done", Health.FINE, want.short, why, began, None, ref, want.hash)
    if sync.health is Health.BAD or sync.state in ("failing", "blocked"):
        why = f"{behind}: {sync.why or sync.message or sync.reason or sync.state}"
        health = Health.BAD if sync.health is Health.BAD else Health.SOON
        return Leg(*leg, "stuck", health, text, why, sync.since or began, None, ref, sha)
    late = began is not None and at.now - began > (sync.timeout or 300.0) + GRACE and sync.state == "ready"
    state, health = ("stuck", Health.SOON) if late else ("working", Health.WORKING)
    return Leg(*leg, state, health, text, f"{behind} yet: it is {sync.state}", began, None, ref, sha)


def _applied_at(sync: Sync, revision: str, began: float | None) -> float | None:
    """Return when a revision that was fetched at `began` was first applied, None where that is not recorded.

    Flux has one entry for each content: of one that it had before, the first time is that of the earlier revision.
    """
    first = next((each.first for each in sync.history if each.revision == revision), None)
    return first if first is not None and (began is None or first >= began) else None


def ready_leg(at: Situation, change: Collection[str], *, applied: bool, service: str = "") -> Leg:
    """Return whether the pods run what the overlay wants and are ready; the services of `change` come first.

    `applied` says that Flux has applied the overlay as it is now.
    """
    leg = ("ready", "ready")
    if at.workloads is None:
        return Leg(*leg, "unknown", Health.UNKNOWN, "pods ?", at.reasons.get("workloads") or "pods cannot be seen")
    wanted = [each for each in at.code.images if not service or each.service == service]
    if not wanted:
        return _ready_without_git(at, service)
    wanted.sort(key=lambda each: each.service not in change)
    verdicts = [_verdict(at, each, applied=applied, changed=each.service in change) for each in wanted]
    troubles = [each for each in verdicts if each is not None and each.state != "done"]
    if troubles:
        return _troubled(troubles)
    count = sum(each is not None for each in verdicts)
    if not count:
        return Leg(*leg, "unknown", Health.UNKNOWN, "no workload", "no workload runs an image of the overlay")
    health = worst((each.health for each in verdicts if each is not None), Health.FINE)
    ended = max((each.ended for each in verdicts if each is not None and each.ended is not None), default=None)
    text = next(each.text for each in verdicts if each is not None) if count == 1 else f"{count} ready"
    return Leg(*leg, "done", health, text, "", None, ended)


def _troubled(troubles: list[Leg]) -> Leg:
    order = {"stuck": 0, "working": 1, "waiting": 2}
    troubles.sort(key=lambda each: (order.get(each.state, 3), each.health.rank))
    first = troubles[0]
    more = f" +{len(troubles) - 1}" if len(troubles) > 1 else ""
    # Since when the one that is named is in trouble: another may have been so for much longer.
    return Leg(
        "ready",
        "ready",
        first.state,
        first.health,
        f"{first.text}{more}",
        first.why,
        first.started,
        None,
        first.ref,
    )


def _verdict(at: Situation, image: OverlayImage, *, applied: bool, changed: bool) -> Leg | None:
    """Return a leg for one service, None where nothing runs its image and nothing was to."""
    leg = ("ready", image.service)
    found = at.workload(image)
    if found is None:
        why = f"no workload runs {image.service}"
        return Leg(*leg, "stuck", Health.SOON, f"{image.service} -", why) if changed and applied else None
    ref = _ref(found)
    text = f"{image.service} {found.ready}/{found.desired} ready"
    if (image.tag or image.digest) and not runs(found, image):
        why = f"{image.service} runs {found.tag or found.image}, Git wants {image.tag or image.digest}"
        if not applied:
            return Leg(*leg, "waiting", Health.UNKNOWN, text, why, None, None, ref)
        return Leg(*leg, "stuck", Health.SOON, text, why, found.since, None, ref)
    return pods_leg(found, image.service)


def pods_leg(found: WorkloadView, service: str) -> Leg:
    """Return how the pods of one workload are, titled by its service, whatever image they run."""
    leg, ref = ("ready", service), _ref(found)
    text = f"{service} {found.ready}/{found.desired} ready"
    if found.desired == 0 and found.health is not Health.BAD:
        return Leg(*leg, "done", Health.HELD, text, f"{service} is scaled to 0", None, None, ref)
    short = found.ready < found.desired or found.updated < found.desired
    if short or found.health in (Health.BAD, Health.UNKNOWN):
        # All may be ready, and only the pods of the former revision.
        text = text if found.ready < found.desired else f"{service} {found.status}"
        why = f"{service}: {found.reason or f'{found.ready} of {found.desired} ready'}"
        match found.health:
            case Health.UNKNOWN:
                return Leg(*leg, "unknown", Health.UNKNOWN, text, why, found.since, None, ref)
            case Health.WORKING | Health.FINE:
                return Leg(*leg, "working", Health.WORKING, text, why, found.since, None, ref)
            case _:
                return Leg(*leg, "stuck", found.health, text, why, found.since, None, ref)
    return Leg(*leg, "done", Health.FINE, text, "", None, found.since, ref)


def _ready_without_git(at: Situation, service: str) -> Leg:
    """Judge the workloads that Flux owns, or the one of the service; which image they should run is not known."""
    if service:
        own = at.workload_named(service)
        found = [own] if own is not None else []
    else:
        mine = {(each.plural, each.namespace, each.name) for each in (at.sync.inventory if at.sync else ())}
        found = [
            each for each in at.workloads or () if (f"{each.kind.lower()}s", each.namespace, each.name) in mine
        ]
    if not found:
        return Leg("ready", "ready", "unknown", Health.UNKNOWN, "pods ?", "which workloads Git wants is not known")
    legs = [pods_leg(each, each.name) for each in found]
    troubles = [each for each in legs if each.state != "done"]
    if troubles:
        return _troubled(troubles)
    return Leg("ready", "ready", "done", worst(each.health for each in legs), f"{len(legs)} ready")


def _ref(found: WorkloadView) -> ObjectRef:
    return ObjectRef(f"{found.kind.lower()}s", found.namespace, found.name)
