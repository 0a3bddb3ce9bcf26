"""`bakeryops follow`: one commit from push to ready pods."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, output_option, pass_call, watch_option
from bakeryops.cli.output import Column, Out, Table
from bakeryops.errors import BakeryopsError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cli.delivery import DeliveryState
    from bakeryops.cluster.feed import Feed
    from bakeryops.cluster.session import Session
    from bakeryops.model.chain import Follow, Leg

__all__ = ["command", "leg_cells"]


@click.command("follow", epilog=EXIT_CODES)
@click.argument("what", metavar="WHAT", default="HEAD")
@watch_option
@output_option
@connection_options
@pass_call
def command(call: Call, what: str, watch: bool) -> None:
    """Follow a commit from push to ready pods, with the time each leg took and where it is stuck.

    WHAT is a commit (four digits or more), the name of a build, an image or its tag, or a service, whose newest
    deployment is meant; without it the newest commit that was built.

    With --watch it ends by itself when the commit is live (exit code 0), or overtaken or failed (3).

    \b
    Examples:
      bakeryops follow                          the newest commit
      bakeryops follow 9f3c2a1 -w               and wait until it is live
      bakeryops follow auth
      bakeryops follow HEAD -o json | jq '.legs[] | {stage, state, seconds}'
    """
    from bakeryops.cli.cluster import run

    run(_run(call, what, watch))


async def _run(call: Call, what: str, watch: bool) -> int:
    from bakeryops.cli.cluster import connected, look
    from bakeryops.cli.code import code_view
    from bakeryops.cli.delivery import DeliveryState, kinds
    from bakeryops.cluster.feed import Changes

    out = call.out()
    async with connected(call) as session:
        state = DeliveryState(await code_view(call, session), call.namespace)
        feed = await look(session, kinds(), namespace=call.namespace, needed=("pods",), quiet=True)
        state.update(feed, Changes())
        view = _found(state, what)
        if watch:
            return await _watch(call, out, session, state, what, view)
        view = await _with_tasks(session, state, what, view)
        _print(out, view)
    return _code(view)


def _code(view: Follow) -> int:
    if view.stuck is None:
        return 0
    return 3 if view.legs[view.stuck].health.value in ("bad", "unknown", "soon") else 0


def _found(state: DeliveryState, what: str) -> Follow:
    view = state.follow(what)
    if view is None:
        why = f"git: {state.code.state}: {state.code.reason}" if state.code.state != "live" else ""
        raise BakeryopsError(
            f"there is no commit, build, image or service {clean(what)}",
            why=why,
            hint="See: bakeryops builds, bakeryops service",
        )
    return view


async def _with_tasks(session: Session, state: DeliveryState, what: str, view: Follow) -> Follow:
    """Return the same with the times of the tasks of its builds, which are read for these alone."""
    from bakeryops.read.delivery_index import tasks_selector

    if view.builds:
        selectors = {"taskruns": tasks_selector(view.builds)}
        feed = await session.snapshot(("taskruns",), namespace=state.namespace, selectors=selectors)
        state.add_tasks(feed)
    return _found(state, what)


async def _watch(call: Call, out: Out, session: Session, state: DeliveryState, what: str, view: Follow) -> int:
    import asyncio

    from bakeryops.cli.cluster import beats, watched
    from bakeryops.cli.code import code_view
    from bakeryops.cli.delivery import kinds

    config = call.load().config
    feed: Feed = await watched(session, kinds(), namespace=call.namespace, needed=("pods",), quiet=True)
    fixed = view.commit.sha if view.commit is not None else what
    shown: list[str] = []
    seen: object = None
    async for changes in beats(feed, max_hz=min(config.max_hz, 2.0), every=2.0):
        state.update(feed, changes)
        if seen != (seen := state.delivery.revisions()):
            state.code = await code_view(call, session, quiet=True)
        view = _found(state, fixed)
        if not all(each.finished and each.tasks for each in view.builds):
            # Their tasks go on without a word of the build itself; what was read of them is of before.
            with contextlib.suppress(BakeryopsError):
                view = await _with_tasks(session, state, fixed, view)
        if out.form != "table":
            out.change(_document(view))
        elif out.terminal:
            out.redraw(list(_lines(out, view)))
        else:
            lines = [_plain(leg) for leg in view.legs if leg.state not in ("waiting", "unknown")]
            out.lines([line for line in lines if line not in shown])
            shown = lines
        if view.stuck is None:
            return 0
        leg = view.legs[view.stuck]
        if view.overtaken_by or leg.health.value == "bad" or (leg.stage, leg.state) == ("ready", "unknown"):
            return 3
        await asyncio.sleep(0)
    return 0


def _plain(leg: Leg) -> str:
    return f"{leg.health.symbol} {leg.title}: {leg.state} {leg.text} {leg.why}".rstrip()


def _document(view: Follow) -> dict[str, object]:
    from bakeryops.cli import shapes_delivery

    return shapes_delivery.follow(view, time.time())


def _print(out: Out, view: Follow) -> None:
    if out.form == "table":
        out.lines(_lines(out, view))
    else:
        out.document(_document(view))


def _lines(out: Out, view: Follow) -> Iterator[str]:
    from bakeryops.units import format_duration

    yield view.title
    if view.commit is not None:
        yield f'  commit    {view.commit.sha[:12]} "{view.commit.subject}" {view.commit.author}'
    yield f"  services  {', '.join(view.services) or 'none'}"
    total = "" if view.seconds is None else f" after {format_duration(view.seconds)}"
    if view.overtaken_by:
        yield f"  overtaken by {view.overtaken_by[:12]}, which went live in its place"
    elif view.stuck is None:
        yield f"  live{total}"
    yield ""
    table = Table(
        [Column("", 9), Column("LEG", 9), Column("BEGAN", 6), Column("TOOK", 8, right=True), Column("WHAT", 7)]
    )
    now = time.time()
    for leg in view.legs:
        table.add(*leg_cells(leg, now))
    yield from table.lines(width=out.width, colour=out.colour)


def leg_cells(leg: Leg, now: float) -> tuple[tuple[str, str], str, str, str, str]:
    """Return a leg as the cells of a row: symbol, title, when it began, how long it took, what and why."""
    from bakeryops.units import format_duration

    seconds = leg.seconds(now)
    began = time.strftime("%H:%M:%S", time.gmtime(leg.started)) if leg.started is not None else "-"
    symbol = leg.health.symbol if leg.state != "skipped" else "·"
    text = "  ".join(part for part in (leg.text, leg.why) if part)
    return (symbol, leg.health.value), leg.title, began, "-" if seconds is None else format_duration(seconds), text
