"""Shared means of measuring: a server process, a ticker for stalls, memory and CPU of a process, quantiles."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.pty import Terminal

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: bench
clusters: [{{name: bench, cluster: {{server: "{url}"}}}}]
users: [{{name: bench, user: {{token: bench}}}}]
contexts: [{{name: bench, context: {{cluster: bench, user: bench}}}}]
"""


@contextlib.contextmanager
def api_server(pods: int, folder: Path, builds: int = 0) -> Iterator[tuple[str, Path]]:
    """Run the lean API server; give its address and a kubeconfig for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.api", "--pods", str(pods), "--builds", str(builds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    kubeconfig = folder / f"kubeconfig-{pods}-{builds}"
    kubeconfig.write_text(KUBECONFIG.format(url=url), encoding="utf-8")
    try:
        yield url, kubeconfig
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def demo(folder: Path, size: str = "") -> Iterator[Path]:
    """Run the embedded cluster, of normal size or "large"; give the path of its kubeconfig."""
    place = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, "-m", "bakeryops", "demo", "--serve", "--dir", str(place)]
    with subprocess.Popen(
        [*command, *(["--size", size] if size else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip() == "ready":
                    break
            yield place / "kubeconfig"
        finally:
            process.terminate()


def post(url: str) -> None:
    """Send an empty POST to the server's own control address."""
    with urllib.request.urlopen(urllib.request.Request(url, method="POST", data=b"")) as answer:
        answer.read()


@dataclass
class Stalls:
    """How late a 10 ms ticker in the same event loop was."""

    gaps: list[float] = field(default_factory=list)

    @property
    def worst_ms(self) -> float:
        return round(max(self.gaps, default=0.0) * 1000, 1)


@contextlib.asynccontextmanager
async def ticker() -> AsyncIterator[Stalls]:
    """Measure event-loop stalls for as long as the block runs."""
    stalls = Stalls()

    async def tick() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.01)
            now = time.perf_counter()
            stalls.gaps.append(max(0.0, now - before - 0.01))
            before = now

    task = asyncio.create_task(tick())
    try:
        yield stalls
    finally:
        task.cancel()


def shown(term: Terminal, text: str, seconds: float = 20) -> float:
    """Wait until a text is on screen; return when that was, by the performance counter, to some milliseconds."""
    until = time.perf_counter() + seconds
    while not any(text in line for line in term.screen.display):
        if time.perf_counter() > until:
            raise AssertionError(f"{text!r} did not come:\n" + "\n".join(term.text()))
        while not term.read(0.002) and time.perf_counter() < until:
            pass
    return time.perf_counter()


def rss_mib(pid: int | None = None) -> float:
    """Return a process's resident memory in MiB."""
    pages = int(Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
