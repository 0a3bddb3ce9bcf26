"""How a verb that changes something goes about it: show the plan, ask, start the job, follow it to its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bakeryops.cli.options import Call, connection_options, output_option
from bakeryops.cli.output import Out, say
from bakeryops.errors import BakeryopsError, CredentialError, RefusedError, UnreachableError, UsageError

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.cluster.session import Session
    from bakeryops.jobs.store import JobStore
    from bakeryops.model.job import JobView
    from bakeryops.model.plan import Plan

__all__ = ["Acting", "act", "acting_options", "followed", "grounded"]

_F = TypeVar("_F", bound=Callable[..., Any])


class Acting:
    """What the shared options of acting verbs say."""

    __slots__ = ("detach", "dry_run", "typed", "wait_lock", "yes")

    def __init__(self, *, yes: bool, dry_run: bool, detach: bool, wait_lock: bool, typed: str | None) -> None:
        """Take the options."""
        self.yes = yes
        self.dry_run = dry_run
        self.detach = detach
        self.wait_lock = wait_lock
        self.typed = typed


def acting_options(command: _F) -> _F:
    """Add the options of every verb that changes something; the command takes `acting`, an `Acting`."""
    import functools

    @functools.wraps(command)
    def taking(
        *args: Any, yes: bool, dry_run: bool, detach: bool, wait_lock: bool, confirm: str | None, **kwargs: Any
    ) -> Any:
        acting = Acting(yes=yes, dry_run=dry_run, detach=detach, wait_lock=wait_lock, typed=confirm)
        return command(*args, acting=acting, **kwargs)

    found: Any = taking
    for option in (
        click.option("--wait-lock", is_flag=True, help="Wait while somebody else works on the same thing."),
        click.option("--detach", is_flag=True, help="Start it, print its job, and leave it running."),
        click.option("--confirm", metavar="TEXT", help="With --yes: the text that a dangerous plan asks for."),
        click.option("-y", "--yes", is_flag=True, help="Do it without asking."),
        click.option("--dry-run", "--plan", "dry_run", is_flag=True, help="Print the plan and change nothing."),
    ):
        found = option(found)
    read_only = click.option(
        "--read-only/--no-read-only",
        default=None,
        expose_value=False,
        callback=_note_read_only,
        help="Refuse every change to the cluster.",
    )
    return read_only(output_option(connection_options(found)))  # type: ignore[no-any-return]


def _note_read_only(context: click.Context, parameter: click.Parameter, value: bool | None) -> None:
    if value is not None:
        context.ensure_object(Call).flags["read_only"] = "true" if value else "false"


@asynccontextmanager
async def grounded(call: Call) -> AsyncIterator[Ground]:
    """Read the world for a plan; a cluster that is away is left out where Git answers.

    Raises what `gather` raises, and `CredentialError` where the cluster does not accept us.
    """
    from bakeryops.actions.ground import gather
    from bakeryops.cli.cluster import make_session
    from bakeryops.cluster.target import find_target
    from bakeryops.jobs.person import operator

    config = call.load().config
    session = make_session(find_target(config.kubeconfig, config.context), config)
    try:
        away = ""
        try:
            await session.start()
            await session.transport.get_bytes("/version")
        except CredentialError:
            raise
        except UnreachableError as error:
            away = error.message
            say(f"the API server does not answer: {error.message}")
        yield await gather(config, session, operator(config), away=away)
    finally:
        await session.close()


async def act(call: Call, acting: Acting, plan: Plan, session: Session | None) -> int:
    """Show a plan, ask, carry it out and return what to exit with; raises `RefusedError` where it may not be."""
    from bakeryops.cli import shapes_acting
    from bakeryops.cli.plan_lines import plan_lines
    from bakeryops.jobs.gate import permit

    out = call.out()
    if acting.dry_run:
        if out.form == "table":
            out.lines(plan_lines(plan, out))
        else:
            out.document(shapes_acting.plan(plan))
        return 5 if plan.blocked else 0
    if plan.nothing:
        if out.form == "table":
            out.lines(plan_lines(plan, out))
        else:
            out.document(shapes_acting.plan(plan))
        return 0
    await permit(plan, call.load().config, session)
    if out.form == "table" and not acting.yes:
        out.lines(plan_lines(plan, out))
    _confirmed(plan, acting)
    return await _carried_out(call, acting, plan, session, out)


def _confirmed(plan: Plan, acting: Acting) -> None:
    """Ask, unless that was answered on the command line; raises `RefusedError`."""
    if acting.yes:
        if plan.typed and acting.typed != plan.typed:
            raise RefusedError(
                f"{plan.title}: it is not confirmed",
                why=plan.why_typed or "it is dangerous",
                hint=f"Add --confirm {plan.typed}",
            )
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError(
            f"{plan.title}: it is not confirmed",
            why="there is no terminal to ask on",
            hint="Look at it with --dry-run, and do it with --yes.",
        )
    asked = f'Type "{plan.typed}" to {plan.button.lower()}' if plan.typed else f"{plan.button}? [y/N]"
    answer = click.prompt(asked, default="", show_default=False, err=True)
    if answer.strip() != plan.typed if plan.typed else answer.strip().lower() not in ("y", "yes"):
        raise RefusedError(f"{plan.title}: it is not confirmed", hint="Nothing was changed.")


async def _carried_out(call: Call, acting: Acting, plan: Plan, session: Session | None, out: Out) -> int:
    from bakeryops.jobs.person import operator
    from bakeryops.jobs.settings import settings_of
    from bakeryops.jobs.spawn import launch
    from bakeryops.jobs.store import JobStore

    config = call.load().config
    store = JobStore()
    settings = settings_of(config, session, wait_lock=acting.wait_lock)
    job = store.create(plan, settings, operator(config).label)
    launch(store, job)
    if acting.detach:
        if out.form == "table":
            out.lines([job])
        else:
            from bakeryops.cli import shapes_acting

            out.document(shapes_acting.job(store.view(job)))
        return 0
    return await followed(store, job, out)


async def followed(store: JobStore, job: str, out: Out) -> int:
    """Follow a job and return what to exit with; ctrl+c leaves it running."""
    from bakeryops.cli import shapes_acting
    from bakeryops.cli.job_lines import JobPrinter
    from bakeryops.jobs.following import follow

    printer = JobPrinter(out) if out.form == "table" else None
    view: JobView | None = None
    try:
        async for view in follow(store, job):
            if printer is not None:
                printer.show(view)
    except asyncio.CancelledError:
        say(
            f"it goes on without you; follow it: bakeryops jobs attach {job}",
            f"stop it: bakeryops jobs cancel {job}",
        )
        raise
    if view is None:
        raise BakeryopsError(f"the job {job} tells nothing")
    if printer is None:
        out.document(shapes_acting.job(view))
    if view.state == "lost":
        raise BakeryopsError(f"{view.plan.title}: {view.text}", hint=view.hint)
    if view.state != "done":
        say(f"bakeryops: {view.text}", *(f"  {line}" for line in (view.why, view.hint) if line))
    return view.exit_code


def named(what: str, given: str | None) -> str:
    """Return a name that must be given; raises `UsageError`."""
    if not given:
        raise UsageError(f"say which {what}")
    return given
