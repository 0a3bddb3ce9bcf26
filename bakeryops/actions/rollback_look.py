"""What a person should know before a rollback: builds that run, Flux, the registry, migrations, automation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bakeryops.actions.ground import Ground
from bakeryops.actions.rollback_target import Move, Target
from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError
from bakeryops.git.errors import GitError
from bakeryops.git.preview import Shortlog, migrations, shortlog
from bakeryops.git.repository import Repository
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.model.build import Build
from bakeryops.model.code import Commit
from bakeryops.model.plan import Note
from bakeryops.model.sync import Source, Sync
from bakeryops.model.workload import WorkloadView
from bakeryops.read.chain_parts import Situation, named
from bakeryops.read.images import split_image
from bakeryops.registry.client import registry_of
from bakeryops.text import clean

__all__ = [
    "Delivery",
    "Images",
    "Past",
    "builds_in_the_way",
    "delivery_of",
    "failed_images",
    "images_of",
    "past_of",
    "writers",
]

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_SHOWN = 12


@dataclass(frozen=True)
class Delivery:
    """Who applies the overlay, from which source, and what it runs in."""

    sync: Sync | None
    source: Source | None
    workloads: dict[str, tuple[WorkloadView, ...]]
    """What runs the images, by service."""


def delivery_of(ground: Ground, services: Iterable[str]) -> Delivery:
    """Return who applies the overlay and what runs the images of these services."""
    situation = Situation(
        ground.code,
        None,
        ground.delivery.flux.sources.values(),
        ground.delivery.flux.syncs.values(),
        ground.workloads.workloads.values(),
        now=ground.now,
    )
    found: dict[str, tuple[WorkloadView, ...]] = {}
    for service in services:
        image = situation.image_of(service)
        name = (image.new_name or image.name) if image is not None else ""
        mine = tuple(
            each
            for each in ground.workloads.workloads.values()
            if each.kind in _KINDS and name and split_image(each.image).name == name
        )
        other = situation.workload(image) if image is not None else None
        found[service] = mine or ((other,) if other is not None else ())
    return Delivery(situation.sync, situation.source, found)


@dataclass(frozen=True)
class Images:
    """What the registry says of the images gone back to: digests by service, those that are gone."""

    digests: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


async def images_of(ground: Ground, moves: Sequence[Move]) -> Images:
    """Ask the registry for the images gone back to; what it does not say is unknown, never assumed."""
    registry = registry_of(ground.config)
    if registry is None:
        return Images(trouble="no registry is configured, so nobody knows whether the image is still there")
    digests: dict[str, str] = {}
    gone: dict[str, str] = {}

    async def ask(move: Move) -> None:
        reference = move.after.digest or move.after.tag
        if not reference:
            return
        found = await registry.has(move.after.new_name or move.name, reference)
        if found is None:
            gone[move.service] = reference
        else:
            digests[move.service] = move.after.digest or found

    try:
        await asyncio.gather(*(ask(move) for move in moves))
    except BakeryopsError as error:
        return Images(digests, gone, f"whether the image is still there is not known: {error.message}")
    finally:
        await registry.close()
    return Images(digests, gone)


async def failed_images(ground: Ground, service: str) -> dict[str, str]:
    """Return why images of a service failed when they ran, by the commit they were built from, as was saved."""
    if ground.session is None:
        return {}
    return await asyncio.to_thread(_failed_images, ground.session.target.server, service)


def _failed_images(cluster: str, service: str) -> dict[str, str]:
    store = BlackBoxStore()
    try:
        failures = store.failures(cluster)
    finally:
        store.close()
    return {
        each.commit: each.why or each.reason
        for each in failures
        if each.kind == "Pod" and each.commit and each.service in (service, f"{service}-service")
    }


@dataclass(frozen=True)
class Past:
    """What lies between two images of a service in Git."""

    lines: tuple[str, ...] = ()
    count: int = 0
    migrations: tuple[str, ...] = ()
    unknown: str = ""


async def past_of(ground: Ground, repository: Repository, move: Move) -> Past:
    """Return the commits that are taken back, those of the service's folder, and the migrations among them."""
    newer = move.now.source if move.now is not None else ""
    older = move.to.source if move.to is not None else split_image(f"x:{move.after.tag}").commit
    first, second = ground.code.find(older), ground.code.find(newer)
    if first is None or second is None:
        which = "present" if second is None else "earlier"
        return Past(unknown=f"which commit the {which} image was built from is not known")
    folder = f"{ground.config.git.services}/{move.service}"
    if move.service not in ground.code.services or not await _is_folder(repository, second.sha, folder):
        folder = move.service
    try:
        log, changed = await asyncio.gather(
            shortlog(repository, first.sha, second.sha, [folder], limit=_SHOWN),
            migrations(repository, first.sha, second.sha, folder),
        )
    except GitError as error:
        return Past(unknown=f"what lies between cannot be read: {error.message}")
    return Past(tuple(_log_lines(log)), len(log.commits) + log.more, changed)


