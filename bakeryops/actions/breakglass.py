"""Break-glass: a service back to an earlier image past Git while Gitea is away, and into Git afterwards."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bakeryops.actions.breakglass_steps import WRITE_BACK, written_back
from bakeryops.actions.git_steps import CHANGE
from bakeryops.actions.ground import Ground
from bakeryops.actions.overlay_edit import Edit
from bakeryops.actions.rollback_look import Delivery, delivery_of
from bakeryops.actions.rollback_target import of_service
from bakeryops.actions.rollback_wish import Wish
from bakeryops.actions.rollback_words import commit_message, shown
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.session import Session
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.git.entries import Entry, entry_of
from bakeryops.model.plan import Fact, Note, Permission, Plan, PlanStep
from bakeryops.model.sync import Sync
from bakeryops.model.workload import WorkloadView
from bakeryops.read.chain_parts import named
from bakeryops.read.images import split_image
from bakeryops.text import clean

__all__ = ["plan_break_glass", "plan_write_back"]

_KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


async def plan_break_glass(ground: Ground, wish: Wish) -> Plan:
    """Return the plan that sets a service's image past Git; raises `BakeryopsError`."""
    if ground.session is None:
        raise BakeryopsError("no cluster is connected")
    session, service = ground.session, wish.service
    delivery = delivery_of(ground, [service])
    workloads = delivery.workloads.get(service) or _named(ground, service)
    if not workloads:
        raise UsageError(f"nothing in the cluster runs {clean(service)[:80]}", hint="See: bakeryops service")
    before, after, name, remarks = await _way(ground, session, wish, workloads[0])
    image = _image(after.new_name or name, after)
    on_node = await _on_nodes(session, image)
    sync = delivery.sync
    blocked, hint = _blocked(ground, sync, workloads)
    steps = (
        () if blocked or sync is None else tuple(_steps(ground, wish, sync, workloads, name, before, after, image))
    )
    return Plan(
        action="break-glass",
        title=f"Set {service} to {shown(after)} past Git",
        button="Break the glass",
        subject=service,
        created=ground.now,
        steps=steps,
        scope=(f"service/{service}",) if sync is None else _scope(service, sync),
        command=shlex.join(
            ["bakeryops", "rollback", service, *(["--to", wish.to] if wish.to else []), "--break-glass"]
        ),
        undo=shlex.join(["bakeryops", "rollback", service, "--write-back"]),
        facts=(
            Fact("now", shown(before)),
            Fact("to", shown(after)),
            Fact("git", clean(ground.code.reason) or ground.code.state, "bad"),
            Fact("then", f"bakeryops rollback {service} --write-back, as soon as Gitea is back"),
        ),
        notes=(
            Note("bad", "Git says something else until it is written back; Flux stays suspended so long, for all"),
            *_image_notes(ground, image, on_node),
            *(Note("unknown", clean(each)) for each in remarks),
        ),
        typed=service,
        why_typed="cluster and Git differ until it is written back",
        needs=() if sync is None else tuple(_needs(sync, workloads)),
        usual=40.0,
        blocked=blocked,
        hint=hint,
    )


def _named(ground: Ground, service: str) -> tuple[WorkloadView, ...]:
    """Return the workload of a service where Git does not tell which image it has."""
    name = ground.delivery.service_named(service, ground.code, ground.workloads)
    names = {service, name, f"{name}-service"}
    return tuple(
        each
        for each in ground.workloads.workloads.values()
        if each.kind in _PLURALS and (each.name in names or each.service in names) and each.component != "database"
    )[:1]


