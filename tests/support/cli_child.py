"""The command line as a child process, and the embedded cluster as one, for tests that drive both for real."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
"""Seconds anything may take on a busy machine."""

# A shell that starts its jobs in the background has SIGINT ignored, and children inherit that.
_MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from bakeryops.__main__ import main; main()"
)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment without anything of the developer's."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "COVERAGE_PROCESS_START") if name in os.environ}
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    return {**kept, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb", **folders, **more}


def start(
    home: Path, *arguments: str, more: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """Start `bakeryops` with arguments; pipes for its output, nothing for its input."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, *arguments],
        cwd=ROOT,
        env=environment(home, **(more or {})),
        text=True,
        encoding="utf-8",
        **options,
    )


class Done:
    """How a call ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f"<exit {self.code}\n{self.out}\n{self.err}>"

    def json(self) -> Any:
        return json.loads(self.out)


def call(home: Path, *arguments: str, more: Mapping[str, str] | None = None) -> Done:
    """Run `bakeryops` to its end."""
    child = start(home, *arguments, more=more)
    try:
        out, err = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError(f"{arguments} did not end:\n{out}\n{err}") from None
    return Done(child.returncode, out, err)


def lines_until(child: subprocess.Popen[str], enough: Any) -> list[str]:
    """Return the lines of standard output up to the first for which `enough(lines)` holds."""
    assert child.stdout is not None
    lines: list[str] = []
    buffered = b""
    descriptor = child.stdout.fileno()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ready, _, _ = select.select([descriptor], [], [], 1.0)
        if not ready:
            continue
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        *whole, buffered = (buffered + piece).split(b"\n")
        for line in whole:
            lines.append(line.decode())
            if enough(lines):
                return lines
    raise AssertionError(f"waited in vain; so far: {lines[-20:]}")


def end(child: subprocess.Popen[str], number: int = signal.SIGTERM) -> Done:
    """Send a signal and wait for the end."""
    child.send_signal(number)
    try:
        out, err = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError(f"it did not end:\n{out}\n{err}") from None
    return Done(child.returncode, out, err)


class Serving:
    """A running embedded cluster and its files."""

    def __init__(self, home: Path, folder: Path, child: subprocess.Popen[str], said: list[str]) -> None:
        self.home = home
        self.folder = folder
        self.child = child
        self.said = said

    def bakeryops(self, *arguments: str, more: Mapping[str, str] | None = None) -> Done:
        """Run a command against it."""
        return call(self.home, "--config", str(self.folder / "config.yaml"), *arguments, more=more)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command against it."""
        return start(self.home, "--config", str(self.folder / "config.yaml"), *arguments, **options)


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Serving]:
    """Run `bakeryops demo --serve` for a while."""
    folder = home / "demo"
    child = start(home, "demo", "--serve", "--dir", str(folder), *options)
    try:
        said = lines_until(child, lambda lines: lines[-1] == "ready")
        yield Serving(home, folder, child, said)
    finally:
        if child.poll() is None:
            end(child)
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
