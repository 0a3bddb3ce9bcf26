"""`bakeryops rollback`: a service, a release or the whole overlay back to an earlier image, through Git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bakeryops.cli.acting import Acting, act, acting_options, grounded
from bakeryops.cli.options import EXIT_CODES, Call, pass_call
from bakeryops.errors import UsageError

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.actions.rollback_wish import Wish
    from bakeryops.model.plan import Plan

__all__ = ["command"]


@click.command("rollback", epilog=EXIT_CODES)
@click.argument("service", metavar="[SERVICE]", required=False)
@click.option("--to", metavar="WHAT", default="", help="A tag, or a commit (of the source or of the overlay).")
@click.option("--release", metavar="BUILD", default="", help="All services that this build deployed.")
@click.option("--point", metavar="COMMIT", default="", help="The whole overlay as it was at this commit.")
@click.option("--undo", is_flag=True, help="Take the last rollback of SERVICE back, and lift its hold.")
@click.option("--break-glass", is_flag=True, help="While Gitea is away: past Git, with Flux suspended meanwhile.")
@click.option("--write-back", is_flag=True, help="After --break-glass: bring it into Git, then resume Flux.")
@click.option("--reason", metavar="TEXT", default="", help="Why, for the commit, the hold and the audit log.")
@click.option("--hold/--no-hold", default=True, show_default=True, help="Let no build deploy over it.")
@click.option("--cancel-builds", is_flag=True, help="Cancel builds of it that run, gracefully.")
@click.option("--resume", is_flag=True, help="Resume Flux' Kustomization where it is suspended.")
@click.option("--commit-only", is_flag=True, help="Push the commit, and wait for nothing.")
@click.option("--watch", type=click.FloatRange(0, 3600), default=30.0, show_default=True, metavar="SECONDS",
              help="How long the pods must stay up at the end.")  # fmt: skip
@acting_options
@pass_call
def command(
    call: Call, service: str | None, to: str, release: str, point: str, undo: bool, break_glass: bool,
    write_back: bool, reason: str, hold: bool, cancel_builds: bool, resume: bool, commit_only: bool, watch: float,
    acting: Acting,
) -> None:  # fmt: skip
    """Go back to an earlier image: commit, push, Flux, rollout, each waited for and verified.

    Without --to it is the image before, of those that were deployed and not rolled back themselves. The commit
    is a revert where that comes to just this, else the tag is set. The plan is shown first, with all that it
    touches: commits taken back, objects, migrations, builds that run.

    Exit code 1 with "committed, not applied" where the push went well and Flux or the pods did not; the job can be
    resumed then.

    \b
    Examples:
      bakeryops rollback auth --dry-run
      bakeryops rollback auth --yes --reason "sign-in fails"
      bakeryops rollback auth --to 51d0e7b
      bakeryops rollback --release bakery-ia-ci-x2x4z
      bakeryops rollback --point 9f3c2a1 --dry-run -o json
      bakeryops rollback auth --undo
    """
    from bakeryops.actions.rollback_wish import Wish
    from bakeryops.cli.cluster import run

    if sum(map(bool, (service, release, point))) != 1:
        raise UsageError("say one of SERVICE, --release BUILD and --point COMMIT", hint="See: bakeryops service")
    if not service and (to or undo or break_glass or write_back):
        raise UsageError("--to, --undo, --break-glass and --write-back need a SERVICE")
    if undo + break_glass + write_back > 1 or (undo and to):
        raise UsageError("--undo, --break-glass, --write-back and --to with --undo exclude each other")
    wish = Wish(service or "", release, point, to, reason, hold, cancel_builds, resume, commit_only, watch)
    how = "undo" if undo else "break-glass" if break_glass else "write-back" if write_back else ""
    run(_run(call, acting, wish, how))


async def _run(call: Call, acting: Acting, wish: Wish, how: str) -> int:
    async with grounded(call) as ground:
        return await act(call, acting, await _plan(ground, wish, how), ground.session)


async def _plan(ground: Ground, wish: Wish, how: str) -> Plan:
    from bakeryops.actions.breakglass import plan_break_glass, plan_write_back
    from bakeryops.actions.rollback import plan_rollback, plan_undo

    match how:
        case "undo":
            return await plan_undo(ground, wish.service, reason=wish.reason, watch=wish.watch)
        case "break-glass":
            return await plan_break_glass(ground, wish)
        case "write-back":
            return await plan_write_back(ground, wish.service, reason=wish.reason)
        case _:
            return await plan_rollback(ground, wish)
