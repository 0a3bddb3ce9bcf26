"""`bakeryops flux`: what Flux fetches and applies, one applier in full, and Git compared with what runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from bakeryops.cli.flux_act import approve, reconcile, resume, suspend
from bakeryops.cli.options import (
    EXIT_CODES,
    Call,
    all_namespaces_option,
    connection_options,
    output_option,
    pass_call,
    watch_option,
)
from bakeryops.cli.output import Cell, Column, Out
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.model.code import CodeView
    from bakeryops.model.sync import FluxObject, Node, Source, Sync
    from bakeryops.read.flux_index import FluxIndex

__all__ = ["command", "find_sync"]

_NEEDED = ("kustomizations",)


@click.group("flux", invoke_without_command=True, epilog=EXIT_CODES)
@click.option("-p", "--problems", is_flag=True, help="Only what is not fine.")
@all_namespaces_option
@watch_option
@output_option
@connection_options
@pass_call
@click.pass_context
def command(context: click.Context, call: Call, problems: bool, watch: bool) -> None:
    """List what Flux fetches and applies: state, revisions with their commits, when next.

    Exit code 3 when anything listed is bad (✖) or cannot be judged (○), or not all could be read; 0 otherwise.

    \b
    Examples:
      bakeryops flux
      bakeryops flux -w                         go on and show changes
      bakeryops flux show bakery-ia             one in full, with its objects down to pods
      bakeryops flux diff                       what would the next apply change?
      bakeryops flux -o json | jq '.[] | {name, state, applied}'
    """
    if context.invoked_subcommand is None:
        from bakeryops.cli.cluster import run

        run(_list(call, problems, watch))


async def _list(call: Call, problems: bool, watch: bool) -> int:
    from bakeryops.cli.cluster import beats, connected, look, missed, watched
    from bakeryops.cli.code import code_view
    from bakeryops.cli.listing import print_list, watch_list
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.flux_index import KINDS

    out, config = call.out(), call.load().config
    async with connected(call) as session:
        listing = _Objects(await code_view(call, session, quiet=True), problems)
        if watch:
            feed = await watched(session, KINDS, namespace=call.namespace, needed=_NEEDED)
            await watch_list(out, listing, session, feed, beats(feed, max_hz=config.max_hz, every=2.0))
            return 0
        feed = await look(session, KINDS, namespace=call.namespace, needed=_NEEDED)
        listing.update(feed, Changes())
    print_list(out, listing)
    bad = any(view.health.value in ("bad", "unknown") for _, view in listing.views())
    return 3 if bad or missed(feed) else 0


class _Objects:
    """Flux' objects in the order of their tree."""

    noun = "object"
    columns: Sequence[Column] = (
        Column("", 9),
        Column("NAMESPACE", 3),
        Column("KIND", 6),
        Column("NAME", 9),
        Column("STATE", 9),
        Column("REVISION", 8),
        Column("TRIED", 4),
        Column("COMMIT", 5),
        Column("LAST", 6, right=True, drifts=True),
        Column("NEXT", 2, right=True, drifts=True),
        Column("WHY", 7),
    )

    def __init__(self, code: CodeView, problems: bool) -> None:
        from bakeryops.read.flux_index import FluxIndex

        self.index: FluxIndex = FluxIndex()
        self.code = code
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

    def views(self) -> Iterable[tuple[str, Source | Sync | FluxObject]]:
        """Return what the filter lets through."""
        found = (view for _, view in self.index.tree())
        return [(view.key, view) for view in found if not self.problems or view.health.value != "fine"]

    def cells(self, view: Source | Sync | FluxObject, now: float) -> Sequence[Cell]:
        """Return a row."""
        from bakeryops.model.sync import Source, Sync
        from bakeryops.units import format_age

        revision = view.revision if isinstance(view, Source) else view.applied if isinstance(view, Sync) else None
        tried = ""
        if isinstance(view, Sync) and view.attempted is not None and view.attempted != view.applied:
            tried = view.attempted.short
        commit = self.code.find(revision.hash) if revision is not None and revision.hash else None
        last = view.fetched if isinstance(view, Source) else view.last if isinstance(view, Sync) else view.since
        upcoming = view.next if isinstance(view, Source | Sync) and not view.suspended else None
        return (
            (view.health.symbol, view.health.value),
            view.namespace,
            view.kind,
            view.name,
            (view.state, view.health.value),
            revision.short if revision is not None else "",
            tried,
            f"{commit.subject} ({commit.author})" if commit is not None else "",
            "-" if last is None else format_age(now - last),
            "-" if upcoming is None else format_age(max(0.0, upcoming - now)),
            view.why,
        )

    def document(self, view: Source | Sync | FluxObject) -> dict[str, Any]:
        """Return the documented shape."""
        from bakeryops.cli import shapes_delivery
        from bakeryops.model.sync import Source, Sync

        if isinstance(view, Source):
            return shapes_delivery.source(view)
        if isinstance(view, Sync):
            applied = view.applied
            found = self.code.find(applied.hash) if applied is not None and applied.hash else None
            return shapes_delivery.sync(view, found=found)
        return shapes_delivery.flux_object(view)


