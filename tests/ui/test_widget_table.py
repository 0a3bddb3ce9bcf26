from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.strip import Strip

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


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, ["state", "name", "ready", "restarts", "cpu", "memory", "age"]),
        (55, ["state", "name", "ready", "restarts", "memory", "age"]),
        (120, ["state", "name", "ready", "restarts", "cpu", "memory", "image", "node", "age"]),
        (200, ["state", "name", "ready", "restarts", "cpu", "memory", "image", "node", "age"]),
    ],
)
async def test_columns_are_dropped_by_worth_and_lines_never_wrap(width: int, shown: list[str]) -> None:
    app = TableApp()
    async with app.run_test(size=(width, 12)) as pilot:
        app.table.set_rows(pod(n) for n in range(50))
        await pilot.pause()
        assert app.table.columns_shown == shown
        assert all(len(line) == width for line in screen(app))
        age = screen(app)[0].rindex("AGE") + 3
        assert all(line[:age].endswith("3h") for line in screen(app)[1:])


async def test_a_changed_cell_repaints_its_line_and_nothing_else() -> None:
    app = TableApp()
    async with app.run_test(size=(120, 30)) as pilot:
        app.table.set_rows(pod(n) for n in range(5000))
        await pilot.pause()
        regions: list[Any] = []
        refresh = app.table.refresh
        app.table.refresh = lambda *given, **options: regions.extend(given) or refresh(*given, **options)  # type: ignore[method-assign,func-returns-value]
        painted = app.table.lines_painted
        app.table.update([pod(3, age="4s"), pod(7, age="4s")])
        await pilot.pause()
        assert app.table.lines_painted - painted == 2
        assert [(region.y, region.width) for region in regions] == [(4, 5), (8, 5)]
        assert screen(app)[4].rstrip(" ▐").endswith("4s")
        app.table.update([pod(3, age="4s"), *(pod(n, age="9s") for n in range(1000, 2000))])
        await pilot.pause()
        assert app.table.lines_painted - painted == 2


async def test_inserting_above_the_view_sends_nothing_but_the_scroll_mark() -> None:
    app = TableApp()
    async with app.run_test(size=(120, 30)) as pilot:
        app.table.set_rows(pod(n) for n in range(1000, 6000))
        app.table.select("uid-4000")
        await pilot.pause()
        painted = app.table.lines_painted
        app.table.update(pod(n) for n in range(10))
        await pilot.pause()
        assert app.table.lines_painted - painted <= 2


async def test_the_filter_narrows_and_escapes_with_the_cursor_kept() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.table.set_rows(pod(n) for n in range(300))
        app.table.select("uid-117")
        app.table.filter_text = "pod-001"
        assert (app.table.shown_count, app.table.selected) == (100, "uid-117")
        app.table.filter_text = "pod-001 !11"
        assert app.table.shown_count == 90
        assert app.table.selected == "uid-120"
        app.table.update([pod(999, name="pod-001-late"), pod(998, name="other")])
        assert app.table.shown_count == 91
        app.table.filter_text = "[/foo]"
        await pilot.pause()
        assert app.table.selected is None
        assert any("no pods match /[/foo] — esc clears" in line for line in screen(app))
        app.table.filter_text = ""
        assert app.table.shown_count == 302
        assert app.table.selected == "uid-998"


async def test_sorting_keeps_the_cursor_on_its_row_and_marks_the_column() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.table.set_rows(pod(n, restarts=n % 5) for n in range(100))
        app.table.select("uid-52")
        app.table.sort_by("restarts", reverse=True)
        await pilot.pause()
        assert app.table.selected == "uid-52"
        assert "RESTART▾" in screen(app)[0]
        await pilot.press("g")
        assert app.table.selected == "uid-4"
        app.table.action_sort_column(1)
        assert app.table.sorted_by == ("cpu", False)
        app.table.action_sort_reverse()
        assert app.table.sorted_by == ("cpu", True)


async def test_a_tick_of_usage_moves_rows_but_neither_cursor_nor_its_line() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.table.set_rows(pod(n, restarts=n) for n in range(1, 60))
        app.table.sort_by("restarts", reverse=True)
        app.table.select("uid-30")
        line = screen_line(app, "uid-30")
        app.table.update([pod(30, restarts=40)])
        await pilot.pause()
        assert (app.table.selected, screen_line(app, "uid-30")) == ("uid-30", line)


async def test_keys_move_page_and_open() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.table.set_rows(pod(n) for n in range(100))
        await pilot.press("G")
        assert app.table.selected == "uid-99"
        await pilot.press("home", "j", "down", "k")
        assert app.table.selected == "uid-1"
        await pilot.press("pagedown")
        assert app.table.selected == "uid-11"
        await pilot.press("enter")
        await pilot.pause()
        assert app.seen[-1] == ("activated", "uid-11")
        assert app.table.visible_keys()[0] == "uid-1"


async def test_clicks_select_open_and_name_the_column() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 12)) as pilot:
        app.table.set_rows(pod(n) for n in range(100))
        await pilot.pause()
        await pilot.click(app.table, offset=(5, 4))
        assert app.table.selected == "uid-3"
        await pilot.click(app.table, offset=(5, 4))
        await pilot.click(app.table, offset=(5, 0))
        await pilot.pause()
        assert app.seen[-2:] == [("activated", "uid-3"), ("header", "name")]


async def test_notices_fill_an_empty_table_and_take_the_last_line_of_a_full_one() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.set_notice("forbidden: you may not list pods\nask for the role bakeryops-viewer", "bad")
        await pilot.pause()
        assert "ask for the role" in "\n".join(screen(app))
        app.table.set_rows(pod(n) for n in range(50))
        app.table.set_notice("syncing 50 of 5000", "working")
        await pilot.pause()
        assert screen(app)[-1].strip() == "syncing 50 of 5000"
        app.table.set_notice("")
        await pilot.pause()
        assert "pod-" in screen(app)[-1]


async def test_while_rows_load_an_untouched_cursor_stays_on_the_first() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.set_notice("syncing", "working")
        for start in (400, 200, 0):
            app.table.update(pod(n) for n in range(start, start + 200))
        await pilot.pause()
        assert app.table.selected == "uid-0"
        assert "pod-00000" in screen(app)[1]


async def test_stale_rows_lose_their_tones() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.set_rows(pod(n, restarts=1) for n in range(50))
        await pilot.pause()
        before = colours(app.table.render_line(5))
        app.table.stale = True
        await pilot.pause()
        after = colours(app.table.render_line(5))
        assert len(before) == 2
        assert len(after) == 1
        assert not before & after


def colours(strip: Strip) -> set[Any]:
    return {segment.style.color for segment in strip if segment.style and segment.text.strip()}


async def test_the_view_follows_a_smaller_window_to_the_cursor() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 30)) as pilot:
        app.table.set_rows(pod(n) for n in range(100))
        app.table.select("uid-25")
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert "uid-25" in app.table.visible_keys()
        assert any("pod-00025" in line for line in screen(app))
