from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakeryops.errors import BakeryopsError, RefusedError
from bakeryops.model.plan import Fact, Plan
from screens.app import BakeryOpsApp
from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from screens.overview import OverviewScreen
from screens.proposal import Option, Proposal
from screens.widgets.choices import Choices
from tests.support.acting_values import Planner, rollback_plan
from tests.support.console import screen_text, until, until_gone
from tests.support.delivered import app_of, delivered
from tests.support.fake_session import FakeSession
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 50))
TYPED = {"typed": "auth", "why_typed": "it deletes a volume"}


class Starter:
    """Stands for the engine: notes what was confirmed."""

    def __init__(self, app: BakeryOpsApp, error: BakeryopsError | None = None) -> None:
        self.started: list[Plan] = []
        self.error = error
        app.start_job = self.start  # type: ignore[method-assign]

    async def start(self, plan: Plan, proposal: Proposal | None = None) -> str:
        if self.error is not None:
            raise self.error
        self.started.append(plan)
        return "20261118-110640-rollback-auth-abcd"


async def shown(app: BakeryOpsApp, session: FakeSession, pilot: Any, proposal: Proposal, text: str) -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    await until(pilot, "auth")
    app.propose(proposal)
    return await until(pilot, text)


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_it_shows_what_will_be_done_and_the_words_to_press(size: tuple[int, int]) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        text = await shown(app, session, pilot, Planner(rollback_plan()).proposal(), "[ Cancel ]")
        assert "Roll back auth to 51d0e7b?" in text
        assert "▲ auth will be held" in text
        lines = text.split("\n")
        assert lines[-2].strip().split() == ["[", "Cancel", "]", "Roll", "back"]
        await pilot.pause()
        check(app, f"screen-confirm-{size[0]}", FOLDER)


async def test_the_diff_and_the_command_line_are_reached_by_scrolling() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, Planner(rollback_plan()).proposal(), "[ Cancel ]")
        await pilot.press("G")
        text = await until(pilot, "Same as")
        assert "bakeryops rollback auth --to 51d0e7b" in text
        assert "+    newTag: 20261117-1640-51d0e7b" in text
        assert "[ Cancel ]" in text


async def test_enter_leaves_and_nothing_was_done() -> None:
    session, view = delivered()
    app = app_of(session, view)
    starter = Starter(app)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, Planner(rollback_plan()).proposal(), "[ Cancel ]")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        app.propose(Planner(rollback_plan()).proposal())
        await until(pilot, "[ Cancel ]")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))
        assert starter.started == []


@pytest.mark.parametrize("key", ["tab", "right"])
async def test_the_action_is_one_step_away_and_leads_to_the_job(key: str) -> None:
    session, view = delivered()
    app = app_of(session, view)
    starter = Starter(app)
    plan = rollback_plan()
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, Planner(plan).proposal(), "[ Cancel ]")
        await pilot.press(key)
        await until(pilot, "[ Roll back ]")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        assert starter.started == [plan]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))


async def test_what_is_dangerous_is_typed() -> None:
    session, view = delivered()
    app = app_of(session, view)
    starter = Starter(app)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, Planner(rollback_plan(**TYPED)).proposal(), "[ Cancel ]")
        assert "type auth to confirm: it deletes a volume" in screen_text(app)
        await pilot.press("right", "right")
        assert app.screen.query_one(Choices).at == 0
        await pilot.press(*"aut", "enter")
        assert isinstance(app.screen, ConfirmScreen)
        assert starter.started == []
        await pilot.press("tab", *"h")
        await until_gone(pilot, "to confirm")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        assert len(starter.started) == 1


async def test_a_blocked_plan_says_why_and_has_no_word_to_press() -> None:
    session, view = delivered()
    app = app_of(session, view)
    plan = rollback_plan(
        blocked="the image 51d0e7b is gone from the registry", hint="Take an older one: --to 4a1b2c3"
    )
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shown(app, session, pilot, Planner(plan).proposal(), "✖ the image 51d0e7b is gone")
        assert "Take an older one: --to 4a1b2c3" in text
        assert "Roll back" not in text.split("\n")[-2]
        assert "[ Back ]" in text


async def test_what_the_access_rules_refuse_is_said_before_anybody_confirms() -> None:
    session, view = delivered()
    session.refuses = "patch kustomizations"
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        text = await shown(app, session, pilot, Planner(rollback_plan()).proposal(), "you may not patch")
        assert "flux-system" in text
        assert "[ Back ]" in text
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, OverviewScreen))


async def test_computing_is_said_and_errors_can_be_tried_again() -> None:
    session, view = delivered()
    app = app_of(session, view)
    planner = Planner(BakeryopsError("Git cannot be read", why="no answer", hint="Try again"), rollback_plan())
    planner.gate.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, planner.proposal(), "◐ computing: roll back auth")
        planner.gate.set()
        text = await until(pilot, "✖ Git cannot be read")
        assert "no answer" in text
        await pilot.press("r")
        await until(pilot, "Roll back auth to 51d0e7b?")


async def test_a_fault_of_a_planner_is_told_and_survived() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shown(app, session, pilot, Planner(KeyError("x")).proposal(), "fault of bakeryops itself")
        assert "KeyError" in text


