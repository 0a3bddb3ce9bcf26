"""`bakeryops demo`: what it serves, and that nothing of it is left when it or its parent ends."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from bakeryops.cli.demo_cluster import DemoCluster
from bakeryops.config import load
from bakeryops.errors import UnreachableError
from tests.support.cli_child import PATIENCE, call, end, environment, lines_until, serving, start

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_writes_its_files_says_where_it_is_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    with serving(tmp_path, "--seed", "3") as demo:
        *told, ready = demo.said
        assert ready == "ready"
        addresses = dict(line.split(" ") for line in told)
        assert list(addresses) == ["api", "gitea", "git", "registry", "webhook"]
        address = told[0]
        assert address.startswith("api https://127.0.0.1:")
        assert stat.S_IMODE(demo.folder.stat().st_mode) == 0o700
        for file in demo.folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600), file
        config = yaml.safe_load((demo.folder / "kubeconfig").read_text())
        assert [each["name"] for each in config["contexts"]] == ["admin", "operator", "viewer", "nsviewer"]
        assert config["current-context"] == "admin"
        assert config["contexts"][3]["context"]["namespace"] == "bakery-ia"
        assert f"api {config['clusters'][0]['cluster']['server']}" == address
        settings = load(demo.folder / "config.yaml", environ={}).config
        assert settings.git.url == addresses["git"] == f"{addresses['gitea']}/bakery-admin/bakery-ia.git"
        assert settings.gitea.url == addresses["gitea"]
        assert Path(settings.gitea.token or "").read_text().strip()
        assert addresses["gitea"].removeprefix("http://") in Path(settings.git.credentials or "").read_text()
        done = end(demo.child, number)
        assert (done.code, done.out, done.err) == (0, "", "")
        assert list(demo.folder.iterdir()) == []


async def test_the_built_world_is_kept_out_of_garbage_collection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bakeryops.cli import demo_serve

    before = gc.get_freeze_count()
    serve = asyncio.ensure_future(demo_serve._serve(tmp_path, demo_serve.Serving(seed=1), False))
    try:
        async with asyncio.timeout(PATIENCE):
            while "ready" not in capsys.readouterr().out:
                assert not serve.done()
                await asyncio.sleep(0)
        assert gc.get_freeze_count() - before > 10_000
        os.kill(os.getpid(), signal.SIGTERM)
        await serve
    finally:
        serve.cancel()
        gc.unfreeze()
    assert left_in(tmp_path) == []


def test_the_port_can_be_chosen_and_a_taken_one_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = call(tmp_path, "demo", "--serve", "--dir", str(tmp_path / "d"), "--port", port)
    assert done.code == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in done.err
    with serving(tmp_path, "--port", port) as demo:
        assert demo.said[0] == f"api https://127.0.0.1:{port}"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call(tmp_path, "demo", "--serve", "--dir", str(tmp_path / "file" / "d"))
    assert done.code == 1
    assert "the embedded cluster cannot run" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--serve"], "needs --dir"),
        (["demo", "--dir", "x"], "belongs to --serve"),
        (["demo"], "needs a terminal"),
        (["demo", "--speed", "0"], "speed"),
        ([], "needs a terminal"),
    ],
)
def test_calls_that_cannot_be_meant(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = call(tmp_path, *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.out == ""


def test_it_ends_when_its_standard_input_closes(tmp_path: Path) -> None:
    child = start(
        tmp_path, "demo", "--serve", "--until-stdin-closes", "--dir", str(tmp_path / "d"), stdin=subprocess.PIPE
    )
    lines_until(child, lambda lines: lines[-1] == "ready")
    _, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (0, "")
    assert not (tmp_path / "d").exists()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def kill_and_wait(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_the_child_is_awaited_again_and_again_and_replaced_when_it_died(state: Path) -> None:
    cluster = DemoCluster(["--seed", "2"])
    try:
        first = await cluster
        assert first.context == "admin"
        assert (await cluster).server == first.server
        settings = await cluster.settings()
        assert (settings.git.url or "").startswith(settings.gitea.url or "nowhere")
        assert (settings.git.credentials or "").endswith("/git-credentials")
        pid = cluster.pid
        assert pid is not None
        kill_and_wait(pid)
        assert (await cluster).server
        assert cluster.pid not in (None, pid)
    finally:
        cluster.close()
    assert cluster.pid is None
    assert left_in(state) == ["state"]


async def test_a_child_that_does_not_come_up_is_told_with_what_it_said(state: Path) -> None:
    late = DemoCluster([], start_seconds=0.01)
    with pytest.raises(UnreachableError, match="did not come up within"):
        await late
    assert late.pid is None
    broken = DemoCluster(["--size", "nonsense"])
    with pytest.raises(UnreachableError, match="ended while it was starting") as failure:
        await broken
    assert "nonsense" in failure.value.why
    assert "demo.log" in failure.value.hint
    assert broken.pid is None


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = """
import asyncio, sys, time
from bakeryops.cli.demo_cluster import DemoCluster
async def main():
    cluster = DemoCluster([])
    await cluster
    print(cluster.pid, flush=True)
    time.sleep(1000)
asyncio.run(main())
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    )
    pid = int(lines_until(parent, lambda lines: True)[0])
    parent.kill()
    parent.communicate(timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.01)


def test_the_child_gets_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeryops.cli.demo_cluster import _environment

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("KUBECONFIG", "x")
    monkeypatch.setenv("BAKERYOPS_CONTEXT", "x")
    assert {"AWS_SECRET_ACCESS_KEY", "KUBECONFIG", "BAKERYOPS_CONTEXT"} & _environment().keys() == set()
