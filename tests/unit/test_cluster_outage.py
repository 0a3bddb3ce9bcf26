"""What a node tells about its API server, with programs and files of the test's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bakeryops.cluster import outage
from bakeryops.cluster.outage import Node, explain
from bakeryops.cluster.target import Target

LOCAL = Target("https://127.0.0.1:16443")
RUNNING = "LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\nResult=success\n"


@pytest.fixture
def node(tmp_path: Path) -> Node:
    (tmp_path / "bin").mkdir()
    return Node(root=tmp_path / "root", environ={"PATH": str(tmp_path / "bin")}, seconds=20.0)


def _program(node: Node, name: str, body: str) -> None:
    path = Path(node.environ["PATH"]) / name
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(0o755)


def _file(node: Node, name: str, text: str = "") -> None:
    path = node.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(autouse=True)
def _programs_of_the_test(node: Node, monkeypatch) -> None:
    # The child is looked up in this process's PATH, not in the child's.
    monkeypatch.setenv("PATH", node.environ["PATH"])


async def test_nothing_to_tell_where_no_program_and_no_file_is(node: Node) -> None:
    assert await explain(LOCAL, node=node) == []


async def test_a_server_elsewhere_is_not_explained(node: Node) -> None:
    _file(node, "var/snap/microk8s/current/var/lock/stopped.lock")
    for server in ("https://192.0.2.1:6443", "https://cluster.invalid:6443", "https://[2001:db8::1]:1"):
        assert await explain(Target(server), node=node) == []
    for server in ("https://localhost:1", "https://[::1]:1", "https://0.0.0.0:1"):
        assert len(await explain(Target(server), node=node)) <= 1
    assert await explain(LOCAL, node=node) == ["MicroK8s was stopped by hand; start it: microk8s start"]


async def test_a_running_snap_change_comes_first(node: Node) -> None:
    table = (
        "ID   Status  Spawn  Ready  Summary\n"
        "41   Done    today at 02:00 UTC  today at 02:01 UTC  Auto-refresh snap\n"
        "42   Doing   today at 03:00 UTC  -                   Auto-refresh snap \\x1b[31mmicrok8s\n"
    )
    _program(node, "snap", f"print('''{table}''')")
    _program(node, "systemctl", f"print('''{RUNNING.replace('=active', '=activating')}''')")
    told = await explain(LOCAL, node=node)
    assert told[0] == "snap is changing MicroK8s (Auto-refresh snap microk8s); see: snap change 42"
    assert len(told) == 4
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nNRestarts=7",
            "is restarting, 7 times so far",
        ),
        ("LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n", "has failed (exit-code)"),
        ("LoadState=loaded\nActiveState=inactive\nSubState=dead\n", "is stopped; start it: microk8s start"),
        ("LoadState=not-found\nActiveState=inactive\n", ""),
        (RUNNING, ""),
        ("nonsense", ""),
    ],
)
async def test_services(node: Node, state: str, said: str) -> None:
    _program(node, "systemctl", f"print('''{state}''' if 'kubelite' in sys.argv[2] else 'LoadState=not-found')")
    told = await explain(LOCAL, node=node)
    if said:
        assert len(told) == 1
        assert said in told[0]
        assert told[0].startswith("kubelite ")
    else:
        assert told == []


async def test_a_full_disk_is_told_once(node: Node, monkeypatch) -> None:
    node.path("var/snap/microk8s/common").mkdir(parents=True)
    node.path("var/lib").mkdir(parents=True)
    usage = os.statvfs("/")
    full = os.statvfs_result((4096, 4096, 1000, 10, 10, usage.f_files, usage.f_ffree, usage.f_favail, 0, 255))
    monkeypatch.setattr(outage.os, "statvfs", lambda path: full)
    told = await explain(LOCAL, node=node)
    assert len(told) == 1
    assert "is full (40.0K left)" in told[0] or "is full (40K left)" in told[0]


async def test_dqlite_memory_and_pressure(node: Node) -> None:
    _program(node, "journalctl", "print('ok\\nlevel=error msg=\"database is locked\"\\n' * 3)")
    _file(node, "proc/pressure/io", "some avg10=61.20 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00\n")
    _file(node, "proc/pressure/cpu", "some avg10=3.00 avg60=1.00 avg300=0.00 total=1\n")
    _file(node, "proc/meminfo", "MemTotal:       8000000 kB\nMemFree: 1 kB\nMemAvailable:    80000 kB\n")
    told = await explain(LOCAL, node=node)
    assert told == [
        "dqlite, the cluster's database, is in trouble: database is locked (written 3 times)",
        "the disk is so busy that work stood still 61 % of the last 10 s",
        "memory is used up: 78.1M of 7.6G left",
    ] or told[2].startswith("memory is used up")


async def test_programs_that_hang_fail_or_talk_nonsense_are_passed_over(node: Node) -> None:
    hurried = Node(node.root, node.environ, seconds=0.3)
    _program(node, "snap", "time.sleep(600)")
    _program(node, "systemctl", "sys.stdout.buffer.write(b'\\xff\\x00=' * 200_000); sys.exit(3)")
    _program(node, "journalctl", "")
    (Path(node.environ["PATH"]) / "journalctl").chmod(0o644)
    _file(node, "proc/meminfo", "what\u00e9")
    _file(node, "proc/pressure/io", "some avg10=nan")
    assert await explain(LOCAL, node=hurried) == []