async def test_a_plan_that_was_computed_before_is_there_at_once() -> None:
    session, view = delivered()
    app = app_of(session, view)
    planner = Planner(rollback_plan())
    planner.gate.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, planner.proposal(warm=rollback_plan(), warm_stamp=0), "51d0e7b?")
        assert planner.asked == 0


async def test_one_that_holds_no_more_is_computed_anew() -> None:
    session, view = delivered()
    app = app_of(session, view)
    planner = Planner(rollback_plan(title="Roll back auth to 4a1b2c3"))
    planner.stamp = 1
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, planner.proposal(warm=rollback_plan(), warm_stamp=0), "4a1b2c3?")
        assert planner.asked == 1


async def test_when_the_world_moves_the_new_plan_is_shown_and_cancel_chosen() -> None:
    session, view = delivered()
    app = app_of(session, view)
    starter = Starter(app)
    newer = rollback_plan(
        basis={"head": "aaaa1111bbbb"}, facts=(Fact("now", "20261118-1101-aaaa111  dev-two  1 min ago"),)
    )
    planner = Planner(rollback_plan(), newer)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, session, pilot, planner.proposal(), "[ Cancel ]")
        await pilot.press("right")
        await until(pilot, "[ Roll back ]")
        planner.stamp = 1
        await pilot.press("enter")
        text = await until(pilot, "Changed meanwhile")
        assert "▲ now: 20261118-1101-aaaa111" in text
        assert "[ Cancel ]" in text
        assert starter.started == []
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        assert starter.started == [newer]


async def test_word_from_git_makes_it_look_again() -> None:
    session, view = delivered()
    app = app_of(session, view)
    planner = Planner(rollback_plan(), rollback_plan(basis={"head": "aaaa1111bbbb"}))
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, session, pilot, planner.proposal(), "[ Cancel ]")
        planner.stamp = 1
        app._tell_code()
        await until(pilot, "Changed meanwhile")
        assert planner.asked == 2


async def test_a_job_that_is_refused_says_why() -> None:
    session, view = delivered()
    app = app_of(session, view)
    Starter(
        app, RefusedError("auth is locked", why="ops works on it since 10:58", hint="Wait, or see: bakeryops jobs")
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, session, pilot, Planner(rollback_plan()).proposal(), "[ Cancel ]")
        await pilot.press("right", "enter")
        text = await until(pilot, "auth is locked")
        assert "ops works on it since 10:58" in text
        assert isinstance(app.screen, ConfirmScreen)


async def test_the_exact_commands_are_a_key_away_and_the_line_can_be_copied() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, session, pilot, Planner(rollback_plan()).proposal(), "[ Cancel ]")
        await pilot.press("p")
        text = await until(pilot, "git push --porcelain origin")
        assert "if it ends here: committed, not applied" in text
        assert "looks and waits, changes nothing" in text
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == "bakeryops rollback auth --to 51d0e7b")


async def test_another_way_of_doing_it_is_computed_and_shown() -> None:
    session, view = delivered()
    app = app_of(session, view)
    held, free = Planner(rollback_plan()), Planner(rollback_plan(title="Roll back auth without a hold"))
    asked: list[str] = []

    def why(text: str) -> Proposal:
        asked.append(text)
        return held.proposal()

    options = (
        Option("reason", "say why", why, ask="Why"),
        Option("✔ hold auth", "no build deploys over it", lambda _: free.proposal()),
    )
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shown(app, session, pilot, held.proposal(options=options), "[ Cancel ]")
        await pilot.press("o")
        await until(pilot, "✔ hold auth")
        await pilot.press("escape")
        await until(pilot, "[ Cancel ]")
        await pilot.press("o", "down", "enter")
        text = await until(pilot, "Roll back auth without a hold?")
        assert "[ Cancel ]" in text
        assert "Changed meanwhile" not in text
        await pilot.press("o")
        await until(pilot, "there is but one way of doing this")
        await pilot.press("escape")
        app.propose(held.proposal(options=options))
        await until(pilot, "Roll back auth to 51d0e7b?")
        await pilot.press("o", "enter")
        await until(pilot, "enter goes on")
        await pilot.press(*"bad", "enter")
        await until(pilot, lambda: asked == ["bad"])


async def test_nothing_to_do_cannot_be_confirmed() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shown(
            app, session, pilot, Planner(rollback_plan(steps=())).proposal(), "there is nothing to do"
        )
        assert "[ Back ]" in text


async def test_hostile_texts_and_sizes_break_nothing() -> None:
    session, view = delivered()
    app = app_of(session, view)
    evil = "\x1b]0;owned\x07[/red] \u202e" + "x" * 500
    plan = rollback_plan(title=evil, subject=evil, facts=(Fact(evil, evil, "bad"),), button="Go", command=evil)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shown(app, session, pilot, Planner(plan).proposal(), "[ Cancel ]")
        for size in ((20, 6), (1, 1), (200, 50), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("p", "G", "g", "p", "j")
        text = await until(pilot, "[ Cancel ]")
        assert "\x1b" not in text
        assert "\u202e" not in text
