"""`bakeryops workloads shell` and `port-forward`: into a pod; no jobs, but in the audit log."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, pass_call
from bakeryops.cli.output import say
from bakeryops.errors import BakeryopsError, RefusedError, UsageError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.model.workload import PodView

__all__ = ["port_forward", "shell"]

_PORTS = re.compile(r"(?:(?P<local>[0-9]{0,5}):)?(?P<remote>[0-9a-z-]{1,15})", re.IGNORECASE)


@click.command("shell", epilog=EXIT_CODES)
@click.argument("target", metavar="POD|WORKLOAD")
@click.option("-c", "--container", metavar="NAME", help="This container instead of the first.")
@click.argument("command", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@connection_options
@pass_call
def shell(call: Call, target: str, container: str | None, command: tuple[str, ...]) -> None:
    """Open a shell in a container, or run one command in it; its exit code is the command's.

    Of a workload the oldest ready pod is taken. An image without a shell is told of.

    \b
    Examples:
      bakeryops workloads shell auth -n bakery-ia
      bakeryops workloads shell auth-db-0 -n bakery-ia -- psql -U auth
      echo 'select 1' | bakeryops workloads shell auth-db-0 -n bakery-ia -- psql -U auth
    """
    from bakeryops.cli.cluster import run

    run(_shell(call, target, container, command))


async def _shell(call: Call, target: str, container: str | None, command: tuple[str, ...]) -> int:
    from bakeryops.actions import shell as shells
    from bakeryops.actions.targets import find_container

    async with _entered(call, target, "exec", "open a shell in") as (session, pod):
        chosen = find_container(pod, container)
        # Arguments may hold what is no business of a log's.
        line = ["bakeryops", "workloads", "shell", pod.name, "-n", pod.namespace, "-c", chosen]
        line += ["--", command[0]] if command else []
        _audit(call, session, pod, "begun", "pod.shell", f"Shell in {pod.name}", line)
        outcome, text = "failed", ""
        try:
            code = await shells.shell(session, pod.namespace, pod.name, chosen, command)
            outcome, text = "done", f"exit code {code}"
            return code
        except BakeryopsError as error:
            text = error.message
            raise
        finally:
            _audit(call, session, pod, "ended", "pod.shell", f"Shell in {pod.name}", line, outcome, text)


@click.command("port-forward", epilog=EXIT_CODES)
@click.argument("target", metavar="TARGET")
@click.argument("ports", metavar="[LOCAL:]REMOTE")
@connection_options
@pass_call
def port_forward(call: Call, target: str, ports: str) -> None:
    """Make a pod's port reachable on this machine, on 127.0.0.1 only, until ctrl+c.

    TARGET is a pod, a workload, a service, or svc/NAME for a Service, whose port leads to its target port. REMOTE
    is a number or a name; without LOCAL the same number is taken here, with ":REMOTE" any free one.

    \b
    Examples:
      bakeryops workloads port-forward gateway 8000 -n bakery-ia
      bakeryops workloads port-forward svc/gitea-http 3001:3000 -n gitea
      bakeryops workloads port-forward auth-db-0 :5432 -n bakery-ia
    """
    from bakeryops.cli.cluster import run

    run(_port_forward(call, target, ports))


async def _port_forward(call: Call, target: str, ports: str) -> int:
    from bakeryops.actions.targets import find_port
    from bakeryops.cluster.portforward import forwarding

    wanted = _PORTS.fullmatch(ports)
    if wanted is None:
        raise UsageError(f"{clean(ports)!r} is no port", hint="Say 8000, 8080:8000, or :8000 for any free port.")
    async with _entered(call, target, "portforward", "forward a port of") as (session, pod):
        remote = await find_port(session, target, pod, wanted["remote"])
        given = wanted["local"]
        local = remote if given is None else int(given or 0)
        if local > 65535:
            raise UsageError(f"{local} is no port", hint="Ports are 1 to 65535.")
        line = ["bakeryops", "workloads", "port-forward", pod.name, f"{local}:{remote}", "-n", pod.namespace]
        title = f"Port {remote} of {pod.name}"
        async with forwarding(session.transport, pod.namespace, pod.name, remote, local=local, say=say) as forward:
            _audit(call, session, pod, "begun", "pod.forward", title, line)
            call.out().lines([f"127.0.0.1:{forward.local} -> {pod.namespace}/{pod.name}:{remote}"])
            say("ctrl+c ends it")
            try:
                await _ended()
            finally:
                text = f"{forward.opened} connections"
                _audit(call, session, pod, "ended", "pod.forward", title, line, "done", text)
    return 0


async def _ended() -> None:
    """Wait for SIGTERM or the end of the terminal; ctrl+c ends it by interruption."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


@asynccontextmanager
async def _entered(call: Call, target: str, subresource: str, what: str) -> AsyncIterator[tuple[Session, PodView]]:
    """Connect, find the pod that is meant, and refuse at once what may not be done with it."""
    from bakeryops.actions.targets import find_pod
    from bakeryops.cli.cluster import connected, look
    from bakeryops.cluster.readonly import refuse_change
    from bakeryops.read.index import KINDS, WorkloadIndex

    async with connected(call) as session:
        if session.transport.read_only:
            refuse_change("GET", f"/api/v1/pods/{subresource}", [], upgrade=True)
        feed = await look(session, KINDS, namespace=call.namespace, needed=("pods",), quiet=True)
        index = WorkloadIndex()
        index.load({kind: feed.store(kind) for kind in feed.kinds})
        pod = await find_pod(session, index, target, call.namespace)
        verdict = await session.access.can("create", "", "pods", pod.namespace, None, subresource)
        if not verdict.allowed:
            raise RefusedError(f"you may not {what} {pod.name}", why=verdict.reason)
        yield session, pod


def _audit(
    call: Call,
    session: Session,
    pod: PodView,
    event: str,
    action: str,
    title: str,
    line: list[str],
    outcome: str = "",
    text: str = "",
) -> None:
    """Write an audit record; a log that cannot be written is told and stops nothing."""
    from bakeryops.jobs.audit import AuditLog
    from bakeryops.jobs.person import operator

    who = operator(call.load().config)
    try:
        AuditLog().append(
            event,
            action=action,
            subject=pod.service or pod.name,
            title=title,
            who=who.name,
            host=who.host,
            cluster=session.target.server,
            context=session.target.context,
            scope=[f"workload/{pod.namespace}/{pod.owner_kind.lower()}/{pod.owner_name}"],
            command=shlex.join(line),
            outcome=outcome,
            text=text,
        )
    except BakeryopsError as error:
        say(f"not in the audit log: {error.message}")
