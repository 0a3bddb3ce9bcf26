from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bakeryops.model.code import CodeView
from bakeryops.read.delivery_index import tasks_selector
from screens.app import BakeryOpsApp
from screens.build import BuildScreen
from screens.follow import FollowScreen
from screens.object import ObjectScreen
from tests.support import chain_values as values
from tests.support.console import screen_text, until
from tests.support.delivered import RUN, FixedCode, app_of, delivered, run, seen, story, taskrun
from tests.support.fake_session import NOW, FakeSession
from tests.support.small_bakery import deployment, pod
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 50))


async def opened(app: BakeryOpsApp, session: FakeSession, pilot: Any, what: str, text: str) -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    app.follow(what)
    await until(pilot, lambda: isinstance(app.screen, FollowScreen))
    return await until(pilot, text)


def leg(shown: str, name: str) -> str:
    return next(line for line in shown.split("\n") if line[2:].startswith(f"{name} "))


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_each_leg_has_its_time_and_the_cursor_is_where_it_is_stuck(size: tuple[int, int]) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        shown = await opened(app, session, pilot, values.sha("ttl")[:7], "stuck at ready")
        shown = await until(pilot, "1m00")
        assert "auth: token ttl" in shown
        assert "14m00 since the push" in shown
        for name, took in (
            ("build", "21s"),
            ("tests", "1m00"),
            ("images", "1m50"),
            ("flux", "10s"),
            ("applied", "5.0s"),
        ):
            line = leg(shown, name)
            assert line.startswith("✔")
            assert took in line
        assert leg(shown, "ready").startswith("✖")
        assert "crash-looping: exit 1, 7 restarts" in shown
        screen = app.screen
        assert isinstance(screen, FollowScreen)
        assert screen.table().selected == "ready"
        await pilot.pause()
        check(app, f"screen-follow-{size[0]}", FOLDER)


async def test_only_the_tasks_of_its_builds_are_asked_for() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, values.sha("ttl"), "1m00")
        asked = [each["taskruns"] for each in session.selectors if "taskruns" in each]
        assert asked == [tasks_selector(()), f"tekton.dev/pipelineRun in ({RUN})"]
        session.put("pipelineruns", run("bakery-ia-ci-ccccc", "ttl", "auth", ago=20, took=None))
        await until(pilot, lambda: len([each for each in session.selectors if "taskruns" in each]) == 3)
        assert session.selectors[-1]["taskruns"] == f"tekton.dev/pipelineRun in ({RUN},bakery-ia-ci-ccccc)"


async def test_it_goes_along_with_a_build_until_a_person_moves() -> None:
    session, _ = delivered(failing=False)
    told = story()
    told.change("next", ago=60, touched=("tenant",), subject="tenant: next")
    name = "bakery-ia-ci-ddddd"
    session.put("pipelineruns", run(name, "next", "tenant", ago=55, took=None))
    session.put("taskruns", taskrun(name, "clone", "clone", ago=50, took=None))
    app = app_of(session, seen(told.view()))
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, "HEAD", "now at build")
        screen = app.screen
        assert isinstance(screen, FollowScreen)
        session.put("taskruns", taskrun(name, "clone", "clone", ago=50, took=10))
        session.put("taskruns", taskrun(name, "test", "test tenant", ago=39, took=None))
        await until(pilot, "now at tests")
        assert screen.table().selected == "tests"
        await pilot.press("up")
        session.put("taskruns", taskrun(name, "test", "test tenant", ago=39, took=30))
        session.put("taskruns", taskrun(name, "build", "build tenant", ago=8, took=None))
        await until(pilot, "now at images")
        assert screen.table().selected == "build"


async def test_the_newest_that_was_asked_for_stays_what_is_followed() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, "HEAD", "auth: token ttl")
        told = story()
        told.change("later", ago=5, touched=("tenant",), subject="tenant: later")
        code = app.code
        assert isinstance(code, FixedCode)
        code.said = seen(told.view())
        app.screen.show_code()  # type: ignore[attr-defined]
        await pilot.pause()
        assert "auth: token ttl" in screen_text(app)


async def test_what_is_through_says_when_it_was_live() -> None:
    session, view = delivered()
    session.put("deployments", _newer(deployment("auth"), values.tag("ttl")))
    image = f"{values.REGISTRY}/auth:{values.tag('ttl')}"
    better = pod("auth-6d5f8c7b9-x2x4z", "auth", image=image, age=575)
    better["metadata"]["resourceVersion"] = "2"
    session.put("pods", better)
    app = app_of(session, view)
    async with app.run_test(size=(100, 30)) as pilot:
        shown = await opened(app, session, pilot, "auth", "✔ live")
        assert leg(shown, "ready").startswith("✔")


def _newer(raw: dict[str, Any], tag: str) -> dict[str, Any]:
    raw["metadata"]["resourceVersion"] = "2"
    raw["spec"]["template"]["spec"]["containers"][0]["image"] = f"{values.REGISTRY}/auth:{tag}"
    return raw


async def test_a_failed_build_is_said_once_and_opens() -> None:
    session, _ = delivered(failing=False)
    told = story()
    told.change("broken", ago=400, touched=("auth",), subject="auth: broken")
    message = "Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 2"
    session.put("pipelineruns", run("bakery-ia-ci-eeeee", "broken", "auth", ago=390, took=100, failed=message))
    app = app_of(session, seen(told.view()))
    async with app.run_test(size=(120, 40)) as pilot:
        shown = await opened(app, session, pilot, values.sha("broken"), "stuck at build")
        line = leg(shown, "build")
        assert line.startswith("✖")
        assert line.count("eeeee") == 1
        assert leg(shown, "tag commit").startswith("○")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BuildScreen))


async def test_enter_opens_what_a_leg_is_about_and_says_where_there_is_nothing() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await opened(app, session, pilot, values.sha("ttl"), "stuck at ready")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
        await pilot.press("escape")
        await until(pilot, "stuck at ready")
        await pilot.press("home", "enter")
        await until(pilot, "there is nothing in the cluster behind this leg")


@pytest.mark.parametrize(
    ("view", "says"),
    [
        (CodeView(state="waiting"), "reading"),
        (CodeView(state="refused", reason="Gitea refuses the credentials"), "Git: Gitea refuses the credentials"),
    ],
    ids=["waiting", "refused"],
)
async def test_what_is_not_known_says_why(view: CodeView, says: str) -> None:
    session, _ = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot, "0000000", says)


async def test_a_stale_git_says_its_age() -> None:
    session, view = delivered()
    app = app_of(session, replace(view, state="stale", reason="Gitea does not answer", fetched=NOW - 840))
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, values.sha("ttl"), "git read 14m ago: Gitea does not answer")
