"""Puts a rollback's plan together from what was seen: steps, locks, rights, and why it may not be possible."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import msgspec

from bakeryops.actions.hold import hold_needs, hold_step, lift_step
from bakeryops.actions.rollback_look import builds_in_the_way
from bakeryops.actions.rollback_preview import Seen, facts_of, lifted_holds, notes_of, sections_of
from bakeryops.actions.rollback_wish import command_of
from bakeryops.actions.rollback_words import shown
from bakeryops.git.entries import Entry
from bakeryops.model.build import Build
from bakeryops.model.plan import Permission, Plan, PlanStep
from bakeryops.read.chain_parts import named
from bakeryops.text import clean

__all__ = ["AWAY", "delivery_steps", "finished_plan"]

AWAY = "git.away"
"""The part of a plan's basis that says that Git did not answer."""
_FLUX = "toolkit.fluxcd.io"
_USUAL = 45.0
"""Seconds from push to ready pods, about."""


def finished_plan(seen: Seen) -> Plan:
    """Return the plan."""
    target, wish, ground = seen.target, seen.wish, seen.ground
    undoing = seen.verb == "reapply"
    services = seen.services
    blocked, hint = _blocked(seen)
    subject = wish.service or target.what
    if len(target.moves) == 1:
        title = f"{'Bring back' if undoing else 'Roll back'} {services[0]} to {shown(target.moves[0].after)}"
    else:
        title = f"Roll back {target.what}" + (f": {named(services, 4)}" if services else "")
    typed, why = _typed(seen, subject)
    return Plan(
        action="undo" if undoing else "rollback",
        title=title,
        button="Bring back" if undoing else "Roll back",
        subject=subject,
        created=ground.now,
        steps=() if blocked or not target.moves or seen.made.state != "made" else tuple(_steps(seen)),
        scope=tuple(sorted(f"service/{each}" for each in services)),
        command=command_of(wish, seen.verb),
        undo=shlex.join(["bakeryops", "rollback", services[0], *([] if undoing else ["--undo"])])
        if len(services) == 1
        else "",
        facts=tuple(facts_of(seen)),
        notes=tuple(notes_of(seen)),
        sections=tuple(sections_of(seen)),
        typed=typed,
        why_typed=why,
        needs=tuple(_needs(seen)),
        usual=None if wish.commit_only else _USUAL + wish.watch,
        basis=_basis(seen),
        blocked=blocked,
        hint=hint,
    )


def _basis(seen: Seen) -> dict[str, str]:
    code = seen.ground.code
    found = {"git.url": code.url, "git.branch": code.branch, "git.head": code.head}
    if seen.ground.resolve:
        found["git.resolve"] = seen.ground.resolve
    if seen.away:
        found[AWAY] = "yes"
    found |= {f"entry.{move.service}": shown(move.before) for move in seen.target.moves}
    return found


def _blocked(seen: Seen) -> tuple[str, str]:
    """Return why it cannot be done and what to do, both "" where it can."""
    target, made, sync = seen.target, seen.made, seen.delivery.sync
    if target.blocked:
        return target.blocked, target.hint
    if seen.images.gone:
        service, tag = next(iter(seen.images.gone.items()))
        move = next(each for each in target.moves if each.service == service)
        source = move.to.source if move.to is not None else ""
        build = f"build it again: bakeryops rebuild {service} --at {source[:12]}, or " if source else ""
        return (
            f"the image {clean(tag)} of {service} is gone from the registry, its pods could not start",
            f"{build}go to another one: bakeryops service {service}"[0:300],
        )
    if seen.pushable:
        only = len(target.moves) == 1
        glass = f" In an emergency: bakeryops rollback {seen.services[0]} --break-glass" if only else ""
        return f"nothing can be pushed: {clean(seen.pushable)}", f"Look at Gitea and git.credentials.{glass}"
    if made.state in ("changed", "conflict"):
        return clean(made.text), "Look again: the branch has moved."
    if sync is not None and sync.suspended and seen.past_git[0] and not seen.wish.commit_only:
        return seen.past_git
    if sync is not None and sync.suspended and not (seen.wish.resume or seen.wish.commit_only):
        return (
            f"Kustomization {sync.name} is suspended: what is pushed would not be applied",
            f"Add --resume, or --commit-only; or resume it: bakeryops flux resume {sync.name}",
        )
    return "", ""


