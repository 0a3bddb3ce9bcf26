"""`bakeryops incident`: what is known of a service and a window of time, as one file to hand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, pass_call, since_option
from bakeryops.cli.output import say
from bakeryops.errors import BakeryopsError, UnreachableError, UsageError

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.cluster.session import Session
    from bakeryops.config import Config
    from bakeryops.jobs.person import Operator

__all__ = ["command"]

_SINCE = 6 * 3600.0
_SINCE_MOST = 90 * 86_400.0


@click.command("incident", epilog=EXIT_CODES)
@click.argument("service", metavar="[SERVICE]", required=False, default="")
@since_option
@click.option("-f", "--file", "file", metavar="FILE", default="", help="Write to this file; - is standard output.")
@click.option("--html", "as_html", is_flag=True, help="Write HTML instead of Markdown, as for a FILE in .html.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@connection_options
@pass_call
def command(call: Call, service: str, since: float | None, file: str, as_html: bool, force: bool) -> None:
    """Export an incident as one self-contained file: time line, changes, log excerpts, actions.

    Of the last six hours, or of --since, and of one SERVICE, or of the whole bakery: commits, builds, deployments
    with their diffs, what Flux applied, pods that failed, what was done with bakeryops, logs round the first
    error, events, holds and jobs. What is away (the cluster, Git) is said in it, and the rest is exported.
    Secrets are hidden; the file is readable by you only.

    \b
    Examples:
      bakeryops incident auth
      bakeryops incident auth --since 2h -f auth.html
      bakeryops incident --since 1d -f - | less        the whole bakery, to look at
    """
    from bakeryops.cli.cluster import run

    if since is not None and since > _SINCE_MOST:
        raise UsageError("--since reaches back 90 days at most")
    run(_export(call, service, _SINCE if since is None else since, file, as_html, force))


async def _export(call: Call, service: str, since: float, file: str, as_html: bool, force: bool) -> int:
    import asyncio
    import time

    from bakeryops.incident.export import written
    from bakeryops.incident.gathering import gathered
    from bakeryops.incident.saving import file_name, is_html, refuse_existing, save

    path = None if file == "-" else Path(file or file_name(service, time.time(), html=as_html))
    if path is not None and await asyncio.to_thread(path.is_dir):
        path = path / file_name(service, time.time(), html=as_html)
    if path is not None and not force:
        await asyncio.to_thread(refuse_existing, path)
    async with _grounded(call) as (ground, away):
        found = await gathered(ground, service, since, away=away)
    text = await asyncio.to_thread(written, found, as_html=as_html or (path is not None and is_html(path)))
    say(*(f"not looked at: {each}" for each in found.missing), *(f"left out: {each}" for each in found.left))
    out = call.out()
    if path is None:
        out.write(text)
    else:
        await asyncio.to_thread(save, path, text, force=force)
        out.lines([str(path)])
    return 0


@asynccontextmanager
async def _grounded(call: Call) -> AsyncIterator[tuple[Ground, str]]:
    """Read the world as far as it can be read, with why the cluster is away, "" where it is not."""
    from bakeryops.actions.ground import gather
    from bakeryops.cli.cluster import make_session
    from bakeryops.cluster.target import find_target
    from bakeryops.jobs.person import operator

    config = call.load().config
    session = make_session(find_target(config.kubeconfig, config.context), config)
    away = ""
    try:
        try:
            await session.start()
            await session.transport.get_bytes("/version")
        except UnreachableError as error:
            away = "; ".join(error.lines()[:2])
        try:
            ground = await gather(config, session, operator(config), away=away)
        except BakeryopsError as error:
            away = away or "; ".join(error.lines()[:2])
            ground = _bare(config, session, operator(config), error)
        yield ground, away
    finally:
        await session.close()


def _bare(config: Config, session: Session, who: Operator, error: BakeryopsError) -> Ground:
    """Return a world of which nothing could be read: what this machine keeps is exported all the same."""
    import time

    from bakeryops.actions.ground import Ground
    from bakeryops.model.code import CodeView
    from bakeryops.read.delivery_index import DeliveryIndex
    from bakeryops.read.index import WorkloadIndex

    code = CodeView(state="waiting", reason=error.why or error.message, hint=error.hint)
    return Ground(config, session, code, None, "", DeliveryIndex(), WorkloadIndex(), time.time(), who)
