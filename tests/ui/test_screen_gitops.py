from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bakeryops.drift import Drift
from bakeryops.model.code import CodeView
from bakeryops.model.difference import Difference
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.units import parse_time
from screens.app import BakeryOpsApp
from screens.diff import DiffScreen
from screens.follow import FollowScreen
from screens.gitops import GitOpsScreen
from screens.object import ObjectScreen
from screens.sync import SyncScreen
from tests.support.console import screen_text, until, until_gone
from tests.support.delivered import OBJECTS, FixedCode, app_of, delivered, kustomization
from tests.support.fake_session import NOW, FakeSession
from tests.support.recordings import events, needs_recordings, scenarios
from tests.support.small_bakery import deployment
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40), (200, 50))
FLUX = ("gitrepositories", "kustomizations")


async def opened(app: BakeryOpsApp, session: FakeSession, pilot: Any, text: str = "1 source, 1 sync") -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    await pilot.press("3")
    return await until(pilot, text)


async def into_the_tree(app: BakeryOpsApp, session: FakeSession, pilot: Any) -> str:
    await opened(app, session, pilot)
    await pilot.press("j", "enter")
    return await until(pilot, "ConfigMap  2 objects")


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_it_says_what_is_applied_and_by_whom(size: tuple[int, int]) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        shown = await opened(app, session, pilot)
        assert "deploy(auth): token ttl" in shown
        assert "git 2ff8126" in shown
        rows = [line for line in shown.split("\n") if line.startswith(("✔ bakery-ia", "✔ └ bakery-ia"))]
        assert len(rows) == 2
        assert all("2ff8126" in row and "ready" in row for row in rows)
        assert "follows   main" in shown
        await pilot.pause()
        check(app, f"screen-gitops-{size[0]}", FOLDER)


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_the_tree_has_what_is_broken_first_and_open(size: tuple[int, int]) -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=size) as pilot:
        shown = await into_the_tree(app, session, pilot)
        assert "1 object is broken" in shown
        lines = [line for line in shown.split("\n") if line.startswith(("✖", "✔ ▸", "  ▸"))]
        assert [line.split()[1:3] for line in lines] == [
            ["▾", "auth"],
            ["auth-6d5f8c7b9-x2x4z", "CrashLoopBackOff"],
            ["▸", "tenant"],
            ["ConfigMap", "2"],
        ]
        await pilot.pause()
        check(app, f"screen-sync-{size[0]}", FOLDER)


async def test_enter_folds_what_has_parts_and_opens_what_has_none() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(100, 30)) as pilot:
        await into_the_tree(app, session, pilot)
        assert isinstance(app.screen, SyncScreen)
        await pilot.press("enter")
        await until_gone(pilot, "auth-6d5f8c7b9-x2x4z")
        await pilot.press("space")
        await until(pilot, "auth-6d5f8c7b9-x2x4z")
        await pilot.press("z")
        shown = await until(pilot, "tenant-6d5f8c7b9-x2x4z")
        assert "settings" in shown
        await pilot.press("z")
        await until_gone(pilot, "auth-6d5f8c7b9-x2x4z")
        await pilot.press("z")
        await until(pilot, "auth-6d5f8c7b9-x2x4z")
        await pilot.press("j", "enter")
        await until(pilot, "Pod bakery-ia/auth-6d5f8c7b9-x2x4z")
        assert isinstance(app.screen, ObjectScreen)
        await pilot.press("escape")
        await until(pilot, "ConfigMap  2 objects")
        await pilot.press("escape")
        await until(pilot, "1 source, 1 sync")
        assert isinstance(app.screen, GitOpsScreen)


async def test_what_a_person_unfolded_stays_and_the_cursor_with_it() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(100, 30)) as pilot:
        await into_the_tree(app, session, pilot)
        await pilot.press("j", "j", "enter")
        await until(pilot, "tenant-6d5f8c7b9-x2x4z")
        table = app.screen.query_one("#tree")
        before = table.selected  # type: ignore[attr-defined]
        worse = deployment("tenant", ready=0)
        worse["metadata"]["resourceVersion"] = "2"
        session.put("deployments", worse)
        await until(pilot, "0 of 1 ready")
        assert "tenant-6d5f8c7b9-x2x4z" in screen_text(app)
        assert table.selected == before  # type: ignore[attr-defined]


async def test_a_failing_apply_says_what_it_tried_and_is_not_green() -> None:
    session, view = delivered()
    raw = kustomization(
        view.main[1], tried=view.head, reason="BuildFailed", objects=OBJECTS,
        message="kustomize build failed: kustomization.yaml: no such file or directory",
    )  # fmt: skip
    session.put("kustomizations", raw)
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        shown = await opened(app, session, pilot, "1 failing")
        row = next(line for line in shown.split("\n") if "└ bakery-ia" in line)
        assert row.startswith("✖")
        assert "tried 2ff8126" in row
        assert view.main[1][:7] in row


async def test_no_flux_is_said_and_not_an_empty_table() -> None:
    session, view = delivered()
    for kind in FLUX:
        session.stores.pop(kind)
        session.store(kind)
    app = app_of(session, replace(view, state="off", commits={}, head=""))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        for kind in FLUX:
            session.store(kind).state.enter("absent")
        await pilot.press("3")
        shown = await until(pilot, "Flux is not installed in this cluster")
        assert "0 sources, 0 syncs" in shown
        assert "no repository is configured" in shown


async def test_forbidden_kinds_are_said_to_be() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        session.store("kustomizations").state.enter("forbidden", "you may not list kustomizations")
        await pilot.press("3")
        await until(pilot, "you may not list kustomizations")


