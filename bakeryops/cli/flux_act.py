"""`bakeryops flux reconcile`, `suspend`, `resume` and `approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bakeryops.cli.acting import Acting, acting_options
from bakeryops.cli.options import EXIT_CODES, Call, moment_of, pass_call

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.read.flux_index import FluxView

__all__ = ["approve", "reconcile", "resume", "suspend"]


@click.command("reconcile", epilog=EXIT_CODES)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--source/--no-source", default=True, show_default=True, help="Have its source fetch first.")
@acting_options
@pass_call
def reconcile(call: Call, name: str | None, source: bool, acting: Acting) -> None:
    """Have Flux fetch and apply now, and wait until exactly that revision is applied.

    NAME is a name, KIND/NAME or NAMESPACE/NAME; without it the only Kustomization. What is suspended is refused:
    it would take the request and apply nothing.

    \b
    Examples:
      bakeryops flux reconcile
      bakeryops flux reconcile bakery-ia --no-source
      bakeryops flux reconcile GitRepository/bakery-ia
    """
    from bakeryops.cli.cluster import run

    run(_reconcile(call, acting, name, source))


async def _reconcile(call: Call, acting: Acting, name: str | None, source: bool) -> int:
    from bakeryops.actions.flux import plan_reconcile
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        view = _named(ground, call, name)
        plan = await plan_reconcile(ground, view.kind, view.namespace, view.name, source)
        return await act(call, acting, plan, ground.session)


@click.command("suspend", epilog=EXIT_CODES)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--reason", required=True, metavar="TEXT", help="Why; others read it.")
@click.option("--until", metavar="WHEN", help="When it should be over: 2h, 30m, 1d, or 2026-11-24T18:00:00Z.")
@acting_options
@pass_call
def suspend(call: Call, name: str | None, reason: str, until: str | None, acting: Acting) -> None:
    """Have Flux leave an object alone until it is resumed; who, why and until when stay on it.

    Where Git itself says whether it is suspended, this is refused: it would be taken back.

    \b
    Examples:
      bakeryops flux suspend bakery-ia --reason "gateway migrates its schema" --until 2h
      bakeryops flux suspend ImageUpdateAutomation/bakery-ia --reason "rollback under way"
    """
    from bakeryops.cli.cluster import run

    run(_suspend(call, acting, name, reason, until))


async def _suspend(call: Call, acting: Acting, name: str | None, reason: str, until: str | None) -> int:
    from bakeryops.actions.flux import plan_suspend
    from bakeryops.cli.acting import act, grounded

    end = moment_of(until) if until else None
    async with grounded(call) as ground:
        view = _named(ground, call, name)
        plan = await plan_suspend(ground, view.kind, view.namespace, view.name, reason, end)
        return await act(call, acting, plan, ground.session)


@click.command("resume", epilog=EXIT_CODES)
@click.argument("name", metavar="[NAME]", required=False)
@acting_options
@pass_call
def resume(call: Call, name: str | None, acting: Acting) -> None:
    """Have Flux take an object up again, after showing what that changes and deletes.

    \b
    Examples:
      bakeryops flux resume bakery-ia --dry-run
      bakeryops flux resume bakery-ia
    """
    from bakeryops.cli.cluster import run

    run(_resume(call, acting, name))


async def _resume(call: Call, acting: Acting, name: str | None) -> int:
    from bakeryops.actions.flux import plan_resume
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        view = _named(ground, call, name)
        plan = await plan_resume(ground, view.kind, view.namespace, view.name)
        return await act(call, acting, plan, ground.session)


@click.command("approve", epilog=EXIT_CODES)
@click.argument("name", metavar="[NAME]", required=False)
@acting_options
@pass_call
def approve(call: Call, name: str | None, acting: Acting) -> None:
    """Approve the first sync of a Kustomization that was created suspended, after its whole diff.

    The API server itself is asked, by dry run, what the apply would create, change and take over.

    \b
    Examples:
      bakeryops flux approve bakery-ia --dry-run
      bakeryops flux approve bakery-ia
    """
    from bakeryops.cli.cluster import run

    run(_approve(call, acting, name))


async def _approve(call: Call, acting: Acting, name: str | None) -> int:
    from bakeryops.actions.flux import plan_approve
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        view = _named(ground, call, name)
        plan = await plan_approve(ground, view.namespace, view.name)
        return await act(call, acting, plan, ground.session)


def _named(ground: Ground, call: Call, name: str | None) -> FluxView:
    from bakeryops.actions.flux_kinds import find_named

    return find_named(ground.delivery.flux, name, call.namespace)
