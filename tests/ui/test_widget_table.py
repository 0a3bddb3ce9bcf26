from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult

from screens.widgets.cells import Cell, Column, Row
from screens.widgets.table import LiveTable

COLUMNS = (
    Column("state", "", 1, worth=100, sort=False),
    Column("name", "NAME", 20, worth=99, grow=True),
    Column("ready", "READY", 5, worth=90, align="right"),
    Column("restarts", "RESTARTS", 8, worth=60, align="right"),
    Column("cpu", "CPU", 6, worth=50, align="right"),
    Column("memory", "MEMORY", 7, worth=55, align="right"),
    Column("image", "IMAGE", 30, worth=20),
    Column("node", "NODE", 14, worth=10),
    Column("age", "AGE", 5, worth=80, align="right"),
)


def pod(number: int, *, restarts: int = 0, age: str = "3h", name: str = "") -> Row:
    name = name or f"pod-{number:05}"
    tone = "bad" if restarts else "fine"
    cells = (
        Cell("✖" if restarts else "✔", tone),
        name,
        "1/1",
        Cell(str(restarts), tone if restarts else ""),
        "12m",
        "87Mi",
        "registry/bakery/auth:2026",
        "bakery-vps",
        age,
    )
    return Row(f"uid-{number}", cells, (restarts, name, 1, restarts, 12, 87, "", "", number))


class TableApp(App[None]):
    def __init__(self, columns: tuple[Column, ...] = COLUMNS, **options: Any) -> None:
        super().__init__()
        self.table = LiveTable(columns, noun="pods", sort="name", **options)
        self.seen: list[tuple[str, str | None]] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_live_table_selected(self, message: LiveTable.Selected) -> None:
        self.seen.append(("selected", message.key))

    def on_live_table_activated(self, message: LiveTable.Activated) -> None:
        self.seen.append(("activated", message.key))

    def on_live_table_header_clicked(self, message: LiveTable.HeaderClicked) -> None:
        self.seen.append(("header", message.column))


def screen(app: App[None]) -> list[str]:
    """What is on screen, as lines of text."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def screen_line(app: TableApp, key: str) -> int:
    """The line on which a row stands."""
    table = app.table
    return next(y for y in range(table.size.height) if table.row_at(y) == key)


async def test_the_cursor_stays_on_its_row_and_its_line_while_rows_come_and_go_above() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.table.set_rows(pod(n) for n in range(100, 200))
        await pilot.press(*"jjjjjjjjjjjjjjj")
        assert app.table.selected == "uid-115"
        line = screen_line(app, "uid-115")
        app.table.update([pod(n) for n in range(40)])
        await pilot.pause()
        assert (app.table.selected, screen_line(app, "uid-115")) == ("uid-115", line)
        assert "pod-00115" in screen(app)[line]
        app.table.update([], [f"uid-{n}" for n in range(20, 110)])
        await pilot.pause()
        assert (app.table.selected, screen_line(app, "uid-115")) == ("uid-115", line)
        assert "pod-00115" in screen(app)[line]


async def test_a_removed_row_hands_the_cursor_to_its_neighbour_on_the_same_line() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.table.set_rows(pod(n) for n in range(50))
        app.table.select("uid-20")
        await pilot.pause()
        line = screen_line(app, "uid-20")
        app.table.update([], ["uid-3", "uid-20", "uid-21"])
        assert (app.table.selected, screen_line(app, "uid-22")) == ("uid-22", line)
        await pilot.press("G")
        app.table.update([], ["uid-49"])
        assert app.table.selected == "uid-48"
        app.table.set_rows([])
        await pilot.pause()
        assert app.table.selected is None
        assert app.seen[-1] == ("selected", None)
        assert any("no pods" in text for text in screen(app))