def _typed(seen: Seen, subject: str) -> tuple[str, str]:
    """Return what has to be typed and why, both "" where nothing has to."""
    changes = seen.objects.changes or ()
    if any(each.red and not each.kept for each in changes):
        return subject, "objects that hold data are deleted"
    if seen.migrations:
        return subject, "database migrations lie between the two images"
    if seen.wish.point:
        return seen.ground.code.branch, "the whole overlay goes back"
    return "", ""


def _steps(seen: Seen) -> Iterator[PlanStep]:
    wish, ground, services = seen.wish, seen.ground, seen.services
    reason = wish.reason or f"rolled back to {shown(seen.target.moves[0].after)}"
    held = seen.holds or {}
    fresh = [each for each in services if each not in held or held[each].over(ground.now)]
    first = [hold_step(ground, fresh, reason, patient=True)] if wish.hold and fresh else []
    for number, writer in enumerate(each for each in seen.automation if not each.suspended):
        first.append(_suspend_writer(number, writer.namespace, writer.name, reason))
    if wish.cancel_builds:
        first += [_cancel(build) for build, touched in builds_in_the_way(ground, services) if touched]
    push = _push_step(seen)
    if first:
        yield _look_step(seen, push)
        yield from first
    yield push
    delivery = [] if wish.commit_only else list(delivery_steps(seen))
    if wish.hold and fresh:
        # Once more after the first word with the cluster: it may have been away when the hold was to be set.
        again = hold_step(ground, fresh, reason, id="held", patient=not delivery)
        again = msgspec.structs.replace(again, title=f"Make sure that {named(fresh)} stays held", partial="")
        delivery.insert(min(1, len(delivery)), again)
    yield from delivery
    lifted = lifted_holds(seen)
    if lifted:
        yield lift_step(ground, lifted, held)


def _look_step(seen: Seen, push: PlanStep) -> PlanStep:
    """Return the step before all others that refuses where somebody was faster, so that nothing is left behind."""
    return PlanStep(
        "look", "git.look", f"See that {seen.ground.code.branch} still says what is shown here",
        {name: push.args[name] for name in ("edit", "change")}, ("git fetch",), changes=False, seconds=0.5,
    )  # fmt: skip


def _push_step(seen: Seen) -> PlanStep:
    edit, branch = seen.edit, seen.ground.code.branch
    message = edit.message.splitlines()[0]
    merges = seen.made.merges
    how = [f"git revert --no-commit {'-m 1 ' if sha in merges else ''}{sha[:12]}" for sha in edit.commits] or [
        f"{edit.overlay}: images: {name.rpartition('/')[2]}: newTag: {shown(entry)}"
        for name, entry in edit.after.items()
    ]
    return PlanStep(
        "push",
        "git.edit",
        f"Commit and push to {branch}",
        {
            "edit": msgspec.to_builtins(edit),
            "change": seen.change,
            "head": seen.ground.code.head,
        },
        (*how, f"git commit -m {shlex.quote(message)}   ({seen.made.commit[:12]})", clean(seen.push_command)),
        partial="committed, not applied",
        seconds=2.0,
    )