async def test_an_old_git_says_its_age() -> None:
    session, view = delivered()
    app = app_of(session, replace(view, state="stale", reason="Gitea does not answer", fetched=NOW - 840))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot)
        await until(pilot, "git read 14m ago: Gitea does not answer")


async def test_follow_is_of_the_commit_that_is_applied() -> None:
    session, view = delivered()
    app = app_of(session, view)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot)
        await pilot.press("j", "F")
        await until(pilot, "stuck at ready")
        assert isinstance(app.screen, FollowScreen)
        assert "auth: token ttl" in screen_text(app)


def differences() -> Drift:
    lines = ("--- live", "+++ git", "@@ -1,3 +1,3 @@", " spec:", "-  replicas: 3", "+  replicas: 1")
    return Drift(
        "2ff81260",
        (
            Difference(ObjectRef("deployments", "bakery-ia", "auth"), "apps", "Deployment", "changed", lines),
            Difference(
                ObjectRef("persistentvolumeclaims", "bakery-ia", "data"), "", "PersistentVolumeClaim", "pruned"
            ),
        ),
        2,
    )


@pytest.mark.parametrize("size", SIZES, ids=["80", "120", "200"])
async def test_the_diff_says_what_the_next_apply_would_do(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(*_: Any) -> Drift:
        return differences()

    monkeypatch.setattr("bakeryops.drift.find_drift", find)
    session, view = delivered()
    app = app_of(session, view)
    app.code.keeper = type("Keeper", (), {"repository": object()})()  # type: ignore[assignment]
    async with app.run_test(size=size) as pilot:
        await opened(app, session, pilot)
        await pilot.press("j", "D")
        shown = await until(pilot, "would be changed")
        assert isinstance(app.screen, DiffScreen)
        for text in ("2 alike", "-  replicas: 3", "+  replicas: 1", "its data with it", "compared 11:06:40 UTC"):
            assert text in shown
        await pilot.pause()
        check(app, f"screen-diff-{size[0]}", FOLDER)


@pytest.mark.parametrize("hidden", [False, True], ids=["seen", "hidden"])
async def test_a_comparison_of_the_past_is_not_green(hidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def find(*_: Any) -> Drift:
        return replace(differences(), differences=())

    monkeypatch.setattr("bakeryops.drift.find_drift", find)
    session, view = delivered()
    app = app_of(session, view)
    app.code.keeper = type("Keeper", (), {"repository": object()})()  # type: ignore[assignment]
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot)
        await pilot.press("j", "D")
        await until(pilot, "Git and cluster agree on all 2 objects")
        if hidden:
            await pilot.press("4")
            await until(pilot, "sorted by")
        code = app.code
        assert isinstance(code, FixedCode)
        code.said = replace(view, head="0123456" + "7" * 33)
        app.post_message(app.CodeChanged())
        await pilot.press(*(["3"] if hidden else []))
        await until(pilot, "of the past: Git has 0123456 by now; r compares anew")
        assert "agree" not in screen_text(app)
        await pilot.press("r")
        await until(pilot, "Git and cluster agree on all 2 objects")


async def test_without_git_the_diff_says_why_and_what_to_do() -> None:
    session, _ = delivered()
    app = app_of(
        session, CodeView(state="refused", reason="Gitea refuses the credentials", hint="See git.credentials.")
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot)
        await pilot.press("j", "D")
        shown = await until(pilot, "Git cannot be read")
        assert "Gitea refuses the credentials" in shown
        assert "See git.credentials." in shown
        code = app.code
        assert isinstance(code, FixedCode)
        await pilot.press("r")
        await until(pilot, lambda: code.poked == 1)


async def test_hostile_names_and_500_objects_are_drawn() -> None:
    session, view = delivered()
    objects = (*OBJECTS, *(f"set-{number} _ConfigMap" for number in range(500)))
    session.put("kustomizations", kustomization(view.head, objects=objects))
    commits = {sha: replace(each, subject="[red]x[/] " + "日本" * 100) for sha, each in view.commits.items()}
    app = app_of(session, replace(view, commits=commits))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot)
        assert "[red]x[/]" in screen_text(app)
        await pilot.press("j", "enter")
        await until(pilot, "ConfigMap  502 objects")
        await pilot.press("z", "end")
        await until(pilot, "set-99")


def _moments(scenario: str) -> list[tuple[float, str, str, dict[str, Any]]]:
    return [each for each in events(scenario) if each[1] in FLUX]


@needs_recordings
@pytest.mark.slow
@pytest.mark.parametrize("scenario", scenarios("flux-"))
async def test_every_recorded_moment_is_shown_and_green_only_where_it_is_fine(scenario: str) -> None:
    moments = _moments(scenario)
    session = FakeSession()
    for kind in FLUX:
        session.store(kind)
    base = parse_time(moments[0][3]["metadata"]["managedFields"][-1]["time"])
    assert base is not None
    now = [base]
    app = app_of(session, CodeView(state="off", reason="no repository"))
    app._clock = lambda: now[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, GitOpsScreen))
        screen = app.screen
        assert isinstance(screen, GitOpsScreen)
        for seconds, kind, what, raw in moments:
            now[0] = base + seconds
            name = raw["metadata"]["name"]
            if what == "DELETED":
                session.drop(kind, raw["metadata"]["namespace"], name)
            else:
                session.put(kind, json.loads(json.dumps(raw)))
            feed = screen.feed
            assert feed is not None
            await screen.show_changes(feed, (), first=True)
            for key, view in app.picture.delivery.flux_views().items():
                row = screen.table().row(key)
                assert row is not None
                symbol = row.cells[0]
                green = getattr(symbol, "tone", "") == "fine"
                assert green is (view.health is Health.FINE)
        await pilot.pause()
        shown = screen_text(app)
        assert "source" in shown
