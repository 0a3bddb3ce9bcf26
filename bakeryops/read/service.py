"""One service: what runs, who deployed it when, its builds, its deployments and their fate, pods and database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from bakeryops.model.build import Build
from bakeryops.model.chain import Release, ServiceView
from bakeryops.model.code import CodeView, Commit, Deployment
from bakeryops.model.health import Health, worst
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Source, Sync
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.read.chain import chain_in
from bakeryops.read.chain_parts import Situation
from bakeryops.read.follow_flux import overtaking
from bakeryops.read.holds import write_back_text
from bakeryops.read.images import split_image

__all__ = ["service_in", "service_view", "services"]

_BUILDS = 50
_DATABASES = ("db", "database", "postgres", "postgresql")


def services(code: CodeView, workloads: Iterable[WorkloadView] | None) -> list[str]:
    """Return the names of all services: what the overlay and the folders name, and what runs from their registry.

    Without Git these are the Deployments whose tag tells the commit it was built from, and those beside them in
    the registry.
    """
    names = set(code.services) | {image.service for image in code.images}
    own = {(image.new_name or image.name).rpartition("/")[0] for image in code.images}
    running = [each for each in workloads or () if each.kind == "Deployment" and each.image]
    if not own:
        own = {split_image(each.image).name.rpartition("/")[0] for each in running if each.commit}
    for each in running:
        place, _, name = split_image(each.image).name.rpartition("/")
        if place and place in own:
            names.add(name)
    return sorted(names - {""})


def service_view(
    name: str,
    code: CodeView,
    builds: Iterable[Build] | None,
    sources: Iterable[Source] | None,
    syncs: Iterable[Sync] | None,
    workloads: Iterable[WorkloadView] | None,
    pods: Iterable[PodView] | None,
    *,
    now: float,
    reasons: Mapping[str, str] | None = None,
    stored: Collection[str] | None = None,
    holds: Mapping[str, Hold] | None = None,
) -> ServiceView:
    """Return a service as `services` names it; of one that is nowhere to be found, a view that says so.

    A part that is None cannot be seen; `reasons` and `holds` are those of `chain_of`. `stored` are the tags
    that the registry has of its image.
    """
    situation = Situation(code, builds, sources, syncs, workloads, now=now, reasons=reasons, holds=holds)
    return service_in(situation, name, pods, stored)


def service_in(
    at: Situation, name: str, pods: Iterable[PodView] | None, stored: Collection[str] | None = None
) -> ServiceView:
    """Return a service in a situation."""
    image = at.image_of(name)
    found = at.workload(image) if image is not None else _running(at, name)
    history = [each for each in at.code.deployments if each.service == name]
    running = _deployed(history, found)
    chain = chain_in(at, name)
    health, state, why = _condition(at, name, found)
    wanted = image.tag if image is not None else ""
    if found is not None and not why and image is not None and wanted and not _is_at(found, wanted, image.digest):
        health, why = worst([health, Health.SOON]), f"runs {found.tag or found.image}, Git wants {wanted}"
    back = next((each for sync in at.syncs or () for each in sync.write_backs if each.service == name), None)
    if back is not None:
        health, why = Health.BAD, f"set past Git {write_back_text(back, at.now)}: write it back"
    unknowns = list(chain.unknowns)
    if pods is None:
        unknowns.append(at.reasons.get("workloads") or "pods cannot be seen")
    return ServiceView(
        name=name,
        health=health,
        state=state,
        why=why,
        workload=found,
        image=found.image if found is not None else "",
        tag=found.tag if found is not None else "",
        wanted_tag=wanted,
        commit=_commit(at, running, found),
        deployed=running.when if running is not None else None,
        deployed_by=_person(at, running),
        pods=_pods(pods or (), found),
        builds=tuple(each for each in at.builds or () if _concerns(at, each, name))[:_BUILDS],
        releases=tuple(_release(at, each, history, running, found, stored) for each in history),
        database=_database(at, name),
        chain=chain,
        unknowns=tuple(dict.fromkeys(unknowns)),
        hold=at.holds.get(name),
        write_back=back,
    )


def _running(at: Situation, name: str) -> WorkloadView | None:
    """Return the workload of a service that the overlay does not name."""
    for each in at.workloads or ():
        if each.kind == "Deployment" and split_image(each.image).name.rpartition("/")[2] == name:
            return each
    return at.workload_named(name)


def _condition(at: Situation, name: str, found: WorkloadView | None) -> tuple[Health, str, str]:
    if found is not None:
        return found.health, found.status, found.reason
    if at.workloads is None:
        return Health.UNKNOWN, "unknown", at.reasons.get("workloads") or "workloads cannot be seen"
    return Health.UNKNOWN, "not deployed", f"no workload runs {name}"


def _is_at(found: WorkloadView, tag: str, digest: str) -> bool:
    have = split_image(found.image)
    return have.digest == digest if digest else have.tag == tag


def _deployed(history: Sequence[Deployment], found: WorkloadView | None) -> Deployment | None:
    """Return the newest deployment of what runs now."""
    if found is None:
        return None
    return next((each for each in history if _is_at(found, each.tag, each.digest)), None)


def _commit(at: Situation, running: Deployment | None, found: WorkloadView | None) -> Commit | None:
    """Return the commit that what runs was built from."""
    prefix = running.source if running is not None else ""
    if not prefix and found is not None:
        prefix = found.commit or split_image(found.image).commit
    return at.code.find(prefix) if prefix else None


def _person(at: Situation, running: Deployment | None) -> str:
    """Return who brought what runs: the author of its source, or of the change to the overlay."""
    if running is None:
        return ""
    source = at.code.find(running.source) if running.source and running.kind == "deploy" else None
    return source.author if source is not None else running.author


def _pods(pods: Iterable[PodView], found: WorkloadView | None) -> tuple[PodView, ...]:
    keys = frozenset(found.pods) if found is not None else frozenset()
    return tuple(
        sorted((each for each in pods if each.key in keys), key=lambda each: (each.health.rank, each.name))
    )


def _concerns(at: Situation, build: Build, name: str) -> bool:
    """Return whether a build is of a service: as it says, or as its commit touches it."""
    if build.services is not None:
        return name in build.services
    commit = at.code.find(build.trigger.revision) if build.trigger.revision else None
    touched = at.touched(commit.sha) if commit is not None else ()
    return name in touched or "*" in touched


def _release(
    at: Situation,
    deployment: Deployment,
    history: Sequence[Deployment],
    running: Deployment | None,
    found: WorkloadView | None,
    stored: Collection[str] | None,
) -> Release:
    place = next(index for index, each in enumerate(history) if each is deployment)
    runs = deployment is running
    after = history[place - 1] if place else None
    return Release(
        deployment=deployment,
        commit=at.code.find(deployment.source) if deployment.source else None,
        running=runs,
        state="running" if runs else _fate(at, deployment, after, found),
        until=after.when if after is not None else None,
        stored=None if stored is None or not deployment.tag else deployment.tag in stored,
    )


def _fate(at: Situation, deployment: Deployment, after: Deployment | None, found: WorkloadView | None) -> str:
    if after is None:
        return "unknown" if found is None else "not applied"
    over = overtaking(at, [deployment], deployment.commit)
    return "overtaken" if over is not None and over.certain else "replaced"


def _database(at: Situation, name: str) -> WorkloadView | None:
    """Return the database of a service, by its name or by its labels."""
    base = name.removesuffix("-service")
    names = {f"{base}-{suffix}" for suffix in _DATABASES}
    found = [each for each in at.workloads or () if each.name in names]
    found += [
        each
        for each in at.workloads or ()
        if each.component == "database" and each.service in (name, base, f"{base}-service")
    ]
    return found[0] if found else None
