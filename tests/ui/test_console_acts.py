"""The console on a real API server: a key, the preview, a job in a process of its own, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bakeryops.cluster.target import find_target
from bakeryops.config import load
from bakeryops.jobs import spawn
from bakeryops.jobs.audit import AuditLog
from bakeryops.jobs.store import JobStore
from screens.app import BakeryOpsApp
from tests.support.cli_child import serving
from tests.support.console import screen_text

pytestmark = pytest.mark.slow


async def until(app: BakeryOpsApp, holds: str | Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a text is on screen, or something holds."""
    try:
        async with asyncio.timeout(seconds):
            while not (holds in screen_text(app) if isinstance(holds, str) else holds()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{holds!r} did not come:\n{screen_text(app)}") from None


async def test_a_red_service_is_rolled_back_with_three_keys(tmp_path: Path) -> None:
    with serving(tmp_path) as demo:
        config = load(demo.folder / "config.yaml", environ={}).config
        app = BakeryOpsApp(find_target(str(demo.folder / "kubeconfig")), config=config, demo=True)
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(app, "pos-service")
            await until(app, lambda: bool(app.warm.wanted) and "pos" not in app.warm.lacking())
            await pilot.press("R")
            await until(app, "Roll back pos to")
            await until(app, "[ Cancel ]")
            await pilot.press("tab", "enter")
            await until(app, "rollback pos")
            await until(app, "stays ready", 30)
            await pilot.press("d")
            await until(app, "◐ rollback pos")
            # Another console finds the job and follows it to its end.
            job = JobStore().ids()[0]
            await pilot.press("J", "enter")
            await until(app, lambda: JobStore().view(job).finished, 90)
            await until(app, "bakeryops rollback pos --undo")
            assert JobStore().view(job).state == "done"
        for child in spawn._CHILDREN:
            child.wait(30)
        records = [record for record in AuditLog().records() if record.job == job]
        assert [record.event for record in records] == ["begun", "ended"]
        assert records[-1].outcome == "done"
