from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from screens.app import BakeryOpsApp
from tests.support.fake_session import NOW, FakeSession
from tests.support.small_bakery import fill


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Let nothing of the machine show: no colours asked for, a time zone, folders of the test's own."""
    for name in ("NO_COLOR", "BAKERYOPS_CONFIG", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    time.tzset()


@pytest.fixture
def session() -> FakeSession:
    found = FakeSession()
    fill(found)
    return found


@pytest.fixture
def make_app() -> Callable[..., BakeryOpsApp]:
    """Return a maker of consoles on a session without a cluster, at a fixed time."""

    def make(session: FakeSession, **options: object) -> BakeryOpsApp:
        return BakeryOpsApp(session.target, connect=lambda _: session, clock=lambda: NOW, **options)  # type: ignore[arg-type,return-value]

    return make
