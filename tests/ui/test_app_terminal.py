from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from screens.pace import WINDOW, Meter, Pace
from tests.support.pty import Terminal

CONSOLE = """
import asyncio, json, sys, time
from screens.app import BakeryOpsApp
from tests.support.fake_session import FakeSession
from tests.support.small_bakery import fill

async def main():
    session = FakeSession()
    fill(session)
    app = BakeryOpsApp(session.target, connect=lambda target: session)
    gaps, stop = [0.0], asyncio.Event()

    async def busy():
        last = time.monotonic()
        while not stop.is_set():
            await asyncio.sleep(0.02)
            now = time.monotonic()
            gaps.append(now - last)
            last = now
            if session.link.live:
                app.screen.refresh()
            elif app.session is not None:
                session.live()
            json.dump({"gap": max(gaps), "beats": len(gaps), "slow": app.pace.slow, "bytes": app.pace.bytes_written},
                      open(sys.argv[1] if len(sys.argv) > 1 else PATH, "w"))

    task = asyncio.create_task(busy())
    await app.run_async()
    stop.set()
    await task

asyncio.run(main())
"""


def told(path: Path) -> dict[str, float]:
    for _ in range(100):
        try:
            return json.loads(path.read_text("utf-8"))  # type: ignore[no-any-return]
        except (OSError, ValueError):
            time.sleep(0.02)
    raise AssertionError("nothing was told")


def beats_until(path: Path, least: float, seconds: float = 30) -> dict[str, float]:
    """Wait until the console's event loop has turned so many times."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = told(path)
        if found["beats"] >= least:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the event loop stands still: {told(path)}")


@pytest.mark.slow
def test_a_terminal_that_stops_reading_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    path = tmp_path / "beats.json"
    with Terminal.python(f"PATH = {str(path)!r}\n{CONSOLE}", columns=200, lines=50) as terminal:
        until = time.monotonic() + 30
        while b"CrashLoopBackOff" not in terminal.raw and time.monotonic() < until:
            terminal.read(0.1)
        before = told(path)["beats"]
        # Nobody reads from here on; the pipe of the terminal fills within a few frames.
        found = beats_until(path, before + 150)
        assert found["slow"], "the console noticed that the terminal is behind"
        stalled = told(path)["bytes"]
        beats_until(path, found["beats"] + 20)
        assert told(path)["bytes"] == stalled, "nothing is put into a terminal that takes nothing"
        until = time.monotonic() + 30
        while told(path)["bytes"] == stalled and time.monotonic() < until:
            terminal.read(0.1)
        assert told(path)["bytes"] > stalled, "painting goes on when the terminal reads again"


def test_pace_counts_bytes_and_tells_slow(tmp_path: Path) -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    assert not pace.slow
    assert not pace.measured
    pace.held()
    now[0] += 2
    assert pace.slow
    pace.released()
    assert pace.slow
    now[0] += WINDOW
    assert not pace.slow
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        meter = Meter(file)
        meter.write("abc")
        meter.write("ü")
        assert meter.bytes_written == 5
