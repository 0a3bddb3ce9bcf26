"""`bakeryops demo`: the embedded cluster, with the console on it or by itself."""

from __future__ import annotations

import click

from bakeryops.cli.options import EXIT_CODES, Call, console_options, pass_call
from bakeryops.errors import UsageError

__all__ = ["command"]


@click.command("demo", epilog=EXIT_CODES)
@click.option("--serve", is_flag=True, help="Run the cluster without a console, until SIGINT or SIGTERM.")
@click.option("--dir", "folder", metavar="DIR", help="With --serve: where to write kubeconfig and config.yaml.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the API on 127.0.0.1; any free one by default.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same cluster.")
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    show_default=True,
    help="Seconds of the cluster in one second.",
)
@click.option(
    "--size",
    type=click.Choice(["normal", "large"]),
    default="normal",
    show_default=True,
    help="normal is Bakery-IA as it is; large has thousands of pods.",
)
@click.option(
    "--scenario",
    metavar="NAME",
    help="Begin with an incident to practise on; `--scenario list` prints their names.",
)
@click.option("--still", is_flag=True, help="Let nothing happen by itself: no commits, no restarts, no drift.")
@click.option("--feature-gates", metavar="NAME=BOOL", hidden=True)
@click.option("--until-stdin-closes", is_flag=True, hidden=True)
@console_options
@pass_call
def command(
    call: Call,
    serve: bool,
    folder: str | None,
    port: int,
    seed: int,
    speed: float,
    size: str,
    scenario: str | None,
    still: bool,
    feature_gates: str | None,
    until_stdin_closes: bool,
) -> None:
    """Open the console on an embedded cluster, a miniature of Bakery-IA in a process of its own.

    It needs no network and no root, and of programs only git; it speaks the real Kubernetes API on 127.0.0.1, so
    kubectl and every bakeryops command work against it too. It ends with the console.

    With --serve it runs without a console: it writes DIR/kubeconfig (contexts admin, operator, viewer, nsviewer,
    who may do less and less) and DIR/config.yaml, prints the addresses of its API, its Gitea and its repository,
    and then "ready".

    With --scenario something is wrong from the start, as it may be in earnest: the console tells the story and the
    goal, gives hints when asked, and says how long it took once the goal is reached.

    \b
    Examples:
      bakeryops demo
      bakeryops demo --scenario bad-deploy
      bakeryops demo --speed 10 --seed 7
      bakeryops demo --serve --dir /tmp/demo &
      bakeryops --config /tmp/demo/config.yaml status
      kubectl --kubeconfig /tmp/demo/kubeconfig --context viewer get pods -A
    """
    from bakeryops.cli.demo_options import checked_scenario, parsed_gates, print_scenarios

    if scenario == "list":
        print_scenarios()
        return
    drill = checked_scenario(scenario)
    gates = parsed_gates(feature_gates)
    if serve:
        if folder is None:
            raise UsageError("demo --serve needs --dir DIR", hint="The kubeconfig is written there.")
        from bakeryops.cli.demo_serve import Serving, serve_until_stopped
        from bakeryops.locations import expanded

        serve_until_stopped(
            expanded(folder),
            Serving(port=port, seed=seed, speed=speed, size=size, scenario=drill, gates=gates, still=still),
            until_stdin_closes=until_stdin_closes,
        )
        return
    if folder is not None:
        raise UsageError("demo --dir belongs to --serve", hint="Add --serve, or leave --dir out.")
    from bakeryops.cli.console import need_terminal, open_console
    from bakeryops.cli.demo_cluster import DemoCluster

    need_terminal()
    call.load()
    options = ["--port", str(port), "--seed", str(seed), "--speed", str(speed), "--size", size]
    options += ["--scenario", drill] if drill else []
    options += ["--still"] if still else []
    options += ["--feature-gates", feature_gates] if feature_gates else []
    cluster = DemoCluster(options)
    cluster.start()
    try:
        code = open_console(call, cluster=cluster)
    finally:
        cluster.close()
    if code:
        raise SystemExit(code)
