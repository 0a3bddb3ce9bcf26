"""`bakeryops builds rerun` and `cancel`: a build once more, and a build stopped."""

from __future__ import annotations

import click

from bakeryops.cli.acting import Acting, acting_options
from bakeryops.cli.options import EXIT_CODES, Call, pass_call

__all__ = ["cancel", "rerun"]


@click.command("rerun", epilog=EXIT_CODES)
@click.argument("name", metavar="NAME")
@click.option("--wait", is_flag=True, help="Go on until the build has ended and Flux has applied what it deploys.")
@acting_options
@pass_call
def rerun(call: Call, name: str, wait: bool, acting: Acting) -> None:
    """Run a build once more: the same commit, with the same parameters.

    NAME is the name of a PipelineRun, the part after the last dash of it, or `last`. The plan says which commit is
    built, whether the branch has moved on since, and what the pipeline's changes since then mean for it.

    \b
    Examples:
      bakeryops builds rerun last
      bakeryops builds rerun bakery-ia-ci-x7k2m --wait
      bakeryops builds rerun x7k2m --dry-run
    """
    from bakeryops.cli.cluster import run

    run(_rerun(call, acting, name, wait))


async def _rerun(call: Call, acting: Acting, name: str, wait: bool) -> int:
    from bakeryops.actions.rerun import plan_rerun
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        plan = await plan_rerun(ground, name, wait=wait)
        return await act(call, acting, plan, ground.session)


@click.command("cancel", epilog=EXIT_CODES)
@click.argument("name", metavar="NAME")
@click.option(
    "--mode",
    type=click.Choice(["graceful", "stop", "now"]),
    default="graceful",
    show_default=True,
    help="graceful: stop what runs, then report; stop: let finish what runs; now: stop all, and report nothing.",
)
@acting_options
@pass_call
def cancel(call: Call, name: str, mode: str, acting: Acting) -> None:
    """Cancel a build that has not ended, and wait until it has.

    NAME is the name of a PipelineRun, the part after the last dash of it, or `last`. The plan says what becomes of
    what runs, of its logs, and of what it deploys.

    \b
    Examples:
      bakeryops builds cancel last
      bakeryops builds cancel x7k2m --mode now
      bakeryops builds cancel x7k2m --dry-run
    """
    from bakeryops.cli.cluster import run

    run(_cancel(call, acting, name, mode))


async def _cancel(call: Call, acting: Acting, name: str, mode: str) -> int:
    from bakeryops.actions.cancel import plan_cancel
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        plan = await plan_cancel(ground, name, mode)
        return await act(call, acting, plan, ground.session)
