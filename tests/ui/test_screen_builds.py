from __future__ import annotations

from typing import Any

import pytest

from bakeryops.config import Config
from bakeryops.model.code import CodeView, Commit
from screens.app import BakeryOpsApp
from screens.build import BuildScreen
from screens.build_logs import BuildLogsScreen
from screens.builds import BuildsScreen
from screens.rows_builds import BuildRow
from screens.widgets.table import LiveTable
from tests.support.build_values import app_at, open_session, put_run
from tests.support.builds import condition, raw_run
from tests.support.console import screen_text, until, until_gone
from tests.support.fake_session import FakeSession
from tests.support.reading import NOW, stamp

SHA = "a71b90c" + "0" * 33


def finished(
    name: str, ago: float, *, took: float = 100, reason: str = "Succeeded", **labels: str
) -> dict[str, Any]:
    good = "True" if reason in ("Succeeded", "Completed") else "False"
    meta = {"creationTimestamp": stamp(ago), "labels": labels}
    return raw_run(
        name, meta=meta, startTime=stamp(ago - 2), completionTime=stamp(ago - 2 - took),
        conditions=condition(good, reason, "Tasks Completed: 6 (Failed: 0, Cancelled 0), Skipped: 0"),
    )  # fmt: skip


def running(name: str, ago: float) -> dict[str, Any]:
    message = "Tasks Completed: 2 (Failed: 0, Cancelled 0), Incomplete: 4, Skipped: 0"
    return raw_run(
        name, meta={"creationTimestamp": stamp(ago)}, startTime=stamp(ago - 3),
        conditions=condition("Unknown", "Running", message),
    )  # fmt: skip


def few() -> FakeSession:
    session, _ = open_session()
    put_run(session, finished("bakery-ia-ci-aaaaa", 9000))
    put_run(session, finished("bakery-ia-ci-bbbbb", 600, reason="Failed", **{"bakery.dev/revision": SHA}))
    put_run(session, running("bakery-ia-ci-ccccc", 50))
    quota = {"metadata": {"name": "build-slots", "namespace": "bakery-ci", "uid": "q"},
             "status": {"hard": {"pods": "2"}, "used": {"pods": "1"}}}  # fmt: skip
    session.put("resourcequotas", quota)
    return session


async def at_builds(app: BakeryOpsApp, session: FakeSession, pilot: Any) -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    await pilot.press("2")
    return await until(pilot, "Builds")


def rows_of(app: BakeryOpsApp) -> list[str]:
    table = app.screen.query_one(LiveTable)
    return [key.rpartition("-")[2] for key in table.visible_keys()]


async def test_newest_first_with_what_runs_and_the_slots() -> None:
    session = few()
    app = app_at(session, NOW)
    async with app.run_test(size=(120, 24)) as pilot:
        await at_builds(app, session, pilot)
        shown = await until(pilot, "3 builds")
        assert isinstance(app.screen, BuildsScreen)
        assert rows_of(app) == ["ccccc", "bbbbb", "aaaaa"]
        for text in ("◐ 1 running", "slots 1/2", "running 2/6", "succeeded", "1m40", "47s"):
            assert text in shown, text


class Keeper:
    """A repository that counts how often it is told to fetch."""

    def __init__(self) -> None:
        self.view = CodeView(state="live")
        self.pokes = 0

    def poke(self) -> None:
        self.pokes += 1


def run_of_commit(name: str, ago: float) -> dict[str, Any]:
    raw = running(name, ago)
    raw["metadata"]["labels"] = {"bakery.dev/revision": SHA}
    return raw


async def test_a_build_of_an_unknown_commit_lets_git_be_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    session, keeper = few(), Keeper()
    app = app_at(session, NOW)
    async with app.run_test(size=(120, 24)) as pilot:
        await at_builds(app, session, pilot)
        await until(pilot, "3 builds")
        monkeypatch.setattr(app.code, "keeper", keeper)
        put_run(session, run_of_commit("bakery-ia-ci-ddddd", 5))
        await until(pilot, "4 builds")
        assert keeper.pokes == 1
        put_run(session, run_of_commit("bakery-ia-ci-eeeee", 2))
        await until(pilot, "5 builds")
        assert keeper.pokes == 1


