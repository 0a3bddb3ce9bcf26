"""`bakeryops blackbox`: what was saved of failures, compared with good runs, and the recorder itself."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, output_option, pass_call, since_option
from bakeryops.cli.output import Column, Out, Table, say
from bakeryops.errors import BakeryopsError, UsageError

if TYPE_CHECKING:
    from bakeryops.keeping.blackbox import BlackBoxStore
    from bakeryops.model.blackbox import Saved
    from bakeryops.model.line import Line

__all__ = ["command"]


@click.group("blackbox", invoke_without_command=True, epilog=EXIT_CODES)
@click.option("-s", "--service", metavar="NAME", default="", help="Only failures of this service.")
@click.option("--limit", type=click.IntRange(1), default=30, show_default=True, help="Show at most so many.")
@since_option
@output_option
@connection_options
@pass_call
@click.pass_context
def command(context: click.Context, call: Call, service: str, limit: int, since: float | None) -> None:
    """List failures that were saved when they happened, newest first: tasks of builds, and pods.

    The console saves them while it is open, `bakeryops blackbox record` for as long as it runs. They are kept on
    this machine, with the log, the events and the object, when the cluster has long forgotten them.

    \b
    Examples:
      bakeryops blackbox
      bakeryops blackbox -s auth --since 2d
      bakeryops blackbox show last                 the failure with its log
      bakeryops blackbox compare 17                beside the last good run of the same task
      bakeryops blackbox record                    save failures until SIGTERM, as a service does
    """
    if context.invoked_subcommand is not None:
        return
    store = _store()
    after = None if since is None else time.time() - since
    short = service.removesuffix("-service")
    found = [
        each
        for each in store.failures(_cluster(call))
        if (after is None or each.when >= after)
        and (not short or short in each.service.replace(",", " ").replace("-service", "").split())
    ]
    _say(store)
    _print(call.out(), found[:limit])


def _store() -> BlackBoxStore:
    from bakeryops.keeping.blackbox import BlackBoxStore

    return BlackBoxStore()


def _say(store: BlackBoxStore) -> None:
    say(*(f"blackbox: {each}" for each in (store.word, store.trouble) if each))


def _cluster(call: Call) -> str:
    """Return the address of the cluster that is meant; it is not asked for anything."""
    from bakeryops.cluster.target import find_target

    config = call.load().config
    return find_target(config.kubeconfig, config.context).server


def _print(out: Out, found: list[Saved]) -> None:
    if out.form != "table":
        from bakeryops.cli import shapes_history

        out.document([shapes_history.saved(each) for each in found])
        return
    from bakeryops.units import format_age

    now = time.time()
    table = Table(
        (
            Column("ID", 9, right=True),
            Column("AGE", 8, right=True),
            Column("NAMESPACE", 2),
            Column("WHAT", 9),
            Column("STEP", 6),
            Column("REASON", 8),
            Column("EXIT", 5, right=True),
            Column("COMMIT", 6),
            Column("ERROR", 9),
        )
    )
    for each in found:
        table.add(
            f"{each.id}",
            format_age(now - each.when),
            each.namespace,
            each.title,
            each.step or each.container,
            (each.reason, "held" if each.verdict == "cancelled" else "bad"),
            "-" if each.exit_code is None else f"{each.exit_code}",
            each.commit[:7],
            each.error or each.why,
        )
    out.table(table)
    if not found:
        say("nothing was saved yet; the console does while it is open, and: bakeryops blackbox record")


def _find(call: Call, name: str) -> Saved:
    """Return what is meant by a number, `last`, or the name of a build or a pod; raises `BakeryopsError`."""
    store = _store()
    found: Saved | None
    if name.isdecimal() and len(name) < 16:
        found = store.get(int(name))
    else:
        cluster = _cluster(call)
        known = store.failures(cluster)
        chosen = [each for each in known if name == "last" or name in (each.build, each.name, each.pod)]
        found = store.get(chosen[0].id) if chosen else None
    _say(store)
    if found is None:
        raise BakeryopsError(f"nothing is saved under {name}", hint="See: bakeryops blackbox")
    return found


@command.command("list", epilog=EXIT_CODES)
@output_option
@connection_options
@pass_call
def list_(call: Call) -> None:
    """List everything that was saved, newest first."""
    store = _store()
    found = store.failures(_cluster(call))
    _say(store)
    _print(call.out(), found)


@command.command("show", epilog=EXIT_CODES)
@click.argument("name", metavar="ID")
@click.option("--log", "log", is_flag=True, help="Only the log of what failed, as it was.")
@output_option
@connection_options
@pass_call
def show(call: Call, name: str, log: bool) -> None:
    """Show a failure that was saved: why, its first error, events, times, logs; as JSON also the whole object.

    ID is the number from the list, `last`, or the name of a build or a pod.

    \b
    Examples:
      bakeryops blackbox show last
      bakeryops blackbox show bakery-ia-ci-x7k2m --log
      bakeryops blackbox show 17 -o yaml
    """
    found, out = _find(call, name), call.out()
    if log:
        own = found.log()
        if own is None or own.missing:
            raise BakeryopsError("no log was saved", why=own.missing if own is not None else "no container ran")
        out.lines(own.lines)
    elif out.form != "table":
        from bakeryops.cli import shapes_history

        out.document(shapes_history.saved(found, whole=True))
    else:
        from bakeryops.read.blackbox import report

        _text(out, report(found))


@command.command("compare", epilog=EXIT_CODES)
@click.argument("name", metavar="ID")
@output_option
@connection_options
@pass_call
def compare(call: Call, name: str) -> None:
    """Compare a failure of a build's task with the last good run of the same task.

    Times by step, parameters and images that differ, and where their logs part.

    \b
    Examples:
      bakeryops blackbox compare last
    """
    found, out = _find(call, name), call.out()
    if found.kind != "TaskRun":
        raise UsageError("only tasks of builds can be compared with a good run", hint="See: bakeryops blackbox")
    green = _store().green(_cluster(call), found) or asyncio.run(_from_cluster(call, found))
    if green is None:
        raise BakeryopsError(
            f"no good run of {found.task} is kept, and the cluster has none",
            hint="One is saved when the task next succeeds while the console or `bakeryops blackbox record` runs.",
        )
    from bakeryops.read import blackbox

    compared = blackbox.compare(found, green)
    if out.form != "table":
        from bakeryops.cli import shapes_history

        out.document(shapes_history.comparison(compared))
    else:
        _text(out, blackbox.comparison_lines(compared))


async def _from_cluster(call: Call, like: Saved) -> Saved | None:
    """Return the last good run of a task from the cluster, as far as it still has it."""
    from bakeryops.blackbox.capture import last_green
    from bakeryops.cli.cluster import connected

    async with connected(call) as session:
        return await last_green(session, like, time.time())


def _text(out: Out, lines: list[Line]) -> None:
    out.lines(line.text if line.head else line.plain() for line in lines)


@command.command("record", epilog=EXIT_CODES)
@connection_options
@pass_call
def record(call: Call) -> None:
    """Save failures as they happen, until SIGTERM or ctrl+c; meant for a service of the machine.

    Each one that was saved is a line on standard output. A cluster that goes away is waited for.

    \b
    Examples:
      bakeryops blackbox record
      systemd-run --user --unit bakeryops-blackbox bakeryops blackbox record
    """
    from bakeryops.cli.cluster import run

    run(_record(call))


async def _record(call: Call) -> int:
    import contextlib
    import signal

    from bakeryops.blackbox.recorder import Recorder
    from bakeryops.cli.cluster import connected

    out = call.out()

    def told(saved: Saved) -> None:
        out.lines([f"{saved.id} {saved.namespace}/{saved.title}: {saved.reason}: {saved.error or saved.why}"])

    async with connected(call) as session:
        store = _store()
        recorder = Recorder(
            session,
            store,
            unseen=lambda text: say(f"blackbox: {text}"),
            namespace=call.namespace,
            tell=lambda text: say(f"blackbox: {text}"),
            on_saved=told,
        )
        work = asyncio.create_task(recorder.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        say(f"recording failures of {session.target.server}")
        with contextlib.suppress(asyncio.CancelledError):
            await work
        store.close()
    return 0
