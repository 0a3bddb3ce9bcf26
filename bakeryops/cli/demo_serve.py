"""`bakeryops demo --serve`: the embedded cluster by itself, with files that say how to reach it and its Git."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bakeryops.cli.output import Out, ReaderGoneError
from bakeryops.errors import BakeryopsError, UsageError

if TYPE_CHECKING:
    from bakeryops.demo.drills import DrillSession
    from bakeryops.demo.server import DemoServer
    from bakeryops.demo.world import World

__all__ = ["Serving", "kubeconfig", "serve_until_stopped", "write_private"]

_CLUSTER = "bakery-demo"
_NAMESPACE_OF = {"nsviewer": "bakery-ia"}


def kubeconfig(server: str, authority: str, tokens: Mapping[str, str]) -> dict[str, Any]:
    """Return a kubeconfig with a context for each user; the first is the current one.

    `authority` is the PEM text of the certificate authority.
    """
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority.encode()).decode()}
    contexts = []
    for user in tokens:
        context: dict[str, str] = {"cluster": _CLUSTER, "user": user}
        if user in _NAMESPACE_OF:
            context["namespace"] = _NAMESPACE_OF[user]
        contexts.append({"name": user, "context": context})
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _CLUSTER, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}} for user, token in tokens.items()],
        "contexts": contexts,
        "current-context": next(iter(tokens)),
    }


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    partial.replace(path)


@dataclass(frozen=True)
class Serving:
    """Which cluster is served, and where."""

    port: int = 0
    """Port of the API, any free one by default."""
    seed: int = 0
    speed: float = 1.0
    size: str = "normal"
    scenario: str | None = None
    """Name of the drill to begin with."""
    gates: Sequence[str] | None = None
    """Feature gates of kustomize-controller that are on; None for those that are on by default."""
    still: bool = False
    """Whether nothing happens by itself."""


def serve_until_stopped(folder: Path, serving: Serving, *, until_stdin_closes: bool) -> None:
    """Run the embedded cluster until SIGINT or SIGTERM, or until standard input ends if asked to."""
    if shutil.which("git") is None:
        raise BakeryopsError("the embedded cluster needs git, which is not installed", hint="Install git.")
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
        asyncio.run(_serve(folder, serving, until_stdin_closes))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise BakeryopsError(f"the embedded cluster cannot run: {error.strerror or error}{where}") from None


async def _serve(folder: Path, serving: Serving, until_stdin_closes: bool) -> None:
    from bakeryops.demo.clock import WallClock
    from bakeryops.demo.server import DemoServer, Providers
    from bakeryops.demo.world import GATES, build_world

    stopped = _stop_signals()
    if until_stdin_closes:
        await _watch_stdin(stopped)
    clock = WallClock(speed=serving.speed)
    gates = GATES if serving.gates is None else serving.gates
    world = build_world(
        clock, seed=serving.seed, size=serving.size, life=not serving.still, folder=folder, gates=gates
    )
    server = DemoServer()
    drill = _drill(serving.scenario, world, server)
    files: list[Path] = []
    try:
        try:
            # kubectl sends tokens over TLS only.
            providers = Providers(world.logs, world.usage, world.execs, drill)
            await server.start(world.store, providers, port=serving.port, tls=True)
        except OSError as error:
            raise UsageError(
                f"port {serving.port} of 127.0.0.1 cannot be used: {error.strerror}",
                hint="Choose another, or leave --port out.",
            ) from None
        await world.sockets.open()
        for name, text in _files(server, world).items():
            files.append(folder / name)
            write_private(files[-1], text)
        # The world stays: without this each full collection looks at all of it and answers stall meanwhile.
        gc.collect()
        gc.freeze()
        lines = [f"{name} {url}" for name, url in _addresses(server, world).items()]
        if drill is not None:
            drill.begin()
            lines.append(f"drill {drill.drill.name} {drill.drill.told(drill.drill.goal)}")
            if not until_stdin_closes:
                # A console reads no further than "ready"; it asks the API how the drill stands.
                drill.on_reached.append(partial(_tell, drill.drill.name))
        Out().lines([*lines, "ready"])
        await stopped.wait()
    finally:
        await world.sockets.close()
        await server.close()
        clock.close()
        world.clean_up()
        _tidy(folder, files, also_folder=until_stdin_closes)


def _tell(name: str, verdict: str) -> None:
    """Print that a drill was reached, to whoever still listens."""
    with suppress(ReaderGoneError):
        Out().lines([f"drill {name} {verdict}"])


def _drill(name: str | None, world: World, server: DemoServer) -> DrillSession | None:
    """Return the drill of a name, not begun, None for no name."""
    if name is None:
        return None
    from bakeryops.demo.drills import DRILLS, DrillSession, Scene

    return DrillSession(DRILLS[name](Scene(world, server.faults)))


def _addresses(server: DemoServer, world: World) -> dict[str, str]:
    """Return where everything is, by the word it is printed with."""
    gitea = world.gitea.url
    return {
        "api": server.url,
        "gitea": gitea,
        "git": f"{gitea}/bakery-admin/bakery-ia.git",
        "registry": gitea,
        "webhook": world.sockets.listener_url("bakery-ci", "bakery-gitea"),
    }


def _files(server: DemoServer, world: World) -> dict[str, str]:
    """Return the files that are written, by name."""
    addresses = _addresses(server, world)
    access = kubeconfig(server.url, server.authority, server.tokens)
    config = {
        "kubeconfig": "kubeconfig",
        "git": {"url": addresses["git"], "credentials": "git-credentials"},
        "gitea": {"url": addresses["gitea"], "token": "gitea-token"},
        "registry": {"user": "operator"},
    }
    return {
        "kubeconfig": yaml.safe_dump(access, sort_keys=False),
        "git-credentials": world.gitea.credentials(),
        "gitea-token": f"{world.gitea.token()}\n",
        "config.yaml": f"# Written by bakeryops demo --serve.\n{yaml.safe_dump(config, sort_keys=False)}",
    }


def _tidy(folder: Path, files: list[Path], *, also_folder: bool) -> None:
    """Remove what was written; the folder too where it was made for us and nobody else may be left to do it."""
    for file in files:
        with suppress(FileNotFoundError):
            file.unlink()
    if also_folder:
        with suppress(OSError):
            folder.rmdir()


def _stop_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    return stopped


class _EndOfInput(asyncio.Protocol):
    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()


async def _watch_stdin(ended: asyncio.Event) -> None:
    """Set `ended` when whoever holds the other end of standard input is gone."""
    await asyncio.get_running_loop().connect_read_pipe(lambda: _EndOfInput(ended), sys.stdin)