def find_sync(index: FluxIndex, name: str | None, namespace: str | None = None) -> Sync:
    """Return the applier that is meant by NAME, KIND/NAME or NAMESPACE/NAME; without a name the only one there is.

    `namespace` is the only one that was looked at, if any.
    Raises `UsageError` where that is not clear, `BakeryopsError` where there is none.
    """
    views = list(index.syncs.values())
    found = [
        view
        for view in views
        if name is None or name in (view.name, f"{view.kind}/{view.name}", f"{view.namespace}/{view.name}")
    ]
    if not found:
        known = ", ".join(sorted(view.name for view in views))
        raise BakeryopsError(
            f"Flux applies nothing called {clean(name or '')}" if name else "Flux applies nothing here",
            hint=f"There are: {known}."
            if known
            else f"Only {namespace} was looked at."
            if namespace
            else "Is Flux installed? See: bakeryops status",
        )
    if len(found) > 1:
        alike = len({view.kind for view in found}) == 1
        names = sorted(f"{view.namespace if alike else view.kind}/{view.name}" for view in found)
        raise UsageError("which one is meant?", hint=f"Give its name: {', '.join(names)}.")
    return found[0]


@command.command("show", epilog=EXIT_CODES)
@click.argument("name", metavar="[NAME]", required=False)
@output_option
@connection_options
@pass_call
def show(call: Call, name: str | None) -> None:
    """Show a Kustomization or HelmRelease in full: its objects down to pods, conditions, history.

    Exit code 3 when it or any of its workloads is bad (✖), or it cannot be judged (○); 0 otherwise.

    \b
    Examples:
      bakeryops flux show bakery-ia
      bakeryops flux show -o json | jq '.tree[] | select(.health == "bad") | .title'
    """
    from bakeryops.cli.cluster import run

    run(_show(call, name))


async def _show(call: Call, name: str | None) -> int:
    from bakeryops.cli import shapes_delivery
    from bakeryops.cli.cluster import connected, look
    from bakeryops.cli.code import code_view
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.flux_index import KINDS
    from bakeryops.read.flux_inventory import inventory_of
    from bakeryops.read.index import KINDS as WORKLOADS
    from bakeryops.read.index import WorkloadIndex

    out = call.out()
    async with connected(call) as session:
        code = await code_view(call, session, quiet=True)
        listing = _Objects(code, problems=False)
        feed = await look(session, KINDS, namespace=call.namespace, needed=_NEEDED, quiet=True)
        listing.update(feed, Changes())
        # What it applies may be in any namespace.
        applied = await session.snapshot(WORKLOADS)
        workloads = WorkloadIndex()
        workloads.load({kind: applied.store(kind) for kind in WORKLOADS})
    view = find_sync(listing.index, name, call.namespace)
    tree = inventory_of(view, workloads, listing.index.syncs).roots
    found = code.find(view.applied.hash) if view.applied is not None and view.applied.hash else None
    if out.form != "table":
        out.document(shapes_delivery.sync(view, found=found, tree=tree))
    else:
        out.lines(_sync_lines(out, view, found.subject if found is not None else "", tree))
    healths = [view.health.value, *_healths(tree)]
    return 3 if "bad" in healths or view.health.value == "unknown" else 0


