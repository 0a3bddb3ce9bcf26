from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bakeryops.errors import BakeryopsError
from screens import plans
from screens.app import BakeryOpsApp
from screens.confirm import ConfirmScreen
from screens.proposal import Proposal
from tests.support.acting_values import Planner, rollback_plan
from tests.support.chain_values import tag
from tests.support.console import screen_text, until
from tests.support.delivered import app_of, delivered, kustomization, run, seen, story
from tests.support.fake_session import NOW, FakeSession
from tests.support.small_bakery import deployment

Calls = list[tuple[Any, ...]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Note what is proposed, in place of computing it."""
    found: Calls = []

    def noting(name: str) -> Callable[..., Proposal]:
        def propose(console: object, *args: Any, **options: Any) -> Proposal:
            found.append((name, *args, *options.values()))
            return Planner(rollback_plan(title=f"{name} it")).proposal()

        return propose

    for name in plans.__all__:
        monkeypatch.setattr(plans, name, noting(name))
    return found


def twice_deployed() -> tuple[FakeSession, Any]:
    """Return a session in which auth was deployed twice, the newest crashes, and what Git says."""
    session, _ = delivered()
    told = story()
    told.change("jose", ago=50_000, touched=("auth",), subject="auth: bump jose")
    told.deploy("auth", "jose", ago=49_000, run="bakery-ia-ci-ddddd")
    told.change("claims", ago=500, touched=("auth",), subject="auth: claims")
    told.deploy("auth", "claims", ago=400, run="bakery-ia-ci-eeeee")
    return session, seen(told.view())


async def start(app: BakeryOpsApp, session: FakeSession, pilot: Any, *keys: str, text: str = "auth") -> None:
    await until(pilot, lambda: app.session is not None)
    session.live()
    await until(pilot, "auth")
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    await until(pilot, text)


def proposed(calls: Calls, name: str) -> Calls:
    """Return what a person proposed with a key; plans of rolling back are computed beforehand, too."""
    return [call for call in calls if call[0] == name and (name != "rollback" or len(call) > 2)]


async def test_one_key_from_the_red_service_shows_the_preview(calls: Calls) -> None:
    session, view = twice_deployed()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        assert "R roll back" in screen_text(app)
        await pilot.press("R")
        await until(pilot, "rollback it?")
        assert isinstance(app.screen, ConfirmScreen)
        assert proposed(calls, "rollback") == [("rollback", "auth", "")]


async def test_on_the_service_page_the_selected_deployment_is_what_it_goes_back_to(calls: Calls) -> None:
    session, view = twice_deployed()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot, "v", text="deployments 3")
        await pilot.press("R")
        await until(pilot, "rollback it?")
        assert proposed(calls, "rollback") == [("rollback", "auth", "")]
        await pilot.press("escape", "j", "R")
        await until(pilot, lambda: len(proposed(calls, "rollback")) == 2)
        assert proposed(calls, "rollback")[-1] == ("rollback", "auth", tag("jose"))


async def test_what_is_not_deployed_from_git_says_so(calls: Calls) -> None:
    session, view = delivered()
    session.put("deployments", deployment("strange", ready=0))
    app = app_of(session, view)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await start(app, session, pilot, "4", text="strange")
        table = app.screen.query_one("#workloads")
        for name, said in (("strange", "strange is not deployed from Git"),
                           ("auth", "there is no deployment of auth before this one")):  # fmt: skip
            table.select(f"Deployment/bakery-ia/{name}")  # type: ignore[attr-defined]
            await pilot.press("R")
            await until(pilot, said)
        assert proposed(calls, "rollback") == []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("4", "ctrl+r"), ("restart", "deployments", "auth")),
        (("4", "number_sign", "backspace", "3", "enter"), ("scale", "deployments", "auth", 3)),
        (("4", "w", "ctrl+d", "enter"), ("delete_pod", "pods", "auth-6d5f8c7b9-x2x4z", False)),
        (("4", "w", "ctrl+d", "down", "enter"), ("delete_pod", "pods", "auth-6d5f8c7b9-x2x4z", True)),
        (("2", "B"), ("rerun", "bakery-ci", "bakery-ia-ci-aaaaa")),
        (("2", "R"), ("rollback_release", "bakery-ia-ci-aaaaa")),
        (("v", "B"), ("rebuild", ["auth"])),
        (("3", "j", "u"), ("reconcile", "kustomizations", "bakery-ia")),
        (("3", "u"), ("reconcile", "gitrepositories", "bakery-ia")),
        (("3", "j", "enter", "u"), ("reconcile", "kustomizations", "bakery-ia")),
    ],
    ids=lambda each: "-".join(map(str, each)),
)
async def test_keys_propose_what_they_say(calls: Calls, keys: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    session, view = twice_deployed()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.05)
        await until(pilot, f"{expected[0]} it?")
        assert _flat(proposed(calls, str(expected[0]))[-1]) == expected


def _flat(call: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a call with objects as their kind and name."""
    found: list[Any] = []
    for each in call:
        found += [each.plural, each.name] if hasattr(each, "plural") else [each]
    return tuple(found)


async def test_a_running_build_is_cancelled_as_a_person_chooses(calls: Calls) -> None:
    session, view = twice_deployed()
    session.put("pipelineruns", run("bakery-ia-ci-zzzzz", "claims", "auth", ago=30, took=None))
    app = app_of(session, view)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await start(app, session, pilot, "2", text="zzzzz")
        await pilot.press("g", "x")
        await until(pilot, "starts no more tasks")
        await pilot.press("down", "enter")
        await until(pilot, "cancel it?")
        assert proposed(calls, "cancel") == [("cancel", "bakery-ci", "bakery-ia-ci-zzzzz", "stop")]
        await pilot.press("escape", "G", "x")
        await until(pilot, "cancel build: the build has ended")


async def test_suspending_asks_for_a_reason_and_an_end(calls: Calls) -> None:
    session, view = twice_deployed()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot, "3", "j", text="Kustomization")
        await pilot.press("P")
        await until(pilot, "Flux leaves it alone")
        await pilot.press("enter")
        await until(pilot, "a reason is needed")
        await pilot.press(*"schema", "enter", *"soon", "enter")
        await until(pilot, "say it as 2h")
        await pilot.press(*["backspace"] * 4, *"2h", "enter")
        await until(pilot, "suspend it?")
        assert _flat(proposed(calls, "suspend")[-1]) == (
            "suspend",
            "kustomizations",
            "bakery-ia",
            "schema",
            NOW + 7200,
        )


