"""What the console can propose, each with how its plan is computed; planners are imported when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bakeryops.model.overview import ObjectRef
from screens.planning import brought, flux_stamp, ground_of, service_stamp
from screens.proposal import Option, Proposal

if TYPE_CHECKING:
    from bakeryops.model.plan import Plan
    from screens.console import Console

__all__ = [
    "approve", "cancel", "delete_pod", "hold", "rebuild", "reconcile", "rerun", "restart", "resume", "rollback",
    "rollback_point", "rollback_release", "scale", "suspend", "undo", "unhold",
]  # fmt: skip


def rollback(
    console: Console,
    service: str,
    to: str = "",
    *,
    reason: str = "",
    hold: bool = True,
    cancel_builds: bool = False,
    resume: bool = False,
) -> Proposal:
    """Propose to put a service back to a tag or commit, to the image before where `to` does not say which.

    The others are as in `actions.rollback_wish.Wish`, and can be changed on the preview.
    """

    async def make() -> Plan:
        await brought("way_back")
        from bakeryops.actions.rollback_wish import Wish
        from bakeryops.actions.way_back import plan_way_back

        wish = Wish(service, to=to, reason=reason, hold=hold, cancel_builds=cancel_builds, resume=resume)
        return await plan_way_back(ground_of(console), wish)

    def other(**changes: Any) -> Proposal:
        known: dict[str, Any] = {"reason": reason, "hold": hold, "cancel_builds": cancel_builds, "resume": resume}
        return rollback(console, service, to, **(known | changes))

    options = (
        Option("reason", reason or "say why: it stands in the commit", lambda text: other(reason=text), ask="Why"),
        Option(
            f"{_mark(hold)} hold {service}", "no build deploys over it until somebody lifts it",
            lambda _: other(hold=not hold),
        ),
        Option(
            f"{_mark(cancel_builds)} cancel builds in the way", "those that run and would deploy over it",
            lambda _: other(cancel_builds=not cancel_builds),
        ),
        Option(
            f"{_mark(resume)} resume Flux", "where its Kustomization is suspended",
            lambda _: other(resume=not resume),
        ),
    )  # fmt: skip
    what = f"roll back {service}" + (f" to {to}" if to else "")
    return Proposal(what, make, service_stamp(console, service), options=options)


def _mark(on: bool) -> str:
    return "✔" if on else "○"


def rollback_release(console: Console, run: str) -> Proposal:
    """Propose to put back all that one build deployed."""

    async def make() -> Plan:
        await brought("rollback")
        from bakeryops.actions.rollback import plan_rollback
        from bakeryops.actions.rollback_wish import Wish

        return await plan_rollback(ground_of(console), Wish(release=run))

    return Proposal(f"roll back what {run} deployed", make, service_stamp(console, ""))


def rollback_point(console: Console, commit: str) -> Proposal:
    """Propose to put all services back to what Git said at a commit."""

    async def make() -> Plan:
        await brought("rollback")
        from bakeryops.actions.rollback import plan_rollback
        from bakeryops.actions.rollback_wish import Wish

        return await plan_rollback(ground_of(console), Wish(point=commit))

    return Proposal(f"roll everything back to {commit[:7]}", make, service_stamp(console, ""))


def undo(console: Console, service: str) -> Proposal:
    """Propose to take the newest rollback of a service back."""

    async def make() -> Plan:
        await brought("rollback")
        from bakeryops.actions.rollback import plan_undo

        return await plan_undo(ground_of(console), service)

    return Proposal(f"undo the rollback of {service}", make, service_stamp(console, service))


def hold(console: Console, service: str, reason: str, until: float | None) -> Proposal:
    """Propose that builds deploy no new image of a service; `until` in seconds since the epoch."""

    async def make() -> Plan:
        await brought("hold")
        from bakeryops.actions.hold import plan_hold

        return await plan_hold(ground_of(console), service, reason=reason, until=until)

    return Proposal(f"hold {service}", make)


def unhold(console: Console, services: Sequence[str]) -> Proposal:
    """Propose to let builds deploy a service again."""

    async def make() -> Plan:
        await brought("hold")
        from bakeryops.actions.hold import plan_unhold

        return await plan_unhold(ground_of(console), services)

    return Proposal(f"lift the hold of {', '.join(services)}", make)


def rebuild(console: Console, services: Sequence[str], revision: str = "") -> Proposal:
    """Propose to build services, at a commit or at the newest."""

    async def make() -> Plan:
        await brought("rebuild")
        from bakeryops.actions.rebuild import plan_rebuild

        return await plan_rebuild(ground_of(console), services, revision)

    return Proposal(f"build {', '.join(services)} again", make)


def rerun(console: Console, namespace: str, name: str) -> Proposal:
    """Propose to run a build again."""

    async def make() -> Plan:
        await brought("rerun")
        from bakeryops.actions.rerun import plan_rerun

        return await plan_rerun(ground_of(console), f"{namespace}/{name}" if namespace else name)

    return Proposal(f"run {name} again", make)


def cancel(console: Console, namespace: str, name: str, mode: str) -> Proposal:
    """Propose to cancel a build; `mode` is graceful, stop or now."""

    async def make() -> Plan:
        await brought("cancel")
        from bakeryops.actions.cancel import plan_cancel

        return await plan_cancel(ground_of(console), f"{namespace}/{name}" if namespace else name, mode)

    return Proposal(f"cancel {name}", make)


def reconcile(console: Console, ref: ObjectRef) -> Proposal:
    """Propose that Flux looks at an object now."""

    async def make() -> Plan:
        await brought("flux")
        from bakeryops.actions.flux import plan_reconcile

        return await plan_reconcile(ground_of(console), ref.plural, ref.namespace, ref.name)

    return Proposal(f"reconcile {ref.name}", make, flux_stamp(console, ref))


def suspend(console: Console, ref: ObjectRef, reason: str, until: float | None) -> Proposal:
    """Propose that Flux leaves an object alone; `until` in seconds since the epoch."""

    async def make() -> Plan:
        await brought("flux")
        from bakeryops.actions.flux import plan_suspend

        return await plan_suspend(ground_of(console), ref.plural, ref.namespace, ref.name, reason, until)

    return Proposal(f"suspend {ref.name}", make, flux_stamp(console, ref))


def resume(console: Console, ref: ObjectRef) -> Proposal:
    """Propose that Flux takes an object up again."""

    async def make() -> Plan:
        await brought("flux")
        from bakeryops.actions.flux import plan_resume

        return await plan_resume(ground_of(console), ref.plural, ref.namespace, ref.name)

    return Proposal(f"resume {ref.name}", make, flux_stamp(console, ref))


def approve(console: Console, ref: ObjectRef) -> Proposal:
    """Propose the first apply of a Kustomization."""

    async def make() -> Plan:
        await brought("flux")
        from bakeryops.actions.flux import plan_approve

        return await plan_approve(ground_of(console), ref.namespace, ref.name)

    return Proposal(f"approve the first apply of {ref.name}", make, flux_stamp(console, ref))


def restart(console: Console, ref: ObjectRef) -> Proposal:
    """Propose to restart the pods of a workload."""

    async def make() -> Plan:
        await brought("workloads")
        from bakeryops.actions.workloads import plan_restart

        return await plan_restart(ground_of(console), ref.plural, ref.namespace, ref.name)

    return Proposal(f"restart {ref.name}", make)


def scale(console: Console, ref: ObjectRef, replicas: int) -> Proposal:
    """Propose another number of pods."""

    async def make() -> Plan:
        await brought("workloads")
        from bakeryops.actions.workloads import plan_scale

        return await plan_scale(ground_of(console), ref.plural, ref.namespace, ref.name, replicas)

    return Proposal(f"scale {ref.name} to {replicas}", make)


def delete_pod(console: Console, ref: ObjectRef, *, evict: bool = False) -> Proposal:
    """Propose to delete a pod, or to evict it, which respects disruption budgets."""

    async def make() -> Plan:
        await brought("workloads")
        from bakeryops.actions.workloads import plan_delete_pod

        return await plan_delete_pod(ground_of(console), ref.namespace, ref.name, evict=evict)

    return Proposal(f"delete the pod {ref.name}", make)
