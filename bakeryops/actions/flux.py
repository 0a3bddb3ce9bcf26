"""Plans for Flux: reconcile, suspend, resume, and a first sync approved after its diff."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bakeryops.actions.breakglass_steps import not_in_git
from bakeryops.actions.flux_kinds import find_view, line, may, plural, shown, source_view, static
from bakeryops.actions.flux_preview import Preview, exact_preview, preview, unseen
from bakeryops.actions.owners import git_owns, when_again
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.model.plan import Fact, Note, Plan, PlanStep
from bakeryops.model.sync import Source, Sync
from bakeryops.read.flux import trace
from bakeryops.read.flux_judge import REQUESTED
from bakeryops.units import format_age

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.cluster.session import Session
    from bakeryops.read.flux_index import FluxView

__all__ = ["plan_approve", "plan_reconcile", "plan_resume", "plan_suspend"]

_DEFAULT_TIMEOUT = 300.0
_READ = ("get", "list", "watch")


async def plan_reconcile(ground: Ground, kind: str, namespace: str, name: str, with_source: bool = True) -> Plan:
    """Plan to have Flux look at an object now, and at its source first; it waits until that is applied."""
    index = ground.delivery.flux
    view = find_view(index, kind, namespace, name)
    source = source_view(index, view) if with_source else None
    if source is not None and static(source):
        source = None
    blocked, hint = "", ""
    if static(view):
        blocked, hint = f"{shown(view)} has nothing to reconcile", "What it sends is in the log of its controller."
    elif view.suspended:
        blocked = f"{shown(view)} is suspended: it would take the request and apply nothing"
        hint = f"Resume it: {line('resume', view)}"
    elif source is not None and source.suspended:
        blocked = f"its source {shown(source)} is suspended: it would fetch nothing"
        hint = f"Resume it: {line('resume', source)}; or leave the source alone: --no-source"
    return Plan(
        action="flux.reconcile",
        title=f"Reconcile {shown(view)}" + (f" with {shown(source)}" if source is not None else ""),
        button="Reconcile",
        subject=view.name,
        created=ground.now,
        steps=_reconcile_steps(view, source),
        scope=(_scope(view),),
        command=line("reconcile", view, *(() if with_source or not isinstance(view, Sync) else ("--no-source",))),
        facts=_facts(view, source, ground.now),
        notes=_waits(view),
        needs=(*may(view, *_READ, "patch"), *(may(source, *_READ, "patch") if source is not None else ())),
        usual=10.0,
        basis=_basis(ground, view, source),
        blocked=blocked,
        hint=hint,
    )


async def plan_suspend(
    ground: Ground, kind: str, namespace: str, name: str, reason: str, until: float | None = None
) -> Plan:
    """Plan to have Flux leave an object alone; who, why and until when (epoch seconds) are kept on it."""
    view = find_view(ground.delivery.flux, kind, namespace, name)
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("a reason is needed", hint="Others will read it: --reason 'gateway migrates its schema'")
    if until is not None and until <= ground.now:
        raise UsageError("the time until which it is suspended is over already")
    blocked, hint = ("it is suspended already", f"See: {line('show', view)}") if view.suspended else ("", "")
    notes = [Note("soon", _stops(view))]
    if until is None:
        notes.append(Note("soon", "No end is given: nobody will be reminded. Give one with --until 2h."))
    if not blocked:
        blocked, hint, owned = await _git_keeps(ground, view)
        notes += owned
    ends = stamp(until) if until is not None else ""
    more = ["--reason", reason, *(("--until", ends) if ends else ())]
    step = PlanStep(
        "suspend",
        "flux.suspend",
        f"Suspend {shown(view)}",
        {"kind": view.ref.plural, "namespace": view.namespace, "name": view.name, "reason": reason, "until": ends},
        (_patch(view, '{"spec":{"suspend":true}}'),),
        seconds=1.0,
    )
    return Plan(
        action="flux.suspend",
        title=f"Suspend {shown(view)}",
        button="Suspend",
        subject=view.name,
        created=ground.now,
        steps=(step,),
        scope=(_scope(view),),
        command=line("suspend", view, *more),
        undo=line("resume", view),
        facts=(
            Fact("Reason", reason), Fact("Until", ends or "resumed by hand"), Fact("By", ground.who.label),
            *_facts(view, None, ground.now),
        ),
        notes=tuple(notes),
        needs=may(view, "get", "patch"),
        usual=1.0,
        blocked=blocked,
        hint=hint,
    )  # fmt: skip


async def plan_resume(ground: Ground, kind: str, namespace: str, name: str) -> Plan:
    """Plan to have Flux take an object up again; for a Kustomization with what it would change and delete."""
    index = ground.delivery.flux
    view = find_view(index, kind, namespace, name)
    source = source_view(index, view)
    blocked, hint = ("", "") if view.suspended else ("it is not suspended", f"See: {line('show', view)}")
    if not blocked and _first(view):
        blocked, hint = "it never applied anything: a first sync is approved", f"See: {line('approve', view)}"
    notes: list[Note] = []
    if not blocked:
        blocked, hint, notes = await _git_keeps(ground, view)
    if not blocked and isinstance(view, Sync):
        blocked, hint = not_in_git(await _live(ground, view))
    found: Preview | None = None
    if not blocked and isinstance(view, Sync):
        if source is not None and source.suspended:
            notes.append(Note("soon", f"{shown(source)} stays suspended: it applies what was fetched before."))
        try:
            found = await preview(*_means(ground), view)
        except BakeryopsError as error:
            notes.append(unseen(error))
    return Plan(
        action="flux.resume",
        title=f"Resume {shown(view)}",
        button="Resume",
        subject=view.name,
        created=ground.now,
        steps=(_resume_step(view), *(() if static(view) else _reconcile_steps(view, _awake(source)))),
        scope=(_scope(view),),
        command=line("resume", view),
        undo=line("suspend", view, "--reason", "again"),
        facts=(*await _why_suspended(ground, view), *_facts(view, source, ground.now)),
        notes=(*(found.notes() if found is not None else ()), *notes),
        sections=(found.section(),) if found is not None else (),
        typed=view.name if found is not None and found.deletes else "",
        why_typed="objects would be deleted" if found is not None and found.deletes else "",
        needs=(*may(view, *_READ, "patch"), *(may(source, *_READ, "patch") if source is not None else ())),
        usual=15.0,
        basis={**_basis(ground, view, source), **({"revision": found.revision} if found is not None else {})},
        blocked=blocked,
        hint=hint,
    )


async def plan_approve(ground: Ground, namespace: str, name: str) -> Plan:
    """Plan the first sync of a Kustomization created suspended: its whole diff, then resume, then wait."""
    index = ground.delivery.flux
    view = find_view(index, "Kustomization", namespace, name)
    source = source_view(index, view)
    blocked, hint = "", ""
    if not view.suspended:
        blocked, hint = "it is not suspended: Flux applies it already", f"See: {line('show', view)}"
    elif not _first(view):
        blocked, hint = "it was applied before", f"Resume it: {line('resume', view)}"
    elif source is not None and source.suspended:
        blocked, hint = f"{shown(source)} is suspended", f"Resume it first: {line('resume', source)}"
    elif source is None or source.revision is None:
        blocked, hint = "its source has fetched nothing yet", "See: bakeryops flux"
    notes: list[Note] = []
    if not blocked:
        blocked, hint, notes = await _git_keeps(ground, view)
    found: Preview | None = None
    sha = source.revision.hash if source is not None and source.revision is not None else ""
    if not blocked and isinstance(view, Sync):
        try:
            found = await exact_preview(*_means(ground), view, revision=sha)
        except BakeryopsError as error:
            blocked, hint = f"what it would change cannot be shown: {error.message}", error.why or error.hint
    if found is not None and found.refused:
        blocked = f"the API server would refuse {len(found.refused)} of its objects"
        hint = "Mend them in Git; they are named below."
    serious = found is not None and bool(found.deletes or found.foreign)
    steps = (
        _resume_step(view, sha, source),
        _applied_step(view, sha, _seconds(view)),
    )
    return Plan(
        action="flux.approve",
        title=f"Approve the first sync of {shown(view)}" + (f" at {sha[:7]}" if sha else ""),
        button="Approve",
        subject=view.name,
        created=ground.now,
        steps=steps,
        scope=(_scope(view),),
        command=line("approve", view),
        undo=line("suspend", view, "--reason", "not yet"),
        facts=(*await _why_suspended(ground, view), *_facts(view, source, ground.now)),
        notes=(*(found.notes() if found is not None else ()), *notes),
        sections=(found.section(),) if found is not None else (),
        typed=view.name if serious else "",
        why_typed="objects would be deleted, or taken from another applier" if serious else "",
        needs=may(view, *_READ, "patch"),
        usual=20.0,
        basis={**_basis(ground, view, source), "revision": sha},
        blocked=blocked,
        hint=hint,
    )


def stamp(moment: float) -> str:
    """Return seconds since the epoch as RFC 3339."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reconcile_steps(view: FluxView, source: Source | None) -> tuple[PlanStep, ...]:
    steps = []
    if source is not None:
        steps.append(_step("source", "flux.source", f"Fetch {shown(source)}", source, 120.0, 3.0))
    if isinstance(view, Source):
        steps.append(_step("source", "flux.source", f"Fetch {shown(view)}", view, 120.0, 3.0))
    elif view.ref.plural == "kustomizations":
        steps.append(_applied_step(view, "", _seconds(view)))
    else:
        steps.append(_step("reconcile", "flux.reconcile", f"Reconcile {shown(view)}", view, _seconds(view), 10.0))
    return tuple(steps)


