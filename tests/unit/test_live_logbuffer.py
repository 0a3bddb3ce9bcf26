"""Log bytes to entries: pieces, long lines, resuming without repeats, bounds."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeryops.cluster.logbuffer import LONGEST_LINE, LineCutter, LogBuffer, LogEntry, nanoseconds
from tests.support.recordings import exchanges, needs_recordings


def stamped(number: int, text: bytes = b"") -> bytes:
    return f"2026-11-22T19:46:{number // 1000:02d}.{number % 1000:03d}000000Z ".encode() + (text or b"%d" % number)


def test_stamps_are_parted_from_the_text() -> None:
    (entry,) = LineCutter().feed(b"2026-11-22T19:46:27.908180491Z \x1b[31mred\x1b[0m \xff text\n")
    assert entry.time == "2026-11-22T19:46:27.908180491Z"
    assert entry.text == b"\x1b[31mred\x1b[0m \xff text"


def test_empty_lines_and_lines_without_a_stamp_are_kept() -> None:
    entries = LineCutter().feed(b"2026-11-22T19:46:27.9Z \nno stamp here\n\n")
    assert [entry.text for entry in entries] == [b"", b"no stamp here", b""]


def test_the_last_line_without_a_break_comes_at_the_end() -> None:
    cutter = LineCutter()
    assert cutter.feed(stamped(1, b"no newline")) == []
    assert [entry.text for entry in cutter.end()] == [b"no newline"]
    assert cutter.end() == []


@given(st.lists(st.binary(max_size=20).filter(lambda b: b"\n" not in b), max_size=20), st.integers(1, 9))
def test_pieces_of_any_size_give_the_same_lines(texts: list[bytes], size: int) -> None:
    data = b"".join(stamped(n, b"x" + text) + b"\n" for n, text in enumerate(texts))
    cutter = LineCutter()
    entries: list[LogEntry] = []
    for start in range(0, len(data), size):
        entries += cutter.feed(data[start : start + size])
    assert [entry.text for entry in entries] == [b"x" + text for text in texts]


@pytest.mark.parametrize("piece", [1 << 14, 1 << 22])
def test_a_megabyte_line_is_cut_and_says_so(piece: int) -> None:
    data = stamped(1, b"y" * (1 << 20)) + b"\n" + stamped(2, b"next") + b"\n"
    cutter = LineCutter()
    entries: list[LogEntry] = []
    for start in range(0, len(data), piece):
        entries += cutter.feed(data[start : start + piece])
    long, notice, after = entries
    assert long.text == b"y" * LONGEST_LINE
    assert notice.notice == f"the line above was cut: {(1 << 20) - LONGEST_LINE:,} more bytes"
    assert after.text == b"next"


def test_a_line_without_end_takes_no_memory() -> None:
    cutter = LineCutter()
    for _ in range(100):
        assert cutter.feed(b"z" * (1 << 20)) == []
    assert len(cutter._rest) <= LONGEST_LINE + 64
    kept, notice = cutter.end()
    assert len(kept.text) == LONGEST_LINE
    assert f"{(100 << 20) - LONGEST_LINE:,}" in notice.notice


def test_resuming_repeats_nothing_and_loses_nothing() -> None:
    cutter = LineCutter()
    before = [stamped(1), stamped(2), stamped(3, b"three a"), stamped(3, b"three b")]
    seen = cutter.feed(b"\n".join(before) + b"\n")
    cutter.resume()
    again = cutter.feed(b"\n".join([*before[1:], stamped(3, b"three c"), stamped(4)]) + b"\n")
    texts = [entry.text for entry in seen + again]
    assert texts == [b"1", b"2", b"three a", b"three b", b"three c", b"4"]
    cutter.resume()
    assert [entry.text for entry in cutter.feed(stamped(4) + b"\n" + stamped(5) + b"\n")] == [b"5"]


def test_half_a_line_before_a_cut_is_forgotten() -> None:
    cutter = LineCutter()
    cutter.feed(stamped(1) + b"\n" + stamped(2, b"hal"))
    cutter.resume()
    entries = cutter.feed(stamped(1) + b"\n" + stamped(2, b"half no more") + b"\n")
    assert [entry.text for entry in entries] == [b"half no more"]


def test_the_kubelets_own_words_are_a_notice() -> None:
    (entry,) = LineCutter().feed(b"unable to retrieve container logs for containerd://2a92a\n")
    assert entry.text == b""
    assert "unable to retrieve" in entry.notice
    (line,) = LineCutter().feed(stamped(1, b"unable to retrieve container logs for fun") + b"\n")
    assert line.text
    assert not line.notice


def test_nanoseconds_compare_whatever_the_notation() -> None:
    assert nanoseconds("2026-11-22T19:46:27.5Z") == nanoseconds("2026-11-22T19:46:27.500000000Z")
    assert nanoseconds("2026-11-22T20:46:27.5+01:00") == nanoseconds("2026-11-22T19:46:27.5Z")
    first, second = nanoseconds("2026-11-22T19:46:27.908180491Z"), nanoseconds("2026-11-22T19:46:27.908180492Z")
    assert first is not None
    assert second == first + 1
    assert nanoseconds("2026-11-22T19:46:27Z") is not None
    assert nanoseconds("yesterday") is nanoseconds("2026-11-22T19:46:27.Z") is None


def lines(count: int, size: int = 1) -> list[LogEntry]:
    return [LogEntry(text=b"%d" % n + b"." * (size - 1)) for n in range(count)]


async def test_a_full_buffer_drops_the_oldest_and_says_how_many() -> None:
    buffer = LogBuffer(10, 1 << 20, lossless=False)
    await buffer.put(lines(25))
    batch = await buffer.take()
    assert batch is not None
    assert batch[0].skipped == 15
    assert [entry.text for entry in batch[1:]] == [b"%d" % n for n in range(15, 25)]
    await buffer.put(lines(1))
    assert [entry.skipped for entry in await buffer.take() or []] == [0]


async def test_the_bound_in_bytes_holds_too() -> None:
    buffer = LogBuffer(1000, 5000, lossless=False)
    await buffer.put(lines(50, size=1000))
    assert buffer.size <= 5000
    batch = await buffer.take()
    assert batch is not None
    assert batch[0].skipped + len(batch) - 1 == 50


async def test_a_lossless_buffer_makes_the_stream_wait() -> None:
    buffer = LogBuffer(10, 1 << 20, lossless=True)

    async def write() -> None:
        for entry in lines(100):
            await buffer.put([entry])
        buffer.end()

    writer = asyncio.create_task(write())
    got: list[bytes] = []
    while (batch := await asyncio.wait_for(buffer.take(), 10)) is not None:
        assert len(batch) <= 11
        got += [entry.text for entry in batch]
    await writer
    assert got == [b"%d" % n for n in range(100)]


async def test_the_end_comes_after_what_is_left() -> None:
    buffer = LogBuffer(10, 1000, lossless=False)
    await buffer.put(lines(1))
    buffer.end()
    assert await buffer.take() == lines(1)
    assert await buffer.take() is None


@needs_recordings
@pytest.mark.parametrize("name", ["log-follow-timestamps", "log-timestamps"])
def test_recorded_logs_with_stamps(name: str) -> None:
    response = json.loads(exchanges()[name].read_text())["response"]
    data = response.get("body") or "".join(each["line"] for each in response["stream"])
    entries = LineCutter().feed(data.encode())
    assert entries
    assert all(nanoseconds(entry.time) for entry in entries)
    assert all(not entry.text.startswith(b"2026") for entry in entries)


@needs_recordings
def test_the_recorded_answer_for_a_log_that_is_gone() -> None:
    response = json.loads(exchanges()["log-previous"].read_text())["response"]
    cutter = LineCutter()
    entries = cutter.feed(response["body"].encode()) + cutter.end()
    assert [bool(entry.notice) for entry in entries] == [True]
