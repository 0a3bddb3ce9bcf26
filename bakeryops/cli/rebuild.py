"""`bakeryops rebuild`: chosen services at a chosen commit, whatever has changed."""

from __future__ import annotations

import click

from bakeryops.cli.acting import Acting, acting_options
from bakeryops.cli.options import EXIT_CODES, Call, pass_call

__all__ = ["command"]


@click.command("rebuild", epilog=EXIT_CODES)
@click.argument("services", metavar="SERVICE...", nargs=-1, required=True)
@click.option(
    "--at",
    "revision",
    metavar="COMMIT",
    default="",
    help="Build this commit of the branch, not the newest change.",
)
@click.option("--wait", is_flag=True, help="Go on until the build has ended and Flux has applied what it deploys.")
@acting_options
@pass_call
def command(call: Call, services: tuple[str, ...], revision: str, wait: bool, acting: Acting) -> None:
    """Build services at a commit through the pipeline, though nothing of them has changed.

    A PipelineRun is created that is modelled on the newest one of the branch. What it builds is deployed as after
    a push, except for services that are held, or that run a newer commit already. The plan says whether a build
    slot is free, what waits before it, and whether it fits on the node.

    \b
    Examples:
      bakeryops rebuild auth
      bakeryops rebuild auth tenant --at 51d0e7b --wait
      bakeryops rebuild auth --dry-run          what it would do
    """
    from bakeryops.cli.cluster import run

    run(_rebuild(call, acting, services, revision, wait))


async def _rebuild(call: Call, acting: Acting, services: tuple[str, ...], revision: str, wait: bool) -> int:
    from bakeryops.actions.rebuild import plan_rebuild
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        plan = await plan_rebuild(ground, services, revision, wait=wait)
        return await act(call, acting, plan, ground.session)