def _applied_step(view: FluxView, commit: str, seconds: float) -> PlanStep:
    step = _step("apply", "flux.apply", f"Apply {shown(view)}", view, seconds, 10.0)
    step.args["commit"] = commit
    return step


def _step(name: str, kind: str, title: str, view: FluxView, seconds: float, usual: float) -> PlanStep:
    args: dict[str, Any] = {
        "kind": view.ref.plural, "namespace": view.namespace, "name": view.name, "seconds": seconds,
    }  # fmt: skip
    return PlanStep(name, kind, title, args, (_request(view),), seconds=usual)


def _resume_step(view: FluxView, expects: str = "", source: Source | None = None) -> PlanStep:
    args = {"kind": view.ref.plural, "namespace": view.namespace, "name": view.name}
    if expects and source is not None:
        args |= {
            "expects": expects, "source_kind": source.ref.plural, "source_namespace": source.namespace,
            "source_name": source.name,
        }  # fmt: skip
    shows = (_patch(view, '{"spec":{"suspend":null}}'),)
    partial = f"{shown(view)} is resumed, not applied"
    return PlanStep("resume", "flux.resume", f"Resume {shown(view)}", args, shows, partial=partial, seconds=1.0)


def _request(view: FluxView) -> str:
    return f"kubectl annotate --overwrite {view.ref.plural} {view.name} -n {view.namespace} {REQUESTED}=<now>"


