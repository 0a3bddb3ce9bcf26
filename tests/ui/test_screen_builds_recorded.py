"""Every recorded scenario of Tekton shown moment by moment: nothing crashes, nothing is green that did not succeed."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.model.code import CodeView
from bakeryops.units import parse_time
from screens.builds import BuildsScreen
from tests.support.build_values import put_run
from tests.support.console import screen_text, until
from tests.support.delivered import app_of
from tests.support.fake_session import FakeSession
from tests.support.recordings import RECORDINGS, events, needs_recordings, scenarios

pytestmark = [needs_recordings, pytest.mark.slow]


def succeeded(raw: dict[str, Any]) -> bool:
    conditions = raw.get("status", {}).get("conditions") or []
    return any(each["type"] == "Succeeded" and each["status"] == "True" for each in conditions)


WATCHED = [each for each in scenarios("tekton-") if (RECORDINGS / each / "watch.jsonl").is_file()]


@pytest.mark.parametrize("scenario", WATCHED)
async def test_green_is_only_what_succeeded(scenario: str) -> None:
    moments = [each for each in events(scenario) if each[1] == "pipelineruns"]
    session = FakeSession()
    for kind in ("pipelineruns", "resourcequotas"):
        session.store(kind)
    base = parse_time(moments[0][3]["metadata"]["creationTimestamp"]) if moments else 0.0
    assert base is not None
    now = [base]
    app = app_of(session, CodeView(state="off", reason="no repository"))
    app._clock = lambda: now[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, BuildsScreen))
        screen = app.screen
        assert isinstance(screen, BuildsScreen)
        await until(pilot, lambda: screen.feed is not None)
        feed = screen.feed
        assert feed is not None
        for seconds, kind, what, raw in moments:
            now[0] = base + seconds
            meta = raw["metadata"]
            if what == "DELETED":
                session.drop(kind, meta["namespace"], meta["name"])
                continue
            put_run(session, raw)
            await screen.show_changes(feed, (), first=True)
            row = screen.table().row(f"{meta['namespace']}/{meta['name']}")
            assert row is not None

            symbol = getattr(row.cells[0], "text", row.cells[0])
            assert (symbol == "✔") is succeeded(raw), symbol
        await pilot.pause()
        assert "Builds " in screen_text(app)
