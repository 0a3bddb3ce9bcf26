"""What people hold back is shown until it is lifted, and reminded of when it is over."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from screens.app import BakeryOpsApp
from screens.gitops import GitOpsScreen
from screens.overview import OverviewScreen
from screens.service import ServiceScreen
from tests.support.console import screen_text, until
from tests.support.delivered import app_of, delivered, kustomization
from tests.support.fake_session import NOW, FakeSession
from tests.support.reading import stamp

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["80", "120", "200"])
AT = "bakeryops.dev/suspended-"
_VERSIONS = itertools.count(1_000_000)


def holds(**entries: dict[str, Any] | None) -> dict[str, Any]:
    data = {service: json.dumps(entry) for service, entry in entries.items()}
    return {"metadata": {"name": "bakery-holds", "namespace": "bakery-ci", "uid": "uid-holds",
                         "resourceVersion": str(next(_VERSIONS))}, "data": data}  # fmt: skip


def hold(*, until: float | None = None, **more: Any) -> dict[str, Any]:
    return {"owner": "ops", "reason": "token bug", "since": _at(10_800), "until": None if until is None else _at(until),
            **more}  # fmt: skip


def _at(ago: float) -> str:
    return stamp(ago, NOW)


def suspended(applied: str, **notes: str) -> dict[str, Any]:
    made = kustomization(applied)
    made["spec"]["suspend"] = True
    made["metadata"] |= {"annotations": notes, "resourceVersion": str(next(_VERSIONS))}
    return made


async def opened(app: BakeryOpsApp, session: FakeSession, pilot: Any, text: str) -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
    return await until(pilot, text)


def head(shown: str) -> list[str]:
    return shown.split("\n")[1:4]


@SIZES
async def test_the_overview_says_what_is_held_until_it_is_lifted(size: tuple[int, int]) -> None:
    session, view = delivered(failing=False)
    session.put("holds", holds(auth=hold()))
    session.put("kustomizations", suspended(view.head, **{f"{AT}by": "ops", f"{AT}at": _at(1200)}))
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        shown = await opened(app, session, pilot, "held: auth")
        line = next(each for each in head(shown) if "held: auth" in each)
        assert line.strip() == "⏸ held: auth (ops, 3h) · suspended: Kustomization bakery-ia (ops, 20m)"
        assert "hold over" not in shown
        session.put("holds", holds())
        session.put("kustomizations", kustomization(view.head) | {"metadata": {
            "name": "bakery-ia", "namespace": "flux-system", "uid": "uid-ks", "resourceVersion": str(next(_VERSIONS)),
        }})  # fmt: skip
        await until(pilot, lambda: "held:" not in screen_text(app) and "suspended:" not in screen_text(app))


async def test_a_hold_that_is_over_wants_a_person_and_one_key_lifts_it() -> None:
    session, view = delivered(failing=False)
    session.put("holds", holds(auth=hold(until=7200)))
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        shown = await opened(app, session, pilot, "hold over")
        row = next(each for each in shown.split("\n") if "hold over" in each)
        assert row.startswith("▲ auth")
        assert "by ops: token bug; lift it, or hold it anew" in row
        assert "2h H lift" in row
        screen = app.screen
        assert isinstance(screen, OverviewScreen)
        await until(pilot, lambda: screen.acting_service() == "auth")


async def test_what_was_set_past_git_comes_first_and_is_bad() -> None:
    session, view = delivered(failing=False)
    note = json.dumps({"tag": "20261116-72423a3", "who": "ops", "at": _at(1200)})
    session.put("holds", holds(tenant=hold()))
    session.put(
        "kustomizations", suspended(view.head, **{"write-back.bakeryops.dev/auth": note, f"{AT}by": "ops"})
    )
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await opened(app, session, pilot, "set past Git")
        line = next(each for each in head(shown) if "past Git:" in each)
        assert line.startswith(" ✖ past Git: auth (ops, 20m) · held: tenant (ops, 3h)")
        assert any(each.startswith("✖ auth") and "set past Git" in each for each in shown.split("\n"))
        app.open_service("auth")
        shown = await until(pilot, "rollback auth --write-back")
        assert " ✖ auth " in shown


@SIZES
async def test_a_service_says_that_it_is_held(size: tuple[int, int]) -> None:
    session, view = delivered(failing=False)
    session.put("holds", holds(auth=hold()))
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        await opened(app, session, pilot, "held: auth")
        app.open_service("auth")
        await until(pilot, lambda: isinstance(app.screen, ServiceScreen))
        await until(pilot, "by ops since 3h: token bug")
        session.put("holds", holds())
        await until(pilot, lambda: "by ops since 3h" not in screen_text(app))


async def test_flux_says_who_suspended_what_until_when_and_why() -> None:
    session, view = delivered(failing=False)
    kept = {f"{AT}by": "ops", f"{AT}reason": "schema moves", f"{AT}at": _at(10_800), f"{AT}until": _at(7200)}
    session.put("kustomizations", suspended(view.head, **kept))
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot, "still suspended")
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, GitOpsScreen))
        shown = await until(pilot, "over since 2h: ")
        assert "over since 2h: by ops: schema" in shown
        await pilot.press("down")
        shown = await until(pilot, "(over, and still suspended): schema moves")
        assert "by ops since 3h until" in shown


async def test_nothing_held_costs_no_line() -> None:
    session, view = delivered(failing=False)
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await opened(app, session, pilot, "all is well")
        assert "⏸" not in shown
