from __future__ import annotations

from collections.abc import Callable

import pytest

from screens.app import BakeryOpsApp
from screens.events import EventsScreen
from screens.help import HelpScreen
from screens.machine import MachineScreen
from screens.object import ObjectScreen
from screens.overview import OverviewScreen
from screens.workloads import WorkloadsScreen
from tests.support.console import screen_text, until, until_gone
from tests.support.fake_session import NOW, FakeSession
from tests.support.small_bakery import deployment, event, pod

Make = Callable[..., BakeryOpsApp]


async def start(app: BakeryOpsApp, session: FakeSession, pilot: object) -> None:
    await until(pilot, lambda: app.session is not None)  # type: ignore[arg-type]
    session.live()
    await until(pilot, "CrashLoopBackOff")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_overview_says_what_is_wrong_and_what_to_press(
    session: FakeSession, make_app: Make, size: tuple[int, int]
) -> None:
    app = make_app(session)
    async with app.run_test(size=size) as pilot:
        await start(app, session, pilot)
        shown = await until(pilot, "1 broken")
        rows = shown.split("\n")
        assert len(rows) == size[1]
        worst = next(row for row in rows if "CrashLoopBackOff" in row)
        assert "✖" in worst
        assert "l logs" in worst
        for text in ("workloads 5/6", "Parts", "Node bakery-vps", "cpu", "mem", "disk", "kubelet evicts at 85%"):
            assert text in shown
        assert "l logs" in rows[-1]
        assert "? help" in rows[-1]


