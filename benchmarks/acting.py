"""Acting: from the key to the preview, from confirm to pushed; what planning costs cold; the runner's start and memory."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.console import COMMAND, environ
from benchmarks.support import quantile, rss_mib, shown
from tests.support.pty import Terminal

if TYPE_CHECKING:
    from bakeryops.jobs.store import JobStore

TIMES = 5
SERVICES = ("auth", "sales", "tenant", "forecasting", "inventory")
"""Whose rollback is planned and pushed; all have an image before."""


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[Path]:
    """Run the embedded cluster with its Gitea; give the path of its configuration."""
    command = [sys.executable, "-m", "bakeryops", "demo", "--serve", "--seed", "1", "--dir", str(folder / "demo")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.strip() == "ready" for line in process.stdout)
            yield folder / "demo" / "config.yaml"
        finally:
            process.terminate()


def preview(folder: Path) -> dict[str, Any]:
    """In the console, on a broken service: R to the whole preview, the first time and with the plan kept warm."""
    first: list[float] = []
    again: list[float] = []
    with demo(folder) as config:
        for _ in range(TIMES):
            with Terminal(
                [*COMMAND, "--config", str(config)], columns=120, lines=40, environ=environ(folder)
            ) as term:
                shown(term, "R roll back")
                term.read(3.0)
                for taken in (first, again):
                    began = time.perf_counter()
                    term.send("R")
                    taken.append(shown(term, "[ Cancel ]") - began)
                    term.read(0.5)
                    term.send("\x1b")
                    shown(term, "R roll back")
                    term.read(1.0)
    return {"first_ms": _ms(first), "warm_ms": _ms(again), "worst_ms": round(1000 * max(*first, *again), 1)}


def pushed(folder: Path) -> dict[str, Any]:
    """Plans made cold, as the command line makes them; confirmed jobs until their commit is on the branch."""
    os.environ |= environ(folder)
    with demo(folder) as config:
        return asyncio.run(_pushed(config))


async def _pushed(file: Path) -> dict[str, Any]:
    from bakeryops.actions.ground import gather
    from bakeryops.actions.rollback import plan_rollback
    from bakeryops.actions.rollback_wish import Wish
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.target import find_target
    from bakeryops.config import load
    from bakeryops.jobs.person import operator
    from bakeryops.jobs.settings import settings_of
    from bakeryops.jobs.spawn import launch
    from bakeryops.jobs.store import JobStore

    config = load(file, environ={}).config
    session = Session(find_target(config.kubeconfig, None))
    await session.start()
    times: dict[str, list[float]] = {name: [] for name in ("read_world", "plan", "runner_begins", "pushed")}
    memory, store = 0.0, JobStore()
    try:
        for service in SERVICES:
            began = time.perf_counter()
            ground = await gather(config, session, operator(config))
            times["read_world"].append(time.perf_counter() - began)
            began = time.perf_counter()
            plan = await plan_rollback(ground, Wish(service, watch=1.0))
            times["plan"].append(time.perf_counter() - began)
            confirmed = time.time()
            job = store.create(plan, settings_of(config, session), "bench@here")
            launch(store, job)
            times["runner_begins"].append(await _noted(store, job, "run") - confirmed)
            times["pushed"].append(await _noted(store, job, "step", "push", "verifying") - confirmed)
            memory = max(memory, rss_mib(int((store.folder(job) / "runner.pid").read_text())))
            await _noted(store, job, "end")
            assert store.view(job).state == "done", store.view(job)
    finally:
        await session.close()
    return {**{f"{name}_ms": _ms(taken) for name, taken in times.items()},
            "pushed_worst_ms": round(1000 * max(times["pushed"]), 1), "runner_rss_mib": memory}  # fmt: skip


async def _noted(store: JobStore, job: str, event: str, step: str = "", state: str = "") -> float:
    """Wait until a job's journal has a line, and return when that was written."""
    from bakeryops.jobs.journal import read_entries

    path, until = store.folder(job) / "journal.jsonl", time.monotonic() + 60
    while time.monotonic() < until:
        for each in read_entries(path):
            if each.event == event and each.step == step and state in ("", each.state):
                return each.at
        await asyncio.sleep(0.02)
    raise AssertionError(f"{job} did not come to {event} {step}: {store.view(job)}")


def _ms(seconds: list[float]) -> float:
    return round(1000 * quantile(seconds, 0.5), 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measure", choices=("preview", "pushed"))
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    found = preview(folder) if options.measure == "preview" else pushed(folder)
    sys.stdout.write(json.dumps({"measure": options.measure, **found}) + "\n")


if __name__ == "__main__":
    main()
