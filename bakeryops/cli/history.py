"""`bakeryops history`: every deployment and every action, and whether the audit log is whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, output_option, pass_call, since_option
from bakeryops.cli.output import Column, Out, Table, say

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.model.history import Entry
    from bakeryops.read.history import Wanted

__all__ = ["command"]

KINDS = ("deploy", "rollback", "reapply", "edit", "sync", "action")
RESULTS = (
    "applied", "waiting", "overtaken", "rolled back", "failed", "unknown",
    "running", "done", "partial", "cancelled", "refused", "noted",
)  # fmt: skip


@click.group("history", invoke_without_command=True, epilog=EXIT_CODES)
@click.option("-s", "--service", metavar="NAME", default="", help="Only what is about this service.")
@click.option("--by", metavar="WHO", default="", help="Only what somebody whose name has this in it did.")
@click.option("--result", type=click.Choice(RESULTS), help="Only what ended so.")
@click.option("--kind", type=click.Choice(KINDS), help="Only entries of this kind.")
@click.option("--words", metavar="TEXT", default="", help="Only what has all these words; !word leaves out.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Show at most so many.")
@since_option
@output_option
@connection_options
@pass_call
@click.pass_context
def command(
    context: click.Context, call: Call, service: str, by: str, result: str | None, kind: str | None, words: str,
    limit: int, since: float | None,
) -> None:  # fmt: skip
    """List every deployment and every action taken with bakeryops, newest first.

    Deployments come from Git and Flux, actions from the audit log. What was seen once is kept on this machine, so
    the list goes further back than the cluster does; while the cluster is away, it is what was kept.

    \b
    Examples:
      bakeryops history
      bakeryops history -s auth --since 7d         what happened to one service in a week
      bakeryops history --kind action --by dev-one
      bakeryops history --result "rolled back" -o json | jq -r '.[].commit'
      bakeryops history verify                     is the audit log whole?
    """
    if context.invoked_subcommand is None:
        from bakeryops.cli.cluster import run
        from bakeryops.read.history import Wanted

        after = None if since is None else time.time() - since
        ask = Wanted(service, by, result or "", kind or "", after, words)
        run(_list(call, ask, limit))


async def _list(call: Call, ask: Wanted, limit: int) -> int:
    import asyncio

    from bakeryops.cli.cluster import connected
    from bakeryops.errors import UnreachableError
    from bakeryops.jobs.past import PastBook
    from bakeryops.read.history import wanted

    out = call.out()
    async with connected(call) as session:
        book = PastBook(session.target.server)
        try:
            told = await _told(call, session)
        except UnreachableError as error:
            say(f"{error.message}: this is what was kept", *([error.hint] if error.hint else []))
            told = []
        entries = await asyncio.to_thread(book.update, told, time.time())
        say(*(f"history: {each}" for each in book.words()))
        book.close()
    _print(out, wanted(entries, ask)[:limit])
    return 0


async def _told(call: Call, session: Session) -> list[Entry]:
    """Return what Git and Flux tell now."""
    from bakeryops.cli.cluster import look
    from bakeryops.cli.code import code_view
    from bakeryops.cli.delivery import DeliveryState, kinds
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.history import told

    feed = await look(session, kinds(), namespace=None, needed=(), quiet=True)
    state = DeliveryState(await code_view(call, session))
    state.update(feed, Changes())
    pods = list(state.workloads.pods.values())
    return told(state.delivery.situation(state.code, state.workloads, time.time()), pods)


def _print(out: Out, entries: list[Entry]) -> None:
    if out.form != "table":
        from bakeryops.cli import shapes_history

        out.document([shapes_history.entry(each) for each in entries])
        return
    from bakeryops.units import format_age, format_duration

    now = time.time()
    table = Table(
        (
            Column("AGE", 8, right=True),
            Column("KIND", 7),
            Column("SERVICE", 9),
            Column("RESULT", 9),
            Column("COMMIT", 6),
            Column("WHO", 8),
            Column("TOOK", 4, right=True),
            Column("TAG", 3),
            Column("WHAT", 8),
            Column("WHY", 5),
        )
    )
    for each in entries:
        took = each.seconds()
        table.add(
            format_age(now - each.when),
            each.kind,
            each.service or each.subject,
            (each.result, TONES.get(each.result, "unknown")),
            each.commit[:7],
            each.who,
            "-" if took is None else format_duration(took),
            each.tag,
            each.title,
            each.text,
        )
    out.table(table)
    if not entries:
        say("nothing to show")


TONES = {
    "applied": "fine", "done": "fine", "waiting": "working", "running": "working", "overtaken": "held",
    "rolled back": "held", "failed": "bad", "partial": "bad", "cancelled": "held", "refused": "soon",
    "noted": "dim",
}  # fmt: skip


@command.command("verify", epilog=EXIT_CODES)
@click.option("--contains", metavar="HASH", default="", help="A hash noted earlier that must be in the log.")
@output_option
@pass_call
def verify(call: Call, contains: str) -> None:
    """Tell whether the audit log is whole: nothing changed, taken out, put in, moved or cut off.

    Exit code 3 when it is not, with what is wrong by line. Whoever can write the state folder can write the whole
    log anew: note the hash that is printed elsewhere, and ask for it later with --contains.

    \b
    Examples:
      bakeryops history verify
      bakeryops history verify --contains 3f9a0c51
      bakeryops history verify -o json | jq .hash
    """
    from bakeryops.jobs.audit import AuditLog

    log, out = AuditLog(), call.out()
    verdict = log.verify(contains=contains)
    if out.form != "table":
        from bakeryops.cli import shapes_history

        out.document(shapes_history.verdict(verdict, str(log.path)))
    elif verdict.ok:
        count = "1 record" if verdict.count == 1 else f"{verdict.count} records"
        out.lines([f"{log.path}: whole, {count}" + (f", the last is {verdict.head}" if verdict.head else "")])
    else:
        out.lines([f"{log.path}: not whole", *(f"  {each}" for each in verdict.problems)])
    say(*(f"note: {each}" for each in verdict.notes))
    if not verdict.ok:
        raise SystemExit(3)
