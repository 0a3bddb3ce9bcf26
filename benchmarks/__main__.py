"""`python -m benchmarks`: measure everything, each in a process of its own; write .bench/results.json and .md."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.goals import verdicts

SIZES = (500, 5000, 50_000)
BUILDS = (50, 500, 5000)


def plan(sizes: tuple[int, ...]) -> list[tuple[str, list[str]]]:
    """Return each measure's name and the module with arguments that takes it."""
    found: list[tuple[str, list[str]]] = []
    for size in sizes:
        found.extend(
            (f"client {measure} {size}", ["benchmarks.client", measure, "--pods", str(size)])
            for measure in ("ours", "json", "watch", "load")
        )
        found.append((f"widgets table {size}", ["benchmarks.widgets", "table", "--rows", str(size)]))
        found.append((f"console start {size}", ["benchmarks.console", "start", "--pods", str(size)]))
        found.append((f"console latency {size}", ["benchmarks.console", "latency", "--pods", str(size)]))
    for count in BUILDS:
        found.append((f"builds list {count}", ["benchmarks.builds", "list", "--builds", str(count)]))
        found.append((f"builds console {count}", ["benchmarks.builds", "console", "--builds", str(count)]))
    found.append(("acting preview", ["benchmarks.acting", "preview"]))
    found.append(("acting pushed", ["benchmarks.acting", "pushed"]))
    found.append(("client aio-typed 5000", ["benchmarks.client", "aio-typed", "--pods", "5000"]))
    found.append(("widgets log", ["benchmarks.widgets", "log"]))
    found.append(("console log", ["benchmarks.console", "log"]))
    found.append(("console idle", ["benchmarks.console", "idle"]))
    found.append(("console busy", ["benchmarks.console", "busy"]))
    found.append(("console frames", ["benchmarks.frames"]))
    return found


def take(arguments: list[str], folder: Path) -> dict[str, Any]:
    """Run one measure; a failure is a result too."""
    command = [sys.executable, "-m", *arguments, *([] if "widgets" in arguments[0] else ["--folder", str(folder)])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": "not finished in 300 s"}
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    return {key: value for key, value in json.loads(done.stdout.splitlines()[-1]).items() if key != "measure"}


def markdown(results: dict[str, dict[str, Any]]) -> str:
    """Return the goals and every number as two Markdown tables."""
    lines = ["| goal | bound | measured | |", "|---|--:|--:|---|"]
    for row in verdicts(results):
        mark = {True: "met", False: "**missed**", None: "not measured"}[row["met"]]
        lines.append(
            f"| {row['what']} | {row['goal']} | {'' if row['measured'] is None else row['measured']} | {mark} |"
        )
    lines += ["", "| measure | numbers |", "|---|---|"]
    for name, found in results.items():
        lines.append(f"| {name} | {', '.join(f'{key} {value}' for key, value in found.items())} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="measures whose name holds this text")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of pods, with commas")
    parser.add_argument("--out", type=Path, default=Path(".bench"))
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="bakeryops-bench-") as folder:
        for name, arguments in plan(tuple(int(size) for size in options.sizes.split(","))):
            if options.only in name:
                results[name] = take(arguments, Path(folder))
                print(f"{name}: {results[name]}", file=sys.stderr, flush=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    text = json.dumps({"machine": machine, "results": results, "goals": verdicts(results)}, indent=1)
    (options.out / "results.json").write_text(text + "\n", encoding="utf-8")
    (options.out / "results.md").write_text(markdown(results), encoding="utf-8")
    print(markdown(results))


if __name__ == "__main__":
    main()
