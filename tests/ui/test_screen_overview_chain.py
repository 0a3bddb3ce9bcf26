from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bakeryops.model.code import CodeView
from screens.app import BakeryOpsApp
from screens.follow import FollowScreen
from screens.overview import LIST, OverviewScreen
from tests.support.console import screen_text, until
from tests.support.delivered import FixedCode, app_of, delivered, run, seen, story
from tests.support.fake_session import NOW, FakeSession
from tests.support.small_bakery import deployment, pod


async def opened(app: BakeryOpsApp, session: FakeSession, pilot: Any, text: str) -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
    return await until(pilot, text)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["80", "120", "200"])
async def test_the_strip_says_where_it_is_stuck_and_what_to_press(size: tuple[int, int]) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        shown = await opened(app, session, pilot, "0/1 ready")
        lines = shown.split("\n")
        strip = next(line for line in lines if "─▶" in line)
        assert strip.startswith("   git 2ff8126 ─▶ ")
        assert "─✖ auth 0/1 ready" in strip
        about = lines[lines.index(strip) + 1]
        assert about.startswith('   "auth: token ttl"  dev-one, 14m ago')
        assert "stuck 11m" in about
        assert about.endswith("F follow")
        await pilot.press("F")
        await until(pilot, "stuck at ready")
        assert isinstance(app.screen, FollowScreen)


async def test_the_list_keeps_its_room_at_80_by_24() -> None:
    session, view = delivered()
    for number in range(8):
        session.put("deployments", deployment(f"extra-{number}", ready=0))
        name = f"extra-{number}-6d5f8c7b9-x2x4z"
        session.put("pods", pod(name, f"extra-{number}", ready=False, restarts=4, waiting="CrashLoopBackOff"))
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot, "9 broken")
        shown = await until(pilot, "F follow")
        assert sum("l logs" in line and line.startswith("✖") for line in shown.split("\n")) >= LIST
        session.link.go("stale", "no answer for 3 s", since=NOW - 3, last_data=NOW - 4, next_try=NOW + 2)
        shown = await until(pilot, "Cluster lost")
        assert "stuck 11m" not in shown


async def test_a_build_at_work_stays_beside_what_is_stuck() -> None:
    session, _ = delivered()
    told = story()
    told.change("next", ago=60, touched=("tenant",), subject="tenant: next")
    session.put("pipelineruns", run("bakery-ia-ci-ddddd", "next", "tenant", ago=55, took=None))
    app = app_of(session, seen(told.view()))
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await opened(app, session, pilot, "build ◐ ddddd")
        strip = next(line for line in shown.split("\n") if "─▶" in line)
        assert len(strip) <= 80
        assert '"tenant: next"' in shown


async def test_no_part_of_a_chain_no_strip() -> None:
    session, _ = delivered()
    for kind in ("pipelineruns", "kustomizations", "gitrepositories"):
        session.stores.pop(kind)
    app = app_of(session, CodeView(state="off"))
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await opened(app, session, pilot, "CrashLoopBackOff")
        assert "─▶" not in shown


async def test_an_old_git_and_then_a_current_one() -> None:
    session, view = delivered(failing=False)
    app = app_of(session, replace(view, state="stale", reason="Gitea does not answer", fetched=NOW - 840))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot, "git read 14m ago: Gitea does not answer")
        code = app.code
        assert isinstance(code, FixedCode)
        code.said = view
        app.screen.show_code()  # type: ignore[attr-defined]
        await until(pilot, lambda: "git read" not in screen_text(app))
