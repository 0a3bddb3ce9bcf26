"""What a rollback's preview shows: from and to, commits taken back, the diff, objects that change, warnings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bakeryops.actions.ground import Ground
from bakeryops.actions.overlay_edit import Edit, Made
from bakeryops.actions.rollback_look import Delivery, Images, Past, Writer, build_notes, past_of
from bakeryops.actions.rollback_target import Move, Target
from bakeryops.actions.rollback_wish import Wish
from bakeryops.actions.rollback_words import shown
from bakeryops.errors import BakeryopsError
from bakeryops.git.repository import Repository
from bakeryops.model.code import Deployment
from bakeryops.model.hold import Hold
from bakeryops.model.object_change import ObjectChange
from bakeryops.model.plan import Fact, Note, Section
from bakeryops.model.workload import WorkloadView
from bakeryops.read.chain_parts import named
from bakeryops.read.object_changes import object_changes
from bakeryops.rendering import rendered
from bakeryops.text import clean
from bakeryops.units import format_age, format_duration

__all__ = ["Objects", "Seen", "facts_of", "lifted_holds", "notes_of", "objects_of", "pasts_of", "sections_of"]

_MOST = 12
"""Lines of a kind that a preview shows before it says how many more there are."""


@dataclass(frozen=True)
class Objects:
    """What Flux would change in the cluster, None where that cannot be told."""

    changes: tuple[ObjectChange, ...] | None
    unknown: str = ""


@dataclass(frozen=True)
class Seen:
    """All that was looked at for one rollback."""

    ground: Ground
    wish: Wish
    verb: str
    target: Target
    edit: Edit
    change: str
    made: Made
    why_set: str
    images: Images
    automation: tuple[Writer, ...]
    holds: dict[str, Hold] | None
    pushable: str
    """Why nothing can be pushed, ""."""
    away: bool
    """Whether that is because Git does not answer."""
    delivery: Delivery
    pasts: dict[str, Past]
    objects: Objects
    diff: tuple[str, ...]
    """The overlay's kustomization, as lines of a unified diff."""
    others: tuple[str, ...]
    """Paths of other files that change."""
    push_command: str
    past_git: tuple[str, str] = ("", "")
    """Why a suspended Kustomization must not be resumed yet, and what to do."""

    @property
    def services(self) -> list[str]:
        """The services that move."""
        return [move.service for move in self.target.moves]

    @property
    def migrations(self) -> tuple[str, ...]:
        """Database migrations between the two images of any service."""
        return tuple(path for past in self.pasts.values() for path in past.migrations)


async def pasts_of(ground: Ground, repository: Repository, target: Target) -> dict[str, Past]:
    """Return what lies between the two images of each service."""
    found = await asyncio.gather(*(past_of(ground, repository, move) for move in target.moves))
    return {move.service: past for move, past in zip(target.moves, found, strict=True)}


async def objects_of(ground: Ground, repository: Repository, delivery: Delivery, head: str, made: Made) -> Objects:
    """Return what differs between what Flux builds of the branch and of the commit."""
    if made.state != "made":
        return Objects(())
    if delivery.sync is None or ground.session is None:
        return Objects(None, "who applies the overlay is not known")
    sync = delivery.sync
    try:
        spec = (await ground.session.get("kustomizations", sync.name, sync.namespace)).get("spec")
        before, after = await asyncio.gather(
            rendered(repository, sync, spec if isinstance(spec, dict) else {}, head),
            rendered(repository, sync, spec if isinstance(spec, dict) else {}, made.commit),
        )
    except BakeryopsError as error:
        return Objects(None, f"{error.message}: {error.why}" if error.why else error.message)
    return Objects(await asyncio.to_thread(object_changes, before, after, prune=sync.prune))


def facts_of(seen: Seen) -> Iterator[Fact]:
    """Yield the lines at the top: now, to, commits, how, Flux."""
    ground, target = seen.ground, seen.target
    if len(target.moves) == 1:
        yield from _move_facts(seen, target.moves[0])
    else:
        for move in target.moves[: 2 * _MOST]:
            yield Fact(move.service, f"{shown(move.before)} → {shown(move.after)}")
        if len(target.moves) > 2 * _MOST:
            yield Fact("", f"… {len(target.moves) - 2 * _MOST} more services")
    if seen.edit.mode == "revert":
        commits = ", ".join(sha[:7] for sha in seen.edit.commits)
        yield Fact("git", f"revert {commits} (clean) as {seen.made.commit[:7]}, push to {ground.code.branch}")
    elif seen.made.state == "made":
        why = f" ({clean(seen.why_set)})" if seen.why_set else ""
        yield Fact("git", f"set the tag as {seen.made.commit[:7]}, push to {ground.code.branch}{why}")
    sync = seen.delivery.sync
    if sync is not None:
        applied = sync.applied.short if sync.applied is not None else "nothing"
        tone = "" if sync.health.value == "fine" else "soon"
        yield Fact("flux", f"{sync.name} {sync.state}, has applied {applied}", tone)


