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
from benchmarks.support import api_server, quantile, rss_mib, ticker
from tests.support.pty import Terminal

OPENED = 5


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
    """From the key of the builds view to its first rows; from enter to the build, and to its error on screen."""
    with api_server(50, folder, builds=count) as (_, kubeconfig):
        rows, pages, errors = [], [], []
        for _ in range(OPENED):
            with Terminal(
                [*COMMAND, "--kubeconfig", str(kubeconfig)], columns=120, lines=40, environ=environ(folder)
            ) as term:
                term.wait_for("live", 20)
                began = time.perf_counter()
                term.send("2")
                term.wait_for(run_name(count - 1)[-5:], 30)
                rows.append(time.perf_counter() - began)
                # The newest failed one, found as a person would.
                bad = next(index for index in range(count - 1, -1, -1) if failed(index))
                term.send("j" * (count - 1 - bad))
                term.read(0.5)
                began = time.perf_counter()
                term.send("\r")
                term.wait_for("report-status", 20)
                pages.append(time.perf_counter() - began)
                term.wait_for("expected 7 periods", 20)
                errors.append(time.perf_counter() - began)
                memory = rss_mib(term.process.pid)
        return {"first_rows_ms": _ms(quantile(rows, 0.5)), "opened_ms": _ms(quantile(pages, 0.5)),
                "error_shown_ms": _ms(quantile(errors, 0.5)), "rss_mib": memory}  # fmt: skip


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
