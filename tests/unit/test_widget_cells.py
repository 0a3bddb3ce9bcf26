from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from screens.widgets.cells import Cell, Column, Row, cells_wide, cut, fit, place
from screens.widgets.table_paint import changed_spans, row_segments

HOSTILE = st.text(alphabet=st.characters(), max_size=40)


@given(HOSTILE, st.integers(0, 30), st.sampled_from(["left", "right"]))
def test_fitted_text_has_exactly_the_width_and_nothing_a_terminal_obeys(text: str, width: int, align: str) -> None:
    fitted = fit(text, width, align)  # type: ignore[arg-type]
    assert cells_wide(fitted) == width
    assert fitted.isprintable()


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("auth-7d9f8c6b5", 8, "auth-7d…"),
        ("日本語サービス", 7, "日本語…"),
        ("日本語サービス", 6, "日本… "),
        ("e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…"),
        ("🍞🥐🥖", 5, "🍞🥐…"),
        ("fits", 4, "fits"),
        ("no room", 0, ""),
    ],
)
def test_wide_and_combining_characters_are_cut_by_cells(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


COLUMNS = (
    Column("name", "NAME", 10, worth=90, grow=True, most=40),
    Column("status", "STATUS", 10, worth=80),
    Column("image", "IMAGE", 20, worth=20),
    Column("age", "AGE", 5, worth=70, align="right"),
)


@pytest.mark.parametrize(
    ("width", "numbers", "name_width"),
    [(100, [0, 1, 2, 3], 40), (50, [0, 1, 2, 3], 12), (47, [0, 1, 3], 30), (26, [0, 1], 15), (9, [0], 9)],
)
def test_the_least_worthy_columns_go_first_and_the_name_takes_what_is_left(
    width: int, numbers: list[int], name_width: int
) -> None:
    placed = place(COLUMNS, width)
    assert [each.number for each in placed] == numbers
    assert placed[0].width == name_width
    assert all(each.x + each.width <= width for each in placed)


@given(st.lists(st.tuples(HOSTILE, st.sampled_from(["", "bad", "dim"])), max_size=5), st.integers(1, 60))
def test_a_row_of_any_text_is_exactly_as_wide_as_it_should_be(parts: list[tuple[str, str]], width: int) -> None:
    row = Row("k", (Cell.of(*parts), "plain", Cell("x", "bad")))
    styles = {"": Style(), "bad": Style(bold=True), "dim": Style(dim=True)}
    segments = row_segments(row, place(COLUMNS, width), width, styles.__getitem__)
    text = "".join(segment.text for segment in segments)
    assert cells_wide(text) == width
    assert text.isprintable()


def test_a_cut_cell_of_parts_ends_with_an_ellipsis() -> None:
    cell = Cell.of(("Crash", "bad"), ("LoopBackOff", "bad"), (" x7", "dim"))
    row = Row("k", ("n", cell))
    styles = {"": Style(), "bad": Style(bold=True), "dim": Style(dim=True)}
    text = "".join(part.text for part in row_segments(row, place(COLUMNS, 26), 26, styles.__getitem__))
    assert text == "n               CrashLoop…"


def test_only_cells_that_differ_are_named() -> None:
    placed = place(COLUMNS, 50)
    before = Row("k", ("auth", "Running", "image", "3s"))
    assert changed_spans(before, before._replace(cells=("auth", "Running", "image", "4s")), placed) == [(45, 5)]
    assert changed_spans(before, before._replace(cells=("auth", "Failed", "other", "3s")), placed) == [(13, 31)]
    assert changed_spans(before, before._replace(sort=(1,)), placed) == []


def test_cutting_short_text_changes_nothing() -> None:
    assert cut("日本", 4) == "日本"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("distribution-service-689c556976-w6k9d", 24, "distribution-serv…-w6k9d"),
        ("auth-db-0", 12, "auth-db-0   "),
        ("20261122-0258-9f3c2a1", 17, "20261122-0…f3c2a1"),
        ("x" * 40, 8, "xxxxxxx…"),
        ("a" * 20 + "e\u0301bcdef", 14, "aaaaaaaa…bcdef"),
    ],
)
def test_a_cut_name_keeps_its_end_where_there_is_room(text: str, width: int, shown: str) -> None:
    assert fit(text, width, keep=5 if "\u0301" in text else 6) == shown


@given(HOSTILE, st.integers(0, 30), st.integers(0, 12))
def test_a_kept_end_never_changes_the_width(text: str, width: int, keep: int) -> None:
    fitted = fit(text, width, keep=keep)
    assert cells_wide(fitted) == width
    assert fitted.isprintable()


def test_two_pods_of_one_workload_differ_on_a_narrow_screen() -> None:
    column = Column("name", "pod", 24, keep=6)
    rows = [Row(end, (f"alert-processor-service-645bf644b4-{end}",)) for end in ("48bpd", "khwmg")]
    drawn = [
        "".join(s.text for s in row_segments(row, place([column], 24), 24, lambda _: Style())) for row in rows
    ]
    assert drawn == ["alert-processor-s…-48bpd", "alert-processor-s…-khwmg"]
