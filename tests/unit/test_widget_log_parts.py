from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style

from bakeryops.severity import first_error, may_be_bad, severity
from bakeryops.text import clean_log, strip_sgr
from screens.widgets.ansi import ansi_segments, overlay
from screens.widgets.log_paint import SHOWN, LineLook, log_rows, plain_text
from screens.widgets.log_scan import LogScan, following
from screens.widgets.ring import LogLine, Ring

LOOK = LineLook(0, False, "", Style(reverse=True), lambda tone: Style(bold=True) if tone else Style())


@pytest.mark.parametrize(
    ("line", "tone"),
    [
        ("2026-11-22 ERROR boom", "bad"),
        ("level=error msg=x", "bad"),
        ('{"level":"warn","msg":"error rate high"}', "soon"),
        ('level=info msg="error: handled"', ""),
        ("INFO done, 0 errors", ""),
        ("E1122 03:12:45.1 controller.go:114] sync failed", "bad"),
        ("I1122 03:12:45.1 controller.go:114] error budget fine", ""),
        ("W1122 03:12:45.1 slow", "soon"),
        ("Traceback (most recent call last):", "bad"),
        ("KeyError: 'JWT_TTL'", "bad"),
        ("E   AssertionError: expected 7", "bad"),
        ("finished with err=nil error=<nil>", ""),
        ("no errors found", ""),
        ("terror and mirror", ""),
        ("DeprecationWarning: old", "soon"),
        ("GET /api/v1/errors 200", ""),
        ("", ""),
    ],
)
def test_severity_of_lines(line: str, tone: str) -> None:
    assert severity(line) == tone
    if tone == "bad":
        assert may_be_bad(line.encode())


def test_first_error_is_the_first_line_that_sounds_bad() -> None:
    assert first_error(["INFO errors: 0", "WARNING low", "E   AssertionError: 0", "ERROR later"]) == 2
    assert first_error(["INFO well"]) is None


def test_the_ring_is_bounded_in_lines_and_bytes_and_numbers_stay() -> None:
    ring = Ring(max_lines=10, max_bytes=1_000_000)
    ring.extend(f"{number}" for number in range(25))
    assert (ring.first, ring.end, len(ring)) == (15, 25, 10)
    assert ring[15] == "15"
    assert list(ring.between(0, 18)) == ["15", "16", "17"]
    ring = Ring(max_lines=1000, max_bytes=5000)
    ring.extend([b"x" * 900] * 50)
    assert len(ring) == 5
    assert ring.bytes <= 5000
    ring.extend([b"y" * 100_000])
    assert len(ring) == 1
    ring.clear()
    assert (ring.first, len(ring), ring.bytes) == (0, 0, 0)


@given(st.lists(st.lists(st.integers(0, 400), max_size=20), max_size=20))
def test_the_ring_counts_its_bytes_exactly(batches: list[list[int]]) -> None:
    ring = Ring(max_lines=30, max_bytes=4000)
    for batch in batches:
        ring.extend([b"x" * size for size in batch])
        items = list(ring.between(ring.first, ring.end))
        assert ring.bytes == sum(100 + len(item) for item in items if isinstance(item, bytes))
        assert len(items) <= 30
        assert ring.bytes <= 4000 or len(items) == 1


def test_colours_are_kept_and_nothing_hides_or_blinks() -> None:
    segments = ansi_segments(
        "\x1b[1;31mred\x1b[0m \x1b[38;5;208mo\x1b[48;2;1;2;3mb\x1b[39;49mplain\x1b[8;5mseen\x1b[38:2::9:8:7mt",
        Style(),
    )
    looks = {segment.text: segment.style for segment in segments}
    assert looks["red"] == Style(bold=True, color="color(1)")
    assert looks["o"] == Style(color="color(208)")
    assert looks["b"] == Style(color="color(208)", bgcolor="#010203")
    assert looks["plain"] == Style()
    assert looks["seen"] == Style()
    assert looks["t"] == Style(color="#090807")


@given(st.text(alphabet=st.sampled_from("ab \x1b[]m0139;:8\x07é日")))
def test_any_line_becomes_text_without_escapes(line: str) -> None:
    cleaned = clean_log(line)
    text = "".join(segment.text for segment in ansi_segments(cleaned, Style()))
    assert "\x1b" not in text
    assert text.replace("␛", "") == strip_sgr(cleaned).replace("\x1b", "")


@given(st.text(alphabet="ab日", max_size=30), st.integers(1, 12))
def test_wrapped_rows_hold_the_whole_line_and_fit(text: str, width: int) -> None:
    rows = log_rows(text, LOOK._replace(width=max(2, width)))
    assert "".join(row.text for row in rows) == text
    assert all(row.cell_length <= max(2, width) for row in rows)


def test_hits_are_marked_across_colours() -> None:
    rows = log_rows("an \x1b[31mEr\x1b[0mror here", LOOK._replace(needle="error"))
    marked = "".join(part.text for part in rows[0] if part.style and part.style.reverse)
    assert marked == "Error"
    assert overlay([Segment("abc", None)], [(1, 2)], Style(bold=True)) == [
        Segment("a", None),
        Segment("b", Style(bold=True)),
        Segment("c", None),
    ]


def test_a_line_of_a_megabyte_is_cut_for_the_screen_and_whole_when_saved() -> None:
    line = b"x" * 1_000_000
    [row] = log_rows(line, LOOK)
    assert row.text == "x" * SHOWN + f" … {1_000_000 - SHOWN:,} more bytes"
    assert plain_text(line) == "x" * 1_000_000
    [row] = log_rows(b"\xff" * 50_000, LOOK)
    assert row.text.startswith("\ufffd" * SHOWN)


def test_the_scan_finds_hits_in_slices_through_colours_and_case() -> None:
    ring = Ring(max_lines=5000)
    scan = LogScan(ring)
    ring.extend(b"Oom \x1b[31mKil\x1b[0mled" if n % 10 == 0 else b"fine" for n in range(4000))
    ring.extend([LogLine("ÄRGER oom killed"), LogLine(notice="oom killed")])
    scan.search("oom killed")
    slices = 0
    while scan.searching:
        scan.step(0)
        slices += 1
    assert slices > 5
    assert len(scan.hits) == 401
    assert (following(scan.hits, 0, 1), following(scan.hits, 0, -1)) == (10, 4000)
    ring.extend([b"more"] * 3000)
    assert scan.hits[0] == 2010
    scan.search("ärger")
    while scan.step(1):
        pass
    assert scan.hits == [4000]
    scan.search("Oom k")
    while scan.step(1):
        pass
    assert scan.hits == []
    assert following([], 0, 1) is None
