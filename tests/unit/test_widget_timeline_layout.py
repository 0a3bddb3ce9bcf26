from __future__ import annotations

import pytest

from screens.widgets.spans import MARKED
from screens.widgets.timeline_layout import (
    Piece,
    Scale,
    TimeRow,
    axis_text,
    bar_spans,
    nice_span,
    scale_of,
    seconds_text,
    ticks,
)


def row(*pieces: Piece) -> TimeRow:
    return TimeRow("k", "build", "✔", "fine", pieces)


def text(row: TimeRow, scale: Scale, now: float = 0.0) -> str:
    return "".join(each for each, _ in bar_spans(row, scale, now))


def test_bars_are_to_scale() -> None:
    drawn = row(Piece("queued", 100, 110), Piece("init", 110, 130), Piece("step", 130, 200))
    scale = scale_of([drawn], 999, 20)
    assert (scale.start, scale.span) == (100, 100)
    assert text(drawn, scale) == "░░▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓"


def test_a_short_piece_has_a_cell_even_at_the_end() -> None:
    long = row(Piece("step", 0, 1000))
    short = row(Piece("queued", 999, 999.1), Piece("init", 999.1, 999.2), Piece("step", 999.2, 1000))
    scale = scale_of([long, short], 0, 20)
    assert text(short, scale) == " " * 17 + "░▒▓"


def test_what_goes_on_ends_in_a_point_on_a_scale_that_stays_put() -> None:
    running = row(Piece("step", 0, None, "working"))
    at_62, at_70 = scale_of([running], 62, 30), scale_of([running], 70, 30)
    assert at_62 == at_70 == Scale(0, 90, 30)
    assert text(running, at_62, 62) == "▓" * 20 + "▶" + " " * 9
    assert scale_of([running], 91, 30).span == 120


def test_only_the_selected_piece_is_marked() -> None:
    drawn = row(Piece("step", 0, 50, "fine", "a"), Piece("other", 50, 100, "bad", "b"))
    tones = [tone for _, tone in bar_spans(drawn, Scale(0, 100, 10), 0, "b")]
    assert tones == ["fine"] * 5 + [f"{MARKED}bad"] * 5


@pytest.mark.parametrize("cells", [0, 1, 3])
def test_no_room_is_survived(cells: int) -> None:
    drawn = row(*(Piece("step", moment, moment + 1) for moment in range(9)))
    assert len(bar_spans(drawn, scale_of([drawn], 0, cells), 0)) == cells


def test_clocks_that_differ_are_survived() -> None:
    drawn = row(Piece("step", 500, 400), Piece("step", 300, None))
    assert len(text(drawn, scale_of([drawn], 100, 12), 100)) == 12


def test_axis_has_marks_at_times_that_read_well() -> None:
    assert (
        axis_text(Scale(0, 120, 60)) == f"{'╵0s':<10}{'╵20s':<10}{'╵40s':<10}{'╵1m':<10}{'╵1m20':<10}{'╵1m40':<10}"
    )
    for span in (1, 7, 61, 3000, 40_000, 900_000):
        for cells in (0, 5, 33, 120):
            assert len(axis_text(Scale(0, span, cells))) == cells
            assert all(0 <= cell <= cells for cell, _ in ticks(Scale(0, span, cells)))


def test_times_read_well() -> None:
    assert [seconds_text(each) for each in (0, 45, 60, 90, 3600, 5400)] == [
        "0s",
        "45s",
        "1m",
        "1m30",
        "1h",
        "1h30",
    ]
    assert nice_span(100_000) == 172_800
