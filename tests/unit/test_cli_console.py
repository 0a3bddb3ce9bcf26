from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeryops.cli.console import Search, open_console
from bakeryops.cli.demo_cluster import DemoCluster
from bakeryops.cli.options import Call
from bakeryops.cluster.target import Target
from bakeryops.config import Config
from bakeryops.errors import UsageError


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the application was made with; it ends at once with code 0."""
    seen: dict[str, Any] = {}

    class App:
        return_code = 0
        fault = None

        def __init__(self, target: Any, **options: Any) -> None:
            seen.update(target=target, **options)

        def run(self) -> None:
            seen["ran"] = True

    import screens.app

    monkeypatch.setattr(screens.app, "BakeryOpsApp", App)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    before = gc.get_threshold()
    yield seen
    gc.set_threshold(*before)


def call(tmp_path: Path, **flags: str) -> Call:
    file = tmp_path / "config.yaml"
    file.write_text("namespace: gitea\ntheme: light\n")
    return Call(file=file, flags=flags)


def test_the_console_gets_the_configuration_and_searches_for_the_cluster(
    opened: dict[str, Any], tmp_path: Path
) -> None:
    assert open_console(call(tmp_path)) == 0
    assert opened["ran"]
    assert opened["demo"] is False
    assert (opened["config"].namespace, opened["config"].theme) == ("gitea", "light")
    assert isinstance(opened["target"], Search)
    assert gc.get_threshold() == (50_000, 50, 1000)


def test_the_embedded_cluster_is_not_narrowed_by_the_configuration(opened: dict[str, Any], tmp_path: Path) -> None:
    search = DemoCluster([])
    open_console(call(tmp_path, kubeconfig="/x", context="y"), cluster=search)
    config = opened["config"]
    assert (config.kubeconfig, config.context, config.namespace, config.theme) == (None, None, None, "light")
    assert opened["target"] is search
    assert opened["demo"] is True


@pytest.mark.parametrize("read_only", [True, False])
def test_read_only_reaches_the_one_place_that_refuses(
    opened: dict[str, Any], tmp_path: Path, read_only: bool
) -> None:
    open_console(call(tmp_path, read_only=str(read_only).lower()))
    session = opened["connect"](Target(server="https://127.0.0.1:1"))
    assert session.transport.read_only is read_only


def test_without_a_terminal_nothing_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(UsageError, match="needs a terminal"):
        open_console(call(tmp_path))


async def test_each_await_searches_again(tmp_path: Path) -> None:
    search = Search(Config(kubeconfig=str(tmp_path / "kubeconfig")))
    with pytest.raises(UsageError):
        await search
    (tmp_path / "kubeconfig").write_text(
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n"
    )
    assert (await search).context == "x"
    assert (await search).context == "x"
