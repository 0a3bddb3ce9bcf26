from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.target import Target
from bakeryops.errors import BakeryopsError, CredentialError, UnreachableError, UsageError
from screens.app import BakeryOpsApp
from screens.connect import ConnectScreen
from screens.overview import OverviewScreen
from tests.support.console import screen_text, until, until_gone
from tests.support.fake_session import NOW, FakeSession


class Search:
    """A search for the cluster that a test decides; each await searches again."""

    def __init__(self, *outcomes: Target | BaseException | None) -> None:
        self.outcomes = list(outcomes)
        self.asked = 0

    def __await__(self) -> Generator[Any, None, Target]:
        return self._find().__await__()

    async def _find(self) -> Target:
        self.asked += 1
        outcome = self.outcomes[min(self.asked, len(self.outcomes)) - 1]
        if outcome is None:
            await asyncio.Event().wait()
        if isinstance(outcome, BaseException):
            raise outcome
        assert outcome is not None
        return outcome


async def test_first_paint_does_not_wait_for_the_cluster(session: FakeSession) -> None:
    app = BakeryOpsApp(Search(None), connect=lambda _: session, clock=lambda: NOW)  # type: ignore[arg-type,return-value]
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await until(pilot, "11:06:40")
        assert "connecting" in shown
        assert isinstance(app.screen, OverviewScreen)
        assert "? help" in shown


FAILURES = (
    (
        UnreachableError("no cluster found", why="no kubeconfig", hint="bakeryops demo"),
        "No cluster was found",
        "bakeryops demo",
    ),
    (UsageError("kubeconfig has no context x", hint="--context"), "The kubeconfig cannot be used", "--context"),
    (
        CredentialError("ops is not in the microk8s group", hint="sudo usermod -a -G microk8s ops"),
        "no usable credentials",
        "sudo usermod -a -G microk8s ops",
    ),
    (
        KubeError("certificate signed by unknown authority", kind="tls"),
        "certificate is not trusted",
        "microk8s config >",
    ),
    (KubeError("token expired", kind="unauthorized"), "expired or refused", "microk8s config >"),
    (
        KubeError("exec plugin gke not found", kind="unreachable", hint="install it"),
        "does not answer",
        "install it",
    ),
    (RuntimeError("[/b] \x1b]0;x\x07 odd"), "cannot be used", "RuntimeError"),
)


@pytest.mark.parametrize(("error", "says", "mend"), FAILURES)
async def test_each_failure_has_its_text_and_its_mend(error: BaseException, says: str, mend: str) -> None:
    app = BakeryOpsApp(Search(error), clock=lambda: NOW)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        shown = await until(pilot, says)
        assert mend in shown
        assert "try again" in shown
        assert "\x1b" not in shown
        if isinstance(error, BakeryopsError):
            assert error.message in shown


async def test_r_searches_again_and_goes_on(session: FakeSession) -> None:
    search = Search(UnreachableError("no cluster found"), session.target)
    app = BakeryOpsApp(search, connect=lambda _: session, clock=lambda: NOW)  # type: ignore[arg-type,return-value]
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "No cluster was found")
        await pilot.press("r")
        await until(pilot, lambda: app.session is session)  # type: ignore[comparison-overlap]
        session.live()
        await until(pilot, "CrashLoopBackOff")
        assert isinstance(app.screen, OverviewScreen)
    assert session.closed


async def test_a_server_that_never_answered_shows_the_connection_screen_until_it_does(
    session: FakeSession, make_app: Callable[..., BakeryOpsApp]
) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.link.go("connecting", "connection refused", "is it running? microk8s status", next_try=NOW + 4)
        shown = await until(pilot, "connection refused")
        assert isinstance(app.screen, ConnectScreen)
        assert "microk8s status" in shown
        assert "next try in 4 s" in shown
        await pilot.press("r")
        assert session.woken == 1
        await pilot.press("4")
        assert isinstance(app.screen, ConnectScreen)
        session.live()
        await until(pilot, "CrashLoopBackOff")
        assert isinstance(app.screen, OverviewScreen)


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("tls", "The cluster's certificate is not trusted"),
        ("timeout", "The cluster is too slow to answer"),
        ("unavailable", "The cluster answers, but is not ready"),
        ("protocol", "What answers there is not a Kubernetes API server"),
        ("", "The cluster does not answer"),
    ],
)
async def test_what_goes_wrong_after_the_start_has_its_own_title(
    session: FakeSession, make_app: Callable[..., BakeryOpsApp], kind: str, title: str
) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.link.go("connecting", "it went wrong", "mend it", kind=kind)
        shown = await until(pilot, "it went wrong")
        assert title in shown


async def test_a_lost_server_shows_stale_data_and_recovers(
    session: FakeSession, make_app: Callable[..., BakeryOpsApp]
) -> None:
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        await until(pilot, "CrashLoopBackOff")
        session.link.go("stale", "no answer for 3 s", "look at the node", since=NOW - 3, last_data=NOW - 4,
                        next_try=NOW + 7)  # fmt: skip
        shown = await until(pilot, "Cluster lost")
        for text in ("no answer for 3 s", "4s old", "next try in 7 s", "look at the node", "stale 4s"):
            assert text in shown
        table = app.screen.query_one("#needs")
        assert table.stale  # type: ignore[attr-defined]
        assert "CrashLoopBackOff" in shown, "what was known stays on screen"
        session.live()
        shown = await until_gone(pilot, "Cluster lost")
        assert "● live" in shown
        assert not table.stale  # type: ignore[attr-defined]


async def test_the_node_explains_an_outage_under_the_banner(
    session: FakeSession, make_app: Callable[..., BakeryOpsApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explain(target: Target) -> list[str]:
        return ["a snap change is running: auto-refresh of microk8s"]

    monkeypatch.setattr("bakeryops.cluster.outage.explain", explain)
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        await until(pilot, "● live")
        session.link.go("stale", "connection refused", since=NOW, last_data=NOW)
        await until(pilot, "on this node: a snap change is running")
        session.live()
        await until_gone(pilot, "on this node")


async def test_read_only_and_demo_are_said_in_the_title(session: FakeSession) -> None:
    from bakeryops.config import Config

    app = BakeryOpsApp(
        session.target,
        connect=lambda _: session,  # type: ignore[arg-type,return-value]
        config=Config(read_only=True),
        demo=True,
        clock=lambda: NOW,
    )
    async with app.run_test(size=(100, 24)) as pilot:
        shown = await until(pilot, "read-only")
        assert "DEMO" in shown.split("\n")[0]
        assert screen_text(app).split("\n")[0].rstrip().endswith("read-only")
