"""What is gone back to, and by which commits: one service, one release, or the whole overlay at a point."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bakeryops.actions.ground import Ground
from bakeryops.actions.overlay_edit import images_at
from bakeryops.actions.rollback_words import shown
from bakeryops.config.values import nearest
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.git.entries import Entry, entry_of
from bakeryops.git.repository import Repository
from bakeryops.model.code import Deployment
from bakeryops.text import clean

__all__ = ["Move", "Target", "of_point", "of_release", "of_service", "of_undo"]

_SHA = re.compile(r"[0-9a-f]{4,40}")
_WAYS_BACK = frozenset({"rollback"})


@dataclass(frozen=True)
class Move:
    """One service going from one image to another."""

    service: str
    name: str
    """The image's name in the overlay."""
    before: Entry
    after: Entry
    now: Deployment | None
    """The deployment that is in force, None where Git does not tell of it."""
    to: Deployment | None


@dataclass(frozen=True)
class Target:
    """Every move of a rollback, and the commits whose revert comes to the same where there are some."""

    what: str
    """What is rolled back, for people: "auth", "release bakery-ia-ci-x2x4z"."""
    moves: tuple[Move, ...]
    reverts: tuple[str, ...] = ()
    """Full shas, the newest first; empty where only the tags can be set."""
    why_set: str = ""
    """Why the tags are set and nothing is reverted."""
    remarks: tuple[str, ...] = ()
    """What a person should know of the choice."""
    blocked: str = ""
    hint: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Images that the registry does not have any more, by service: the tag."""


def of_service(
    ground: Ground,
    service: str,
    to: str = "",
    *,
    stored: Collection[str] | None = None,
    failed: Mapping[str, str] | None = None,
) -> Target:
    """Return the way of one service back: to a tag, a commit (source or deploy), or to the image before.

    `stored` are the tags that the registry has, None where that is not known; `failed` says by source commit why
    an image failed when it ran. Without a wish, one that is gone or failed is passed over. Raises `UsageError` for
    a service or an image that is not known.
    """
    name, before = _entry(ground, service)
    history = [each for each in ground.code.deployments if each.service == service]
    now = next((each for each in history if _is(each, before)), None)
    last = max((place for place, each in enumerate(history) if _is(each, before)), default=-1)
    remarks: list[str] = []
    if to:
        found = _wished(service, history, to, stored or ())
        if found is None:
            after = Entry(to, "", before.new_name)
            move = Move(service, name, before, after, now, None)
            return Target(service, (move,), why_set=f"Git has no deployment of {to}, so it is set as named")
    else:
        found = None
        bad = _rolled_back(history)
        for each in history[last + 1 :]:
            if each.tag in bad:
                remarks.append(f"passed over {each.tag}: it was rolled back")
                continue
            if why := _failure(each, failed or {}):
                remarks.append(f"passed over {each.tag}: it failed when it ran: {why}")
                continue
            if stored is not None and each.tag and each.tag not in stored:
                remarks.append(f"passed over {each.tag}: the registry does not have its image any more")
                continue
            found = each
            break
        if found is None:
            return Target(
                service, (), remarks=tuple(remarks), blocked="there is no earlier image to go back to",
                hint="Name one with --to TAG, or build one: bakeryops rebuild SERVICE --at COMMIT",
            )  # fmt: skip
    after = Entry(found.tag, found.digest, before.new_name)
    move = Move(service, name, before, after, now, found)
    gone = _gone(service, found, stored)
    taken = history[: history.index(found)]
    reverts, why = _reverts(ground, service, taken, now)
    return Target(service, (move,), reverts, why, tuple(remarks), missing=gone)


def of_release(ground: Ground, run: str) -> Target:
    """Return the way back of all services that one PipelineRun deployed; raises `UsageError` if it is not known.

    Services that were deployed again since stay where they are.
    """
    runs = {each.run for each in ground.code.deployments if each.run}
    name = run if run in runs else next((each for each in runs if each.endswith(f"-{run}")), "")
    mine = [each for each in ground.code.deployments if name and each.run == name and each.kind == "deploy"]
    if not mine:
        meant = nearest(run, sorted(runs))
        raise UsageError(
            f"no deployment in Git is of the build {clean(run)[:80]}",
            hint=f"Did you mean {meant}?" if meant else "See: bakeryops history --kind deploy",
        )
    built = _built(ground, name, [each.service for each in mine])
    moves, remarks, reverts = [], [], []
    for each in mine:
        found = entry_of(ground.code.images, each.service)
        if found is None:
            remarks.append(f"{each.service} is not in the overlay any more")
        elif not _is(each, found[1]):
            remarks.append(f"{each.service} stays: it was changed again since, to {shown(found[1])}")
        else:
            last = _before(ground, each)
            if last is None:
                remarks.append(f"{each.service} stays: this was its first deployment")
                continue
            if each.service not in built:
                remarks.append(f"{each.service} stays: its commit names this build, which did not build it")
                continue
            after = Entry(last.tag, last.digest, found[1].new_name)
            moves.append(Move(each.service, found[0], found[1], after, each, last))
            reverts.append(each.commit)
    what = f"release {name}"
    if not moves:
        return Target(what, (), remarks=tuple(remarks), blocked="nothing of it is in force any more")
    kept = {move.service for move in moves}
    others = [each for each in ground.code.deployments if each.commit in reverts and each.service not in kept]
    ordered = tuple(dict.fromkeys(reverts))
    if others:
        return Target(what, tuple(moves), (), _SEVERAL, tuple(remarks))
    return Target(what, tuple(moves), ordered, "", tuple(remarks))


def _built(ground: Ground, run: str, services: Collection[str]) -> frozenset[str]:
    """Return those of the services that a build may have built: a trailer can be copied.

    A build that is not known any more, or that calls its services otherwise, may have built all.
    """
    build = next((each for each in ground.delivery.builds.builds if each.name == run), None)
    told = frozenset(build.services or () if build is not None else ()).intersection(services)
    return told or frozenset(services)


async def of_point(ground: Ground, repository: Repository, commit: str) -> Target:
    """Return the way back of the whole overlay to what it said at a commit; raises `BakeryopsError`."""
    found = ground.code.find(commit)
    if found is None:
        raise UsageError(f"there is no commit {clean(commit)[:80]} on the branch", hint="See: bakeryops history")
    then = {each.name: each for each in await images_at(repository, found.sha, ground.code.overlay)}
    moves, remarks = [], []
    for image in ground.code.images:
        old = then.pop(image.name, None)
        before = Entry(image.tag, image.digest, image.new_name)
        if old is None:
            remarks.append(f"{image.service} stays: the overlay had no entry for it then")
            continue
        after = Entry(old.tag, old.digest, old.new_name)
        if after != before:
            history = [each for each in ground.code.deployments if each.service == image.service]
            now = next((each for each in history if _is(each, before)), None)
            to = next((each for each in history if _is(each, after)), None)
            moves.append(Move(image.service, image.name, before, after, now, to))
    remarks += [f"{each.rpartition('/')[2]} is not brought back: its entry was removed since" for each in then]
    what = f"the overlay to {found.short}"
    if not moves:
        return Target(what, (), remarks=tuple(remarks), blocked="the overlay says the same as then")
    return Target(what, tuple(moves), (), "a point in history is written as it was", tuple(remarks))


def of_undo(ground: Ground, service: str) -> Target:
    """Return the way of a service back to what its last rollback took away; raises `UsageError`."""
    name, before = _entry(ground, service)
    history = [each for each in ground.code.deployments if each.service == service]
    last = history[0] if history else None
    if last is None or last.kind not in _WAYS_BACK or not _is(last, before):
        what = f"the last change of {service} is no rollback" + (f", but {last.kind} {last.tag}" if last else "")
        raise BakeryopsError(
            what,
            hint="See its deployments: bakeryops service " + service + "; go anywhere with: rollback --to TAG",
        )
    earlier = _before(ground, last)
    if earlier is None:
        raise BakeryopsError(f"Git does not tell what {service} ran before its rollback")
    move = Move(service, name, before, Entry(earlier.tag, earlier.digest, before.new_name), last, earlier)
    alone = [each for each in ground.code.deployments if each.commit == last.commit]
    if len(alone) > 1:
        return Target(service, (move,), (), _SEVERAL)
    return Target(service, (move,), (last.commit,))


_SEVERAL = "the commit changes other services too, and they are to stay"


def _entry(ground: Ground, service: str) -> tuple[str, Entry]:
    found = entry_of(ground.code.images, service)
    if found is None:
        names = [each.service for each in ground.code.images]
        meant = nearest(service, names)
        raise UsageError(
            f"{clean(service)[:80]} has no image in the overlay {ground.code.overlay}",
            why="only what the overlay names is deployed from Git",
            hint=f"Did you mean {meant}?" if meant else "See: bakeryops service",
        )
    return found


def _is(deployment: Deployment, entry: Entry) -> bool:
    return (deployment.tag, deployment.digest) == (entry.tag, entry.digest)


def _rolled_back(history: Sequence[Deployment]) -> frozenset[str]:
    """Return the tags that a rollback took away and nobody brought back since."""
    found: dict[str, bool] = {}
    for each in reversed(history):
        if each.kind in _WAYS_BACK and each.before:
            found[each.before] = True
        elif each.kind == "reapply":
            found[each.tag] = False
    return frozenset(tag for tag, away in found.items() if away)


def _failure(deployment: Deployment, failed: Mapping[str, str]) -> str:
    """Return why a deployment's image failed when it ran, "" where nothing is known of that."""
    source = deployment.source
    return next((why for commit, why in failed.items() if source and source.startswith(commit)), "")


