"""The history and the black box in the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakeryops.cluster.logs import LogEntry
from bakeryops.jobs.audit import AuditLog
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.model.blackbox import Saved, SavedLog, Timing
from screens.app import BakeryOpsApp
from screens.blackbox import BlackBoxScreen, SavedScreen
from screens.follow import FollowScreen
from screens.history import HistoryScreen
from screens.service import ServiceScreen
from tests.support.console import screen_text, until, until_gone
from tests.support.delivered import RUN, app_of, delivered
from tests.support.fake_session import NOW, FakeLog, FakeSession

SIZES = ((80, 24), (120, 40), (200, 50))


def saved(number: int = 1, **more: Any) -> Saved:
    lines = ("collecting …", "tests/test_auth.py .F", "E  AssertionError: 3 != 4", "1 failed")
    values: dict[str, Any] = {
        "verdict": "failed", "kind": "TaskRun", "namespace": "bakery-ci", "name": f"{RUN}-test-{number}",
        "uid": f"uid-{number}", "part": f"{RUN}-test-{number}-pod", "when": NOW - 60.0 * number, "saved": NOW - 59.0,
        "build": RUN, "pipeline": "bakery-ia-ci", "task": "test auth", "step": "pytest", "container": "step-pytest",
        "pod": f"{RUN}-test-{number}-pod", "commit": "b74ec6c" * 5, "reason": "StepFailed", "exit_code": 1,
        "why": "Step pytest failed (exit code 1).", "error": lines[2], "error_at": 2,
        "logs": (SavedLog("step-pytest", "pytest", lines),), "timings": (Timing("pytest", 12.0),),
    }  # fmt: skip
    return Saved(**(values | more))


async def opened(app: BakeryOpsApp, session: FakeSession, pilot: Any, text: str = "deploy") -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    await pilot.press("5")
    await until(pilot, lambda: isinstance(app.screen, HistoryScreen))
    return await until(pilot, text)


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_deployments_and_actions_are_one_list(size: tuple[int, int]) -> None:
    log = AuditLog(clock=lambda: NOW - 300.0)
    log.append("begun", job="j1", action="restart", subject="tenant", title="Restart tenant", who="op", host="vps",
               scope=["service/tenant"])  # fmt: skip
    log.append("ended", job="j1", outcome="failed", text="it did not become ready")
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        shown = await opened(app, session, pilot, "Restart tenant")
        assert "2 deployments, 1 actions" in shown
        lines = [line for line in shown.split("\n") if line.startswith(("✔", "✖", "○"))]
        assert lines[0].startswith("✖")
        assert "5m" in lines[0]
        assert "failed" in lines[0]
        assert "auth" in lines[1]
        assert "applied" in lines[1]
        await until(pilot, "it did not become ready")


async def test_enter_opens_what_an_entry_is_about() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FollowScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))


async def test_words_filter_the_list() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot, "tenant")
        await pilot.press("slash", *"auth")
        shown = await until_gone(pilot, "plans by month")
        assert "1 of 2" in shown


async def test_it_is_kept_for_the_next_console() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot, "plans by month")
    session, view = delivered()
    app = app_of(session, type(view)(state="refused", reason="Gitea refuses the token"))
    async with app.run_test(size=(120, 40)) as pilot:
        shown = await opened(app, session, pilot, "plans by month")
        assert "Gitea refuses the token" in shown


async def test_a_saved_failure_is_read_searched_and_compared() -> None:
    session, view = delivered()
    store = BlackBoxStore()
    store.save(session.target.server, saved(1), NOW)
    store.save(session.target.server, saved(2, kind="Pod", name="auth-1", pod="auth-1", task="", build="", container="auth",
                                            part="auth", reason="OOMKilled", error="", why="out of memory"), NOW)  # fmt: skip
    good = SavedLog("step-pytest", "pytest", ("collecting …", "tests/test_auth.py ..", "2 passed"))
    store.save(session.target.server, saved(3, verdict="green", logs=(good,), build="bakery-ia-ci-good"), NOW)
    store.close()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot)
        await pilot.press("b")
        shown = await until(pilot, "2 failures")
        assert isinstance(app.screen, BlackBoxScreen)
        assert "E  AssertionError: 3 != 4" in shown
        assert "OOMKilled" in shown
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SavedScreen))
        shown = await until(pilot, "Around the error")
        assert "exit code 1" in shown
        await pilot.press("v")
        shown = await until(pilot, "beside the last good run")
        assert "- tests/test_auth.py .." in shown
        assert "+ tests/test_auth.py .F" in shown
        await pilot.press("v")
        await until(pilot, "Around the error")
        await pilot.press("slash", *"collecting", "enter")
        assert "collecting" in screen_text(app)


async def test_the_log_of_a_pod_that_is_gone_is_shown_as_it_was_saved(session: FakeSession, make_app: Any) -> None:
    from tests.ui.test_screen_lists import start

    store = BlackBoxStore()
    lines = ("starting", "ERROR the key is missing")
    store.save(session.target.server, saved(pod="auth-6d5f8c7b9-x2x4z", container="auth",
                                            logs=(SavedLog("auth", "auth", lines),)), NOW)  # fmt: skip
    store.close()
    end = LogEntry(notice="the pod was deleted; its log is gone with it")
    session.container_logs["auth-6d5f8c7b9-x2x4z", "auth", False] = FakeLog([end], ends=True)
    app = make_app(session)
    async with app.run_test(size=(120, 30)) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        shown = await until(pilot, "ERROR the key is missing")
        assert "saved by the black box" in shown


def test_nothing_is_made_on_disk_by_looking_for_a_log_that_was_never_saved(tmp_path: Path) -> None:
    from screens.blackbox import _saved_log

    assert _saved_log(tmp_path / "blackbox.sqlite", "here", "pod", "main") == ([], "")
    assert list(tmp_path.iterdir()) == []
