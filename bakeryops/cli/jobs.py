"""`bakeryops jobs`: changes that are carried out, or were: look, follow, stop, go on; and the locks they hold."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, output_option, pass_call
from bakeryops.cli.output import Column, Table, say
from bakeryops.errors import RefusedError

if TYPE_CHECKING:
    from bakeryops.model.job import JobView

__all__ = ["command"]


@click.group("jobs", invoke_without_command=True, epilog=EXIT_CODES)
@output_option
@pass_call
@click.pass_context
def command(context: click.Context, call: Call) -> None:
    """List changes that are being carried out by this user on this machine, or were.

    A job goes on without the terminal that started it: a dropped SSH link, a closed console or ctrl+c do not touch
    it. One that was stopped, failed, or whose process was killed can be resumed: each step looks first whether its
    work is done already.

    \b
    Examples:
      bakeryops jobs
      bakeryops jobs attach last        follow one: by its id, the end of it, or "last"
      bakeryops jobs cancel 3f2a        stop where nothing is left half done
      bakeryops jobs resume 3f2a
      bakeryops jobs locks              who works on what, in the whole cluster
    """
    if context.invoked_subcommand is None:
        _list(call, 20)


@command.command("list", epilog=EXIT_CODES)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@output_option
@pass_call
def list_command(call: Call, limit: int) -> None:
    """List the newest jobs.

    \b
    Examples:
      bakeryops jobs list --limit 100
      bakeryops jobs list -o json | jq '.[] | select(.state == "lost") | .id'
    """
    _list(call, limit)


@command.command("attach", epilog=EXIT_CODES)
@click.argument("job")
@output_option
@pass_call
def attach(call: Call, job: str) -> None:
    """Follow a job to its end; ctrl+c leaves it running. The exit code is that of the job.

    \b
    Examples:
      bakeryops jobs attach last
      bakeryops jobs attach 3f2a -o json
    """
    from bakeryops.cli.acting import followed
    from bakeryops.cli.cluster import run
    from bakeryops.jobs.store import JobStore

    store = JobStore()
    run(followed(store, store.folder(job).name, call.out()))


@command.command("cancel", epilog=EXIT_CODES)
@click.argument("job")
@output_option
@pass_call
def cancel_command(call: Call, job: str) -> None:
    """Stop a job at the next place where nothing is left half done, and wait until it has stopped.

    What it had changed by then stays, and is said; it can be resumed.

    \b
    Examples:
      bakeryops jobs cancel last
    """
    from bakeryops.cli.acting import followed
    from bakeryops.cli.cluster import run
    from bakeryops.jobs.control import cancel
    from bakeryops.jobs.person import operator
    from bakeryops.jobs.store import JobStore

    store = JobStore()
    name = store.folder(job).name
    cancel(store, name, operator(call.load().config).label)
    run(_stopped(followed(store, name, call.out())))


async def _stopped(following: object) -> int:
    code = await following  # type: ignore[misc]
    return 0 if code == 130 else int(code)


@command.command("resume", epilog=EXIT_CODES)
@click.argument("job")
@click.option("--detach", is_flag=True, help="Leave it running.")
@output_option
@pass_call
def resume_command(call: Call, job: str, detach: bool) -> None:
    """Go on with a job that was stopped, failed, or whose process was killed.

    Each step looks first whether its work is done already, so nothing is done twice.

    \b
    Examples:
      bakeryops jobs resume last
    """
    from bakeryops.cli.acting import followed
    from bakeryops.cli.cluster import run
    from bakeryops.jobs.gate import READ_ONLY
    from bakeryops.jobs.spawn import resume
    from bakeryops.jobs.store import JobStore

    if call.load().config.read_only:
        raise RefusedError(f"the job is not resumed: {READ_ONLY}")
    store = JobStore()
    name = store.folder(job).name
    resume(store, name)
    if not detach:
        run(followed(store, name, call.out()))


@command.command("locks", epilog=EXIT_CODES)
@click.option("--break", "scope", metavar="SCOPE", help="Take this lock away from whoever holds it.")
@click.option("-y", "--yes", is_flag=True, help="Break it without asking.")
@output_option
@connection_options
@pass_call
def locks_command(call: Call, scope: str | None, yes: bool) -> None:
    """Show who works on what in the whole cluster, or break a lock.

    A lock that was not renewed for 30 seconds is taken over by the next job all by itself. Breaking one that is
    held stops the job that holds it before its next change.

    \b
    Examples:
      bakeryops jobs locks
      bakeryops jobs locks --break service/auth
    """
    from bakeryops.cli.cluster import run

    run(_locks(call, scope, yes))


@command.command("carry-out", hidden=True)
@click.option("--root", required=True)
@click.argument("job")
@pass_call
def carry_out(call: Call, root: str, job: str) -> None:
    """Carry out one saved job; what `resume` and every change start in a process of its own."""
    from bakeryops.actions.steps import load_steps
    from bakeryops.jobs.runner import run_job
    from bakeryops.jobs.store import JobStore

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    load_steps()
    raise SystemExit(asyncio.run(run_job(JobStore(Path(root)), job)))


def _list(call: Call, limit: int) -> None:
    from bakeryops.cli import shapes_acting
    from bakeryops.jobs.store import JobStore

    out, views = call.out(), JobStore().views(limit)
    if out.form != "table":
        out.document([shapes_acting.job(view) for view in views])
        return
    if not views:
        say("there are no jobs")
    out.table(_table(views))


def _table(views: list[JobView]) -> Table:
    from bakeryops.units import format_age

    table = Table(
        [Column("", 9), Column("JOB", 9), Column("WHAT", 8), Column("STATE", 9), Column("STEP", 5),
         Column("BY", 4), Column("AGE", 6, right=True), Column("OUTCOME", 7)]
    )  # fmt: skip
    now = time.time()
    for view in views:
        symbol, tone = _SIGNS.get(view.state, ("◐", "working"))
        step = "" if view.finished else f"{view.at + 1}/{len(view.steps)}"
        table.add(
            (symbol, tone), view.id, view.plan.title, (view.state, tone), step, view.who,
            format_age(now - view.created), view.text,
        )  # fmt: skip
    return table


_SIGNS = {
    "done": ("✔", "fine"), "failed": ("✖", "bad"), "lost": ("✖", "bad"), "partial": ("▲", "soon"),
    "cancelled": ("○", "unknown"), "refused": ("○", "unknown"),
}  # fmt: skip


async def _locks(call: Call, scope: str | None, yes: bool) -> int:
    from bakeryops.cli import shapes_acting
    from bakeryops.cli.cluster import connected
    from bakeryops.jobs.lease import locks
    from bakeryops.units import format_age

    out, config = call.out(), call.load().config
    async with connected(call) as session:
        namespace = config.namespaces.app[0]
        if scope is not None:
            await _break(call, session, namespace, scope, yes)
            return 0
        found, now = await locks(session, namespace), time.time()
    if out.form != "table":
        out.document([shapes_acting.lock(each, now) for each in found])
        return 0
    table = Table(
        [Column("SCOPE", 9), Column("HOLDER", 8), Column("WHAT", 7), Column("HELD", 5, right=True),
         Column("RENEWED", 5, right=True), Column("JOB", 4)]
    )  # fmt: skip
    for each in found:
        renewed = "-" if each.renewed is None else format_age(now - each.renewed)
        table.add(
            each.scope, each.holder, each.title, "-" if each.since is None else format_age(now - each.since),
            (f"{renewed}, abandoned", "soon") if each.expired(now) else renewed, each.job,
        )  # fmt: skip
    if not found:
        say("nothing is locked")
    out.table(table)
    return 0


async def _break(call: Call, session: object, namespace: str, scope: str, yes: bool) -> None:
    import sys
    from typing import cast

    from bakeryops.cluster.session import Session
    from bakeryops.cluster.writes import Writer
    from bakeryops.jobs.audit import AuditLog
    from bakeryops.jobs.lease import break_lock, locks
    from bakeryops.jobs.person import operator

    reached = cast("Session", session)
    config = call.load().config
    if not yes:
        found = next((each for each in await locks(reached, namespace) if each.scope == scope), None)
        if found is not None:
            say(found.told(time.time()))
        if not (sys.stdin.isatty() and sys.stderr.isatty()) or not click.confirm(
            "Break it?", default=False, err=True
        ):
            raise RefusedError("the lock is not broken", why="it is not confirmed", hint="Do it with --yes.")
    lock = await break_lock(reached, Writer(reached.transport, reached.discovery), namespace, scope)
    who = operator(config)
    AuditLog().append(
        event="lock-broken", action="break lock", subject=scope, title=f"Break the lock {scope}", who=who.name,
        host=who.host, cluster=reached.target.server, context=reached.target.context, scope=[scope], job=lock.job,
        command=f"bakeryops jobs locks --break {scope}", text=f"it was held by {lock.holder}",
    )  # fmt: skip
    say(f"the lock {scope} was taken from {lock.holder}")
