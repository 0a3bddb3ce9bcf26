"""The command line: the group of verbs, and how every call ends."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from bakeryops.cli.crash import crash_report
from bakeryops.cli.options import EXIT_CODES, Call, connection_options, console_options, pass_call
from bakeryops.cli.output import ReaderGoneError, say
from bakeryops.errors import BakeryopsError

__all__ = ["cli", "run"]

_VERBS = {
    "status": "bakeryops.cli.status",
    "workloads": "bakeryops.cli.workloads",
    "logs": "bakeryops.cli.logs",
    "events": "bakeryops.cli.events",
    "builds": "bakeryops.cli.builds",
    "flux": "bakeryops.cli.flux",
    "service": "bakeryops.cli.service",
    "follow": "bakeryops.cli.follow",
    "rebuild": "bakeryops.cli.rebuild",
    "rollback": "bakeryops.cli.rollback",
    "hold": "bakeryops.cli.hold",
    "unhold": "bakeryops.cli.unhold",
    "jobs": "bakeryops.cli.jobs",
    "history": "bakeryops.cli.history",
    "blackbox": "bakeryops.cli.blackbox",
    "incident": "bakeryops.cli.incident",
    "config": "bakeryops.cli.configure",
    "demo": "bakeryops.cli.demo",
    "completion": "bakeryops.cli.completion",
    "version": "bakeryops.cli.version",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when the verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of their worth."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of one verb."""
        if cmd_name not in _VERBS:
            return None
        command: click.Command = import_module(_VERBS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb's command; an unknown one is refused with the nearest that exists."""
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            from bakeryops.config.values import nearest

            meant = nearest(args[0], list(_VERBS))
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {meant!r}?" if meant else ""))
        return super().resolve_command(ctx, args)


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from bakeryops import __version__

        click.echo(f"bakeryops {__version__}")
        context.exit()


@click.command(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@connection_options
@console_options
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Print the version.",
)
@pass_call
@click.pass_context
def cli(context: click.Context, call: Call) -> None:
    """Operate Bakery-IA: watch, explain and repair its cluster and its delivery chain.

    Without a COMMAND the console opens on the cluster found by, in this order: --kubeconfig or the configuration,
    $KUBECONFIG, ~/.kube/config, the client configuration of MicroK8s, the service account of the pod.

    \b
    Examples:
      bakeryops                                open the console
      bakeryops demo                           open it on an embedded cluster, to try it out
      bakeryops status                         is it all right? (exit code 3 when not)
      bakeryops workloads -n bakery-ia -w      watch the workloads of one namespace
      bakeryops logs auth -f --since 10m       follow the logs of a service
    """
    if context.invoked_subcommand is None:
        from bakeryops.cli.console import open_console

        raise SystemExit(open_console(call))


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run one call of the command line and end the process with its exit code."""
    raise SystemExit(_outcome(arguments))


def _outcome(arguments: list[str] | None) -> int:
    try:
        outcome = cli.main(arguments, prog_name="bakeryops", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BakeryopsError as error:
        first, *others = error.lines()
        say(f"bakeryops: {first}", *(f"  {line}" for line in others))
        return error.exit_code
    except ReaderGoneError:
        # What is still buffered must not be flushed into the closed pipe when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        say(*crash_report(error))
        return 1
    return outcome if isinstance(outcome, int) else 0