def _patch(view: FluxView, change: str) -> str:
    return f"kubectl patch {view.ref.plural} {view.name} -n {view.namespace} --type merge -p '{change}'"


def _scope(view: FluxView) -> str:
    return f"{view.kind.lower()}/{view.namespace}/{view.name}"


def _seconds(view: FluxView) -> float:
    """Return how long an apply is waited for: an older one's health check may have to end first."""
    timeout = view.timeout if isinstance(view, Sync) else None
    return 2 * (timeout or _DEFAULT_TIMEOUT) + 60.0


def _basis(ground: Ground, view: FluxView, source: Source | None) -> dict[str, str]:
    found = {"suspended": str(view.suspended)}
    if ground.repository is not None:
        found |= {"git.url": ground.repository.url, "git.branch": ground.repository.branch}
        found["git.resolve"] = ground.resolve
    if isinstance(view, Sync) and view.applied is not None:
        found["applied"] = view.applied.text
    if source is not None and source.revision is not None:
        found["source"] = source.revision.text
    return found


def _facts(view: FluxView, source: Source | None, now: float) -> tuple[Fact, ...]:
    state = view.why if view.why.startswith(view.state) else f"{view.state}: {view.why}".removesuffix(": ")
    facts = [Fact("State", state, view.health.value)]
    if isinstance(view, Sync):
        facts.append(Fact("Applied", view.applied.text if view.applied is not None else "nothing yet"))
        if view.attempted is not None and view.attempted != view.applied:
            facts.append(Fact("Tried", view.attempted.text, "soon"))
        if not view.suspended and view.next is not None:
            facts.append(Fact("By itself", when_again(view, now)))
    shown_source = view if isinstance(view, Source) else source
    if shown_source is not None:
        has = shown_source.revision.text if shown_source.revision is not None else "nothing yet"
        ago = f", {format_age(now - shown_source.fetched)} ago" if shown_source.fetched is not None else ""
        facts.append(Fact("Fetched", f"{has}{ago}"))
    return tuple(facts)


