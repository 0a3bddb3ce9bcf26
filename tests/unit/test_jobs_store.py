"""Jobs on disk: saved whole and private, told from their journal, whatever is left of it."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.config import Config
from bakeryops.config.schema import Git
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.jobs import store as store_module
from bakeryops.jobs.control import asked_to_stop, cancel
from bakeryops.jobs.journal import Entry, Journal, entries, read_entries
from bakeryops.jobs.local_locks import LocalLocks
from bakeryops.jobs.settings import Settings
from bakeryops.jobs.store import JobStore
from bakeryops.jobs.view import Fold
from bakeryops.model.plan import Plan, PlanStep, decode_plan, encode_plan
from tests.support.probe_steps import plan_of, write


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")


def made(store: JobStore, tmp_path: Path, **more: Any) -> str:
    return store.create(plan_of(write("a", tmp_path / "out"), **more), Settings(Config()), "me@here")


def test_a_job_is_saved_whole_and_for_its_owner_only(store: JobStore, tmp_path: Path) -> None:
    config = Config(git=Git(url="https://gitea.example.org/a/b.git", credentials="/etc/somewhere"))
    plan = plan_of(write("a", tmp_path / "out"), subject="auth service", scope=("service/auth",))
    job = store.create(plan, Settings(config, "https://10.0.0.1", True), "me@here")
    assert "probe-auth-service" in job
    assert store.ids() == [job]
    assert store.plan(job) == plan
    assert store.settings(job) == Settings(config, "https://10.0.0.1", True)
    view = store.view(job)
    assert (view.state, view.who, view.steps[0].state) == ("waiting", "me@here", "pending")
    for path in (store.root, store.root / job, *(store.root / job).iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert store.folder(job.rpartition("-")[2]).name == job
    assert store.folder("last").name == job


def test_what_cannot_be_carried_out_is_not_saved(store: JobStore, tmp_path: Path) -> None:
    with pytest.raises(BakeryopsError, match="the moon"):
        made(store, tmp_path, blocked="the moon is in the way")
    with pytest.raises(UsageError, match="no job"):
        store.folder("nosuch")
    with pytest.raises(UsageError):
        store.folder("../../etc")
    assert store.ids() == []


def test_a_full_disk_leaves_nothing_behind(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "write_file", full)
    with pytest.raises(BakeryopsError, match="No space left") as caught:
        made(store, tmp_path)
    assert "room" in caught.value.hint
    assert list(store.root.iterdir()) == []


def test_a_runner_that_died_is_told(store: JobStore, tmp_path: Path) -> None:
    job = made(store, tmp_path)
    folder = store.folder(job)
    journal = Journal(folder / "journal.jsonl")
    journal.append(Entry(time.time(), "run"))
    assert store.view(job).state == "lost"
    assert f"jobs resume {job}" in store.view(job).hint
    with pytest.raises(BakeryopsError, match="gone"):
        cancel(store, job, "me")
    lock = os.open(folder / "runner.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert store.view(job).state == "running"
        cancel(store, job, "somebody@there")
        assert asked_to_stop(folder) == "somebody@there"
    finally:
        os.close(lock)
    assert store.view(job).state == "lost"
    journal.append(Entry(time.time(), "end", "", "done", "well"))
    journal.close()
    assert store.view(job).state == "done"
    with pytest.raises(BakeryopsError, match="ended"):
        cancel(store, job, "me")


def test_old_finished_jobs_go_and_others_stay(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "KEPT", 2)
    first = made(store, tmp_path)
    running = made(store, tmp_path)
    for job, state in ((first, "done"),):
        journal = Journal(store.folder(job) / "journal.jsonl")
        journal.append(Entry(1.0, "end", "", state))
        journal.close()
    later = [made(store, tmp_path) for _ in range(3)]
    assert set(later) | {running} <= set(store.ids())
    assert len(store.ids()) <= 5


def test_a_torn_line_is_passed_over_and_the_journal_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(Entry(1.0, "created", text="me"))
    journal.close()
    with path.open("ab") as stream:
        stream.write(b'{"at":2.0,"event":"run","da')
    journal = Journal(path)
    journal.append(Entry(3.0, "end", "", "failed", "it broke"))
    journal.close()
    found = read_entries(path)
    assert [each.event for each in found] == ["created", "end"]


def test_a_line_for_which_there_was_no_room_does_not_take_the_next_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(Entry(1.0, "created", text="me"))
    write = os.write
    room = [10]

    def narrow(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        done = write(descriptor, data[: room[0]])
        room[0] -= done
        return done

    with monkeypatch.context() as patched:
        patched.setattr("bakeryops.jobs.journal.os.write", narrow)
        with pytest.raises(OSError, match="No space"):
            journal.append(Entry(2.0, "note", "a", data={"key": "k", "value": "v"}))
    journal.append(Entry(3.0, "end", "", "failed", "it broke"))
    journal.close()
    assert [each.event for each in read_entries(path)] == ["created", "end"]


def test_locks_of_this_machine_leave_no_file_and_are_never_held_twice(tmp_path: Path) -> None:
    held: list[int] = []
    most: list[int] = []
    enough = time.monotonic() + 1.0

    def work() -> int:
        mine, count = LocalLocks(tmp_path, ["service/auth", "build/ci/x"]), 0
        while time.monotonic() < enough:
            if not mine.acquire("me"):
                held.append(1)
                most.append(len(held))
                held.pop()
                count += 1
                mine.release()
        return count

    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(lambda _: work(), range(6)))
    assert sum(counts) > 20
    assert max(most) == 1
    assert list(tmp_path.iterdir()) == []


_STATES = st.sampled_from(["checking", "applying", "verifying", "done", "failed", "stopped", "nonsense"])
_ENTRIES = st.builds(
    Entry,
    at=st.floats(0, 1e10),
    event=st.sampled_from(["created", "run", "lock", "step", "note", "tell", "progress", "stop", "end", "odd"]),
    step=st.sampled_from(["", "a", "b", "zz"]),
    state=_STATES | st.sampled_from(["done", "partial", "held", "waiting"]),
    text=st.text(max_size=20),
    data=st.dictionaries(
        st.sampled_from(["outputs", "already", "done", "total", "rate", "key", "value", "code", "evidence"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_ENTRIES, max_size=30), st.binary(max_size=40))
def test_any_journal_is_told(found: list[Entry], rubbish: bytes) -> None:
    import msgspec

    plan = plan_of(PlanStep("a", "probe.write", "A"), PlanStep("b", "probe.write", "B"))
    data = b"\n".join(msgspec.json.encode(each) for each in found) + b"\n" + rubbish
    fold = Fold("job", plan)
    view = fold.take(entries(data))
    assert [step.id for step in view.steps] == ["a", "b"]
    assert 0 <= view.at < 2
    for step in view.steps:
        step.seconds(1.0)


def test_a_plan_goes_to_disk_and_back_and_its_hash_knows_no_time() -> None:
    plan = plan_of(PlanStep("a", "probe.write", "A", {"x": [1, {"y": None}]}, ("git push",)), typed="auth")
    again = decode_plan(encode_plan(plan))
    assert again == plan
    later = Plan(**{**{name: getattr(plan, name) for name in plan.__struct_fields__}, "created": 1.0})
    assert later.hash == plan.hash
    assert plan_of(PlanStep("a", "probe.write", "B")).hash != plan.hash
    with pytest.raises(UsageError, match="version"):
        decode_plan(encode_plan(plan).replace(b'"version":1', b'"version":9'))
    with pytest.raises(UsageError, match="cannot be read"):
        decode_plan(b"{")