async def _way(
    ground: Ground, session: Session, wish: Wish, workload: WorkloadView
) -> tuple[Entry, Entry, str, tuple[str, ...]]:
    """Return the entry now and then, the image's name, and remarks: from Git, else from earlier ReplicaSets."""
    running = split_image(workload.image)
    known = entry_of(ground.code.images, wish.service) if ground.code.head else None
    if known is not None and not wish.to and not _told(ground, wish.service, running.tag, running.digest):
        # The copy of Git is older than the deployment that is to be taken back.
        before = Entry(running.tag, running.digest, known[1].new_name)
        return before, known[1], known[0], (f"Git was fetched last before {shown(before)} was deployed",)
    if known is not None:
        target = of_service(ground, wish.service, wish.to)
        if target.moves:
            move = target.moves[0]
            before = Entry(running.tag, running.digest, move.before.new_name)
            return before, move.after, move.name, target.remarks
    if wish.to:
        return Entry(running.tag, running.digest), Entry(wish.to), running.name, ()
    earlier = await _replica_set_image(session, workload)
    if not earlier:
        raise BakeryopsError(
            f"no earlier image of {wish.service} is known",
            why="Git was never fetched on this machine, and there is no earlier ReplicaSet",
            hint="Name a tag with --to TAG.",
        )
    found = split_image(earlier)
    return Entry(running.tag, running.digest), Entry(found.tag, found.digest), running.name, ()


def _told(ground: Ground, service: str, tag: str, digest: str) -> bool:
    """Return whether Git as it was fetched last tells of an image of a service."""
    return any(
        each.service == service and ((tag and each.tag == tag) or (digest and each.digest == digest))
        for each in ground.code.deployments
    )


