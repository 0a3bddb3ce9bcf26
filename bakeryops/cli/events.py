"""`bakeryops events`: what the cluster had to say, grouped and counted."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from bakeryops.cli.options import (
    EXIT_CODES,
    Call,
    all_namespaces_option,
    connection_options,
    output_option,
    pass_call,
    since_option,
    watch_option,
)
from bakeryops.cli.output import Cell, Column

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.model.event import EventGroup

__all__ = ["command"]

# What controllers append to the name of what they make: a hash, a number, five random letters, or two of these.
_MADE = r"(-[a-z0-9]{1,12}){1,2}"


@click.command("events", epilog=EXIT_CODES)
@click.option("-s", "--service", metavar="NAME", help="Only what is about this service and its pods.")
@click.option("-p", "--problems", is_flag=True, help="Only warnings.")
@since_option
@all_namespaces_option
@watch_option
@output_option
@connection_options
@pass_call
def command(call: Call, service: str | None, problems: bool, since: float | None, watch: bool) -> None:
    """List events, the newest first; repetitions are one row with their count.

    Clusters keep events for a short time only (MicroK8s for five minutes). With --watch they are kept for as long
    as the command runs.

    \b
    Examples:
      bakeryops events -p                  warnings of the whole cluster
      bakeryops events -s auth -w          follow what happens to one service
      bakeryops events --since 2m -o json
    """
    from bakeryops.cli.cluster import run

    run(_run(call, service, problems, since, watch))


async def _run(call: Call, service: str | None, problems: bool, since: float | None, watch: bool) -> int:
    from bakeryops.cli.cluster import beats, connected, look, watched
    from bakeryops.cli.listing import print_list, watch_list
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.index import KINDS

    out, config = call.out(), call.load().config
    kinds = ["events", *(KINDS if service else ())]
    listing = _Events(service, problems, since)
    async with connected(call) as session:
        if watch:
            feed = await watched(session, kinds, namespace=call.namespace, needed=("events",))
            await watch_list(out, listing, session, feed, beats(feed, max_hz=config.max_hz, every=2.0))
            return 0
        feed = await look(session, kinds, namespace=call.namespace, needed=("events",))
        listing.update(feed, Changes())
    print_list(out, listing)
    return 0


class _Events:
    """Groups of events, the newest first."""

    noun = "event"
    columns: Sequence[Column] = (
        Column("LAST", 8, right=True, drifts=True),
        Column("COUNT", 6, right=True),
        Column("", 9),
        Column("REASON", 8),
        Column("NAMESPACE", 4),
        Column("OBJECT", 9),
        Column("MESSAGE", 9),
    )

    def __init__(self, service: str | None, problems: bool, since: float | None) -> None:
        from bakeryops.read.events import EventKeeper
        from bakeryops.read.index import WorkloadIndex

        self.keeper = EventKeeper()
        self.index = WorkloadIndex() if service else None
        self.service = service
        self.problems = problems
        self.since = since
        self._loaded = False

    def update(self, feed: Feed, changes: Changes) -> None:
        """Take changes in; the first time everything."""
        stores = {kind: feed.store(kind) for kind in feed.kinds}
        events = stores.pop("events")
        if not self._loaded:
            self.keeper.update(events.items, events.items.keys(), set())
            if self.index:
                self.index.load(stores)
            self._loaded = True
            return
        if found := changes.by_kind.get("events"):
            self.keeper.update(events.items, found.changed, found.removed)
            self.keeper.prune(time.time())
        if self.index:
            self.index.update(stores, changes.by_kind)

    def views(self) -> Iterable[tuple[str, EventGroup]]:
        """Return the groups that the filters let through."""
        after = time.time() - self.since if self.since is not None else None
        names = self._names()
        for view in self.keeper.groups(warnings_only=self.problems):
            if after is not None and (view.last or 0.0) < after:
                continue
            if names is None or _is_about(view, names):
                yield view.key, view

    def _names(self) -> Collection[tuple[str, str]] | None:
        """Return namespaces and names of all that belongs to the service, None where none is asked for."""
        from bakeryops.cli.listing import is_called

        if self.index is None:
            return None
        found: set[tuple[str, str]] = set()
        for view in self.index.workloads.values():
            if is_called(self.service or "", view.service, view.name):
                found.add((view.namespace, view.name))
        for pod in self.index.pods.values():
            if is_called(self.service or "", pod.service, pod.name):
                found.add((pod.namespace, pod.name))
        return found

    def cells(self, view: EventGroup, now: float) -> Sequence[Cell]:
        """Return a row."""
        from bakeryops.units import format_age

        return (
            format_age(None if view.last is None else now - view.last),
            f"{view.count}",
            ("▲", "soon") if view.warning else ("·", "dim"),
            (view.reason, "soon" if view.warning else ""),
            view.namespace,
            f"{view.kind}/{view.name}" + (f" and {view.objects - 1} more" if view.objects > 1 else ""),
            view.message,
        )

    def document(self, view: EventGroup) -> dict[str, Any]:
        """Return the documented shape."""
        from bakeryops.cli import shapes

        return shapes.event(view)


def _is_about(view: EventGroup, names: Collection[tuple[str, str]]) -> bool:
    """Return whether an event is about one of the objects, or one that was made for them and may be gone."""
    if (view.namespace, view.name) in names:
        return True
    return view.kind in ("Pod", "ReplicaSet", "Job") and any(
        namespace == view.namespace and re.fullmatch(re.escape(name) + _MADE, view.name)
        for namespace, name in names
    )