def _move_facts(seen: Seen, move: Move) -> Iterator[Fact]:
    now, workloads = seen.ground.now, seen.delivery.workloads.get(move.service, ())
    runs = ", ".join(_running(each) for each in workloads)
    yield Fact("now", "  ".join(part for part in (_called(move.before.tag, move.now, now, seen), runs) if part))
    lasted = _lasted(seen, move)
    digest = seen.images.digests.get(move.service, "")
    stored = f"image in the registry {digest[:19]}" if digest else ""
    told = (_called(shown(move.after), move.to, now, seen), lasted, stored)
    yield Fact("to", "  ".join(part for part in told if part))
    past = seen.pasts.get(move.service)
    if past is not None and past.count:
        yield Fact("taken back", f"{past.count} commit{'s' if past.count > 1 else ''} of {move.service}")


def _running(view: WorkloadView) -> str:
    state = f" {view.status}" if view.health.value != "fine" else ""
    return f"{view.ready}/{view.desired} ready{state}"


def _called(tag: str, deployment: Deployment | None, now: float, seen: Seen) -> str:
    if deployment is None:
        return tag
    source = seen.ground.code.find(deployment.source) if deployment.source else None
    who = source.author if source is not None else deployment.author
    return f"{tag}  {who}  {format_age(now - deployment.when)} ago"


def _lasted(seen: Seen, move: Move) -> str:
    if move.to is None:
        return ""
    after = [
        each.when
        for each in seen.ground.code.deployments
        if each.service == move.service and each.when > move.to.when
    ]
    return f"ran {format_duration(min(after) - move.to.when)}" if after else ""


def sections_of(seen: Seen) -> Iterator[Section]:
    """Yield commits, diff, objects, and the commands."""
    for service, past in seen.pasts.items():
        if past.lines:
            what = "brought back" if seen.verb == "reapply" else "taken back"
            yield Section(f"Commits {what} of {service}", past.lines[: 2 * _MOST])
    if seen.diff:
        yield Section("Git", seen.diff[:200], "diff")
    if seen.others:
        more = [f"… {len(seen.others) - _MOST} more"] if len(seen.others) > _MOST else []
        yield Section("Other files that change", (*map(clean, seen.others[:_MOST]), *more))
    changes = seen.objects.changes
    if changes:
        lines = [change_line(each) for each in changes]
        more = [f"… {len(lines) - 30} more"] if len(lines) > 30 else []
        yield Section("Objects that change", (*lines[:30], *more))


def change_line(change: ObjectChange) -> str:
    """Return a changed object as a line."""
    sign = {"created": "+", "deleted": "-", "changed": "~"}.get(change.action, "?")
    place = f"{change.ref.namespace}/{change.ref.name}" if change.ref.namespace else change.ref.name
    fields = f" ({', '.join(change.fields)})" if change.fields else ""
    kept = " stays: it is marked not to be pruned" if change.kept else ""
    return clean(f"{sign} {change.kind} {place}{fields}{kept}")


def notes_of(seen: Seen) -> Iterator[Note]:
    """Yield what to know before confirming, the worst first."""
    found = [*_image_notes(seen), *_object_notes(seen), *_past_notes(seen), *_flux_notes(seen)]
    found += [*_health_notes(seen), *_unseen_notes(seen)]
    found += [
        Note("soon", f"{sha[:7]} is a merge: merging the same branch again brings nothing until this is reverted")
        for sha in seen.made.merges
    ]
    found += build_notes(seen.ground, seen.target, held=seen.wish.hold)
    found += _hold_notes(seen)
    found += [Note("unknown", clean(each)) for each in seen.target.remarks]
    order = {"bad": 0, "soon": 1, "unknown": 2, "fine": 3}
    yield from sorted(found, key=lambda note: order.get(note.tone, 2))


def _image_notes(seen: Seen) -> Iterator[Note]:
    for service, tag in seen.images.gone.items():
        yield Note("bad", f"the registry does not have the image {clean(tag)} of {service} any more")
    if seen.images.trouble:
        yield Note("unknown", clean(seen.images.trouble))
    for service, digest in seen.images.digests.items():
        if digest:
            yield Note("fine", f"the image of {service} is still in the registry")


def _past_notes(seen: Seen) -> Iterator[Note]:
    paths = seen.migrations
    if paths:
        yield Note(
            "bad",
            f"{len(paths)} database migration{'s' if len(paths) > 1 else ''} between the two images: "
            f"{named(paths, 3)}. An image goes back, a database does not: mend forward, or restore",
        )
    for service, past in seen.pasts.items():
        if past.unknown:
            yield Note("unknown", f"whether migrations lie between is not known for {service}: {past.unknown}")
    if seen.pasts and not paths and not any(past.unknown for past in seen.pasts.values()):
        yield Note("fine", "no database migrations between the two")


