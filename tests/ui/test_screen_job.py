from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bakeryops.jobs.control import asked_to_stop
from bakeryops.jobs.journal import Entry
from bakeryops.jobs.store import JobStore
from screens.app import BakeryOpsApp
from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from screens.jobs import JobsScreen
from screens.overview import OverviewScreen
from tests.support.acting_values import Planner, ended, journaled, more, rollback_plan, under_way
from tests.support.console import screen_text, until, until_gone
from tests.support.delivered import app_of, delivered
from tests.support.fake_session import NOW
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 50))


@contextmanager
def runner_of(job: str) -> Iterator[None]:
    """Hold a job as its runner does."""
    descriptor = os.open(JobStore().folder(job) / "runner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def console(**options: Any) -> BakeryOpsApp:
    session, view = delivered()
    app = app_of(session, view, **options)
    app.fake = session  # type: ignore[attr-defined]
    return app


async def at_overview(app: BakeryOpsApp, pilot: Any) -> None:
    await until(pilot, lambda: app.session is not None)
    app.fake.live()  # type: ignore[attr-defined]
    await until(pilot, "auth")


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_it_says_where_it_is_what_it_waits_for_and_what_is_proved(size: tuple[int, int]) -> None:
    job = journaled(under_way(NOW))
    app = console()
    app.job_now = lambda: NOW  # type: ignore[method-assign]
    with runner_of(job):
        async with app.run_test(size=size) as pilot:
            await at_overview(app, pilot)
            app.open_job(job)
            text = await until(pilot, "health check of 9f3c2a1")
            assert "step 3 of 5" in text
            assert "main 9f3c2a1 -> d20be44" in text
            assert "1 of 3 pods" in text
            assert "4.0s left" in text
            assert "○ 4 auth 1/1 ready" in text
            await pilot.pause()
            check(app, f"screen-job-{size[0]}", FOLDER)


async def test_it_follows_to_the_end_and_says_what_takes_it_back() -> None:
    job = journaled(under_way())
    app = console()
    with runner_of(job):
        async with app.run_test(size=(120, 40)) as pilot:
            await at_overview(app, pilot)
            app.open_job(job)
            await until(pilot, "step 3 of 5")
            more(job, ended())
            text = await until(pilot, "✔ auth runs 51d0e7b, 1/1 ready")
            assert "digest sha256:51ab" in text
            assert "bakeryops rollback auth --undo" in text


async def test_one_that_failed_says_why_and_what_to_do() -> None:
    job = journaled([*under_way(), *ended("partial", text="committed, not applied", why="kustomize build failed",
                                          hint="Look at: bakeryops flux")])  # fmt: skip
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await at_overview(app, pilot)
        app.open_job(job)
        text = await until(pilot, "▲ committed, not applied")
        assert "kustomize build failed" in text
        assert "Look at: bakeryops flux" in text


async def test_leaving_leaves_it_running_and_the_title_bar_goes_on_telling() -> None:
    job = journaled(under_way())
    app = console()
    with runner_of(job):
        async with app.run_test(size=(80, 24)) as pilot:
            await at_overview(app, pilot)
            await until(pilot, "◐ rollback auth 3/5")
            app.open_job(job)
            await until(pilot, "step 3 of 5")
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
            assert asked_to_stop(JobStore().folder(job)) is None
            more(job, ended())
            await until_gone(pilot, "◐ rollback auth", tries=400)


async def test_cancel_asks_once_and_says_what_it_means() -> None:
    job = journaled(under_way())
    app = console()
    with runner_of(job):
        async with app.run_test(size=(80, 24)) as pilot:
            await at_overview(app, pilot)
            app.open_job(job)
            await until(pilot, "step 3 of 5")
            await pilot.press("x")
            await until(pilot, "stop after step 3  what is done so far stays done")
            await pilot.press("enter")
            await until(pilot, "step 3 of 5")
            assert asked_to_stop(JobStore().folder(job)) is None
            await pilot.press("x")
            await until(pilot, "stop after step 3")
            await pilot.press("down", "enter")
            await until(pilot, lambda: asked_to_stop(JobStore().folder(job)) is not None)


async def test_read_only_cancels_nothing() -> None:
    job = journaled(under_way())
    app = console()
    app.read_only = True
    with runner_of(job):
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await at_overview(app, pilot)
            app.open_job(job)
            await until(pilot, "step 3 of 5")
            await pilot.press("x")
            await until(pilot, "read-only")
            assert isinstance(app.screen, JobScreen)


async def test_a_lost_runner_is_said_and_the_job_can_be_resumed() -> None:
    job = journaled(under_way(time.time() - 60))
    app = console()
    resumed: list[str] = []

    async def resume(name: str) -> None:
        resumed.append(name)

    app.resume_job = resume  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await at_overview(app, pilot)
        app.open_job(job)
        text = await until(pilot, "its process is gone; nothing goes on")
        assert "r goes on where it stopped" in text
        await pilot.press("r")
        await until(pilot, lambda: resumed == [job])


async def test_the_log_is_a_key_away() -> None:
    job = journaled([*under_way(), Entry(time.time(), "tell", "s2", text="line of the log")])
    app = console()
    with runner_of(job):
        async with app.run_test(size=(80, 24)) as pilot:
            await at_overview(app, pilot)
            app.open_job(job)
            await until(pilot, "step 3 of 5")
            await pilot.press("l")
            text = await until(pilot, "line of the log")
            assert "health check of 9f3c2a1 ends in 41 s at most" in text


async def test_a_refused_push_leads_to_a_new_preview() -> None:
    refused = ended("refused", text="the branch has moved", why="somebody pushed meanwhile")
    job = journaled([*under_way()[:3], *refused])
    app = console()
    planner = Planner(rollback_plan(title="Roll back auth to 4a1b2c3"))
    async with app.run_test(size=(120, 40)) as pilot:
        await at_overview(app, pilot)
        app._proposals[job] = planner.proposal()
        app.open_job(job)
        await until(pilot, "✖ the branch has moved")
        await pilot.press("n")
        await until(pilot, "Roll back auth to 4a1b2c3?")


async def test_undo_opens_the_preview_of_taking_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def undo(console: object, service: str) -> Any:
        asked.append(service)
        return Planner(rollback_plan(title="Take the rollback of auth back")).proposal()

    monkeypatch.setattr("screens.plans.undo", undo)
    job = journaled([*under_way(), *ended()])
    app = console()
    async with app.run_test(size=(120, 40)) as pilot:
        await at_overview(app, pilot)
        app.open_job(job)
        await until(pilot, "✔ auth runs 51d0e7b")
        await pilot.press("u")
        await until(pilot, "Take the rollback of auth back?")
        assert isinstance(app.screen, ConfirmScreen)
        assert asked == ["auth"]


async def test_jobs_of_other_consoles_are_listed_running_ones_first() -> None:
    done = journaled([*under_way(), *ended()], rollback_plan(subject="tenant"))
    going = journaled(under_way())
    more(done, [])
    app = console()
    with runner_of(going):
        async with app.run_test(size=(120, 40)) as pilot:
            await at_overview(app, pilot)
            await pilot.press("J")
            text = await until(pilot, "1 running, 2 in all")
            assert isinstance(app.screen, JobsScreen)
            assert text.index("◐ rollback auth") < text.index("✔ rollback tenant")
            await pilot.press("enter")
            await until(pilot, "step 3 of 5")
            await pilot.press("escape")
            await until(pilot, "2 in all")
            late = journaled(under_way(), rollback_plan(subject="orders"))
            with runner_of(late):
                await until(pilot, "rollback orders", tries=400)


async def test_no_job_is_said_and_nothing_is_made_on_disk() -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await at_overview(app, pilot)
        await pilot.press("J")
        await until(pilot, "Nothing has been changed from here yet.")
        assert not (Path(os.environ["XDG_STATE_HOME"]) / "bakeryops" / "jobs").exists()


async def test_a_job_that_is_not_there_is_said() -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await at_overview(app, pilot)
        app.open_job("20261118-110640-rollback-auth-abcd")
        await until(pilot, "there is no job")
        await pilot.press("l", "x", "u", "n", "r", "y")
        assert "there is no job" in screen_text(app)


async def test_hostile_texts_and_sizes_break_nothing() -> None:
    evil = "\x1b]0;owned\x07[/red] \u202e" + "x" * 400
    job = journaled(
        [*under_way(), Entry(time.time(), "tell", "s2", text=evil), *ended("failed", text=evil, why=evil)]
    )
    app = console()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await at_overview(app, pilot)
        app.open_job(job)
        await until(pilot, "✖ ")
        for size in ((20, 6), (1, 1), (200, 50), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("l", "G", "g", "l", "j")
        text = await until(pilot, "✖ failed")
        assert "\x1b" not in text
        assert "\u202e" not in text