def _healths(nodes: tuple[Node, ...]) -> Iterator[str]:
    for node in nodes:
        yield node.health.value
        yield from _healths(node.children)


def _sync_lines(out: Out, view: Sync, subject: str, tree: tuple[Node, ...]) -> Iterator[str]:
    import time

    from bakeryops.read.holds import suspension_text, write_back_text
    from bakeryops.units import format_age

    now = time.time()
    yield f"{view.health.symbol} {view.kind} {view.namespace}/{view.name}  {view.state}" + (
        f"  {view.why}" if view.why else ""
    )
    told = suspension_text(view.suspension, now) if view.suspension is not None else ""
    if told:
        yield f"  suspended {told}"
    for back in view.write_backs:
        yield (
            f"  past git  {back.service} {write_back_text(back, now)}:"
            f" bakeryops rollback {back.service} --write-back"
        )
    if view.applied is not None:
        yield f"  applied   {view.applied.text}" + (f'  "{subject}"' if subject else "")
    if view.attempted is not None and view.attempted != view.applied:
        yield f"  tried     {view.attempted.text}"
    yield f"  source    {view.source}  {view.path}"
    if view.depends_on:
        yield f"  waits for {', '.join(view.depends_on)}"
    if view.last is not None:
        upcoming = f", again in {format_age(max(0.0, view.next - now))}" if view.next is not None else ""
        yield f"  last      {format_age(now - view.last)} ago{upcoming}"
    for condition in view.conditions:
        yield f"  {condition.type:<10}{condition.status} {condition.reason}: {condition.message}"
    if tree:
        yield ""
        yield from _tree_lines(tree, 0)
    if view.history:
        yield ""
    for past in view.history:
        ago = format_age(now - past.last) if past.last is not None else "?"
        yield f"  {past.health.symbol} {ago:>5} ago  {past.revision}  {past.status}"


def _tree_lines(nodes: tuple[Node, ...], depth: int) -> Iterator[str]:
    for node in nodes:
        symbol = node.health.symbol if node.health.value != "unknown" or node.state else " "
        yield f"{'  ' * depth}{symbol} {node.kind} {node.title}  {node.state}  {node.why}".rstrip()
        yield from _tree_lines(node.children, depth + 1)


@command.command("diff", epilog=EXIT_CODES)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--revision", metavar="COMMIT", help="Compare with this commit instead of the branch's newest.")
@click.option("--summary", is_flag=True, help="Only say which objects differ.")
@output_option
@connection_options
@pass_call
def diff(call: Call, name: str | None, revision: str | None, summary: bool) -> None:
    """Compare what Git says with what runs: what would the next apply of a Kustomization change?

    Fields that Git does not set are no difference. Values of Secrets are never shown.

    Exit code 0 when nothing differs, 3 when something does.

    \b
    Examples:
      bakeryops flux diff
      bakeryops flux diff bakery-ia --summary
      bakeryops flux diff --revision 9f3c2a1    what would going back to that commit change?
    """
    from bakeryops.cli.cluster import run
    from bakeryops.cli.flux_diff import print_diff

    run(print_diff(call, name, revision=revision, summary=summary))


for _verb in (reconcile, suspend, resume, approve):
    command.add_command(_verb)