def _wished(service: str, history: Sequence[Deployment], to: str, stored: Collection[str]) -> Deployment | None:
    """Return the newest deployment that a wish means: a tag, a source commit, or a commit of the overlay."""
    exact = [each for each in history if to in (each.tag, each.digest)]
    if exact:
        return exact[0]
    if to in stored:
        return None
    if not _SHA.fullmatch(to):
        meant = nearest(to, [each.tag for each in history])
        if any(mark in to for mark in ("/", " ", ":")) or meant:
            raise UsageError(
                f"{service} was never deployed as {clean(to)[:80]}",
                hint=f"Did you mean {meant}?" if meant else f"See: bakeryops service {service}",
            )
        return None
    found = [each for each in history if each.source.startswith(to) or each.commit.startswith(to)]
    tags = dict.fromkeys((each.tag, each.digest) for each in found)
    if not found:
        raise UsageError(
            f"no deployment of {service} is of the commit {to}", hint=f"See: bakeryops service {service}"
        )
    if len(tags) > 1:
        raise UsageError(
            f"{to} means several deployments of {service}",
            why=", ".join(tag or digest for tag, digest in tags),
            hint="Name the tag.",
        )
    return found[0]


def _gone(service: str, found: Deployment, stored: Collection[str] | None) -> dict[str, str]:
    return {service: found.tag} if stored is not None and found.tag and found.tag not in stored else {}


def _before(ground: Ground, deployment: Deployment) -> Deployment | None:
    """Return the deployment of a service that came before one."""
    history = [each for each in ground.code.deployments if each.service == deployment.service]
    place = next((n for n, each in enumerate(history) if each.commit == deployment.commit), None)
    return history[place + 1] if place is not None and place + 1 < len(history) else None


def _reverts(
    ground: Ground, service: str, taken: Sequence[Deployment], now: Deployment | None
) -> tuple[tuple[str, ...], str]:
    """Return the commits to revert, the newest first, or why the tag is to be set."""
    if now is None:
        return (), "Git does not tell which commit wrote the present image"
    commits = tuple(dict.fromkeys(each.commit for each in taken))
    others = [each for each in ground.code.deployments if each.commit in commits and each.service != service]
    if others:
        return (), _SEVERAL
    return commits, ""