async def test_an_open_build_of_an_unknown_commit_lets_git_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    session, keeper = few(), Keeper()
    put_run(session, run_of_commit("bakery-ia-ci-ddddd", 5))
    app = app_at(session, NOW)
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, lambda: app.session is not None)
        monkeypatch.setattr(app.code, "keeper", keeper)
        session.live()
        app.open_build("bakery-ci", "bakery-ia-ci-ddddd")
        await until(pilot, "running 2/6")
        assert keeper.pokes == 1


@pytest.mark.parametrize(("key", "said"), [("2", "No build in shop"), ("3", "Flux has nothing in shop")])
async def test_nothing_in_the_namespace_chosen_is_not_nothing_at_all(key: str, said: str) -> None:
    session, _ = open_session()
    app = app_at(session, NOW, config=Config(namespace="shop"))
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        await pilot.press(key)
        shown = await until(pilot, said)
        assert "n chooses another namespace" in shown


async def test_what_git_says_of_the_commit_comes_later() -> None:
    session = few()
    app = app_at(session, NOW)
    async with app.run_test(size=(160, 24)) as pilot:
        await at_builds(app, session, pilot)
        await until(pilot, "3 builds")
        commit = Commit(SHA, (), "dev-two", "d@x", 0, 0, "feat: [/seasonality]")
        app.code._trouble = CodeView(state="live", commits={SHA: commit})
        app.code.keeper = None
        app.post_message(app.CodeChanged())
        shown = await until(pilot, "feat: [/seasonality]")
        assert "dev-two" in shown
        await pilot.press("slash", *"dev-two", "enter")
        await until(pilot, "1 of 3 builds")
        assert rows_of(app) == ["bbbbb"]
        await pilot.press("escape")
        await until(pilot, "3 builds")


async def test_the_selection_stays_while_builds_come_and_go() -> None:
    session = few()
    app = app_at(session, NOW)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_builds(app, session, pilot)
        await until(pilot, "3 builds")
        await pilot.press("j")
        put_run(session, running("bakery-ia-ci-ddddd", 5))
        await until(pilot, "4 builds")
        assert rows_of(app) == ["ddddd", "ccccc", "bbbbb", "aaaaa"]
        assert app.screen.query_one(LiveTable).selected == "bakery-ci/bakery-ia-ci-bbbbb"
        session.drop("pipelineruns", "bakery-ci", "bakery-ia-ci-aaaaa")
        await until(pilot, "3 builds")
        await pilot.press("s")
        await until(pilot, "sorted by")


async def test_enter_opens_a_build_and_l_its_logs() -> None:
    session = few()
    app = app_at(session, NOW)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_builds(app, session, pilot)
        await until(pilot, "3 builds")
        await pilot.press("enter")
        await until(pilot, "build ccccc")
        assert isinstance(app.screen, BuildScreen)
        await pilot.press("escape", "l")
        await until(pilot, "log of build")
        assert isinstance(app.screen, BuildLogsScreen)
        await pilot.press("escape", "d")
        await until(pilot, lambda: app.screen.NAME == "object")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("phase", "text"),
    [("absent", "Tekton is not installed here"), ("forbidden", "pipelineruns may not be read: no rights")],
)
async def test_what_cannot_be_read_says_why(phase: str, text: str) -> None:
    session, _ = open_session()
    app = app_at(session, NOW)
    async with app.run_test(size=(100, 24)) as pilot:
        await at_builds(app, session, pilot)
        await until(pilot, "No build yet")
        session.store("pipelineruns").state.enter(phase, "no rights")  # type: ignore[arg-type]
        await until(pilot, text)
        await until_gone(pilot, "No build yet")


@pytest.mark.slow
async def test_thousands_of_builds_are_drawn_up_only_where_one_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = BuildRow.make

    def counted(row: BuildRow) -> Any:
        made.append(row.key)
        return make(row)

    monkeypatch.setattr(BuildRow, "make", counted)
    session, _ = open_session()
    for number in range(5000):
        put_run(session, finished(f"bakery-ia-ci-{number:05}", 1000 + number))
    app = app_at(session, NOW)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_builds(app, session, pilot)
        await until(pilot, "5,000 builds")
        assert len(set(made)) < 200
        await pilot.press("G")
        await until(pilot, "04999")


async def test_no_key_and_no_size_breaks_it() -> None:
    session = few()
    app = app_at(session, NOW)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await at_builds(app, session, pilot)
        await until(pilot, "3 builds")
        for size in ((20, 6), (200, 50), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("j", "G", "g", "s", "S", "tilde", "Z", "0", "left", "right", "f5", "delete")
        await until(pilot, "3 builds")
        assert "Builds" in screen_text(app)
