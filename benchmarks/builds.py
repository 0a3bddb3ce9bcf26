"""Builds: thousands of PipelineRuns into the store and read, one opened, both in the client and in the console."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.console import COMMAND, environ
from benchmarks.runs import NAMESPACE, failed, run_name
from benchmarks.support import api_server, quantile, rss_mib, shown, ticker
from tests.support.pty import Terminal

OPENED = 5

STAGES = {"page": "── log", "opened": "report-status", "error_shown": "expected 7 periods"}
"""What is on screen once a build's page is drawn, its tasks are there, and its first error is shown."""


async def listed(kubeconfig: Path, count: int) -> dict[str, Any]:
    """List the runs into a store, read them as builds, and open one with its TaskRuns."""
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.target import find_target
    from bakeryops.read.build_index import BuildIndex
    from bakeryops.read.builds import build_of

    session = Session(find_target(str(kubeconfig)))
    await session.start()
    gc.collect()
    base = rss_mib()
    async with ticker() as stalls:
        began = time.perf_counter()
        feed = session.feed(["pipelineruns"])
        await feed.settled(60)
        wall = time.perf_counter() - began
    kept = rss_mib() - base
    stores = {"pipelineruns": feed.store("pipelineruns")}
    index = BuildIndex()
    began = time.perf_counter()
    index.load(stores)
    read = time.perf_counter() - began
    runs = {run.metadata.name: run for run in stores["pipelineruns"].items.values()}
    opened, tasks = [], 0
    for _ in range(20):
        # The widest run there is: 20 services, some 43 tasks.
        run = runs[run_name(3)]
        began = time.perf_counter()
        selectors = {"taskruns": f"tekton.dev/pipelineRun={run.metadata.name}"}
        found = await session.snapshot(("taskruns",), namespace=NAMESPACE, selectors=selectors)
        view = build_of(run, found.store("taskruns").items.values(), now=time.time())
        opened.append(time.perf_counter() - began)
        tasks = len(view.tasks)
    await session.close()
    return {"builds": len(runs), "list_ms": _ms(wall), "worst_stall_ms": stalls.worst_ms, "kept_mib": round(kept, 1),
            "read_ms": _ms(read), "read_us_each": round(1e6 * read / max(1, len(runs)), 1), "tasks": tasks,
            "open_p50_ms": _ms(quantile(opened, 0.5)), "open_worst_ms": _ms(max(opened))}  # fmt: skip


def console(count: int, folder: Path) -> dict[str, Any]:
    """From the key of the builds view to its first rows; from enter to the build, its tasks, and its error.

    A build is opened twice in each run of the console: the first opening pays for what is made once.
    """
    with api_server(50, folder, builds=count) as (_, kubeconfig):
        rows: list[float] = []
        cold: dict[str, list[float]] = {name: [] for name in STAGES}
        warm: dict[str, list[float]] = {name: [] for name in STAGES}
        for _ in range(OPENED):
            with Terminal(
                [*COMMAND, "--kubeconfig", str(kubeconfig)], columns=120, lines=40, environ=environ(folder)
            ) as term:
                term.wait_for("live", 20)
                began = time.perf_counter()
                term.send("2")
                rows.append(shown(term, run_name(count - 1)[-5:]) - began)
                # The newest failed one, found as a person would; then the one before it.
                bad = [index for index in range(count - 1, -1, -1) if failed(index)]
                for index, before, taken in ((bad[0], count - 1, cold), (bad[1], bad[0], warm)):
                    term.send("j" * (before - index))
                    term.read(1.0)
                    began = time.perf_counter()
                    term.send("\r")
                    for stage, text in STAGES.items():
                        taken[stage].append(shown(term, text) - began)
                    term.read(0.5)
                    memory = rss_mib(term.process.pid)
                    term.send("\x1b")
                    term.wait_for("subject", 10)
        return {"first_rows_ms": _ms(quantile(rows, 0.5)), "rss_mib": memory,
                **{f"{name}_ms": _ms(quantile(taken, 0.5)) for name, taken in cold.items()},
                **{f"again_{name}_ms": _ms(quantile(taken, 0.5)) for name, taken in warm.items()}}  # fmt: skip


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measure", choices=("list", "console"))
    parser.add_argument("--builds", type=int, default=500)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    if options.measure == "console":
        found = console(options.builds, options.folder)
    else:
        with api_server(50, options.folder, builds=options.builds) as (_, kubeconfig):
            found = asyncio.run(listed(kubeconfig, options.builds))
    sys.stdout.write(json.dumps({"measure": options.measure, **found}) + "\n")


if __name__ == "__main__":
    main()
