"""Hostile texts through the command line, on a terminal and in a pipe; hostile answers and plug-ins."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from bakeryops.demo.faults import Fault
from bakeryops.demo.server import Providers
from tests.support.demo import static_store
from tests.support.fake_api import fake_api, refused
from tests.support.hostile import (
    HOSTILE,
    HostileLogs,
    ServedInThread,
    fill_hostile,
    hostile_names,
    offences,
    served_in_thread,
)
from tests.support.pty import ROOT, Terminal

pytestmark = pytest.mark.slow

EVIL = "".join(HOSTILE[:22])

CALLS = (
    ("status",),
    ("status", "-o", "json"),
    ("workloads",),
    ("workloads", "-o", "yaml"),
    ("events",),
    ("events", "-o", "json"),
    ("logs", "evil-05", "-n", "[bold]"),
    ("logs", "evil-05", "-n", "[bold]", "--timestamps", "--prefix"),
    ("logs", "no-such-" + EVIL.replace("\0", "")),
    ("config", "show"),
    ("--context", EVIL.replace("\0", ""), "status"),
)


@pytest.fixture(scope="module")
def served() -> Iterator[ServedInThread]:
    store = static_store()
    fill_hostile(store)
    with served_in_thread(store, Providers(logs=HostileLogs())) as served:
        yield served


@pytest.fixture
def call(served: ServedInThread, tmp_path: Path) -> Callable[..., tuple[list[str], dict[str, str]]]:
    """Return how to call the program on the hostile cluster: its command and its environment."""
    path = hostile_names(served.kubeconfig(tmp_path / "kubeconfig"))
    environ = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path), "KUBECONFIG": str(path)}

    def make(*arguments: str) -> tuple[list[str], dict[str, str]]:
        return [sys.executable, "-m", "bakeryops", *arguments], environ

    return make


@pytest.mark.parametrize(
    "arguments", CALLS, ids=lambda arguments: " ".join(arguments)[:30].encode("ascii", "ignore").decode()
)
def test_a_terminal_gets_text_and_colours_only(
    call: Callable[..., tuple[list[str], dict[str, str]]], arguments: tuple[str, ...]
) -> None:
    command, environ = call(*arguments)
    with Terminal(command, columns=100, environ=environ) as terminal:
        terminal.wait(60)
        assert terminal.raw
        assert offences(terminal.raw, allow_conceal=True) == []
        assert b"Traceback" not in terminal.raw


@pytest.mark.parametrize(
    "arguments", CALLS, ids=lambda arguments: " ".join(arguments)[:30].encode("ascii", "ignore").decode()
)
def test_a_pipe_gets_no_sequences_either(
    call: Callable[..., tuple[list[str], dict[str, str]]], arguments: tuple[str, ...]
) -> None:
    command, environ = call(*arguments)
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert done.stdout + done.stderr
    assert offences(done.stderr) == []
    assert b"Traceback" not in done.stderr
    if "json" in arguments:
        json.loads(done.stdout)
    elif "yaml" in arguments:
        yaml.safe_load(done.stdout)
    assert b"\x1b" not in done.stdout
    assert offences(done.stdout) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_what_a_server_says_of_its_failure_is_cleaned(
    served: ServedInThread, call: Callable[..., tuple[list[str], dict[str, str]]], status: int
) -> None:
    served.call(
        lambda: served.server.faults.add(Fault("status", status=status, reason=HOSTILE[0], message=EVIL * 50))
    )
    try:
        for arguments in (("status",), ("logs", "evil-05", "-n", "[bold]"), ("workloads", "-o", "json")):
            command, environ = call(*arguments)
            with Terminal(command, columns=100, environ=environ) as terminal:
                assert terminal.wait(60) != 0
                assert offences(terminal.raw) == []
                assert b"Traceback" not in terminal.raw
                assert len(terminal.raw) < 20_000
    finally:
        served.call(served.server.faults.clear)


def test_what_a_plugin_says_of_its_failure_is_cleaned(tmp_path: Path) -> None:
    """On the command line and on the connection screen."""
    plugin = tmp_path / "plugin"
    plugin.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stderr.write({EVIL!r} + 'the plugin is ill')\nsys.exit(3)\n"
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": EVIL,
        "clusters": [{"name": EVIL, "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": EVIL, "user": {"exec": run}}],
        "contexts": [{"name": EVIL, "context": {"cluster": EVIL, "user": EVIL}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(body))
    environ = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path), "KUBECONFIG": str(path)}
    with Terminal([sys.executable, "-m", "bakeryops", "status"], environ=environ) as terminal:
        assert terminal.wait(60) != 0
        assert offences(terminal.raw) == []
        assert "the plugin is ill" in " ".join(terminal.text())
    with Terminal([sys.executable, "-m", "bakeryops"], environ=environ) as terminal:
        terminal.wait_for("the plugin is ill")
        assert offences(terminal.raw) == []
        terminal.send("\x11")
        assert terminal.wait() == 0


async def test_a_server_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    async with fake_api() as api:
        api.answer("*", "*", refused(403, HOSTILE[1], EVIL))
        body = {
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": api.url}}],
            "users": [{"name": "c", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(body))
        environ = os.environ | {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path), "KUBECONFIG": str(path)}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bakeryops", "status",
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await child.communicate()
    assert child.returncode
    assert offences(out + err) == []
    assert b"Traceback" not in err