async def test_what_is_suspended_is_resumed_and_a_first_apply_approved(calls: Calls) -> None:
    session, view = twice_deployed()
    raw = kustomization(view.head)
    raw["spec"]["suspend"] = True
    session.put("kustomizations", raw)
    app = app_of(session, view)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await start(app, session, pilot, "3", "j", text="Kustomization")
        await pilot.press("u")
        await until(pilot, "is suspended: it would apply nothing")
        await pilot.press("A")
        await until(pilot, "has been applied before")
        await pilot.press("P")
        await until(pilot, "resume it?")
        await pilot.press("escape")
        first = kustomization(view.head)
        first["spec"]["suspend"] = True
        first["metadata"]["resourceVersion"] = "99999"
        first["status"] = {}
        session.put("kustomizations", first)
        await until(pilot, lambda: "flux.approve" not in app.screen.state().refusals)  # type: ignore[attr-defined]
        await pilot.press("A")
        await until(pilot, "approve it?")


@pytest.mark.parametrize("held", [False, True])
async def test_holding_asks_and_a_hold_is_lifted(calls: Calls, held: bool) -> None:
    session, view = twice_deployed()
    app = app_of(session, view)

    async def is_held(service: str) -> bool:
        return held

    app.is_held = is_held  # type: ignore[method-assign]
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot, "v", text="deployments 3")
        await pilot.press("H")
        if held:
            await until(pilot, "unhold it?")
            assert proposed(calls, "unhold") == [("unhold", ["auth"])]
            return
        await until(pilot, "deploy nothing new of it")
        await pilot.press(*"breaks", "enter", "enter")
        await until(pilot, "hold it?")
        assert proposed(calls, "hold") == [("hold", "auth", "breaks", None)]


async def test_read_only_refuses_every_acting_key_and_says_so(calls: Calls) -> None:
    session, view = twice_deployed()
    app = app_of(session, view)
    app.read_only = True
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await start(app, session, pilot)
        assert "R roll back" not in screen_text(app)
        await pilot.press("R")
        await until(pilot, "roll back: the console is read-only")
        await pilot.press("4", "ctrl+r", "number_sign")
        await until(pilot, "restart: the console is read-only")
        await pilot.press("question_mark")
        await until(pilot, "not now: the console is read-only")
        assert [call for call in calls if call[0] != "rollback"] == []


async def test_what_the_access_rules_refuse_is_said(calls: Calls) -> None:
    session, view = twice_deployed()
    session.refuses = "patch kustomizations"
    app = app_of(session, view)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await start(app, session, pilot)
        await until(pilot, lambda: "R roll back" not in screen_text(app))
        await pilot.press("R")
        await until(pilot, "you may not patch kustomizations in flux-system")


async def test_red_services_have_their_plan_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    planner = Planner(rollback_plan(), BakeryopsError("asked twice"))
    monkeypatch.setattr(plans, "rollback", lambda console, service, to="": planner.proposal())
    session, view = twice_deployed()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await until(pilot, lambda: planner.asked == 1)
        await until(pilot, lambda: not app.warm.lacking())
        await pilot.press("R")
        await until(pilot, "Roll back auth to 51d0e7b?")
        assert planner.asked == 1


async def test_the_drill_is_a_line_with_hints_and_a_verdict() -> None:
    session, view = delivered()
    drill = {"name": "bad-deploy", "title": "", "story": "Maria deployed auth.", "goal": "auth runs a good image.",
             "state": "running", "seconds": 72.0, "hints_given": [], "hints_left": 2, "verdict": ""}  # fmt: skip

    async def get_bytes(path: str, **_: Any) -> bytes:
        assert path == "/_demo/drill"
        return json.dumps(drill).encode()

    async def send_json(method: str, path: str, *_: Any, **__: Any) -> bytes:
        assert (method, path) == ("POST", "/_demo/drill/hint")
        drill["hints_given"] = ["Look at what changed last."]
        drill["hints_left"] = 1
        return json.dumps(drill).encode()

    session.transport.get_bytes = get_bytes
    session.transport.send_json = send_json
    app = app_of(session, view, demo=True)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        await until(pilot, "drill bad-deploy: auth runs a good image. · 1m12")
        await until(pilot, "Maria deployed auth.")
        await pilot.press("ctrl+t")
        await until(pilot, "Look at what changed last.")
        drill["state"], drill["verdict"] = "reached", "reached in 3m12 (by: rollback)"
        await until(pilot, "✔ drill bad-deploy reached in 3m12 (by: rollback)", tries=400)


async def test_without_a_drill_nothing_is_said_of_one() -> None:
    session, view = delivered()
    app = app_of(session, view, demo=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        assert "drill" not in screen_text(app)
