"""What is to be reached, and whether it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A number of one measure that must not be above `most`, or, with `least`, not below it."""

    measure: str
    number: str
    what: str
    most: float | None = None
    least: float | None = None

    def met(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    @property
    def bound(self) -> str:
        return f"<= {self.most:g}" if self.most is not None else f">= {self.least:g}"


GOALS = [
    Goal("console start 5000", "first_paint_ms", "process start -> first paint (ms)", most=350),
    Goal(
        "console start 5000", "first_rows_ms", "process start -> first live pod rows, 5,000 pods (ms)", most=1200
    ),
    Goal("console start 5000", "rss_mib", "memory with 5,000 pods (MiB)", most=130),
    Goal("client ours 5000", "worst_stall_ms", "longest stall while 5,000 pods load (ms)", most=50),
    Goal("client load 5000", "worst_stall_ms", "longest stall at 500 events/s (ms)", most=50),
    Goal("console latency 5000", "cell_p50_ms", "change -> cell at 200 events/s, p50 (ms)", most=100),
    Goal("console latency 5000", "cell_p99_ms", "change -> cell at 200 events/s, p99 (ms)", most=250),
    Goal("console latency 5000", "key_p99_ms", "key -> repaint under that load, p99 (ms)", most=60),
    Goal("console idle", "overview_cpu_percent", "CPU idle on the overview, full bakery (% of a core)", most=1.5),
    Goal("console idle", "overview_bytes_per_second", "bytes/s to the terminal, idle overview", most=300),
    Goal("console idle", "workloads_cpu_percent", "CPU idle on workloads, full bakery (% of a core)", most=1.5),
    Goal("console idle", "workloads_bytes_per_second", "bytes/s to the terminal, idle workloads", most=300),
    Goal("console idle", "builds_cpu_percent", "CPU idle on builds, full bakery (% of a core)", most=1.5),
    Goal("console idle", "builds_bytes_per_second", "bytes/s to the terminal, idle builds", most=300),
    Goal("console idle", "gitops_cpu_percent", "CPU idle on gitops, full bakery (% of a core)", most=1.5),
    Goal("console idle", "gitops_bytes_per_second", "bytes/s to the terminal, idle gitops", most=300),
    Goal("console busy", "rss_mib", "memory after every view of a busy cluster of 5,000 pods (MiB)", most=130),
    Goal("console frames", "worst_ms", "longest frame of any view of that cluster (ms)", most=50),
    Goal("builds list 5000", "worst_stall_ms", "longest stall while 5,000 builds load (ms)", most=50),
    Goal(
        "builds list 5000", "open_worst_ms", "a build with its tasks fetched and read, 5,000 builds (ms)", most=100
    ),
    Goal("builds console 500", "opened_ms", "enter -> the build on screen, 500 builds (ms)", most=100),
    Goal("builds console 5000", "opened_ms", "enter -> the build on screen, 5,000 builds (ms)", most=100),
    Goal(
        "builds console 5000", "again_opened_ms", "enter -> the next build on screen, 5,000 builds (ms)", most=100
    ),
    Goal("acting preview", "warm_ms", "key -> preview of a rollback, plan kept warm (ms)", most=200),
    Goal("acting pushed", "pushed_ms", "confirm -> pushed, on loopback (ms)", most=2000),
    Goal("widgets log", "lines_per_second", "log lines/s taken in by the view", least=50_000),
    Goal("console log", "key_p99_ms", "key -> repaint while 50,000 log lines/s flow, p99 (ms)", most=60),
]


def verdicts(results: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row a goal: what, bound, measured, met (None where it was not measured)."""
    rows = []
    for goal in GOALS:
        value = results.get(goal.measure, {}).get(goal.number)
        rows.append(
            {
                "what": goal.what,
                "goal": goal.bound,
                "measured": value,
                "met": None if value is None else goal.met(value),
            }
        )
    return rows