async def _replica_set_image(session: Session, workload: WorkloadView) -> str:
    """Return the image of the ReplicaSet before the present one, "" where there is none."""
    if workload.kind != "Deployment":
        return ""
    path = await session.discovery.path("replicasets", workload.namespace)
    items = msgspec.json.decode(await session.transport.get_bytes(path)).get("items") or []
    found: list[tuple[int, str]] = []
    for each in items:
        metadata = each.get("metadata") or {}
        owners = metadata.get("ownerReferences") or ()
        if not any(owner.get("kind") == "Deployment" and owner.get("name") == workload.name for owner in owners):
            continue
        revision = str((metadata.get("annotations") or {}).get("deployment.kubernetes.io/revision") or "0")
        containers = (((each.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ()
        image = str(containers[0].get("image") or "") if containers else ""
        if revision.isdigit() and image and image != workload.image:
            found.append((int(revision), image))
    return max(found, default=(0, ""))[1]


async def _on_nodes(session: Session, image: str) -> bool | None:
    """Return whether a node says that it has an image; None where nodes may not be read."""
    try:
        body = await session.transport.get_bytes(await session.discovery.path("nodes", None))
    except KubeError:
        return None
    for node in msgspec.json.decode(body).get("items") or ():
        for each in (node.get("status") or {}).get("images") or ():
            if image in (each.get("names") or ()):
                return True
    return False


def _image_notes(ground: Ground, image: str, on_node: bool | None) -> Iterator[Note]:
    if on_node:
        yield Note("fine", "the node has the image, so it needs no registry")
    else:
        yield Note(
            "soon",
            f"the registry is part of Gitea: pods start only if the node has kept {image.rpartition('/')[2]}",
        )


def _blocked(ground: Ground, sync: Sync | None, workloads: tuple[WorkloadView, ...]) -> tuple[str, str]:
    if ground.code.state == "live":
        return "Gitea answers: there is no need to go past Git", "Roll back as usual: leave --break-glass out."
    if sync is None:
        return (
            "no Kustomization is known that applies the overlay, so nothing could keep Flux from undoing it",
            "Suspend Flux by hand: bakeryops flux suspend NAME, then use kubectl set image.",
        )
    return "", ""


def _scope(service: str, sync: Sync) -> tuple[str, ...]:
    return tuple(sorted((f"service/{service}", f"kustomization/{sync.namespace}/{sync.name}")))


def _steps(
    ground: Ground, wish: Wish, sync: Sync, workloads: tuple[WorkloadView, ...], name: str, before: Entry,
    after: Entry, image: str,
) -> Iterator[PlanStep]:  # fmt: skip
    service = wish.service
    place = {"namespace": sync.namespace, "name": sync.name}
    git = entry_of(ground.code.images, service)
    record = {
        "image": name,
        "tag": after.tag,
        "digest": after.digest,
        "git_tag": git[1].tag if git else "",
        "git_digest": git[1].digest if git else "",
        "reason": wish.reason,
    }
    note = json.dumps(record)
    yield PlanStep(
        "suspend", "flux.suspend", f"Suspend Kustomization {sync.name}",
        {"kind": "kustomizations", **place, "reason": f"break-glass of {service}: write it back to Git first",
         "until": ""},
        (f"kubectl patch kustomization/{sync.name} -n {sync.namespace}: spec.suspend = true",),
        partial=f"Kustomization {sync.name} is suspended", seconds=1.0,
    )  # fmt: skip
    yield PlanStep(
        "record", "glass.record", "Record what Git has to be told",
        {**place, "service": service, "record": record},
        (f"kubectl annotate kustomization/{sync.name} -n {sync.namespace} {WRITE_BACK}{service}='{note}'",),
        seconds=0.5,
    )  # fmt: skip
    rows = [
        {"kind": each.kind, "namespace": each.namespace, "name": each.name, "image": image, "digest": ""}
        for each in workloads
    ]
    yield PlanStep(
        "image", "glass.image", f"Set the image of {named([each.name for each in workloads])}",
        {"workloads": rows, "image_name": after.new_name or name},
        tuple(
            f"kubectl set image {each.kind.lower()}/{each.name} -n {each.namespace} *={image}"
            for each in workloads
        ),
        partial="the image is set past Git, not verified", seconds=1.0,
    )  # fmt: skip
    yield PlanStep(
        "ready", "deliver.ready", f"{named([each.name for each in workloads])} ready on this image",
        {"workloads": rows, "seconds": 600.0}, changes=False, seconds=20.0,
    )  # fmt: skip
    if wish.watch > 0:
        yield PlanStep(
            "stays", "deliver.stays", f"It stays ready for {wish.watch:.0f} s",
            {"workloads": rows, "seconds": wish.watch}, changes=False, seconds=wish.watch,
        )  # fmt: skip


def _image(name: str, entry: Entry) -> str:
    return name + (f":{entry.tag}" if entry.tag else "") + (f"@{entry.digest}" if entry.digest else "")


def _needs(sync: Sync, workloads: tuple[WorkloadView, ...]) -> Iterator[Permission]:
    yield Permission("patch", "kustomizations", sync.namespace, sync.name, _KUSTOMIZE)
    for each in workloads:
        yield Permission("patch", _PLURALS[each.kind], each.namespace, each.name, "apps")


async def plan_write_back(ground: Ground, service: str, *, reason: str = "") -> Plan:
    """Return the plan that tells Git what break-glass did, and then resumes Flux; raises `BakeryopsError`."""
    delivery = delivery_of(ground, [service])
    sync = delivery.sync
    if ground.session is None or sync is None:
        raise BakeryopsError("the Kustomization that applies the overlay is not known", hint="See: bakeryops flux")
    obj = await ground.session.get("kustomizations", sync.name, sync.namespace)
    waiting = written_back(obj)
    if service not in waiting:
        others = f"Waiting are: {named(sorted(waiting), 6)}" if waiting else "Nothing waits to be written back."
        raise UsageError(f"{clean(service)[:80]} was not set past Git", hint=others)
    record = waiting[service]
    found = entry_of(ground.code.images, service)
    if found is None and not ground.code.head:
        raise BakeryopsError(
            f"{service} cannot be written back: Git does not answer yet", why=ground.code.reason,
            hint="Try again when Gitea is back; until then Flux stays suspended.",
        )  # fmt: skip
    if found is None:
        raise BakeryopsError(f"{service} has no image in the overlay by now", why=ground.code.reason)
    name, present = found
    after = Entry(record.get("tag", ""), record.get("digest", ""), present.new_name)
    edit = _edit(ground, service, name, present, after, reason or record.get("reason", ""))
    blocked = "" if ground.code.state == "live" else f"Git does not answer: {ground.code.reason}"
    notes = [*_drift_notes(service, record, present)]
    rest = sorted(set(waiting) - {service})
    if rest:
        notes.append(Note("soon", f"{named(rest)} wait to be written back too: Flux stays suspended until then"))
    return Plan(
        action="write-back",
        title=f"Write {service} {shown(after)} back to Git" + ("" if rest else f" and resume {sync.name}"),
        button="Write back",
        subject=service,
        created=ground.now,
        steps=() if blocked else tuple(_back_steps(ground, delivery, sync, edit, service, after, resume=not rest)),
        scope=_scope(service, sync),
        command=shlex.join(["bakeryops", "rollback", service, "--write-back"]),
        facts=(Fact("git", f"{shown(present)} → {shown(after)}"), Fact("flux", f"{sync.name} {sync.state}")),
        notes=tuple(notes),
        needs=tuple(_back_needs(delivery, sync)),
        usual=40.0,
        basis={"git.url": ground.code.url, "git.branch": ground.code.branch, "git.head": ground.code.head}
        | ({"git.resolve": ground.resolve} if ground.resolve else {}),
        blocked=blocked,
        hint="Look whether Gitea is running; then again." if blocked else "",
    )


def _back_needs(delivery: Delivery, sync: Sync) -> Iterator[Permission]:
    yield Permission("patch", "kustomizations", sync.namespace, sync.name, _KUSTOMIZE)
    source = delivery.source
    if source is not None and source.kind == "GitRepository":
        yield Permission("patch", "gitrepositories", source.namespace, source.name, "source.toolkit.fluxcd.io")


def _drift_notes(service: str, record: Mapping[str, Any], present: Entry) -> Iterator[Note]:
    recorded = (record.get("git_tag", ""), record.get("git_digest", ""))
    if recorded != (present.tag, present.digest) and any(recorded):
        yield Note(
            "soon", f"Git has moved {service} to {shown(present)} meanwhile: writing back takes it from there"
        )


def _edit(ground: Ground, service: str, name: str, before: Entry, after: Entry, reason: str) -> Edit:
    who = ground.who
    edit = Edit(
        ground.code.overlay, "set", (), {name: before}, {name: after}, "", who.name, who.email, int(ground.now)
    )
    message = commit_message(
        f"rollback({service}): {shown(before)} -> {shown(after)}",
        reason=reason or "set past Git while Gitea was away",
        services=[service],
        reverts=(),
        who=who,
        more=((CHANGE, f"glass-{service}-{int(ground.now)}"),),
    )
    return msgspec.structs.replace(edit, message=message)


def _back_steps(
    ground: Ground, delivery: Delivery, sync: Sync, edit: Edit, service: str, after: Entry, *, resume: bool
) -> Iterator[PlanStep]:
    place = {"namespace": sync.namespace, "name": sync.name}
    subject = edit.message.splitlines()[0]
    yield PlanStep(
        "push", "git.edit", f"Commit and push to {ground.code.branch}",
        {"edit": msgspec.to_builtins(edit), "change": f"glass-{service}-{int(ground.now)}",
         "head": ground.code.head},
        (f"{edit.overlay}: newTag: {shown(after)}", f"git commit -m {shlex.quote(subject)}", "git push"),
        partial="written back, Flux is still suspended", seconds=2.0,
    )  # fmt: skip
    source = delivery.source
    if source is not None and source.kind == "GitRepository":
        yield PlanStep(
            "fetched", "deliver.fetch", f"Flux fetches the commit ({source.name})",
            {"namespace": source.namespace, "name": source.name}, seconds=3.0,
        )  # fmt: skip
    yield PlanStep(
        "settle", "glass.settle", "Take the record away", {**place, "service": service},
        (f"kubectl annotate kustomization/{sync.name} -n {sync.namespace} {WRITE_BACK}{service}-",), seconds=0.5,
    )  # fmt: skip
    if not resume:
        return
    yield PlanStep(
        "resume", "flux.resume", f"Resume Kustomization {sync.name}", {"kind": "kustomizations", **place},
        (f"kubectl patch kustomization/{sync.name} -n {sync.namespace}: spec.suspend = null",), seconds=1.0,
    )  # fmt: skip
    yield PlanStep(
        "applied", "deliver.apply", f"Flux applies the commit ({sync.name})",
        {**place, "seconds": (sync.timeout or 300.0) + 360.0},
        partial="applied, not verified", seconds=10.0,
    )  # fmt: skip
    rows = [
        {"kind": each.kind, "namespace": each.namespace, "name": each.name, "digest": "",
         "image": _image(after.new_name or next(iter(edit.after)), after)}
        for each in delivery.workloads.get(service, ())
    ]  # fmt: skip
    if rows:
        yield PlanStep(
            "ready", "deliver.ready", f"{service} ready on this image", {"workloads": rows, "seconds": 600.0},
            changes=False, seconds=10.0,
        )  # fmt: skip
