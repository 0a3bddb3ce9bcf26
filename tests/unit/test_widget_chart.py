from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens.widgets.cells import cells_wide
from screens.widgets.chart import Series, bar, chart_lines, sparkline

NUMBERS = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e12))


@pytest.mark.parametrize(
    ("values", "width", "shown"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 9, "▁▂▃▄▅▆▇██"),
        ([1, None, math.nan, 1], 6, "  █  █"),
        ([0, 0, 0], 3, "▁▁▁"),
        ([], 4, "    "),
        ([0, 0, 9, 0, 0, 0], 3, "▁█▁"),
    ],
)
def test_sparklines(values: list[float | None], width: int, shown: str) -> None:
    assert sparkline(values, width) == shown


def test_a_sparkline_against_a_limit_does_not_fill_the_height() -> None:
    assert sparkline([100, 200], 2, top=800) == "▂▃"
    assert sparkline([0, 8], 2, ascii_only=True) == "_#"


@pytest.mark.parametrize(
    ("used", "limit", "request_", "shown"),
    [
        (411, 768, None, "▓▓▓░░░"),
        (0, 768, None, "░░░░░░"),
        (1, 768, None, "▓░░░░░"),
        (767, 768, None, "▓▓▓▓▓░"),
        (768, 768, None, "▓▓▓▓▓▓"),
        (900, 768, None, "▓▓▓▓▓▶"),
        (100, 600, 300, "▓░░┃░░"),
        (100, None, 200, "▓▓▓░░░"),
        (None, 768, None, "      "),
        (100, None, None, "      "),
    ],
)
def test_bars_look_full_only_when_they_are(
    used: float | None, limit: float | None, request_: float | None, shown: str
) -> None:
    assert bar(used, limit, 6, request=request_) == shown


def test_a_top_next_to_nothing_is_no_overflow() -> None:
    assert sparkline([1.0, 0.0], 2, top=5e-324) == "█▁"


@given(st.lists(NUMBERS, max_size=30), NUMBERS, NUMBERS, NUMBERS, st.integers(0, 20))
def test_no_numbers_break_a_curve_or_a_bar(
    values: list[float | None], used: float | None, limit: float | None, request_: float | None, width: int
) -> None:
    assert len(sparkline(values, width)) == width
    assert len(bar(used, limit, width, request=request_)) == width


@given(st.lists(NUMBERS, max_size=40), NUMBERS, st.integers(1, 90), st.integers(1, 20), st.booleans())
def test_a_chart_of_any_numbers_fits_its_place(
    values: list[float | None], limit: float | None, width: int, height: int, ascii_only: bool
) -> None:
    limits = [Series("limit", (limit,), "bad")]
    lines = chart_lines(
        [Series("a", values)],
        limits,
        width,
        height,
        "{:.3g}".format,
        ("-15m", "now"),
        "none",
        ascii_only=ascii_only,
    )
    assert len(lines) <= height
    if width > 30:
        assert all(cells_wide("".join(text for text, _ in line)) <= width for line in lines)


def test_a_chart_shows_axis_limit_and_the_newest_value() -> None:
    lines = chart_lines(
        [Series("auth", [100.0] * 30 + [200.0] * 30)],
        [Series("limit", (512.0,), "bad")],
        60,
        12,
        "{:.0f}M".format,
        ("-15m", "now"),
        "",
        ascii_only=True,
    )
    text = ["".join(piece for piece, _ in line).rstrip() for line in lines]
    assert text[0] == "auth 200M   limit 512M"
    assert text[1].startswith("600M |")
    assert text[-1].endswith("now")
    assert any(line.count("-") > 40 for line in text)
    assert next(line for line in text if line.startswith("0M") or " 0M |" in line)
