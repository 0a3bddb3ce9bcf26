"""`bakeryops hold` and `unhold`: keep builds from deploying a service, and let them again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from bakeryops.cli.acting import Acting, act, acting_options, grounded
from bakeryops.cli.options import EXIT_CODES, Call, moment_of, pass_call
from bakeryops.cli.output import Column, Table, say

if TYPE_CHECKING:
    from bakeryops.model.hold import Hold

__all__ = ["command", "unhold"]


@click.command("hold", epilog=EXIT_CODES)
@click.argument("service", metavar="[SERVICE]", required=False)
@click.option("--reason", metavar="TEXT", default="", help="Why: others will want to know.")
@click.option("--until", metavar="WHEN", help="When it is over by itself: 8h, 1d, or 2026-11-24T18:00:00Z.")
@acting_options
@pass_call
def command(call: Call, service: str | None, reason: str, until: str | None, acting: Acting) -> None:
    """Keep builds from deploying SERVICE; without SERVICE list what is held.

    Builds go on and their images are stored; only the new tag is not written. A rollback holds its service by
    itself.

    \b
    Examples:
      bakeryops hold
      bakeryops hold auth --reason "waiting for the fix of the token bug" --until 8h
      bakeryops unhold auth
    """
    from bakeryops.cli.cluster import run

    end = moment_of(until) if until else None
    run(_hold(call, acting, service, reason, end) if service else _list(call))


@click.command("unhold", epilog=EXIT_CODES)
@click.argument("services", nargs=-1, required=True, metavar="SERVICE…")
@acting_options
@pass_call
def unhold(call: Call, services: tuple[str, ...], acting: Acting) -> None:
    """Let builds deploy these services again.

    \b
    Examples:
      bakeryops unhold auth --yes
    """
    from bakeryops.cli.cluster import run

    run(_unhold(call, acting, services))


async def _hold(call: Call, acting: Acting, service: str, reason: str, until: float | None) -> int:
    from bakeryops.actions.hold import plan_hold

    async with grounded(call) as ground:
        plan = await plan_hold(ground, service, reason=reason, until=until)
        return await act(call, acting, plan, ground.session)


async def _unhold(call: Call, acting: Acting, services: tuple[str, ...]) -> int:
    from bakeryops.actions.hold import plan_unhold

    async with grounded(call) as ground:
        return await act(call, acting, await plan_unhold(ground, services), ground.session)


async def _list(call: Call) -> int:
    from bakeryops.actions.hold_store import read_holds
    from bakeryops.cli import shapes_acting
    from bakeryops.cli.cluster import connected

    out, config = call.out(), call.load().config
    async with connected(call) as session:
        found = sorted(
            (await read_holds(session, next(iter(config.namespaces.builds), "bakery-ci"))).values(),
            key=lambda each: each.service,
        )
    now = time.time()
    if out.form != "table":
        out.document([shapes_acting.hold(each, now) for each in found])
        return 0
    if not found:
        say("nothing is held")
    out.table(_table(found, now))
    return 0


def _table(found: list[Hold], now: float) -> Table:
    from bakeryops.units import format_age

    table = Table(
        [
            Column("SERVICE", 9),
            Column("BY", 8),
            Column("SINCE", 6, right=True),
            Column("UNTIL", 6),
            Column("REASON", 7),
        ]
    )
    for each in found:
        since = "-" if each.since is None else format_age(now - each.since)
        until = "-" if each.until is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(each.until))
        table.add(
            each.service, each.owner, since, (f"{until} over", "soon") if each.over(now) else until, each.reason
        )
    return table
