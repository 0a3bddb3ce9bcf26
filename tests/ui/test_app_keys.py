"""Keys typed ahead: each goes where the one before it led."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual import events
from textual.widgets import Input

from screens.app import BakeryOpsApp
from screens.help import HelpScreen
from screens.overview import OverviewScreen
from screens.palette import PaletteScreen
from screens.widgets.table import LiveTable
from screens.workloads import WorkloadsScreen
from tests.support.console import until
from tests.support.fake_session import FakeSession

Make = Callable[..., BakeryOpsApp]


def typed(app: BakeryOpsApp, keys: str) -> None:
    """Let keys arrive in one go, as a terminal hands them over."""
    names = {"/": "slash", ":": "colon", "\r": "enter", "\x1b": "escape", "?": "question_mark", "-": "minus"}
    for key in keys:
        app.post_message(events.Key(names.get(key, key), key if key.isprintable() else None))


async def start(app: BakeryOpsApp, session: FakeSession, pilot: object) -> None:
    await until(pilot, lambda: app.session is not None)  # type: ignore[arg-type]
    session.live()
    await until(pilot, "CrashLoopBackOff")  # type: ignore[arg-type]


async def test_what_follows_the_slash_is_typed_and_commands_nothing(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        typed(app, "/4?l1dy")
        await until(pilot, lambda: app.screen.query_one(LiveTable).filter_text == "4?l1dy")
        assert isinstance(app.screen, OverviewScreen)


async def test_what_follows_the_colon_is_what_is_looked_for(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        typed(app, ":events")
        await until(pilot, lambda: isinstance(app.screen, PaletteScreen))
        await until(pilot, lambda: app.screen.query_one(Input).value == "events")


async def test_views_and_overlays_in_one_go(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        typed(app, "4?\x1b1?")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.current_mode == "overview")
        typed(app, "\x1b4/auth\r")
        await until(pilot, lambda: isinstance(app.screen, WorkloadsScreen))
        await until(pilot, lambda: app.screen.query_one(LiveTable).filter_text == "auth")


async def test_more_than_may_wait_is_dropped_and_the_console_goes_on(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        typed(app, "jk" * 400)
        await until(pilot, lambda: app.keys_waiting > 0)
        await until(pilot, lambda: not app.keys_waiting, tries=2000)
        typed(app, "4")
        await until(pilot, lambda: isinstance(app.screen, WorkloadsScreen))


async def test_keys_that_still_wait_when_it_is_left_harm_nothing(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        typed(app, "4jk1jk4?" * 20)
        await until(pilot, lambda: app.keys_waiting > 0)
    assert app.return_code in (None, 0)


async def test_a_key_between_two_views_waits_for_the_next(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        stack = app._screen_stacks[app.current_mode]
        kept = stack[:]
        stack.clear()
        app._key_under_way = True
        app._waiting.append(events.Key("question_mark", "?"))
        await app._next()
        assert app.keys_waiting == 1
        stack.extend(kept)
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_leaving_waits_for_nothing(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        typed(app, "jk" * 100)
        app.post_message(events.Key("ctrl+q", None))
        for _ in range(200):
            if not app.is_running:
                return
            await pilot.pause(0.01)
    pytest.fail("the console went on")
