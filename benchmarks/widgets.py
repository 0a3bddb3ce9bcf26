"""The table and the log view on their own, headless: loading, updating, sorting, filtering, at three sizes."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from typing import Any

from textual.app import App, ComposeResult

from benchmarks.support import ticker
from screens.widgets.logtail import LogTail
from screens.widgets.table import Cell, Column, LiveTable, Row

COLUMNS = [Column("name", "name", 20, 90, grow=True), Column("ns", "namespace", 12, 50), Column("ready", "ready", 6, 80),
           Column("restarts", "restarts", 8, 70, align="right"), Column("age", "age", 5, 60, align="right"),
           Column("cpu", "cpu", 7, 55, align="right"), Column("memory", "memory", 7, 55, align="right"),
           Column("state", "state", 16, 85)]  # fmt: skip


def row(index: int, restarts: int = 0) -> Row:
    return Row(f"uid-{index}", (f"pod-{index:05d}", f"ns-{index % 20}", "1/1", str(restarts), "3d", "120m", "210M",
                                Cell("Running", "fine")), (f"pod-{index:05d}", f"ns-{index % 20}", 1, restarts, index, 0.12, 210, 0),
               f"pod-{index:05d} ns-{index % 20} running")  # fmt: skip


class Bench(App[None]):
    def compose(self) -> ComposeResult:
        yield LiveTable(COLUMNS, sort="name", id="table")
        yield LogTail(id="log")

    CSS = "#table {height: 1fr;} #log {height: 10;}"


async def table(rows: int) -> dict[str, Any]:
    numbers = random.Random(5)
    app = Bench()
    async with app.run_test(size=(120, 40)) as pilot:
        widget = app.query_one(LiveTable)
        everything = [row(index) for index in range(rows)]
        result: dict[str, Any] = {"rows": rows}
        async with ticker() as stalls:
            result["load_ms"] = await _timed(pilot, lambda: widget.set_rows(everything))
            result["update_200_ms"] = await _timed(
                pilot,
                lambda: widget.update([row(numbers.randrange(rows), numbers.randrange(99)) for _ in range(200)]),
            )
            result["sort_ms"] = await _timed(pilot, lambda: widget.sort_by("restarts", True))
            result["filter_ms"] = await _timed(pilot, lambda: setattr(widget, "filter_text", "ns-7"))
            result["unfilter_ms"] = await _timed(pilot, lambda: setattr(widget, "filter_text", ""))
            result["key_ms"] = await _timed(pilot, lambda: widget.action_move(1))
        result["worst_stall_ms"] = stalls.worst_ms
        return result


async def log(lines: int) -> dict[str, Any]:
    app = Bench()
    async with app.run_test(size=(120, 40)) as pilot:
        widget = app.query_one(LogTail)
        batch = [
            b"2026-11-22T10:00:00Z request served in 12 ms path=/api/v1/orders status=200 trace=4bf92f3577b34da6"
        ] * 1000
        async with ticker() as stalls:
            began, used = time.perf_counter(), time.process_time()
            for _ in range(lines // 1000):
                widget.feed(batch)
                await asyncio.sleep(0)
            await pilot.pause()
            wall, used = time.perf_counter() - began, time.process_time() - used
        return {"lines": lines, "lines_per_second": round(lines / wall), "us_cpu_per_line": round(used / lines * 1e6, 2),
                "worst_stall_ms": stalls.worst_ms}  # fmt: skip


async def _timed(pilot: Any, action: Any) -> float:
    began = time.process_time()
    action()
    await asyncio.sleep(0)
    spent = time.process_time() - began
    await pilot.pause()
    return round(spent * 1000, 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measure", choices=("table", "log"))
    parser.add_argument("--rows", type=int, default=5000)
    options = parser.parse_args()
    found = asyncio.run(table(options.rows) if options.measure == "table" else log(200_000))
    print(json.dumps({"measure": options.measure, **found}))


if __name__ == "__main__":
    main()
