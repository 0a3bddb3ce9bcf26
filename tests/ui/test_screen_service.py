from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bakeryops.model.code import CodeView
from screens.app import BakeryOpsApp
from screens.build import BuildScreen
from screens.follow import FollowScreen
from screens.logs import LogsScreen
from screens.object import ObjectScreen
from screens.service import ServiceScreen
from tests.support.console import screen_text, until
from tests.support.delivered import RUN, FixedCode, app_of, delivered, seen, story
from tests.support.fake_session import FakeSession
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 50))


async def opened(
    app: BakeryOpsApp, session: FakeSession, pilot: Any, name: str = "auth", text: str = "deployments 1"
) -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    app.open_service(name)
    await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
    return await until(pilot, text)


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_it_says_what_runs_since_when_by_whom_and_why_it_does_not(size: tuple[int, int]) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        shown = await opened(app, session, pilot)
        lines = shown.split("\n")
        assert lines[1].strip() == "✖ auth  CrashLoopBackOff  exit 1, 7 restarts"
        assert '2e33266 "auth: token ttl" dev-one' in shown
        assert "10m ago, by dev-one" in shown
        assert "─✖ auth 0/1 ready" in shown
        row = next(line for line in lines if "running" in line)
        assert row.startswith("✖")
        await pilot.pause()
        check(app, f"screen-service-{size[0]}", FOLDER)


@pytest.mark.parametrize(("kept", "word"), [(True, "stored"), (False, "gone")])
async def test_a_deployment_says_whether_its_image_is_still_there(kept: bool, word: str) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(160, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.code, FixedCode))
        app.code.tags = [each.tag for each in view.deployments] if kept else []
        await opened(app, session, pilot)
        shown = await until(pilot, f" {word} ")
        assert next(line for line in shown.split("\n") if word in line).startswith("✖")


async def test_the_lists_follow_each_other_and_each_opens_its_own() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot)
        await pilot.press("enter")
        await until(pilot, "stuck at ready")
        assert isinstance(app.screen, FollowScreen)
        await pilot.press("escape")
        await until(pilot, "deployments 1")
        await pilot.press("w")
        await until(pilot, "auth-6d5f8c7b9-x2x4z")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
        assert len(app.screen_stack) == 3
        await pilot.press("escape")
        await until(pilot, "auth-6d5f8c7b9-x2x4z")
        await pilot.press("w")
        await until(pilot, RUN)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BuildScreen))
        await pilot.press("escape")
        await until(pilot, RUN)
        await pilot.press("w")
        await until(pilot, "deployed")


async def test_keys_act_on_the_workload_or_on_the_selected_pod() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot)
        screen = app.screen
        assert isinstance(screen, ServiceScreen)
        ref = screen.selected()
        assert ref is not None
        assert (ref.plural, ref.name) == ("deployments", "auth")
        await pilot.press("w")
        await until(pilot, "auth-6d5f8c7b9-x2x4z")
        ref = screen.selected()
        assert ref is not None
        assert (ref.plural, ref.name) == ("pods", "auth-6d5f8c7b9-x2x4z")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))


@pytest.mark.parametrize("asked", ["auth", "auth-service"])
async def test_a_service_is_found_by_what_others_call_it(asked: str) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot, asked)
        assert app.screen.place() == "auth"  # type: ignore[attr-defined]


async def test_without_git_the_empty_list_says_why() -> None:
    session, _ = delivered()
    app = app_of(
        session, CodeView(state="refused", reason="Gitea refuses the credentials", hint="See git.credentials")
    )
    async with app.run_test(size=(120, 40)) as pilot:
        shown = await opened(app, session, pilot, "auth", "deployments 0")
        assert "Gitea refuses the credentials" in shown


async def test_without_tekton_the_list_of_builds_says_so() -> None:
    session, view = delivered()
    session.stores.pop("pipelineruns")
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.store("pipelineruns")
        session.live()
        session.store("pipelineruns").state.enter("absent")
        app.open_service("auth")
        await until(pilot, "deployments 1")
        await pilot.press("w", "w")
        await until(pilot, "pipelineruns are not served by this cluster")


async def test_what_is_nowhere_is_said_to_be() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot, "nosuch", "no service is called nosuch")


async def test_two_hundred_deployments_and_hostile_texts() -> None:
    session, _ = delivered()
    told = story()
    for number in range(200):
        told.set_tag("auth", f"t{number}", f"deploy(auth): [red]x[/]{number} " + "長" * 90, ago=590 - number)
    view = seen(told.view())
    app = app_of(session, replace(view, images=tuple(view.images)))
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await opened(app, session, pilot, "auth", "deployments 201")
        assert "[red]x[/]" in shown
        await pilot.press("end")
        await until(pilot, "auth: token ttl")
        assert all(len(line) <= 80 for line in screen_text(app).split("\n"))
