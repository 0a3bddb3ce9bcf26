"""The audit log: every change to it is found, several may write at once, and a writer that dies breaks nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.jobs.audit import AuditLog
from bakeryops.jobs.audit_lines import canonical, seal
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def log_of(folder: Path, count: int) -> AuditLog:
    log = AuditLog(folder, clock=lambda: 1_760_100_000.25)
    for number in range(count):
        log.append("begun", job=f"job-{number}", action="rollback", subject="auth", who="dev-one", host="vps",
                   scope=["service/auth"], evidence=["a", "b"])  # fmt: skip
    return log


def lines_of(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def test_a_record_says_who_did_what_when_and_is_sealed_with_the_one_before(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, clock=lambda: 1_760_100_000.25)
    first = log.append("begun", job="j1", action="rollback", subject="auth", title="Roll back auth", who="dev-one",
                       host="vps", cluster="https://api:16443", context="prod", scope=["service/auth"], plan="ab" * 32,
                       command="bakeryops rollback auth")  # fmt: skip
    second = log.append("ended", job="j1", outcome="done", text="auth is healthy", evidence=["1 of 1 ready"])
    found = [json.loads(line) for line in lines_of(log)]
    assert [each["seq"] for each in found] == [1, 2]
    assert found[0]["when"] == "2025-10-10T12:40:00.250Z"
    assert found[0]["scope"] == ["service/auth"]
    assert found[1]["prev"] == first.hash == found[0]["hash"]
    assert list(log.records()) == [first, second]
    verdict = log.verify()
    assert (verdict.ok, verdict.count, verdict.head, verdict.problems) == (True, 2, second.hash, ())


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        log = log_of(tmp_path / "state", 1)
    finally:
        os.umask(old)
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert (log.folder / "audit.head").stat().st_mode & 0o777 == 0o600
    assert log.folder.stat().st_mode & 0o777 == 0o700


def test_nothing_written_is_whole(tmp_path: Path) -> None:
    assert AuditLog(tmp_path).verify().ok
    assert list(AuditLog(tmp_path).records()) == []


@pytest.mark.parametrize("name", ["command", "text", "evidence"])
def test_a_password_in_an_address_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    log = log_of(tmp_path, 1)
    before = log.path.read_bytes()
    text = "push to https://bot:hunter2hunter2@gitea.local/x.git"
    with pytest.raises(UsageError) as caught:
        log.append("ended", **{name: [text] if name == "evidence" else text})
    assert "hunter2" not in " ".join(caught.value.lines())
    assert log.path.read_bytes() == before


def test_other_secrets_are_hidden_and_control_sequences_removed(tmp_path: Path) -> None:
    record = log_of(tmp_path, 0).append("noted", text="\x1b]52;c;eA==\x07done with --token=abcdef0123456789")
    assert "abcdef0123456789" not in record.text
    assert "\x1b" not in AuditLog(tmp_path).path.read_text()
    assert record.text.startswith("done with --token=")


def test_fields_and_events_that_are_not_known_are_refused(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    with pytest.raises(UsageError):
        log.append("begun", password="x")
    with pytest.raises(UsageError):
        log.append("exploded")
    assert not log.path.exists()


# Tampering.


def tampered(lines: list[bytes], how: str, at: int, other: int) -> list[bytes]:
    lines = list(lines)
    if how == "edit":
        document = json.loads(lines[at])
        document["who"] = "somebody-else"
        lines[at] = canonical(document) + b"\n"
    elif how == "edit and seal":
        document = json.loads(lines[at])
        document["who"] = "somebody-else"
        document["hash"] = seal(document)
        lines[at] = canonical(document) + b"\n"
    elif how == "delete":
        del lines[at]
    elif how == "repeat":
        lines.insert(other, lines[at])
    elif how == "insert":
        lines.insert(at, b'{"who":"nobody"}\n')
    elif how == "swap":
        lines[at], lines[other] = lines[other], lines[at]
    elif how == "garble":
        lines[at] = lines[at][: len(lines[at]) // 2] + b"\n"
    elif how == "space":
        lines[at] = lines[at].replace(b":", b": ", 1)
    return lines


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    how=st.sampled_from(["edit", "edit and seal", "delete", "repeat", "insert", "swap", "garble", "space"]),
    at=st.integers(0, 5),
    other=st.integers(0, 5),
)
def test_every_tampering_is_found(tmp_path_factory: pytest.TempPathFactory, how: str, at: int, other: int) -> None:
    if how in ("swap", "repeat") and at == other:
        other = (at + 1) % 6
    log = log_of(tmp_path_factory.mktemp("log"), 6)
    log.path.write_bytes(b"".join(tampered(lines_of(log), how, at, other)))
    verdict = log.verify()
    assert not verdict.ok
    assert verdict.problems
    # Going on writing does not hide it.
    log.append("noted", text="later")
    assert not log.verify().ok


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(1, 5000), byte=st.integers(0, 255))
def test_no_byte_can_be_changed(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    log = log_of(tmp_path_factory.mktemp("log"), 4)
    data = bytearray(log.path.read_bytes())
    place %= len(data)
    if data[place] == byte:
        byte ^= 1
    data[place] = byte
    log.path.write_bytes(data)
    # The last line break alone may be lost: a writer that was stopped there has written everything.
    assert not log.verify().ok or (place == len(data) - 1 and log.verify().notes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(2, 3000))
def test_what_is_cut_off_at_the_end_is_found(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    log = log_of(tmp_path_factory.mktemp("log"), 5)
    data = log.path.read_bytes()
    log.path.write_bytes(data[: max(0, len(data) - cut)])
    assert not log.verify().ok
    log.append("noted")
    assert not log.verify().ok


def test_the_problem_names_the_line(tmp_path: Path) -> None:
    log = log_of(tmp_path, 4)
    log.path.write_bytes(b"".join(tampered(lines_of(log), "edit", 2, 0)))
    assert any(each.startswith("line 3:") for each in log.verify().problems)


def test_a_log_that_lost_its_head_is_not_whole_and_stays_so(tmp_path: Path) -> None:
    log = log_of(tmp_path, 3)
    (tmp_path / "audit.head").unlink()
    assert not log.verify().ok
    log.append("noted")
    assert not log.verify().ok


def test_a_log_written_anew_does_not_have_a_hash_noted_earlier(tmp_path: Path) -> None:
    log = log_of(tmp_path / "one", 3)
    noted = log.verify().head
    other = log_of(tmp_path / "two", 2)
    other.append("noted", text="instead")
    assert log.verify(contains=noted[:16]).ok
    assert other.verify().ok
    assert not other.verify(contains=noted).ok


# Writers that die, and several at once.


def test_a_line_left_unfinished_is_kept_and_told_of_by_the_next(tmp_path: Path) -> None:
    log = log_of(tmp_path, 2)
    with log.path.open("ab") as file:
        file.write(b'{"action":"rollback","comma')
    verdict = log.verify()
    assert verdict.ok
    assert verdict.notes
    record = log.append("resumed", job="job-1")
    assert [each.bytes for each in record.torn] == [27]
    verdict = log.verify()
    assert (verdict.ok, verdict.count, len(verdict.notes)) == (True, 3, 1)
    # It can neither be taken out nor changed afterwards.
    lines = lines_of(log)
    log.path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    assert not log.verify().ok
    log.path.write_bytes(b"".join([*lines[:2], b"{}\n", *lines[3:]]))
    assert not log.verify().ok


_WRITER = """
import sys
from pathlib import Path
from bakeryops.jobs.audit import AuditLog
log = AuditLog(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    log.append("noted", who=sys.argv[3], text=f"{number} " + "x" * 1500)
    print(number, flush=True)
"""


def writer(folder: Path, count: int, who: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder), str(count), who], cwd=ROOT, stdout=subprocess.PIPE
    )


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    children = [writer(tmp_path, 40, f"p{number}") for number in range(3)]
    for child in children:
        child.communicate(timeout=60)
    assert [child.returncode for child in children] == [0, 0, 0]
    log = AuditLog(tmp_path)
    verdict = log.verify()
    assert (verdict.ok, verdict.count) == (True, 120)
    for number in range(3):
        own = [each.text.split()[0] for each in log.records() if each.who == f"p{number}"]
        assert own == [str(each) for each in range(40)]


def test_a_writer_that_is_killed_leaves_a_whole_log(tmp_path: Path) -> None:
    done = 0
    for turn in range(6):
        child = writer(tmp_path, 100_000, f"turn-{turn}")
        assert child.stdout is not None
        for _ in range(3 + turn):
            done_line = child.stdout.readline()
            assert done_line
        child.send_signal(signal.SIGKILL)
        rest = child.communicate(timeout=60)[0]
        # What it said to have written is there, whenever it was killed.
        done += 3 + turn + rest.count(b"\n")
        log = AuditLog(tmp_path)
        assert log.verify().ok, log.verify()
        assert log.verify().count >= done
        done = log.verify().count
    log.append("noted", text="after")
    assert log.verify().ok


def test_a_writer_that_stands_still_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    log = log_of(tmp_path, 1)
    monkeypatch.setattr("bakeryops.jobs.audit._PATIENCE", 0.05)
    with log.path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BakeryopsError, match="held by another"):
            log.append("noted")
    assert log.append("noted").seq == 2


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path, 2)
    before = log.path.read_bytes()

    def full(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:20])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("bakeryops.jobs.audit._write", full)
        with pytest.raises(BakeryopsError, match="cannot be written") as caught:
            log.append("ended")
    assert "No space left" in caught.value.why
    assert log.path.read_bytes() == before
    assert log.append("ended").seq == 3
    assert log.verify().ok


def test_appending_does_not_get_slower_with_the_length(tmp_path: Path) -> None:
    log = log_of(tmp_path, 1)
    line = lines_of(log)[0]
    with log.path.open("ab") as file:
        file.write(line * 50_000)
    began = time.perf_counter()
    log.append("noted")
    assert time.perf_counter() - began < 0.5
    wait_until(lambda: log.path.stat().st_size > 50_000 * len(line))
