"""`bakeryops builds`: the PipelineRuns, one of them in full, and its logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from bakeryops.cli.builds_act import cancel, rerun
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

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.model.build import Build
    from bakeryops.model.code import CodeView

__all__ = ["command", "services_text"]

_NEEDED = ("pipelineruns",)


@click.group("builds", invoke_without_command=True, epilog=EXIT_CODES)
@click.option("-s", "--service", metavar="NAME", help="Only builds of this service.")
@click.option("-p", "--problems", is_flag=True, help="Only what failed or is stuck.")
@click.option("--limit", type=click.IntRange(1), default=30, show_default=True, help="Show at most so many.")
@all_namespaces_option
@watch_option
@output_option
@connection_options
@pass_call
@click.pass_context
def command(
    context: click.Context, call: Call, service: str | None, problems: bool, limit: int, watch: bool
) -> None:
    """List builds (PipelineRuns), newest first: state with its reason, commit, services, time taken.

    Exit code 3 when the newest build of those listed failed or cannot be judged, or not all could be read; 0
    otherwise.

    \b
    Examples:
      bakeryops builds
      bakeryops builds -s auth --limit 5        the last five builds of one service
      bakeryops builds -w                       go on and show changes
      bakeryops builds -o json | jq -r '.[] | select(.state == "failed") | .name'
      bakeryops builds show last                the newest one in full
      bakeryops builds logs last -f             and its logs, as they come
    """
    if context.invoked_subcommand is None:
        from bakeryops.cli.cluster import run

        run(_list(call, service, problems, limit, watch))


async def _list(call: Call, service: str | None, problems: bool, limit: int, watch: bool) -> int:
    from bakeryops.cli.cluster import beats, connected, look, missed, watched
    from bakeryops.cli.code import code_view
    from bakeryops.cli.listing import print_list, watch_list
    from bakeryops.cluster.feed import Changes

    out, config = call.out(), call.load().config
    async with connected(call) as session:
        listing = _Builds(await code_view(call, session, quiet=True), service, problems, limit)
        if watch:
            feed = await watched(session, _NEEDED, namespace=call.namespace, needed=_NEEDED)
            await watch_list(out, listing, session, feed, beats(feed, max_hz=config.max_hz, every=2.0))
            return 0
        feed = await look(session, _NEEDED, namespace=call.namespace, needed=_NEEDED)
        listing.update(feed, Changes())
    print_list(out, listing)
    newest = next((view for _, view in listing.views() if view.finished), None)
    bad = newest is not None and newest.health.value in ("bad", "unknown")
    return 3 if bad or missed(feed) else 0


class _Builds:
    """The builds, and which of them to show."""

    noun = "build"
    columns: Sequence[Column] = (
        Column("", 9),
        Column("NAMESPACE", 2),
        Column("NAME", 9),
        Column("STATE", 9),
        Column("COMMIT", 8),
        Column("SERVICES", 7),
        Column("TOOK", 7, right=True, drifts=True),
        Column("QUEUED", 3, right=True),
        Column("AGE", 6, right=True, drifts=True),
        Column("AUTHOR", 4),
        Column("SUBJECT", 4),
        Column("WHY", 5),
    )

    def __init__(self, code: CodeView, service: str | None, problems: bool, limit: int) -> None:
        from bakeryops.read.build_index import BuildIndex

        self.index = BuildIndex()
        self.code = code
        self.service = service
        self.problems = problems
        self.limit = limit
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

    def views(self) -> Iterable[tuple[str, Build]]:
        """Return the builds that the filters let through, newest first."""
        found = [view for view in self.index.builds if self._wanted(view)]
        return [(view.key, view) for view in found[: self.limit]]

    def _wanted(self, view: Build) -> bool:
        if self.problems and view.health.value not in ("bad", "soon", "unknown"):
            return False
        if self.service is None:
            return True
        short = self.service.removesuffix("-service")
        return view.services is not None and (self.service in view.services or short in view.services)

    def cells(self, view: Build, now: float) -> Sequence[Cell]:
        """Return a row."""
        from bakeryops.units import format_age, format_duration

        found = self.code.find(view.trigger.revision) if view.trigger.revision else None
        took = view.seconds(now)
        return (
            (view.health.symbol, view.health.value),
            view.namespace,
            view.name,
            (view.state, view.health.value),
            view.trigger.revision[:7],
            services_text(view),
            "-" if took is None else format_duration(took),
            "-" if view.queued is None else format_duration(view.queued),
            format_age(now - view.created),
            found.author if found is not None else view.trigger.pusher,
            found.subject if found is not None else "",
            view.why,
        )

    def document(self, view: Build) -> dict[str, Any]:
        """Return the documented shape."""
        from bakeryops.cli import shapes_delivery

        return shapes_delivery.build(view, found=self.code.find(view.trigger.revision))


def services_text(view: Build) -> str:
    """Return the services that a build builds, in a few words."""
    if view.services is None:
        return "?"
    if not view.services:
        return "none"
    more = f" +{len(view.services) - 3}" if len(view.services) > 4 else ""
    return " ".join(view.services[:3] if more else view.services) + more


@command.command("show", epilog=EXIT_CODES)
@click.argument("name", metavar="NAME")
@click.option("--lines", type=click.IntRange(0, 200), default=12, show_default=True,
              help="Lines of the failing step's log to show.")  # fmt: skip
@watch_option
@output_option
@connection_options
@pass_call
def show(call: Call, name: str, lines: int, watch: bool) -> None:
    """Show one build in full: its tasks with their times and reasons, and what made it fail.

    NAME is the name of a PipelineRun, the part after the last dash of it, or `last`.

    Exit code 3 when it failed or cannot be judged, 0 otherwise.

    \b
    Examples:
      bakeryops builds show last
      bakeryops builds show bakery-ia-ci-x7k2m --lines 40
      bakeryops builds show last -o json | jq '.failure'
    """
    from bakeryops.cli.builds_show import show_build
    from bakeryops.cli.cluster import run

    run(show_build(call, name, lines, watch))


@command.command("logs", epilog=EXIT_CODES)
@click.argument("name", metavar="NAME")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the build has ended.")
@click.option("-t", "--task", metavar="TASK", help='Only tasks of this name or title: build, "build auth".')
@click.option("-c", "--step", metavar="STEP", help="Only this step.")
@click.option("--timestamps", is_flag=True, help="Put the time before each line.")
@click.option("--prefix/--no-prefix", default=None, help="Put task and step before each line, or never.")
@output_option
@connection_options
@pass_call
def logs(
    call: Call, name: str, follow: bool, task: str | None, step: str | None, timestamps: bool, prefix: bool | None
) -> None:
    """Print the logs of a build: of all its tasks ordered by time, or of one task or step.

    NAME is the name of a PipelineRun, the part after the last dash of it, or `last`. Logs live as long as the pods
    of the build; those that are gone are named on standard error, with the reason.

    \b
    Examples:
      bakeryops builds logs last
      bakeryops builds logs last -f
      bakeryops builds logs bakery-ia-ci-x7k2m -t "build auth" -c build-and-push
    """
    from bakeryops.cli.builds_logs import print_logs
    from bakeryops.cli.cluster import run

    run(print_logs(call, name, task=task, step=step, follow=follow, timestamps=timestamps, prefix=prefix))


command.add_command(rerun)
command.add_command(cancel)