async def test_overview_opens_and_comes_back(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("enter")
        shown = await until(pilot, "Deployment bakery-ia/auth")
        assert isinstance(app.screen, ObjectScreen)
        assert "crash-looping" in shown
        await pilot.press("escape")
        await until(pilot, "needs you")
        assert isinstance(app.screen, OverviewScreen)


async def test_overview_when_all_is_well(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        healed = pod("auth-6d5f8c7b9-x2x4z", "auth", age=36_000)
        healed["metadata"]["resourceVersion"] = "2"
        better = deployment("auth")
        better["metadata"]["resourceVersion"] = "2"
        session.put("pods", healed)
        session.put("deployments", better)
        shown = await until(pilot, "Nothing needs you")
        assert "all is well" in shown
        assert "workloads 6/6" in shown


async def test_workloads_filter_pods_and_selection_hold_still(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4")
        shown = await until(pilot, "6 workloads")
        assert isinstance(app.screen, WorkloadsScreen)
        assert "9f3c2a1" in shown
        await pilot.press("slash", *"ten", "enter")
        shown = await until(pilot, "1 of 6 workloads")
        assert "orders" not in shown
        await pilot.press("escape")
        await until(pilot, "6 workloads ")
        await pilot.press("w")
        shown = await until(pilot, "6 pods")
        table = app.screen.table()
        await pilot.press("j", "j")
        await pilot.pause()
        chosen = table.selected
        session.put("pods", pod("aaa-6d5f8c7b9-new01", "aaa"))
        await until(pilot, "aaa-6d5f8c7b9-new01")
        assert table.selected == chosen
        session.drop("pods", "bakery-ia", "aaa-6d5f8c7b9-new01")
        await until_gone(pilot, "aaa-6d5f8c7b9-new01")
        assert table.selected == chosen


async def test_what_is_forbidden_is_not_offered_and_says_why(make_app: Make) -> None:
    from tests.support.small_bakery import fill

    session = FakeSession(refuses="get pods/log")
    fill(session)
    app = make_app(session)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        await until(pilot, lambda: "l logs" not in screen_text(app).split("\n")[-1])
        await pilot.press("l")
        await until(pilot, "you may not get pods/log")
        assert isinstance(app.screen, OverviewScreen)


async def test_kind_without_permission_says_so_and_the_rest_works(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        session.store("podmetrics").state.enter("forbidden", "you lack list on podmetrics", hint="ask for viewer")
        await pilot.press("4")
        shown = await until(pilot, "metrics of pods may not be read")
        assert "forecasting" in shown


async def test_events_are_grouped_and_kept(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("7")
        # The overview, which is left, says BackOff too.
        await until(pilot, lambda: isinstance(app.screen, EventsScreen))
        shown = await until(pilot, lambda: " 31 " in screen_text(app))
        assert " 31 " in shown
        assert "Pulled" not in shown
        await pilot.press("a")
        await until(pilot, "Pulled")
        session.put("events", event("e9", "orders-6d5f8c7b9-x2x4z", "Unhealthy", "Readiness probe failed [/foo]"))
        await until(pilot, "Readiness probe failed [/foo]")
        session.drop("events", "bakery-ia", "e1")
        await until(pilot, "kept here")
        assert "BackOff" in screen_text(app)


async def test_events_that_another_reader_took_in_first_are_drawn_too(
    session: FakeSession, make_app: Make
) -> None:
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("7")
        await until(pilot, lambda: isinstance(app.screen, EventsScreen) and " 31 " in screen_text(app))
        app.picture.events.update({}, set(), {"e-e1"})
        session.drop("events", "bakery-ia", "e1")
        await until(pilot, "kept here")


async def test_object_describe_yaml_events_search(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        await pilot.press("d")
        await until(pilot, "Conditions")
        await pilot.press("y")
        await until(pilot, "apiVersion: apps/v1")
        await pilot.press("slash", *"readyReplicas", "enter")
        shown = await until(pilot, "readyReplicas")
        assert "readyReplicas: 0" in shown
        await pilot.press("escape", "e")
        await until(pilot, "Back-off restarting")


async def test_an_object_that_is_gone_says_so(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        del session.objects["deployments", "bakery-ia", "auth"]
        await pilot.press("y")
        shown = await until(pilot, "is not there any more")
        assert "Deployment bakery-ia/auth" in shown


async def test_secrets_are_masked(session: FakeSession, make_app: Make) -> None:
    from bakeryops.model.overview import ObjectRef

    session.objects["secrets", "bakery-ia", "db"] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "bakery-ia"},
        "data": {"password": "aHVudGVyMg=="},
    }
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        app.open_object(ObjectRef("secrets", "bakery-ia", "db"), "yaml")
        shown = await until(pilot, "kind: Secret")
        assert "aHVudGVyMg" not in shown
        assert "hunter2" not in shown


async def test_help_machine_and_cost_open_and_close(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("question_mark")
        await until(pilot, "Keys of overview")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "m")
        await until(pilot, "v1.33.2")
        assert isinstance(app.screen, MachineScreen)
        await pilot.press("escape", "C")
        await until(pilot, "What the console costs")
        await pilot.press("escape")
        await until(pilot, "needs you")


async def test_palette_finds_objects_and_commands(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("colon", *"gateway")
        await until(pilot, "deployments bakery-ia")
        await pilot.press("enter")
        await until(pilot, "Deployment bakery-ia/gateway")
        await pilot.press("colon", *"own cost", "enter")
        await until(pilot, "What the console costs")


async def test_namespace_is_chosen_from_the_list(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("n")
        await until(pilot, "all namespaces")
        await pilot.press(*"bakery", "enter")
        await until(pilot, "· bakery-ia")
        assert app.namespace == "bakery-ia"


async def test_hidden_screens_watch_nothing(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("7")
        await until(pilot, "BackOff")
        kinds = {kind for feed in session.open_feeds for kind in feed.kinds}
        assert "pods" not in kinds
        assert "events" in kinds


async def test_hostile_names_are_shown_and_harmless(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    bad = pod("evil-[/b]-\x1b]52;c;eA==\x07-x", "evil", ready=False, waiting="[red]Crash\u202e")
    session.put("pods", bad)
    session.put("events", event("e7", "evil-[/b]", "[/x]", "\x1b[2J[/foo] \u202e reversed"))
    session.target = type(session.target)(server="https://h", context="[/ctx]", user="[b]u")
    app = make_app(session)
    async with app.run_test(size=(160, 40), notifications=True) as pilot:
        await start(app, session, pilot)
        shown = await until(pilot, "[red]Crash")
        for keys in ("4", "w", "7", "colon"):
            await pilot.press(keys)
            await pilot.pause()
            shown += screen_text(app)
        await pilot.press(*"evil")
        shown += await until(pilot, "evil-[/b]")
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[/ctx]" in shown


async def test_ages_tick(session: FakeSession) -> None:
    now = [NOW]
    app = BakeryOpsApp(session.target, connect=lambda _: session, clock=lambda: now[0])  # type: ignore[arg-type,return-value]
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await until(pilot, " 11m ")
        now[0] += 120
        await until(pilot, " 13m ")


async def test_another_cluster_is_taken_up_and_the_old_one_left(
    session: FakeSession, make_app: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bakeryops.cluster.target import ContextInfo, Target

    other = FakeSession(Target(server="https://192.0.2.7", context="staging", user="eve"))
    other.put("deployments", deployment("only-here"))
    infos = [ContextInfo("bakery-vps", "c", "ops", "default", "https://10.0.0.5", "file", True),
             ContextInfo("staging", "c2", "eve", "default", "https://192.0.2.7", "file", False)]  # fmt: skip
    monkeypatch.setattr("screens.app_commands.list_contexts", lambda kubeconfig: infos)
    monkeypatch.setattr("screens.app_commands.find_target", lambda kubeconfig, name: other.target)
    app = BakeryOpsApp(
        session.target,
        connect=lambda target: other if target.context == "staging" else session,  # type: ignore[arg-type,return-value]
        clock=lambda: NOW,
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4")
        await until(pilot, "6 workloads")
        await pilot.press("1", "K")
        await until(pilot, "https://192.0.2.7")
        await pilot.press(*"staging", "enter")
        await until(pilot, lambda: app.session is other)  # type: ignore[comparison-overlap]
        assert session.closed
        other.live()
        await until(pilot, "· k8s 1.33")
        await pilot.press("4")
        shown = await until(pilot, "only-here")
        assert "staging" in shown
        assert "auth" not in shown


async def test_theme_is_chosen(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("T")
        await until(pilot, "contrast")
        await pilot.press(*"light", "enter")
        await until(pilot, lambda: app.theme == "bakery-light")


async def test_a_tick_while_a_screen_is_taken_down_harms_nothing(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await app.screen.query("*").remove()
        for _ in range(60):
            app._tick()
        assert app.is_running
    assert app.return_code in (None, 0)