async def _is_folder(repository: Repository, revision: str, folder: str) -> bool:
    try:
        parent, _, name = folder.rpartition("/")
        return name in await repository.folders(revision, parent)
    except GitError:
        return False


def _log_lines(log: Shortlog) -> Iterable[str]:
    yield from (_line("-", each) for each in log.commits)
    if log.more:
        yield f"… {log.more} more"
    yield from (_line("+", each) for each in log.back)
    if log.back_more:
        yield f"… {log.back_more} more that come back"


def _line(sign: str, commit: Commit) -> str:
    return f"{sign} {commit.short} {commit.subject} ({commit.author})"


def builds_in_the_way(ground: Ground, services: Iterable[str]) -> list[tuple[Build, tuple[str, ...] | None]]:
    """Return the builds that have not ended, each with the services of ours it would write; None where unknown."""
    wanted = frozenset(services)
    found: list[tuple[Build, tuple[str, ...] | None]] = []
    for build in ground.delivery.builds.builds:
        if build.finished:
            continue
        touched = build.services
        if touched is None:
            commit = ground.code.find(build.trigger.revision) if build.trigger.revision else None
            touched = ground.code.touched.get(commit.sha) if commit is not None else None
        if touched is None:
            found.append((build, None))
        elif "*" in touched:
            found.append((build, tuple(sorted(wanted))))
        else:
            found.append((build, tuple(sorted(wanted.intersection(touched)))))
    return found


@dataclass(frozen=True)
class Writer:
    """An ImageUpdateAutomation that writes the overlay."""

    namespace: str
    name: str
    suspended: bool
    certain: bool
    """False where its path could not be read."""


async def writers(ground: Ground) -> list[Writer]:
    """Return the image automation that would write the overlay again after a revert."""
    found = []
    for view in ground.delivery.flux.objects.values():
        if view.kind != "ImageUpdateAutomation":
            continue
        path, certain = await _update_path(ground, view.namespace, view.name)
        overlay = ground.code.overlay.strip("/")
        if not certain or not path or overlay == path or overlay.startswith(f"{path}/"):
            found.append(Writer(view.namespace, view.name, view.suspended, certain))
    return found


async def _update_path(ground: Ground, namespace: str, name: str) -> tuple[str, bool]:
    if ground.session is None:
        return "", False
    try:
        obj: Any = await ground.session.get("imageupdateautomations", name, namespace)
    except KubeError:
        return "", False
    update = (obj.get("spec") or {}).get("update") or {}
    path = update.get("path") if isinstance(update, dict) else None
    return (path.removeprefix("./").strip("/") if isinstance(path, str) else ""), True


def build_notes(ground: Ground, target: Target, *, held: bool) -> list[Note]:
    """Return what is to be said of builds that have not ended."""
    services = [move.service for move in target.moves]
    notes = []
    for build, touched in builds_in_the_way(ground, services):
        name = clean(build.name)
        if touched:
            saved = "held, so that its tag is not written" if held else "it will write a new tag over this"
            notes.append(Note("soon", f"build {name} is {build.state} and builds {named(touched)}: {saved}"))
        elif touched is None:
            notes.append(Note("soon", f"build {name} is {build.state}: what it builds is not known yet"))
        else:
            notes.append(Note("fine", f"build {name} is {build.state}: it does not touch {named(services)}"))
    return notes
