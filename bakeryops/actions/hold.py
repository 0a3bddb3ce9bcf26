"""Hold and unhold: keep builds from deploying a service, and let them again."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence

from bakeryops.actions.ground import Ground
from bakeryops.actions.hold_store import CONFIG_MAP, read_holds
from bakeryops.actions.marks import stamp
from bakeryops.config.values import nearest
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.model.hold import Hold
from bakeryops.model.plan import Fact, Note, Permission, Plan, PlanStep
from bakeryops.read.chain_parts import named
from bakeryops.read.holds import hold_text
from bakeryops.text import clean

__all__ = ["hold_needs", "hold_step", "holds_of", "lift_step", "plan_hold", "plan_unhold"]


async def holds_of(ground: Ground) -> dict[str, Hold] | None:
    """Return the holds by service, None where they cannot be read."""
    if ground.session is None:
        return None
    try:
        return await read_holds(ground.session, ground.holds_namespace)
    except BakeryopsError:
        return None


async def plan_hold(ground: Ground, service: str, *, reason: str, until: float | None = None) -> Plan:
    """Return the plan that holds a service; `until` is in seconds since the epoch. Raises `UsageError`."""
    _known(ground, service)
    if not reason.strip():
        raise UsageError("a hold needs a reason", hint="Say it with --reason: others will want to know.")
    if until is not None and until <= ground.now:
        raise UsageError("the time until which it is held is over already")
    held = (await holds_of(ground) or {}).get(service)
    facts = [Fact("reason", clean(reason)), Fact("until", _when(until) if until else "somebody lifts it")]
    notes = [Note("soon", f"it is held already, {hold_text(held, ground.now)}: that stays")] if held else []
    command = ["bakeryops", "hold", service, "--reason", reason, *(["--until", stamp(until)] if until else [])]
    return Plan(
        action="hold",
        title=f"Hold {service}",
        button="Hold",
        subject=service,
        created=ground.now,
        steps=() if held and not held.over(ground.now) else (hold_step(ground, [service], reason, until=until),),
        scope=(f"service/{service}",),
        command=shlex.join(command),
        undo=shlex.join(["bakeryops", "unhold", service]),
        facts=tuple(facts),
        notes=(*notes, Note("fine", "builds go on, their images are stored; only the new tag is not written")),
        needs=hold_needs(ground),
        usual=1.0,
    )


async def plan_unhold(ground: Ground, services: Sequence[str]) -> Plan:
    """Return the plan that lifts holds; raises `UsageError` for a service that is not held."""
    held = await holds_of(ground)
    if held is None:
        raise BakeryopsError("the holds cannot be read", hint="See: bakeryops status")
    unknown = [each for each in services if each not in held]
    if unknown:
        raise UsageError(
            f"{named(unknown)} {'is' if len(unknown) == 1 else 'are'} not held",
            hint=f"Held are: {named(sorted(held), 8)}" if held else "Nothing is held.",
        )
    return Plan(
        action="unhold",
        title=f"Lift the hold of {named(services)}",
        button="Lift",
        subject=", ".join(services),
        created=ground.now,
        steps=(lift_step(ground, services, held),),
        scope=tuple(sorted(f"service/{each}" for each in services)),
        command=shlex.join(["bakeryops", "unhold", *services]),
        facts=tuple(Fact(each, hold_text(held[each], ground.now)) for each in services),
        notes=(Note("soon", "the next build of it is deployed again"),),
        needs=hold_needs(ground),
        usual=1.0,
    )


def hold_step(
    ground: Ground, services: Sequence[str], reason: str, *, until: float | None = None, id: str = "hold",  # noqa: A002
    patient: bool = False,
) -> PlanStep:  # fmt: skip
    """Return the step that holds services."""
    place = f"configmap/{CONFIG_MAP} -n {ground.holds_namespace}"
    return PlanStep(
        id, "hold.set", f"Hold {named(services)}",
        {"services": list(services), "namespace": ground.holds_namespace, "reason": reason, "until": until,
         "patient": patient},
        tuple(f"kubectl patch {place}: data.{each} = {{owner, reason, since, until}}" for each in services),
        partial=f"{named(services)} is held" if len(services) == 1 else f"{named(services)} are held", seconds=0.5,
    )  # fmt: skip


def lift_step(ground: Ground, services: Sequence[str], held: Mapping[str, Hold]) -> PlanStep:
    """Return the step that lifts holds, those that are known as `held` and no others set meanwhile."""
    place = f"configmap/{CONFIG_MAP} -n {ground.holds_namespace}"
    return PlanStep(
        "lift", "hold.lift", f"Lift the hold of {named(services)}",
        {"services": list(services), "namespace": ground.holds_namespace,
         "holds": {each: held[each].mark for each in services if each in held}},
        tuple(f"kubectl patch {place}: data.{each} = null" for each in services), seconds=0.5,
    )  # fmt: skip


def hold_needs(ground: Ground) -> tuple[Permission, ...]:
    """Return the rights that holds need."""
    space = ground.holds_namespace
    return (Permission("patch", "configmaps", space, CONFIG_MAP), Permission("create", "configmaps", space))


def _known(ground: Ground, service: str) -> None:
    names = ground.delivery.services(ground.code, ground.workloads)
    if service not in names:
        meant = nearest(service, names)
        raise UsageError(
            f"there is no service {clean(service)[:80]}",
            hint=f"Did you mean {meant}?" if meant else "See: bakeryops service",
        )


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
