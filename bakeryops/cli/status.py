"""`bakeryops status`: is it all right?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bakeryops.cli.options import (
    EXIT_CODES,
    Call,
    all_namespaces_option,
    connection_options,
    output_option,
    pass_call,
    watch_option,
)
from bakeryops.cli.output import Column, Out, Table, say

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.metrics import StatsSummary
    from bakeryops.config import Config
    from bakeryops.model.chain import Chain
    from bakeryops.model.code import CodeView
    from bakeryops.model.overview import Overview

__all__ = ["command"]

_FLUX = ("kustomizations", "gitrepositories", "helmreleases")
_BESIDE = ("nodes", "nodemetrics", "persistentvolumeclaims", "namespaces", "pipelineruns", *_FLUX, "holds")
_STATS_SECONDS = 60.0
_STATS_PATIENCE = 3.0
"""Seconds that a kubelet may take; the rest waits for it."""


@click.command("status", epilog=EXIT_CODES)
@all_namespaces_option
@watch_option
@output_option
@connection_options
@pass_call
def command(call: Call, watch: bool) -> None:
    """Say whether all is right: what needs a person, the parts and their memory budgets, workloads, node.

    Exit code 3 when something is bad (✖) or could not be judged (○), 0 otherwise.

    \b
    Examples:
      bakeryops status
      bakeryops status -w                            go on and show changes
      bakeryops status -o json | jq '.needs[].name'
      bakeryops status >/dev/null || mail -s "bakery needs you" ops@example.com </dev/null
    """
    from bakeryops.cli.cluster import run

    run(_run(call, watch))


async def _run(call: Call, watch: bool) -> int:
    from bakeryops.cli.cluster import connected, look
    from bakeryops.cli.code import code_view
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.index import KINDS

    out, config = call.out(), call.load().config
    kinds = [*KINDS, *_BESIDE]
    async with connected(call) as session:
        if watch:
            await _watch(call, out, session, kinds)
            return 0
        feed = await look(session, kinds, namespace=call.namespace, needed=("pods",), quiet=True)
        state = _State(
            config, await _stats(session, feed), call.namespace, await code_view(call, session, quiet=True)
        )
        view = state.update(feed, Changes())
        version = await _version(session)
    _print(out, view, state.chain(), session, version)
    return 3 if view.health.value in ("bad", "unknown") else 0


class _State:
    """The overview, kept current from a feed."""

    def __init__(
        self, config: Config, stats: dict[str, StatsSummary], namespace: str | None, code: CodeView
    ) -> None:
        from bakeryops.read.delivery_index import DeliveryIndex
        from bakeryops.read.index import WorkloadIndex

        self.config = config
        self.stats = stats
        self.namespace = namespace
        self.code = code
        self.index = WorkloadIndex()
        self.delivery = DeliveryIndex()
        self._loaded = False

    def update(self, feed: Feed, changes: Changes) -> Overview:
        """Take changes in, the first time everything, and return the overview."""
        from bakeryops.read.configured import configured_overview
        from bakeryops.read.overview import Sources

        stores = {kind: feed.store(kind) for kind in feed.kinds}
        self.index.pods_known = stores["pods"].state.phase != "forbidden"
        if self._loaded:
            self.index.update(stores, changes.by_kind)
            self.index.tick()
            self.delivery.update(stores, changes.by_kind)
            self.delivery.tick()
        else:
            self.index.load(stores)
            self.delivery.load(stores)
            self._loaded = True
        self.delivery.set_states({kind: store.state for kind, store in stores.items()}, self.namespace)
        seen = {kind: store.items.values() for kind, store in stores.items()}
        sources = Sources(
            nodes=seen["nodes"],
            node_metrics=seen["nodemetrics"],
            stats=self.stats,
            claims=seen["persistentvolumeclaims"],
            namespaces=seen["namespaces"],
            pipelineruns=seen["pipelineruns"] if stores["pipelineruns"].state.phase == "live" else None,
            flux={kind: seen[kind] for kind in _FLUX},
            holds=self.delivery.holds,
            states={kind: store.state for kind, store in stores.items()},
            namespace=self.namespace,
        )
        return configured_overview(self.index, sources, self.config, now=time.time())

    def chain(self) -> Chain | None:
        """Return the delivery chain, None where there is neither Git nor a build nor Flux."""
        if self.code.state == "off" and not self.delivery.builds.builds and not self.delivery.flux.syncs:
            return None
        return self.delivery.chain(self.code, self.index, time.time())


async def _watch(call: Call, out: Out, session: Session, kinds: list[str]) -> None:
    from bakeryops.cli.cluster import beats, watched
    from bakeryops.cli.code import code_view
    from bakeryops.cli.listing import LinkTeller

    config, namespace = call.load().config, call.namespace
    feed = await watched(session, kinds, namespace=namespace, needed=("pods",), quiet=True)
    state = _State(config, await _stats(session, feed), namespace, await code_view(call, session, quiet=True))
    measured, shown, seen = time.monotonic(), "", state.delivery.revisions()
    link = LinkTeller(session)
    async for changes in beats(feed, max_hz=min(config.max_hz, 2.0), every=5.0):
        if time.monotonic() - measured > _STATS_SECONDS:
            state.stats, measured = await _stats(session, feed), time.monotonic()
        view = state.update(feed, changes)
        if seen != (seen := state.delivery.revisions()):
            state.code = await code_view(call, session, quiet=True)
        chain = state.chain()
        if not (out.terminal and out.form == "table"):
            link.tell()
        if out.form != "table":
            out.change(_document(view, chain, session, session.link.server_version))
        elif out.terminal:
            out.redraw(list(_lines(out, view, chain, session, session.link.server_version)))
        elif (line := _summary(view)) != shown:
            shown = line
            out.lines([f"{_clock()}  {line}"])


async def _stats(session: Session, feed: Feed) -> dict[str, StatsSummary]:
    """Return what the kubelets say of their disks and volumes; a node that does not say is left out."""
    import asyncio
    from urllib.parse import quote

    import msgspec

    from bakeryops.cluster.decode import UNREADABLE
    from bakeryops.cluster.errors import KubeError
    from bakeryops.cluster.transport import Deadline
    from bakeryops.cluster.wire.metrics import StatsSummary

    found: dict[str, StatsSummary] = {}

    async def ask(name: str) -> None:
        path = f"/api/v1/nodes/{quote(name, safe='')}/proxy/stats/summary"
        try:
            data = await session.transport.get_bytes(path, timeout=Deadline(total=_STATS_PATIENCE))
            found[name] = msgspec.json.decode(data, type=StatsSummary)
        except (KubeError, *UNREADABLE):
            return

    await asyncio.gather(*(ask(each.metadata.name) for each in feed.store("nodes").items.values()))
    return found


async def _version(session: Session) -> str:
    import msgspec

    from bakeryops.cluster.decode import UNREADABLE
    from bakeryops.cluster.errors import KubeError
    from bakeryops.text import clean

    try:
        told = msgspec.json.decode(await session.transport.get_bytes("/version"))
    except (KubeError, *UNREADABLE):
        return ""
    return clean(str(told.get("gitVersion", ""))) if isinstance(told, dict) else ""


def _document(view: Overview, chain: Chain | None, session: Session, version: str) -> dict[str, Any]:
    from bakeryops.cli import shapes, shapes_acting, shapes_delivery

    target = session.target
    document, now = shapes.status(view, context=target.context, server=target.server, version=version), time.time()
    return document | {
        "holds": [shapes_acting.hold(each, now) for each in view.holds],
        "suspended": [shapes_acting.suspension(each, now) for each in view.suspensions],
        "write_back": [shapes_acting.write_back(each) for each in view.write_backs],
        "chain": None if chain is None else shapes_delivery.chain(chain, now),
    }


def _print(out: Out, view: Overview, chain: Chain | None, session: Session, version: str) -> None:
    if out.form != "table":
        out.document(_document(view, chain, session, version))
        return
    out.lines(_lines(out, view, chain, session, version))
    told = chain.unknowns if chain is not None else ()
    for sentence in dict.fromkeys((*view.unknowns, *told)):
        say(f"unknown: {sentence}")


def _clock() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _summary(view: Overview) -> str:
    """Return the overview in one line."""
    first = f"  {view.needs[0].name}: {view.needs[0].what}" if view.needs else ""
    more = f" and {len(view.needs) - 1} more" if len(view.needs) > 1 else ""
    return (
        f"{view.health.symbol} {view.health.value}  workloads {view.workloads_ready}/{view.workloads_total}"
        f"  databases {view.databases_ready}/{view.databases_total}{first}{more}"
    )


def _lines(out: Out, view: Overview, chain: Chain | None, session: Session, version: str) -> Iterator[str]:
    target = session.target
    place = "  ".join(part for part in (target.context, target.server, version) if part)
    yield f"{view.health.symbol} {view.health.value}  {place}"
    if session.link.phase in ("stale", "unauthorized"):
        yield f"  {session.link.phase}: {session.link.reason}"
    if chain is not None:
        yield from _chain_lines(out, chain)
    yield from _held_lines(out, view)
    for table in (_needs(view), _parts(view), _nodes(view)):
        if table.rows:
            yield ""
            yield from table.lines(width=out.width, colour=out.colour)
    yield ""
    yield _counts(view)


def _chain_lines(out: Out, chain: Chain) -> Iterator[str]:
    from bakeryops.cli.output import cut

    legs = "  ->  ".join(f"{leg.title} {leg.health.symbol} {leg.text}".rstrip() for leg in chain.legs)
    yield f"  {cut(legs, out.width - 2) if out.width else legs}"
    if chain.why:
        yield f"  {cut(chain.why, out.width - 2) if out.width else chain.why}"


def _held_lines(out: Out, view: Overview) -> Iterator[str]:
    from bakeryops.cli.output import cut
    from bakeryops.read.holds import standing

    for word, names in standing(view.holds, view.suspensions, view.write_backs, time.time()):
        line = f"  {'✖' if word == 'past Git' else '⏸'} {word}: {', '.join(names)}"
        yield cut(line, out.width) if out.width else line


def _counts(view: Overview) -> str:
    from bakeryops.units import format_bytes

    least = "at least " if view.restarts_at_least else ""
    parts = [
        f"workloads {view.workloads_ready}/{view.workloads_total} ready",
        f"databases {view.databases_ready}/{view.databases_total}",
        f"pods {view.pods_total}",
        f"restarts in the last hour {least}{view.restarts_hour}",
        f"CI/CD memory {format_bytes(view.cicd_memory)} of {format_bytes(view.cicd_budget)}",
    ]
    return ", ".join(parts)


def _needs(view: Overview) -> Table:
    from bakeryops.units import format_age

    table = Table(
        [Column("", 9), Column("NEEDS YOU", 9), Column("WHAT", 8), Column("FOR", 6, right=True), Column("WHY", 7)]
    )
    now = time.time()
    for need in view.needs:
        tone = need.health.value
        age = "-" if need.since is None else format_age(now - need.since)
        table.add((need.health.symbol, tone), need.name, (need.what, tone), age, need.why)
    return table


def _parts(view: Overview) -> Table:
    from bakeryops.units import format_bytes

    table = Table(
        [
            Column("", 9),
            Column("PART", 9),
            Column("READY", 8, right=True),
            Column("MEMORY", 7, right=True),
            Column("BUDGET", 6, right=True),
            Column("VERSION", 3),
            Column("REASON", 5),
        ]
    )
    for part in view.parts:
        ready = f"{part.ready}/{part.total}" if part.present else "-"
        budget = format_bytes(part.budget) if part.budget is not None else "-"
        memory = format_bytes(part.memory) if part.present else "-"
        table.add(
            (part.health.symbol, part.health.value), part.name, ready, memory, budget, part.version, part.reason
        )
    return table


def _nodes(view: Overview) -> Table:
    table = Table(
        [
            Column("", 9),
            Column("NODE", 9),
            Column("STATUS", 8),
            Column("CPU", 7, right=True),
            Column("MEMORY", 7, right=True),
            Column("DISK", 7, right=True),
            Column("PODS", 4, right=True),
            Column("VERSION", 2),
            Column("REASON", 5),
        ]
    )
    for node in view.nodes:
        table.add(
            (node.health.symbol, node.health.value),
            node.name,
            (node.status, node.health.value),
            _share(node.cpu_used, node.cpu_total),
            _share(node.memory_used, node.memory_total),
            _share(node.disk_used, node.disk_total),
            f"{node.pods}",
            node.version,
            node.reason,
        )
    return table


def _share(used: float | None, total: float | None) -> str:
    return f"{used / total:.0%}" if used is not None and total else "?"
