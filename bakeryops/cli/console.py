"""Opens the console: the only place of `bakeryops` that imports `screens`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bakeryops.cli.memory import set_allocators
from bakeryops.errors import UsageError

if TYPE_CHECKING:
    from bakeryops.cli.demo_cluster import DemoCluster
    from bakeryops.cli.options import Call
    from bakeryops.cluster.target import Target
    from bakeryops.config import Config

__all__ = ["Search", "open_console"]


class Search:
    """The search for the cluster, as something to await; each `await` searches again."""

    def __init__(self, config: Config) -> None:
        """Take the configuration in force."""
        self._config = config

    def __await__(self) -> Generator[Any, None, Target]:
        """Search in a thread, since kubeconfig files may lie on slow disks; raises what `find_target` raises."""
        return asyncio.to_thread(self._find).__await__()

    def _find(self) -> Target:
        from bakeryops.cluster.target import find_target

        return find_target(self._config.kubeconfig, self._config.context)


def need_terminal() -> None:
    """Refuse to open the console where there is no terminal to open it on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the console needs a terminal",
            hint="In a pipe or a script use a command with -o json, such as: bakeryops status -o json",
        )


def open_console(call: Call, *, cluster: DemoCluster | None = None) -> int:
    """Run the console to its end and return its exit code.

    `cluster` is the embedded one; without it the cluster is searched for as the configuration says. It is awaited
    after the first paint, and again at each retry.
    """
    need_terminal()
    config = call.load().config
    if cluster is not None:
        config = replace(config, kubeconfig=None, context=None, namespace=None)
    set_allocators()
    from bakeryops.cli.cluster import make_session
    from screens.app import BakeryOpsApp
    from screens.themes import terminal_trouble

    trouble = terminal_trouble()
    if trouble:
        raise UsageError(trouble)
    app = BakeryOpsApp(
        cluster or Search(config),
        config=config,
        demo=cluster is not None,
        connect=lambda target: make_session(target, config),
        settings=cluster.settings if cluster is not None else None,
    )
    app.run()
    if app.fault is not None:
        raise app.fault
    return app.return_code or 0
