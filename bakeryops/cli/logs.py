"""`bakeryops logs`: the logs of a pod, or of all pods of a workload or service, interleaved."""

from __future__ import annotations

from typing import Any

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, output_option, pass_call, since_option

__all__ = ["command"]


class _Tail(click.ParamType[str]):
    """A number of lines, or all of them; -1 means all as it does for kubectl."""

    name = "lines"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return digits, or "all"."""
        text = str(value)
        if text in ("all", "-1"):
            return "all"
        if not text.isdigit():
            self.fail(f"{value!r} is neither a number of lines nor 'all'", param, ctx)
        return text


@click.command("logs", epilog=EXIT_CODES)
@click.argument("name", metavar="NAME")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, also from new pods, until ctrl+c.")
@click.option("-c", "--container", metavar="NAME", help="Only this container; init containers only when named.")
@click.option("-p", "--previous", is_flag=True, help="The log of the run before the last restart.")
@click.option("-t", "--timestamps", is_flag=True, help="Put the time before each line.")
@click.option("--tail", type=_Tail(), metavar="LINES", help="Begin with so many lines of each log, or 'all'.")
@click.option("--prefix/--no-prefix", default=None, help="Put pod and container before each line, or never.")
@since_option
@output_option
@connection_options
@pass_call
def command(
    call: Call,
    name: str,
    follow: bool,
    container: str | None,
    previous: bool,
    timestamps: bool,
    tail: str | None,
    prefix: bool | None,
    since: float | None,
) -> None:
    """Print the logs of NAME: a pod, a workload, or a service.

    NAME may say the kind: pod/NAME, deployment/NAME, statefulset/NAME, daemonset/NAME, job/NAME, cronjob/NAME.
    With more than one log, lines are ordered by time and begin with their pod and container.

    What happens to a log (restarts, a lost connection, lines that had to be skipped because the reader was too
    slow) is said on standard error. Colours of the log are kept on a terminal; other escape sequences never reach
    it.

    \b
    Examples:
      bakeryops logs auth                        the last lines of all pods of the service
      bakeryops logs auth -f --since 10m         and go on
      bakeryops logs auth-6d5f9c7b4-x8k2p -p     why did it restart?
      bakeryops logs deployment/gateway --tail all > gateway.log
      bakeryops logs auth -o json | jq -r .text
    """
    from bakeryops.cli.cluster import run
    from bakeryops.cli.logs_read import Wanted, read_logs

    if tail is not None and tail != "all":
        call.flags["logs.tail"] = tail
    lines = None if tail == "all" or (since is not None and tail is None) else call.load().config.logs.tail
    wanted = Wanted(
        name=name,
        follow=follow,
        container=container,
        previous=previous,
        timestamps=timestamps,
        tail=lines,
        since=None if since is None else max(1, round(since)),
        prefix=prefix,
    )
    run(read_logs(call, wanted))
