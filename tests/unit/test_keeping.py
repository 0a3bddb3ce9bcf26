"""What is kept in SQLite: private, bounded, shared by processes, and never missed when it cannot be kept."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.keeping.history import HistoryStore
from bakeryops.model.blackbox import Saved, SavedEvent, SavedLog
from bakeryops.model.history import Entry

NOW = 1_760_100_000.0
HERE = "https://api:16443"
ROOT = Path(__file__).resolve().parents[2]


def entry(number: int, *, ago: float = 0.0, result: str = "applied") -> Entry:
    return Entry(key=f"git/{number}/auth", kind="deploy", when=NOW - ago, result=result, service="auth")  # type: ignore[arg-type]


def failed(
    number: int, *, ago: float = 0.0, lines: tuple[str, ...] = ("one", "Error: two"), **more: object
) -> Saved:
    log = SavedLog("step-test", "test", lines, missing="" if lines else "the pod is gone")
    saved = Saved(
        "failed", "TaskRun", "bakery-ci", f"run-{number}", f"uid-{number}", "pod", NOW - ago, NOW, build=f"build-{number}",
        pipeline="ci", task="test auth", pod=f"pod-{number}", container="step-test", step="test", error=lines[-1] if lines else "",
        error_at=1 if lines else None, logs=(log,), events=(SavedEvent(True, "Failed", "no", "Pod/x", 1, NOW),),
        object={"kind": "TaskRun"},
    )  # fmt: skip
    return msgspec.structs.replace(saved, **more)


def test_entries_come_back_newest_first_and_each_once(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.keep(HERE, [entry(1, ago=20), entry(2, ago=10)], NOW)
    store.keep(HERE, [entry(1, ago=20, result="rolled back")], NOW)
    assert [(each.key, each.result) for each in store.entries(HERE)] == [
        ("git/2/auth", "applied"),
        ("git/1/auth", "rolled back"),
    ]
    assert store.entries("https://elsewhere") == []
    assert (store.trouble, store.word) == ("", "")


def test_the_history_is_bounded_by_count_and_age(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path, most=10, keep_seconds=1000.0)
    store.keep(HERE, [entry(number, ago=number * 10.0) for number in range(50)], NOW)
    assert [each.key for each in store.entries(HERE)] == [f"git/{number}/auth" for number in range(10)]
    store.keep(HERE, [], NOW + 950.0)
    assert len(store.entries(HERE)) == 6


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "state")
    store.keep(HERE, [entry(1)], NOW)
    for path in (tmp_path / "state").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


@pytest.mark.parametrize("damage", ["garbage", "cut", "middle"])
def test_a_broken_file_is_moved_aside_and_begun_anew(tmp_path: Path, damage: str) -> None:
    store = HistoryStore(tmp_path)
    store.keep(HERE, [entry(number) for number in range(2000)], NOW)
    store.close()
    path = tmp_path / "history.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = path.read_bytes()
    harm = {
        "garbage": b"this is no database" * 100,
        "cut": data[: len(data) // 2],
        "middle": data[:4096] + b"\xff" * 40_000 + data[44_096:],
    }
    path.write_bytes(harm[damage])
    again = HistoryStore(tmp_path)
    again.entries(HERE)
    again.keep(HERE, [entry(number) for number in range(3000, 3010)], NOW)
    assert "begun anew" in again.word
    assert again.trouble == ""
    assert len(again.entries(HERE)) == 10
    assert [each for each in tmp_path.iterdir() if ".broken-" in each.name]


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "history.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / "history.sqlite").read_bytes()
    store = HistoryStore(tmp_path)
    store.keep(HERE, [entry(1)], NOW)
    assert store.entries(HERE) == []
    assert "newer bakeryops" in store.trouble
    assert (tmp_path / "history.sqlite").read_bytes() == before


def test_a_disk_that_takes_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    store.keep(HERE, [entry(1)], NOW)
    connection = store.database._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store.keep(HERE, [entry(number) for number in range(2, 3000)], NOW)
    assert "full" in store.trouble
    assert [each.key for each in store.entries(HERE)] == ["git/1/auth"]
    store.keep(HERE, [entry(2)], NOW)
    assert store.trouble == ""


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").mkdir()
    store = HistoryStore(tmp_path)
    store.keep(HERE, [entry(1)], NOW)
    assert store.entries(HERE) == []
    assert "cannot be used" in store.trouble


_WRITER = """
import sys
from pathlib import Path
from bakeryops.keeping.history import HistoryStore
from bakeryops.model.history import Entry
store = HistoryStore(Path(sys.argv[1]))
for number in range(60):
    key = f"{sys.argv[2]}/{number}"
    store.keep("here", [Entry(key=key, kind="deploy", when=1_760_000_000.0 + number, result="applied")], 1_760_000_000.0)
    assert not store.trouble, store.trouble
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), f"p{n}"], cwd=ROOT) for n in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert len(HistoryStore(tmp_path).entries("here")) == 180


# The black box.


def test_what_was_saved_comes_back_whole(tmp_path: Path) -> None:
    store = BlackBoxStore(tmp_path)
    number = store.save(HERE, failed(1), NOW)
    assert store.get(number) == failed(1, id=number)
    listed = store.failures(HERE)
    assert [(each.id, each.error, each.logs, each.object) for each in listed] == [(number, "Error: two", (), {})]
    assert [each.id for each in store.find(HERE, pod="pod-1")] == [number]
    assert [each.id for each in store.find(HERE, build="build-1")] == [number]
    assert store.find(HERE, build="build-2") == []
    assert store.known(HERE) == {("uid-1", "pod")}


def test_a_log_that_is_gone_stays_as_it_was_saved_first(tmp_path: Path) -> None:
    store = BlackBoxStore(tmp_path)
    number = store.save(HERE, failed(1), NOW)
    again = store.save(HERE, failed(1, lines=(), reason="Failed", events=(), object={}), NOW)
    assert again == number
    found = store.get(number)
    assert found is not None
    assert (found.reason, found.error, found.error_at) == ("Failed", "Error: two", 1)
    log = found.log()
    assert log is not None
    assert log.lines == ("one", "Error: two")
    assert found.events
    assert found.object


def test_the_black_box_is_bounded_by_count_bytes_and_age(tmp_path: Path) -> None:
    store = BlackBoxStore(tmp_path / "count", most=5)
    for number in range(12):
        store.save(HERE, failed(number, ago=100.0 - number), NOW)
    assert [each.name for each in store.failures(HERE)] == [f"run-{number}" for number in (11, 10, 9, 8, 7)]
    store.save(HERE, failed(99, ago=-10.0), NOW + 200 * 86_400.0)
    assert store.failures(HERE) == []

    store = BlackBoxStore(tmp_path / "bytes", most_bytes=20_000)
    for number in range(30):
        noise = tuple(f"{(place * 7919 + number * 104_729) ** 5}" for place in range(60))
        store.save(HERE, failed(number, ago=100.0 - number, lines=noise), NOW)
    left = store.failures(HERE)
    assert 2 < len(left) < 30
    assert left[0].name == "run-29"


def test_of_good_runs_the_last_of_each_task_is_kept(tmp_path: Path) -> None:
    store = BlackBoxStore(tmp_path)
    for number in range(4):
        store.save(HERE, failed(number, ago=10.0 - number, verdict="green"), NOW)
    store.save(HERE, failed(7, verdict="green", task="test tenant"), NOW)
    assert store.failures(HERE) == []
    green = store.green(HERE, failed(9))
    assert green is not None
    assert green.name == "run-3"
    assert store.green(HERE, failed(9, task="build auth")) is None
