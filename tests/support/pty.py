"""Runs a program in a real pseudo-terminal and shows what its screen looks like."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """A child process on a terminal of its own: its raw output, and the screen that a terminal makes of it.

    Use it as a context manager; the child is ended at the end whatever happened.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        lines: int = 24,
        environ: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.raw = b""
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        base = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        base |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=base | dict(environ or {}),
            start_new_session=True,
            close_fds=True,
        )
        os.close(slave)

    @classmethod
    def python(cls, code: str, **options: object) -> Terminal:
        """Run Python source text in a terminal."""
        return cls([sys.executable, "-c", code], **options)  # type: ignore[arg-type]

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, seconds: float = 0.05) -> bytes:
        """Take what the program writes within `seconds`; return it."""
        until = time.monotonic() + seconds
        taken = b""
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._master], [], [], left)
            if not ready:
                break
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the child closed its end
                break
            if not data:
                break
            taken += data
            self._stream.feed(data)
        self.raw += taken
        return taken

    def text(self) -> list[str]:
        """Return the lines of the screen."""
        return [line.rstrip() for line in self.screen.display]

    def wait_for(self, found: str | Callable[[list[str]], bool], seconds: float = 60) -> list[str]:
        """Read until a text is on screen, or a condition on its lines holds."""
        condition = found if callable(found) else (lambda lines: any(found in line for line in lines))
        until = time.monotonic() + seconds
        while not condition(self.text()):
            if time.monotonic() > until:
                raise AssertionError(f"{found!r} was not on screen after {seconds} s:\n" + "\n".join(self.text()))
            if not self.read(0.1) and self.process.poll() is not None and not self.read(0.1):
                raise AssertionError("the program ended:\n" + "\n".join(self.text()))
        return self.text()

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)
        self.process.send_signal(signal.SIGWINCH)

    def wait(self, seconds: float = 30) -> int:
        """Wait for the program's end while taking its output; return its exit code."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > until:
                raise AssertionError("the program goes on:\n" + "\n".join(self.text()))
            self.read(0.05)
        self.read(0.05)
        return self.process.returncode

    def close(self) -> None:
        """End the program and close the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
