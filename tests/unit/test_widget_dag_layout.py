from __future__ import annotations

import random

import pytest

from screens.widgets.dag_blocks import DagNode
from screens.widgets.dag_lanes import lanes
from screens.widgets.dag_layout import Drawing, draw_dag
from screens.widgets.spans import MARKED
from tests.support.dag_values import chain, matrix_build


def lines_of(drawing: Drawing) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in drawing.lines]


def test_a_build_is_drawn_left_to_right_with_its_fan_out() -> None:
    assert lines_of(draw_dag(matrix_build(2), 120, 6)) == [
        "clone ✔ ─▶ detect-changes ✔ ─▶ test ┬ service-00 ✖ ─▶ build ○ ─▶ update-tag ○   finally: report-status ✔",
        "                                    └ service-01 ✔",
    ]


def test_what_does_not_fit_is_counted_but_never_the_selected_or_the_bad() -> None:
    nodes = matrix_build(20, bad=13)
    assert lines_of(draw_dag(nodes, 80, 6, "test-17"))[:5] == [
        "clone ✔ ─▶ detect-changes ✔ ─▶ test ┬ service-00 ✔ ─▶ build ○ ─▶ update-tag ○",
        "                                    ├ service-01 ✔",
        "                                    ├ service-13 ✖",
        "                                    ├ service-17 ✔",
        "                                    └ ✔16",
    ]
    folded = lines_of(draw_dag(nodes, 120, 2, "test-17"))
    assert "test ✔18 ✔ service-17 ✖ service-13 ─▶ build" in folded[0]
    assert lines_of(draw_dag(nodes, 80, 1, "test-13")) == ["25 tasks ✔22 ✖1 ○2  ✖ test service-13"]


def test_a_long_chain_goes_on_below() -> None:
    rows = lines_of(draw_dag(chain(20), 80, 6))
    assert rows[0].startswith("task-0 ○ ─▶ task-1 ○")
    assert all(row.endswith("─▶") for row in rows[:-1])
    assert all(row.startswith(" ─▶ task-") for row in rows[1:])
    assert "task-19" in rows[-1]


def test_lines_over_several_levels_pass_through_and_follow_from_nothing_else() -> None:
    def node(name: str, *after: str) -> DagNode:
        return DagNode(name, name, name, "✔", "fine", after)

    nodes = [node("a"), node("b", "a"), node("c", "b", "a"), node("d", "a"), node("e", "c", "d")]
    assert lines_of(draw_dag(nodes, 80, 6)) == [
        "a ✔ ─┬▶ b ✔ ─▶ c ✔ ─┬▶ e ✔",
        "     └▶ d ✔ ────────┘",
    ]


def test_lanes_cross_without_touching() -> None:
    assert lanes([(0, 0), (0, 2), (1, 1), (1, 2)], 3) == [" ─┬─▶ ", " ─┼┬▶ ", "  └┴▶ "]
    assert lanes([(0, 0)], 1, tight=True) == ["─▶"]


def test_places_are_where_the_nodes_are_drawn() -> None:
    drawing = draw_dag(matrix_build(3), 120, 8, "test-01")
    rows = lines_of(drawing)
    found = {place.key: rows[place.y][place.x : place.x + place.width].split()[0] for place in drawing.places}
    assert found["test-01"] == "service-01"
    assert found["update-tag"] == "update-tag"
    marked = [text for line in drawing.lines for text, tone in line if tone.startswith(MARKED)]
    assert "".join(marked).startswith("service-01")


@pytest.mark.parametrize("seed", range(60))
def test_any_graph_fits_and_shows_what_is_selected(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"t{number}" for number in range(chance.randint(1, 45))]
    nodes = []
    for number, name in enumerate(names):
        after = tuple(chance.sample(names, chance.randint(0, min(3, len(names)))))
        stage = chance.choice(names[: number + 1]) if chance.random() < 0.4 else name
        tone = chance.choice(("fine", "bad", "working", "unknown"))
        title = chance.choice((name, f"{name} 日本語サービス", f"{name} {'long ' * 12}", f"\x1b[31m{name}"))
        nodes.append(DagNode(name, stage, title, "✔", tone, after, last=chance.random() < 0.1))
    selected = chance.choice(names)
    for width, height in ((80, 1), (80, 2), (80, 6), (200, 30), (24, 3), (1, 1)):
        drawing = draw_dag(nodes, width, height, selected)
        assert 0 < len(drawing.lines) <= height
        for line in drawing.lines:
            text = "".join(part for part, _ in line)
            assert "\x1b" not in text
            assert sum(2 if "\u2e80" < each < "\uff00" else 1 for each in text) <= width
        if width >= 80:
            assert selected in {place.key for place in drawing.places}


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw_dag([], 80, 6) == Drawing()
    assert draw_dag(chain(3), 0, 6) == Drawing()
