"""The console's longest frames on a busy cluster of 5,000 pods: how long each view keeps its event loop, and where.

A 10 ms ticker in the console's own loop is watched by a thread that notes what the loop is at when the ticker is late.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from bakeryops.cli.memory import set_allocators
from benchmarks.support import demo, rss_mib

LATE = 0.025
"""Seconds after which a stack is taken."""


class Frames:
    """A ticker in the loop, and a thread that looks at the loop's stack while the ticker is late."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.culprits: Counter[str] = Counter()
        self._beat = time.perf_counter()
        self._main = threading.get_ident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._task = asyncio.create_task(self._tick())
        self._thread.start()
        self._collecting = 0.0
        self.collected: list[float] = []
        gc.callbacks.append(self._collector)

    def _collector(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.perf_counter()
        else:
            self.collected.append(time.perf_counter() - self._collecting)

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            self._beat = time.perf_counter()
            self.gaps.append(max(0.0, self._beat - before - 0.01))

    def _watch(self) -> None:
        while not self._over.wait(0.004):
            if time.perf_counter() - self._beat > LATE:
                frame = sys._current_frames().get(self._main)
                self.culprits[_names(frame)] += 1

    def take(self) -> dict[str, Any]:
        """Return the longest frame since the last call, how many were long, and what the loop was at in those."""
        gaps, self.gaps = self.gaps, []
        culprits, self.culprits = self.culprits, Counter()
        collected, self.collected = self.collected, []
        return {"worst_ms": round(max(gaps, default=0) * 1000, 1), "over_25_ms": sum(gap > 0.025 for gap in gaps),
                "over_50_ms": sum(gap > 0.05 for gap in gaps), "collector_ms": round(max(collected, default=0) * 1000, 1),
                "culprits": [f"{count} x {names}" for names, count in culprits.most_common(5)]}  # fmt: skip

    def stop(self) -> None:
        """End ticker and thread."""
        gc.callbacks.remove(self._collector)
        self._task.cancel()
        self._over.set()


def _names(frame: FrameType | None) -> str:
    """Return the calls of the project that a stack is in, outermost first."""
    found: list[str] = []
    while frame is not None:
        name = Path(frame.f_code.co_filename)
        own = any(part in ("screens", "bakeryops") for part in name.parts)
        if own or not found:
            found.append(f"{name.stem}.{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    return " > ".join(reversed(found[:7]))


async def look(kubeconfig: Path, seconds: float) -> dict[str, Any]:
    """Go through the views and stay on each for a while."""
    from bakeryops.cli.cluster import make_session
    from bakeryops.cluster.target import find_target
    from bakeryops.config import Config
    from screens.app import BakeryOpsApp

    config = Config(kubeconfig=str(kubeconfig))
    app = BakeryOpsApp(
        find_target(str(kubeconfig)), config=config, connect=lambda target: make_session(target, config)
    )
    found: dict[str, Any] = {}
    async with app.run_test(size=(160, 45)) as pilot:
        frames = Frames()
        for name, keys, stay in (
            ("overview load", (), 6.0), ("overview", (), seconds), ("workloads", ("4",), seconds),
            ("pods", ("w",), 4.0), ("pods steady", (), seconds), ("sort", (">",), 3.0), ("reverse", ("~",), 3.0),
            ("filter", ("slash", *"work"), 3.0), ("filter off", ("escape",), 3.0), ("palette", ("ctrl+p", *"web"), 4.0),
            ("palette off", ("escape",), 2.0), ("workloads again", ("w",), 4.0), ("overview again", ("1",), 6.0),
            ("builds", ("2",), 6.0), ("builds steady", (), seconds), ("build", ("enter",), 6.0),
            ("build logs", ("l",), 6.0), ("follow", ("escape", "F"), 6.0), ("follow steady", (), seconds),
            ("builds again", ("escape", "escape"), 4.0), ("service", ("v",), 6.0), ("service steady", (), seconds),
            ("gitops", ("escape", "3"), 6.0), ("gitops steady", (), seconds), ("sync", ("enter",), 6.0),
        ):  # fmt: skip
            for key in keys:
                await pilot.press(key)
            await asyncio.sleep(stay)
            found[name] = frames.take() | {"rss_mib": rss_mib()}
        frames.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--pods", type=int, default=5000, help="not used: the large embedded cluster has 5,000")
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--seconds", type=float, default=12)
    options = parser.parse_args()
    set_allocators()
    if options.kubeconfig:
        found = asyncio.run(look(options.kubeconfig, options.seconds))
    else:
        with demo(options.folder, "large") as kubeconfig:
            found = asyncio.run(look(kubeconfig, options.seconds))
    worst = max(each["worst_ms"] for each in found.values())
    print(json.dumps({"measure": "frames", "worst_ms": worst, "rss_mib": rss_mib(), **found}))


if __name__ == "__main__":
    main()
