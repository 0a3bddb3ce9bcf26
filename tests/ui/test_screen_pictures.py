from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bakeryops.config import Config
from screens.app import BakeryOpsApp
from tests.support.console import until
from tests.support.fake_session import NOW, FakeSession
from tests.support.snapshot import check
from tests.ui.test_screen_lists import start

FOLDER = Path(__file__).resolve().parent / "snapshots"
Make = Callable[..., BakeryOpsApp]

PICTURES = (
    ("overview-80", (80, 24), "dark", (), "needs you"),
    ("overview-120", (120, 40), "light", (), "needs you"),
    ("overview-200", (200, 50), "dark", (), "needs you"),
    ("overview-80-ansi", (80, 24), "ansi", (), "needs you"),
    ("overview-80-contrast", (80, 24), "contrast", (), "needs you"),
    ("workloads-80", (80, 24), "dark", ("4",), "6 workloads"),
    ("workloads-200", (200, 50), "dark", ("4",), "6 workloads"),
    ("pods-120", (120, 40), "dark", ("4", "w"), "6 pods"),
    ("object-80", (80, 24), "dark", ("enter",), "limit 256M"),
    ("events-80", (80, 24), "dark", ("7",), "BackOff"),
    ("help-80", (80, 24), "dark", ("question_mark",), "Keys of overview"),
)


@pytest.mark.parametrize(("name", "size", "theme", "keys", "text"), PICTURES, ids=[each[0] for each in PICTURES])
async def test_looks_as_it_did(
    session: FakeSession,
    make_app: Make,
    name: str,
    size: tuple[int, int],
    theme: str,
    keys: tuple[str, ...],
    text: str,
) -> None:
    app = make_app(session, config=Config(theme=theme))
    async with app.run_test(size=size) as pilot:
        await start(app, session, pilot)
        await until(pilot, "1200m of 4000m")
        await pilot.press(*keys)
        await until(pilot, text)
        await pilot.pause()
        check(app, f"screen-{name}", FOLDER)


async def test_stale_looks_stale(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        session.link.go("stale", "no answer for 3 s", since=NOW - 3, last_data=NOW - 4, next_try=NOW + 2)
        await until(pilot, "Cluster lost")
        await pilot.pause()
        check(app, "screen-overview-80-stale", FOLDER)


async def test_no_color_sends_no_colour(
    session: FakeSession, make_app: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        assert app.theme == "ansi-dark"
        assert app.no_color