def _waits(view: FluxView) -> tuple[Note, ...]:
    if not isinstance(view, Sync):
        return ()
    found = []
    if view.state == "checking":
        found.append(Note("soon", f"It is at work: {view.why}. The request is taken up after that."))
    if view.blocked_by:
        waits = ", ".join(each.partition("/")[2] for each in view.blocked_by)
        found.append(Note("soon", f"It waits for {waits} before it applies anything."))
    return tuple(found)


def _stops(view: FluxView) -> str:
    if isinstance(view, Source):
        return "Nothing new is fetched: deployments that are committed do not arrive until it is resumed."
    if isinstance(view, Sync):
        return (
            "Nothing is applied and nothing is put right until it is resumed, deployments and rollbacks by Git "
            "included; an apply that is under way ends first."
        )
    return "It does nothing until it is resumed."


def _first(view: FluxView) -> bool:
    return (
        isinstance(view, Sync)
        and view.ref.plural == "kustomizations"
        and view.applied is None
        and not view.inventory
    )


def _awake(source: Source | None) -> Source | None:
    return None if source is None or source.suspended or static(source) else source


def _means(ground: Ground) -> tuple[Session, Any]:
    if ground.session is None:
        raise BakeryopsError("the cluster is not connected")
    if ground.repository is None:
        raise BakeryopsError("Git cannot be read", hint="See git.url in the configuration.")
    return ground.session, ground.repository


async def _live(ground: Ground, view: FluxView) -> dict[str, Any]:
    if ground.session is None:
        return {}
    return await ground.session.get(plural(view.kind), view.name, view.namespace)


async def _git_keeps(ground: Ground, view: FluxView) -> tuple[str, str, list[Note]]:
    """Return why Git's hold on the field blocks a change of it, what to do, and what else to know of that."""
    obj = await _live(ground, view)
    labels = (obj.get("metadata") or {}).get("labels") or {}
    parent = ground.delivery.flux.syncs.get(trace(labels))
    name = shown(parent) if parent is not None else "its parent"
    if git_owns(obj, "spec", "suspend"):
        when = f"again {when_again(parent, ground.now)}" if parent is not None else "again soon"
        place = f" (below {parent.path})" if parent is not None and parent.path else ""
        return (
            f"Git sets spec.suspend of {shown(view)}: {name} applies it {when} and takes any other value back",
            f"Change spec.suspend in Git{place}.",
            [],
        )
    if parent is not None:
        return (
            "",
            "",
            [Note("fine", f"{name} keeps {shown(view)} in Git, without spec.suspend: it is not taken back.")],
        )
    return "", "", []


async def _why_suspended(ground: Ground, view: FluxView) -> tuple[Fact, ...]:
    if not view.suspended:
        return ()
    from bakeryops.actions.flux_steps import suspension

    found = suspension(await _live(ground, view))
    return tuple(Fact(label, text) for label, text in found)
