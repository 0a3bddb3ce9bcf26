from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from screens.widgets.cells import Row
from screens.widgets.order import RowOrder, matches, parse

VALUES = st.one_of(
    st.none(),
    st.integers(-5, 5),
    st.floats(allow_nan=True, width=16),
    st.text(alphabet="abÀ日\x00z", max_size=3),
    st.tuples(st.integers(0, 2), st.text(alphabet="ab", max_size=2)),
    st.booleans(),
)
ROWS = st.builds(
    lambda key, first, second: Row(f"k{key}", (f"n{key}", f"t{key % 3}"), (first, second)),
    st.integers(0, 30),
    VALUES,
    st.integers(0, 3),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.lists(ROWS, max_size=25), st.lists(st.integers(0, 30), max_size=25)),
        st.tuples(st.just("sort"), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("filter"), st.sampled_from(["", "n1", "n12", "!t1", "n1 !t2", "n", "zzz"]), st.none()),
    ),
    max_size=12,
)


def rank(value: Any, reverse: bool) -> list[Any]:
    """The order that a table promises, written as plainly as possible."""
    if isinstance(value, tuple):
        return [part for item in value for part in rank(item, reverse)]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return [(9, 0)]
    if isinstance(value, str):
        points = [ord(letter) for letter in value]
        return [(1, [-point for point in points] + [1] if reverse else points)]
    return [(0, -value if reverse else value)]


def expected(rows: dict[str, Row], column: int, reverse: bool, text: str) -> list[str]:
    shown = [row for row in rows.values() if matches(row, parse(text))]
    other = 1 - column
    shown.sort(
        key=lambda row: (
            rank(row.sort[column], reverse),
            rank(row.sort[other], False) if other == 1 else [],
            row.key,
        )
    )
    return [row.key for row in shown]


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_kept_order_is_the_order_of_a_plain_sort(steps: list[tuple[str, Any, Any]]) -> None:
    order = RowOrder(ties=[1])
    rows: dict[str, Row] = {}
    for what, first, second in steps:
        if what == "change":
            gone = [f"k{number}" for number in second]
            order.change(first, gone)
            rows |= {row.key: row for row in first}
            for key in gone:
                rows.pop(key, None)
        elif what == "sort":
            order.sort(first, second)
        else:
            order.filter(first)
        keys = [order.key_at(index) for index in range(len(order))]
        assert keys == expected(rows, order.column, order.reverse, order.text)
        assert [order.index_of(key) for key in keys] == list(range(len(keys)))
        hidden = rows.keys() - set(keys)
        assert all(order.index_of(key) is None for key in hidden)


def test_what_is_unknown_stands_last_in_either_direction() -> None:
    order = RowOrder()
    order.replace(
        [Row("a", ("",), (None,)), Row("b", ("",), (2,)), Row("c", ("",), (1.5,)), Row("d", ("",), (math.nan,))]
    )
    assert [order.key_at(index) for index in range(4)] == ["c", "b", "a", "d"]
    order.sort(0, True)
    assert [order.key_at(index) for index in range(4)] == ["b", "c", "a", "d"]


def test_rows_of_equal_value_stay_in_the_order_of_their_names_when_reversed() -> None:
    order = RowOrder(ties=[1])
    order.replace(
        [Row(f"uid-{name}", ("", name), (count, name)) for name, count in [("b", 0), ("a", 0), ("c", 4)]]
    )
    order.sort(0, True)
    assert [order.row_at(index).cells[1] for index in range(3)] == ["c", "a", "b"]


def test_neighbours_come_nearest_first_and_below_before_above() -> None:
    order = RowOrder()
    order.replace(Row(str(number), (str(number),), (number,)) for number in range(6))
    assert list(order.around(3)) == ["4", "5", "2", "1", "0"]


def test_reversed_a_longer_text_stands_before_its_beginning_whatever_follows() -> None:
    order = RowOrder()
    texts = ["", "\0", "\0\0", "a", "a\0", "\U0010ffff"]
    order.replace([Row(f"k{number}", ("",), (text,)) for number, text in enumerate(texts)])
    order.sort(0, True)
    assert [order.row_at(index).sort[0] for index in range(len(texts))] == sorted(texts, reverse=True)
