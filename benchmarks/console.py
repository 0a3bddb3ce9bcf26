"""The console itself in a real pseudo-terminal: first paint, rows, latency from change to cell, keys, idle cost."""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.support import api_server, cpu_seconds, demo, post, quantile, rss_mib
from tests.support.pty import Terminal

COMMAND = [sys.executable, "-m", "bakeryops"]


def environ(folder: Path) -> dict[str, str]:
    """Keep configuration and state of the person who measures out of it."""
    return {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}


def start(pods: int, folder: Path) -> dict[str, Any]:
    """Start to first paint, and to the first rows of pods; memory once all is live."""
    with api_server(pods, folder) as (_, kubeconfig):
        paints, rows = [], []
        for _ in range(5):
            began = time.perf_counter()
            with Terminal(
                [*COMMAND, "--kubeconfig", str(kubeconfig)], columns=120, lines=40, environ=environ(folder)
            ) as term:
                term.wait_for("bakeryops")
                paints.append(time.perf_counter() - began)
                term.send("4w")
                term.wait_for("pod-0")
                rows.append(time.perf_counter() - began)
                term.read(1.0)
                memory = rss_mib(term.process.pid)
        return {
            "first_paint_ms": _ms(quantile(paints, 0.5)),
            "first_rows_ms": _ms(quantile(rows, 0.5)),
            "rss_mib": memory,
        }


def latency(pods: int, folder: Path, rate: int = 200, trials: int = 120) -> dict[str, Any]:
    """A pod changes at the server: how long until its cell has changed; and how long a key takes, under load."""
    numbers = random.Random(3)
    with api_server(pods, folder) as (url, kubeconfig):
        with Terminal(
            [*COMMAND, "--kubeconfig", str(kubeconfig)], columns=120, lines=40, environ=environ(folder)
        ) as term:
            term.wait_for("bakeryops")
            term.send("4w")
            term.wait_for("pod-0")
            term.read(2.0)
            shown = next(line for line in term.text() if "pod-0" in line)
            index = int(shown.split("pod-")[1][:5])
            name = f"pod-{index:05d}"
            post(f"{url}/bench?rate={rate}")
            term.read(2.0)
            cells, keys = [], []
            before, began = cpu_seconds(term.process.pid), time.perf_counter()
            sent = term.raw
            for trial in range(trials):
                mark = str(100 + (trial * 7) % 900)
                at = time.perf_counter()
                post(f"{url}/bench/touch?index={index}&restarts={mark}")
                _shows(term, name, f" {mark} ")
                cells.append(time.perf_counter() - at)
                _drain(term, 0.02 + numbers.random() * 0.06)
                at = time.perf_counter()
                term.send("j" if trial % 2 else "k")
                _first_byte(term)
                keys.append(time.perf_counter() - at)
                _drain(term, 0.02 + numbers.random() * 0.06)
            wall = time.perf_counter() - began
            used = cpu_seconds(term.process.pid) - before
        return {"rate": rate, "cell_p50_ms": _ms(quantile(cells, 0.5)), "cell_p99_ms": _ms(quantile(cells, 0.99)),
                "key_p50_ms": _ms(quantile(keys, 0.5)), "key_p99_ms": _ms(quantile(keys, 0.99)),
                "cpu_percent": round(100 * used / wall, 1), "bytes_per_second": round((len(term.raw) - len(sent)) / wall)}  # fmt: skip


def idle(folder: Path, seconds: float = 30, size: str = "") -> dict[str, Any]:
    """The whole bakery, watched and left alone, or ("large") 5,000 pods that change: CPU, bytes, memory."""
    with demo(folder, size) as kubeconfig:
        return stay(kubeconfig, folder, seconds)


def stay(kubeconfig: Path, folder: Path, seconds: float, columns: int = 120, lines: int = 40) -> dict[str, Any]:
    """Look at the views for a while each: CPU, bytes to the terminal, memory in the end."""
    command = [*COMMAND, "--kubeconfig", str(kubeconfig)]
    with Terminal(command, columns=columns, lines=lines, environ=environ(folder)) as term:
        term.wait_for("live")
        term.read(8.0)
        found: dict[str, Any] = {}
        for view, key in (("overview", ""), ("workloads", "4"), ("pods", "w"), ("builds", "2"), ("gitops", "3")):
            if key:
                term.send(key)
                term.read(5.0)
            before, count, began = cpu_seconds(term.process.pid), len(term.raw), time.perf_counter()
            while time.perf_counter() - began < seconds:
                term.read(1.0)
            wall = time.perf_counter() - began
            found[f"{view}_cpu_percent"] = round(100 * (cpu_seconds(term.process.pid) - before) / wall, 2)
            found[f"{view}_bytes_per_second"] = round((len(term.raw) - count) / wall)
            found[f"{view}_rss_mib"] = rss_mib(term.process.pid)
        found["rss_mib"] = rss_mib(term.process.pid)
        return found


def log(folder: Path, rate: int = 50_000) -> dict[str, Any]:
    """Follow a log of 50,000 lines a second: CPU, memory, and how long a key takes meanwhile."""
    with api_server(40, folder) as (_, kubeconfig):
        with Terminal(
            [*COMMAND, "--kubeconfig", str(kubeconfig)], columns=120, lines=40, environ=environ(folder)
        ) as term:
            term.wait_for("bakeryops")
            term.send("4w")
            term.wait_for("pod-0")
            term.send("l")
            term.wait_for("request served", 20)
            _drain(term, 3.0)
            memory = [rss_mib(term.process.pid)]
            before, began, count = cpu_seconds(term.process.pid), time.perf_counter(), len(term.raw)
            while time.perf_counter() - began < 10:
                _drain(term, 1.0)
            wall = time.perf_counter() - began
            used = cpu_seconds(term.process.pid) - before
            sent = len(term.raw) - count
            memory.append(rss_mib(term.process.pid))
            keys = []
            for _ in range(30):
                at = time.perf_counter()
                term.send("?")
                term.wait_for("help", 5)
                keys.append(time.perf_counter() - at)
                term.send("\x1b")
                _drain(term, 0.3)
        return {"rate": rate, "cpu_percent": round(100 * used / wall, 1), "bytes_per_second": round(sent / wall),
                "rss_mib_before": memory[0], "rss_mib_after": memory[1], "key_p99_ms": _ms(quantile(keys, 0.99))}  # fmt: skip


def _drain(term: Terminal, seconds: float) -> None:
    """Take output for a while, without drawing it."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        term.read(min(left, 0.05))


def _shows(term: Terminal, name: str, text: str) -> None:
    """Wait until the line of `name` holds `text`, looking every millisecond."""
    until = time.perf_counter() + 10
    while not any(name in line and text in line for line in term.screen.display):
        if time.perf_counter() > until:
            raise AssertionError(f"{text!r} did not come:\n" + "\n".join(term.text()))
        while not term.read(0.001) and time.perf_counter() < until:
            pass


def _first_byte(term: Terminal) -> None:
    """Wait for the next output."""
    select.select([term._master], [], [], 5)
    os.read(term._master, 65536)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measure", choices=("start", "latency", "idle", "busy", "log"))
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    match options.measure:
        case "start":
            found = start(options.pods, options.folder)
        case "latency":
            found = latency(options.pods, options.folder)
        case "idle":
            found = idle(options.folder)
        case "busy":
            found = idle(options.folder, size="large")
        case _:
            found = log(options.folder)
    print(json.dumps({"measure": options.measure, "pods": options.pods, **found}))


if __name__ == "__main__":
    main()