def delivery_steps(seen: Seen) -> Iterator[PlanStep]:
    """Yield the steps from a pushed commit to pods that stay up."""
    sync, source, wish = seen.delivery.sync, seen.delivery.source, seen.wish
    if sync is None:
        if seen.ground.away:
            yield _late_step(seen)
        return
    if sync.suspended and wish.resume:
        yield PlanStep(
            "resume", "flux.resume", f"Resume Kustomization {sync.name}",
            {"kind": "kustomizations", "namespace": sync.namespace, "name": sync.name},
            (f"kubectl patch kustomization/{sync.name} -n {sync.namespace}: spec.suspend = null",),
        )  # fmt: skip
    request = "reconcile.fluxcd.io/requestedAt=<a token of this job>"
    if source is not None and source.kind == "GitRepository":
        yield PlanStep(
            "fetched", "deliver.fetch", f"Flux fetches the commit ({source.name})",
            {"namespace": source.namespace, "name": source.name},
            (f"kubectl annotate gitrepository/{source.name} -n {source.namespace} {request}",), seconds=3.0,
        )  # fmt: skip
    limit = (sync.timeout or 300.0) + 360.0
    yield PlanStep(
        "applied", "deliver.apply", f"Flux applies the commit ({sync.name})",
        {"namespace": sync.namespace, "name": sync.name, "seconds": limit,
         "source": source.name if source is not None and source.kind == "GitRepository" else "",
         "source_namespace": source.namespace if source is not None else ""},
        (f"kubectl annotate kustomization/{sync.name} -n {sync.namespace} {request}",
         "wait for lastAppliedRevision of exactly this commit"),
        partial="applied, not verified", seconds=10.0,
    )  # fmt: skip
    workloads = _workloads(seen)
    if not workloads:
        return
    called = named([str(each["name"]) for each in workloads])
    yield PlanStep(
        "ready", "deliver.ready", f"{called} ready on this image", {"workloads": workloads, "seconds": 600.0},
        tuple(
            f"wait for {each['kind']} {each['namespace']}/{each['name']} with {each['image']}"
            for each in workloads
        ),
        changes=False, seconds=20.0,
    )  # fmt: skip
    if wish.watch > 0:
        yield PlanStep(
            "stays", "deliver.stays", f"{called} stays ready for {wish.watch:.0f} s",
            {"workloads": workloads, "seconds": wish.watch}, changes=False, seconds=wish.watch,
        )  # fmt: skip


def _late_step(seen: Seen) -> PlanStep:
    """Return the step that finds out who delivers, for a cluster that was away when the plan was made."""
    images = {move.service: _image(move.after.new_name or move.name, move.after) for move in seen.target.moves}
    return PlanStep(
        "delivered", "deliver.late", "Flux applies the commit and the pods are ready on it",
        {"images": images, "watch": seen.wish.watch},
        ("as soon as the API server answers: ask Flux for this commit, wait for it and for the pods",),
        partial="applied, not verified", seconds=40.0,
    )  # fmt: skip


def _image(name: str, entry: Entry) -> str:
    return name + (f":{entry.tag}" if entry.tag else "") + (f"@{entry.digest}" if entry.digest else "")


def _workloads(seen: Seen) -> list[dict[str, Any]]:
    found = []
    for move in seen.target.moves:
        image = _image(move.after.new_name or move.name, move.after)
        digest = seen.images.digests.get(move.service, "")
        found += [
            {"kind": view.kind, "namespace": view.namespace, "name": view.name, "image": image, "digest": digest}
            for view in seen.delivery.workloads.get(move.service, ())
        ]
    return found


def _suspend_writer(number: int, namespace: str, name: str, reason: str) -> PlanStep:
    return PlanStep(
        f"automation-{number}", "flux.suspend", f"Suspend ImageUpdateAutomation {name}",
        {"kind": "imageupdateautomations", "namespace": namespace, "name": name, "reason": reason, "until": ""},
        (f"kubectl patch imageupdateautomation/{name} -n {namespace}: spec.suspend = true",),
        partial="image automation is suspended",
    )  # fmt: skip


def _cancel(build: Build) -> PlanStep:
    name, namespace = build.name, build.namespace
    return PlanStep(
        f"cancel-{name}", "build.stop", f"Cancel the build {name}, gracefully",
        {"namespace": namespace, "name": name, "uid": build.uid, "status": "CancelledRunFinally"},
        (f"kubectl patch pipelinerun/{name} -n {namespace}: spec.status = CancelledRunFinally",),
        partial="builds are cancelled",
    )  # fmt: skip


def _needs(seen: Seen) -> Iterator[Permission]:
    sync, source, wish = seen.delivery.sync, seen.delivery.source, seen.wish
    if wish.hold or seen.verb == "reapply":
        yield from hold_needs(seen.ground)
    for writer in seen.automation:
        if not writer.suspended:
            yield Permission("patch", "imageupdateautomations", writer.namespace, writer.name, f"image.{_FLUX}")
    if wish.cancel_builds:
        for build, touched in builds_in_the_way(seen.ground, seen.services):
            if touched:
                yield Permission("patch", "pipelineruns", build.namespace, build.name, "tekton.dev")
    if wish.commit_only:
        return
    if sync is not None:
        yield Permission("patch", "kustomizations", sync.namespace, sync.name, f"kustomize.{_FLUX}")
    if source is not None:
        yield Permission("patch", "gitrepositories", source.namespace, source.name, f"source.{_FLUX}")
