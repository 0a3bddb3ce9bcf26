from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from screens.themes import THEMES, register_themes
from screens.widgets.dag import Dag, DagNode
from tests.support.dag_values import chain, matrix_build
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"


class DagApp(App[None]):
    def __init__(self, nodes: Sequence[DagNode], selected: str = "", most_lines: int = 8) -> None:
        super().__init__()
        self.nodes = nodes
        self.selected = selected
        self.dag = Dag(most_lines=most_lines)
        self.picked: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.dag

    def on_mount(self) -> None:
        register_themes(self)
        self.theme = THEMES["dark"]
        self.dag.show(self.nodes, self.selected)

    def on_dag_picked(self, event: Dag.Picked) -> None:
        self.picked.append(event.key)


PICTURES = (
    ("matrix-80", (80, 24), matrix_build(20, bad=13) + chain(15, before="update-tag"), "test-13", 8),
    ("matrix-200", (200, 50), matrix_build(20, bad=13), "test-13", 24),
    ("single-80", (80, 24), [DagNode("a", "say-hello", "say-hello", "◐", "working")], "a", 2),
)


@pytest.mark.parametrize(
    ("name", "size", "nodes", "selected", "most"), PICTURES, ids=[each[0] for each in PICTURES]
)
async def test_looks_as_it_did(
    name: str, size: tuple[int, int], nodes: list[DagNode], selected: str, most: int
) -> None:
    app = DagApp(nodes, selected, most)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.dag.size.height == len(app.dag.text().split("\n")) <= most
        check(app, f"widget-dag-{name}", FOLDER)


async def test_it_is_as_high_as_its_drawing_and_folds_when_narrow() -> None:
    app = DagApp(matrix_build(3))
    async with app.run_test(size=(120, 24)) as pilot:
        await pilot.pause()
        assert app.dag.size.height == 3
        await pilot.resize_terminal(40, 24)
        await pilot.pause()
        assert 3 < app.dag.size.height <= 8
        app.dag.show(chain(1))
        await pilot.pause()
        assert app.dag.size.height == 1


async def test_a_click_tells_of_the_node() -> None:
    app = DagApp(matrix_build(3))
    async with app.run_test(size=(120, 24)) as pilot:
        await pilot.pause()
        row = app.dag.text().split("\n")[1]
        await pilot.click(Dag, offset=(row.index("service-01") + 2, 1))
        await pilot.click(Dag, offset=(0, 2))
        await pilot.pause()
        assert app.picked == ["test-01"]


async def test_only_what_changed_is_painted() -> None:
    nodes = matrix_build(3)
    app = DagApp(nodes)
    async with app.run_test(size=(120, 24)) as pilot:
        await pilot.pause()
        before = app.dag.lines_painted
        app.dag.show(nodes)
        await pilot.pause()
        assert app.dag.lines_painted == before
        app.dag.show([*nodes[:3], nodes[3]._replace(symbol="✖", tone="bad"), *nodes[4:]])
        await pilot.pause()
        assert app.dag.lines_painted == before + 1
