"""The embedded cluster as a child process of the console: started at once, awaited later, gone when we are."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bakeryops
from bakeryops.errors import UnreachableError
from bakeryops.locations import state_folder
from bakeryops.text import clean, decode

if TYPE_CHECKING:
    from bakeryops.cluster.target import Target
    from bakeryops.config.schema import Config

__all__ = ["START_SECONDS", "DemoCluster"]

START_SECONDS = 20.0
"""How long the cluster may take to come up."""

_END_SECONDS = 5.0
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
_PASSED_ON_PREFIXES = ("XDG_", "PYTHON")
# `python -m` would look in the current folder first; there may be anything, even another `screens`.
_START = "import sys; sys.path.append(sys.argv.pop(1)); from bakeryops.__main__ import main; main()"


class DemoCluster:
    """The child; `await` it for its Target, as often as wanted: one that has died is started again."""

    def __init__(self, options: list[str], *, start_seconds: float = START_SECONDS) -> None:
        """Take the options of `bakeryops demo --serve` other than --dir."""
        self._options = options
        self._start_seconds = start_seconds
        self._folder: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._turn = asyncio.Lock()

    @property
    def log(self) -> Path:
        """The file that takes what the child says on standard error."""
        return state_folder() / "demo.log"

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """Start the child without waiting for it."""
        self.close()
        self._folder = Path(tempfile.mkdtemp(prefix="bakeryops-demo-"))
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._child = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-c", _START, str(Path(bakeryops.__file__).parent.parent)),
                    *("demo", "--serve", "--until-stdin-closes", "--dir", str(self._folder), *self._options),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=descriptor,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # ctrl+c and a hang-up of the terminal are for the console to answer
            )
        finally:
            os.close(descriptor)

    def __await__(self) -> Generator[Any, None, Target]:
        """Wait until the cluster answers; raises `UnreachableError` when it does not come up."""
        return self._up().__await__()

    async def _up(self) -> Target:
        from bakeryops.cluster.target import find_target

        return find_target(str(await self._came_up() / "kubeconfig"))

    async def settings(self) -> Config:
        """Wait until the cluster answers and return its own configuration: where its Git and its Gitea are.

        Raises `UnreachableError` when it does not come up.
        """
        from bakeryops.config import load

        return load(await self._came_up() / "config.yaml", environ={}).config

    async def _came_up(self) -> Path:
        """Return the folder of the child, once it is ready."""
        async with self._turn:
            if self.pid is None or self._given_up():
                self.start()
            if not self._ready:
                await self._wait_ready()
        assert self._folder is not None
        return self._folder

    def _given_up(self) -> bool:
        """Return whether an earlier wait was cancelled, so that nobody can tell any more when it is ready."""
        return (
            not self._ready and self._child is not None and bool(self._child.stdout and self._child.stdout.closed)
        )

    async def _wait_ready(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._child.stdout
        )
        try:
            async with asyncio.timeout(self._start_seconds):
                while line := await reader.readline():
                    if line.strip() == b"ready":
                        self._ready = True
                        return
        except TimeoutError:
            raise self._failure(
                f"the embedded cluster did not come up within {self._start_seconds:.0f} s"
            ) from None
        finally:
            # After "ready" the child says nothing more on this pipe.
            transport.close()
        raise self._failure("the embedded cluster ended while it was starting")

    def _failure(self, what: str) -> UnreachableError:
        try:
            last = [line for line in decode(self.log.read_bytes()[-4000:]).splitlines() if line.strip()][-1:]
        except OSError:
            last = []
        self.close()
        return UnreachableError(
            what, why=clean(last[0])[:200] if last else "", hint=f"All it said is in {self.log}"
        )

    def close(self) -> None:
        """End the child, gently first, and remove its files."""
        child, self._child, self._ready = self._child, None, False
        if child is not None:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.close()
            try:
                child.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _environment() -> dict[str, str]:
    """Return the environment without what the child has no use for, such as credentials."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
