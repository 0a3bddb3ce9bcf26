"""`bakeryops workloads`: what keeps pods running, and the pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from bakeryops.cli.output import Cell, Column
from bakeryops.cli.workloads_act import delete_pod, restart, scale
from bakeryops.cli.workloads_enter import port_forward, shell

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.model.workload import Amounts, PodView, WorkloadView
    from bakeryops.read.index import WorkloadIndex

__all__ = ["command", "is_bad"]

_NEEDED = ("pods",)


@click.group("workloads", invoke_without_command=True, epilog=EXIT_CODES)
@click.option("-s", "--service", metavar="NAME", help="Only what belongs to this service, or has this name.")
@click.option("-p", "--problems", is_flag=True, help="Only what is not fine.")
@click.option("--pods", is_flag=True, help="List the pods instead of what keeps them running.")
@all_namespaces_option
@watch_option
@output_option
@connection_options
@pass_call
@click.pass_context
def command(
    context: click.Context, call: Call, service: str | None, problems: bool, pods: bool, watch: bool
) -> None:
    """List Deployments, StatefulSets, DaemonSets, Jobs and bare pods with their state and what they use.

    The worst come first. READY counts pods, RESTARTS those of the containers that run now (of the last hour in
    brackets); CPU and MEMORY show what is used of the limit, where metrics are served.

    Exit code 3 when anything listed is bad (✖) or cannot be judged (○), or not all could be read; 0 otherwise.

    \b
    Examples:
      bakeryops workloads                       everything
      bakeryops workloads -n bakery-ia -p       what is not fine in one namespace
      bakeryops workloads -s auth --pods        the pods of one service
      bakeryops workloads -w                    go on and show changes
      bakeryops workloads -o json | jq -r '.[] | select(.health == "bad") | .name'
      bakeryops workloads restart auth          act on one of them
    """
    if context.invoked_subcommand is None:
        from bakeryops.cli.cluster import run

        run(_run(call, service, problems, pods, watch))


for _verb in (restart, scale, delete_pod, shell, port_forward):
    command.add_command(_verb)


async def _run(call: Call, service: str | None, problems: bool, pods: bool, watch: bool) -> int:
    from bakeryops.cli.cluster import beats, connected, look, missed, watched
    from bakeryops.cli.listing import print_list, watch_list
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.index import KINDS, WorkloadIndex

    out, config = call.out(), call.load().config
    listing = (_Pods if pods else _Workloads)(WorkloadIndex(), service, problems)
    async with connected(call) as session:
        if watch:
            feed = await watched(session, KINDS, namespace=call.namespace, needed=_NEEDED)
            await watch_list(out, listing, session, feed, beats(feed, max_hz=config.max_hz, every=2.0))
            return 0
        feed = await look(session, KINDS, namespace=call.namespace, needed=_NEEDED)
        listing.update(feed, Changes())
    print_list(out, listing)
    return 3 if missed(feed) or any(is_bad(view) for _, view in listing.views()) else 0


def is_bad(view: Any) -> bool:
    """Return whether the health of a view calls for exit code 3."""
    return view.health.value in ("bad", "unknown")


class _Listing:
    """The index of workloads and what of it to show."""

    def __init__(self, index: WorkloadIndex, service: str | None, problems: bool) -> None:
        self.index = index
        self.service = service
        self.problems = problems
        self._loaded = False

    def update(self, feed: Feed, changes: Changes) -> None:
        """Take changes in; the first time everything."""
        stores = {kind: feed.store(kind) for kind in feed.kinds}
        if self._loaded:
            self.index.update(stores, changes.by_kind)
            self.index.tick()
        else:
            self.index.load(stores)
            self._loaded = True

    def wanted(self, view: Any) -> bool:
        """Return whether the filters let a view through; a pod also goes by the name of its owner."""
        from bakeryops.cli.listing import is_called

        if self.problems and view.health.value == "fine":
            return False
        names = (view.service, view.name, getattr(view, "owner_name", ""))
        return self.service is None or is_called(self.service, *names)


_AMOUNTS = (Column("CPU", 4, right=True, drifts=True), Column("MEMORY", 6, right=True, drifts=True))


class _Workloads(_Listing):
    """Workloads, the worst first."""

    noun = "workload"
    columns: Sequence[Column] = (
        Column("", 9),
        Column("NAMESPACE", 5),
        Column("NAME", 9),
        Column("KIND", 2),
        Column("READY", 9, right=True),
        Column("STATUS", 8),
        Column("RESTARTS", 6, right=True),
        *_AMOUNTS,
        Column("TAG", 3),
        Column("AGE", 4, right=True, drifts=True),
        Column("REASON", 7),
    )

    def views(self) -> Iterable[tuple[str, WorkloadView]]:
        """Return the workloads that the filters let through."""
        from bakeryops.read.workloads import order

        return [(view.key, view) for view in sorted(filter(self.wanted, self.index.workloads.values()), key=order)]

    def cells(self, view: WorkloadView, now: float) -> Sequence[Cell]:
        """Return a row."""
        hour = f"{'≥' if view.restarts_at_least else ''}{view.restarts_hour}"
        return (
            (view.health.symbol, view.health.value),
            view.namespace,
            view.name,
            view.kind,
            f"{view.ready}/{view.desired}",
            (view.status, view.health.value),
            f"{view.restarts} ({hour})" if view.restarts_hour else str(view.restarts),
            *_usage(view.amounts),
            view.tag,
            _age(view.created, now),
            view.reason,
        )

    def document(self, view: WorkloadView) -> dict[str, Any]:
        """Return the documented shape."""
        from bakeryops.cli import shapes

        return shapes.workload(view)


class _Pods(_Listing):
    """Pods, the worst first."""

    noun = "pod"
    columns: Sequence[Column] = (
        Column("", 9),
        Column("NAMESPACE", 5),
        Column("NAME", 9),
        Column("READY", 8, right=True),
        Column("STATUS", 8),
        Column("RESTARTS", 6, right=True),
        *_AMOUNTS,
        Column("NODE", 2),
        Column("AGE", 4, right=True, drifts=True),
        Column("REASON", 7),
    )

    def views(self) -> Iterable[tuple[str, PodView]]:
        """Return the pods that the filters let through."""
        found = sorted(
            filter(self.wanted, self.index.pods.values()),
            key=lambda view: (view.health.rank, view.namespace, view.name),
        )
        return [(view.key, view) for view in found]

    def cells(self, view: PodView, now: float) -> Sequence[Cell]:
        """Return a row."""
        return (
            (view.health.symbol, view.health.value),
            view.namespace,
            view.name,
            f"{view.ready}/{view.total}",
            (view.status, view.health.value),
            str(view.restarts),
            *_usage(view.amounts),
            view.node,
            _age(view.created, now),
            view.reason,
        )

    def document(self, view: PodView) -> dict[str, Any]:
        """Return the documented shape."""
        from bakeryops.cli import shapes

        return shapes.pod(view)


def _usage(amounts: Amounts) -> tuple[str, str]:
    from bakeryops.units import format_bytes, format_cpu

    cpu = "-" if amounts.cpu_used is None else format_cpu(amounts.cpu_used)
    memory = "-" if amounts.memory_used is None else format_bytes(amounts.memory_used)
    if amounts.cpu_used is not None and amounts.cpu_limit:
        cpu += f"/{format_cpu(amounts.cpu_limit)}"
    if amounts.memory_used is not None and amounts.memory_limit:
        memory += f"/{format_bytes(amounts.memory_limit)}"
    return cpu, memory


def _age(created: float | None, now: float) -> str:
    from bakeryops.units import format_age

    return format_age(None if created is None else now - created)
