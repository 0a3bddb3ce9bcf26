"""`bakeryops service`: one service with its deployments, builds and pods; or all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, output_option, pass_call, watch_option
from bakeryops.cli.output import Column, Out, Table, say
from bakeryops.errors import BakeryopsError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cli.delivery import DeliveryState
    from bakeryops.model.chain import ServiceView

__all__ = ["command"]


@click.command("service", epilog=EXIT_CODES)
@click.argument("name", metavar="[NAME]", required=False)
@watch_option
@output_option
@connection_options
@pass_call
def command(call: Call, name: str | None, watch: bool) -> None:
    """Show one service: what runs, who deployed it when, its deployments, builds, pods and database.

    Without NAME all services are listed: those that the overlay and the repository name, and those that the
    labels of workloads name.

    Exit code 3 when it (or any of them) is bad (✖) or cannot be judged (○), 0 otherwise.

    \b
    Examples:
      bakeryops service
      bakeryops service auth
      bakeryops service auth -o json | jq -r '.deployments[] | select(.running) | .tag'
    """
    from bakeryops.cli.cluster import run

    run(_run(call, name, watch))


async def _run(call: Call, name: str | None, watch: bool) -> int:
    from bakeryops.cli.cluster import beats, connected, look, watched
    from bakeryops.cli.code import code_view
    from bakeryops.cli.delivery import DeliveryState, kinds
    from bakeryops.cluster.feed import Changes

    out, config = call.out(), call.load().config
    async with connected(call) as session:
        state = DeliveryState(await code_view(call, session), call.namespace)
        if watch:
            feed = await watched(session, kinds(), namespace=call.namespace, needed=("pods",), quiet=True)
            shown: list[str] = []
            async for changes in beats(feed, max_hz=min(config.max_hz, 2.0), every=5.0):
                state.update(feed, changes)
                shown = _show(out, _chosen(state, name), name is not None, shown)
            return 0
        feed = await look(session, kinds(), namespace=call.namespace, needed=("pods",), quiet=True)
        state.update(feed, Changes())
        views = _chosen(state, name)
        if name is not None:
            views = await _with_registry(call, state, views[0])
    _show(out, views, name is not None, None)
    for view in views if name is not None else ():
        for sentence in view.unknowns:
            say(f"unknown: {sentence}")
    return 3 if any(view.health.value in ("bad", "unknown") for view in views) else 0


async def _with_registry(call: Call, state: DeliveryState, view: ServiceView) -> list[ServiceView]:
    """Return the service with what the registry has of it, where there is one that answers."""
    from bakeryops.registry.client import stored_tags

    try:
        stored = await stored_tags(call.load().config, view.image)
    except BakeryopsError as error:
        say(f"registry: {error.message}" + (f": {error.why}" if error.why else ""))
        return [view]
    found = state.service(view.name, stored)
    return [found if found is not None else view]


def _chosen(state: DeliveryState, name: str | None) -> list[ServiceView]:
    if name is None:
        found = (state.service(each) for each in state.services())
        return sorted((each for each in found if each is not None), key=lambda view: (view.health.rank, view.name))
    view = state.service(name)
    if view is None:
        from bakeryops.config.values import nearest

        meant = nearest(name, state.services())
        raise BakeryopsError(
            f"there is no service {clean(name)}",
            hint=f"Did you mean {meant}?" if meant else "See: bakeryops service",
        )
    return [view]


def _show(out: Out, views: list[ServiceView], one: bool, shown: list[str] | None) -> list[str]:
    """Print; with `shown` only where it differs from that, and return what is shown now."""
    from bakeryops.cli import shapes_delivery

    if out.form != "table":
        documents = [shapes_delivery.service(view, time.time()) for view in views]
        if shown is None:
            out.document(documents[0] if one else documents)
        else:
            for document in documents:
                out.change(document)
        return []
    lines = list(_lines(out, views[0]) if one else _table(views).lines(width=out.width, colour=out.colour))
    if shown is not None and out.terminal:
        out.redraw(lines)
    elif lines != shown:
        out.lines(lines)
    return lines


def _table(views: list[ServiceView]) -> Table:
    from bakeryops.read.holds import hold_text
    from bakeryops.units import format_age

    table = Table(
        [
            Column("", 9),
            Column("SERVICE", 9),
            Column("STATE", 8),
            Column("READY", 8, right=True),
            Column("TAG", 6),
            Column("COMMIT", 7),
            Column("DEPLOYED", 5, right=True),
            Column("BY", 4),
            Column("SUBJECT", 4),
            Column("WHY", 7),
        ]
    )
    now = time.time()
    for view in views:
        work, commit = view.workload, view.commit
        table.add(
            (view.health.symbol, view.health.value),
            view.name,
            (view.state, view.health.value),
            f"{work.ready}/{work.desired}" if work is not None else "-",
            view.tag,
            commit.short if commit is not None else "",
            "-" if view.deployed is None else format_age(now - view.deployed),
            view.deployed_by,
            commit.subject if commit is not None else "",
            view.why or (f"held {hold_text(view.hold, now)}" if view.hold is not None else ""),
        )
    return table


def _lines(out: Out, view: ServiceView) -> Iterator[str]:
    from bakeryops.read.holds import hold_text, write_back_text
    from bakeryops.units import format_age

    now = time.time()
    yield f"{view.health.symbol} {view.name}  {view.state}" + (f"  {view.why}" if view.why else "")
    if view.hold is not None:
        yield f"  held      {hold_text(view.hold, now)}"
    if view.write_back is not None:
        yield f"  past git  {write_back_text(view.write_back, now)}: bakeryops rollback {view.name} --write-back"
    commit = view.commit
    told = f' {commit.short} "{commit.subject}" {commit.author}' if commit is not None else ""
    yield f"  runs      {view.tag or view.image or '?'}{told}"
    if view.wanted_tag and view.wanted_tag != view.tag:
        yield f"  git wants {view.wanted_tag}"
    if view.deployed is not None:
        yield f"  deployed  {format_age(now - view.deployed)} ago by {view.deployed_by or '?'}"
    if view.workload is not None:
        yield f"  pods      {view.workload.ready}/{view.workload.desired} ready"
    if view.database is not None:
        base = view.database
        yield f"  database  {base.name} {base.ready}/{base.desired} {base.status}"
    if view.chain is not None and view.chain.why:
        yield f"  delivery  {view.chain.why}"
    for table in (_releases(view, now), _builds(view, now)):
        if table.rows:
            yield ""
            yield from table.lines(width=out.width, colour=out.colour)


def _releases(view: ServiceView, now: float) -> Table:
    from bakeryops.units import format_duration

    table = Table(
        [
            Column("", 9),
            Column("DEPLOYED", 9),
            Column("STATE", 8),
            Column("TAG", 7),
            Column("COMMIT", 8),
            Column("KIND", 4),
            Column("AUTHOR", 5),
            Column("SUBJECT", 6),
            Column("LASTED", 3, right=True),
            Column("IMAGE", 5),
        ]
    )
    for release in view.releases[:15]:
        deployment, commit = release.deployment, release.commit
        end = release.until if release.until is not None else now if release.running else None
        table.add(
            "●" if release.running else " ",
            time.strftime("%Y-%m-%d %H:%M", time.gmtime(deployment.when)),
            release.state,
            deployment.tag,
            deployment.source[:7],
            deployment.kind,
            commit.author if commit is not None else deployment.author,
            commit.subject if commit is not None else deployment.subject,
            "-" if end is None else format_duration(end - deployment.when),
            "" if release.stored is None else "stored" if release.stored else ("gone", "soon"),
        )
    return table


def _builds(view: ServiceView, now: float) -> Table:
    from bakeryops.units import format_age, format_duration

    table = Table(
        [Column("", 9), Column("BUILD", 9), Column("STATE", 8), Column("COMMIT", 7), Column("TOOK", 6, right=True),
         Column("AGE", 6, right=True), Column("WHY", 5)]
    )  # fmt: skip
    for build in view.builds[:5]:
        took = build.seconds(now)
        table.add(
            (build.health.symbol, build.health.value),
            build.name,
            build.state,
            build.trigger.revision[:7],
            "-" if took is None else format_duration(took),
            format_age(now - build.created),
            build.why,
        )
    return table