def _object_notes(seen: Seen) -> Iterator[Note]:
    objects = seen.objects
    if objects.changes is None:
        yield Note("unknown", f"which objects change is not known: {clean(objects.unknown)}")
        return
    for each in objects.changes:
        if each.red and not each.kept:
            yield Note("bad", f"{each.kind} {each.ref.name} is deleted, with what it holds")
        if each.immutable:
            yield Note("bad", f"{each.kind} {each.ref.name}: {each.immutable} cannot be changed; Flux will fail")
    deleted = [each for each in objects.changes if each.action == "deleted" and not each.red and not each.kept]
    if deleted:
        what = "1 object is" if len(deleted) == 1 else f"{len(deleted)} objects are"
        yield Note("soon", f"{what} deleted: {named([each.ref.name for each in deleted])}")


def _health_notes(seen: Seen) -> Iterator[Note]:
    """Tell where Flux' health check failed while an image that is gone back to was deployed."""
    main = seen.ground.code.main
    for move in seen.target.moves:
        if move.to is None or seen.delivery.sync is None or move.to.commit not in main:
            continue
        later = [each for each in seen.ground.code.deployments if each.service == move.service]
        at = later.index(move.to)
        first = main.index(later[at - 1].commit) if at and later[at - 1].commit in main else -1
        while_live = frozenset(main[first + 1 : main.index(move.to.commit) + 1])
        for past in seen.delivery.sync.history:
            if past.health.value == "bad" and past.revision.rpartition(":")[2] in while_live:
                what = f"while {move.service} was at {shown(move.after)}, Flux said {clean(past.status)}"
                yield Note("soon", f"{what}: look whether that image was well")
                break


def _unseen_notes(seen: Seen) -> Iterator[Note]:
    """Tell of which services no pods will be waited for."""
    alone = [each for each in seen.services if not seen.delivery.workloads.get(each)]
    if alone and seen.delivery.sync is not None and not seen.wish.commit_only:
        what = "no Deployment, StatefulSet or DaemonSet is known that runs"
        yield Note("unknown", f"{what} {counted(alone)}: that Flux applied it is all that will be seen")


def _flux_notes(seen: Seen) -> Iterator[Note]:
    sync = seen.delivery.sync
    if sync is None and seen.ground.away:
        yield Note("soon", f"the commit is pushed, the rest waits: {clean(seen.ground.away)}")
    elif sync is None:
        yield Note(
            "unknown", "no Kustomization is known that applies the overlay: the commit is pushed, and no more"
        )
    elif sync.suspended and seen.wish.resume:
        yield Note(
            "soon", f"Kustomization {sync.name} is suspended and is resumed: it applies all that waits in Git"
        )
    elif sync.suspended:
        yield Note("bad", f"Kustomization {sync.name} is suspended: what is pushed is not applied")
    elif sync.state in ("checking", "applying"):
        seconds = f" (at most {format_duration(sync.timeout)})" if sync.timeout else ""
        yield Note(
            "soon",
            f"Kustomization {sync.name} still waits for the health of what it applied{seconds}, before it goes on",
        )
    source = seen.delivery.source
    if source is not None and source.suspended:
        yield Note("bad", f"GitRepository {source.name} is suspended: nothing is fetched")
    for writer in seen.automation:
        if not writer.suspended:
            sure = "writes the overlay and would undo this" if writer.certain else "may write the overlay"
            yield Note(
                "soon", f"ImageUpdateAutomation {writer.name} {sure}: it is suspended first, until you resume it"
            )


def lifted_holds(seen: Seen) -> list[str]:
    """Return the services whose hold ends with an undo: one that a rollback set, or that is ours."""
    if seen.verb != "reapply":
        return []
    held = {each: seen.holds[each] for each in seen.services if seen.holds and each in seen.holds}
    ours = seen.ground.who.label
    return [each for each, hold in held.items() if hold.owner == ours or "-rollback-" in hold.job]


def _hold_notes(seen: Seen) -> Iterator[Note]:
    held = seen.holds
    if held is None:
        yield Note("unknown", "whether services are held is not known")
        held = {}
    other = {each: held[each] for each in seen.services if each in held and not held[each].over(seen.ground.now)}
    lifted = lifted_holds(seen)
    for service, hold in other.items():
        if service in lifted:
            yield Note("fine", f"the hold of {service} is lifted: builds deploy it again")
            continue
        yield Note("soon", f"{service} is held by {hold.owner}" + (f": {hold.reason}" if hold.reason else ""))
    fresh = [each for each in seen.services if each not in other]
    if seen.wish.hold and fresh:
        what = "is" if len(fresh) == 1 else "are"
        yield Note("soon", f"{named(fresh)} {what} held, so that no build deploys over it, until you lift it")


def counted(names: Sequence[str]) -> str:
    """Return names, or their number where they are many."""
    return named(names, 4)
