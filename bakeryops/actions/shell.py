"""A shell in a container on this very terminal: raw mode, window size, exit code. It knows no screen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.exec import run, stream
from bakeryops.errors import BakeryopsError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["find_shell", "shell"]

_SHELLS = ("bash", "ash", "sh")
_HERE = "a-shell-is-here"
_LOOK = f"echo {_HERE}; command -v bash || command -v ash || command -v sh"
"""The first line proves the shell: some runtimes answer for a missing one with an exit code and a message."""
_CHUNK = 1 << 14


async def find_shell(session: Session, namespace: str, pod: str, container: str) -> str:
    """Return the best shell of a container; raises `BakeryopsError` where its image has none, or `KubeError`."""
    for each in ("sh", "bash", "ash"):
        try:
            found = await run(
                session.transport, namespace, pod, [each, "-c", _LOOK], container=container or None, timeout=15.0
            )
        except KubeError as error:
            if error.hint != "the container has no such program":
                raise
            continue
        said = found.text.split()
        if said[:1] == [_HERE]:
            return said[1] if said[1:] and said[1].rpartition("/")[2] in _SHELLS else each
    raise BakeryopsError(
        f"the image of {clean(container) or 'the container'} in {clean(pod)} has no shell",
        why="neither sh, bash nor ash is in it, as in images made from scratch or distroless ones",
        hint=f"kubectl debug -it {clean(pod)} -n {clean(namespace)} --image=busybox --target={clean(container)}",
    )


async def shell(session: Session, namespace: str, pod: str, container: str, command: Sequence[str] = ()) -> int:
    """Run a command (a shell where none is given) in a container on this terminal; return its exit code.

    Where standard input is no terminal, it is sent as it is and closed at its end. Raises `KubeError`, and
    `BakeryopsError` where the image has no shell.
    """
    terminal = os.isatty(0) and os.isatty(1)
    argv = list(command) or [await find_shell(session, namespace, pod, container)]
    with _raw() if terminal else contextlib.nullcontext():
        return await stream(
            session.transport,
            namespace,
            pod,
            argv,
            container=container or None,
            on_stdout=_Sink(1),
            on_stderr=None if terminal else _Sink(2),
            stdin=_typed(),
            tty=terminal,
            sizes=_sizes() if terminal else None,
        )


class _Sink:
    """Writes to a terminal or pipe, and waits while it takes no more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def __call__(self, data: bytes) -> None:
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


async def _typed() -> AsyncIterator[bytes]:
    """Yield what is typed or piped, until its end; nothing is read before the former was taken."""
    loop = asyncio.get_running_loop()
    while True:
        ready = asyncio.Event()
        try:
            loop.add_reader(0, ready.set)
        except PermissionError:
            # A file, which need not be waited for.
            ready.set()
        try:
            await ready.wait()
        finally:
            loop.remove_reader(0)
        try:
            data = os.read(0, _CHUNK)
        except OSError:
            return
        if not data:
            return
        yield data


async def _sizes() -> AsyncIterator[tuple[int, int]]:
    """Yield the terminal's size, first and whenever it changes."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    changed.set()
    former = signal.getsignal(signal.SIGWINCH)
    loop.add_signal_handler(signal.SIGWINCH, changed.set)
    try:
        while True:
            await changed.wait()
            changed.clear()
            size = os.get_terminal_size(0)
            yield size.columns, size.lines
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
        with contextlib.suppress(TypeError, ValueError):
            signal.signal(signal.SIGWINCH, former)


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Hand every key on as it is for a block, and put the terminal back after it."""
    import termios
    import tty

    sys.stdout.flush()
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
