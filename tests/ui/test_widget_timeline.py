from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult

from screens.plain import Plain
from screens.themes import THEMES, register_themes
from screens.widgets.timeline import Piece, Timeline, TimeRow
from tests.support.fake_session import NOW
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"


def rows(tests: int = 2, *, running: bool = False) -> list[TimeRow]:
    found = [
        TimeRow("clone", "clone", "✔", "fine", (Piece("init", 0, 2, "dim"), Piece("step", 2, 6, "fine")), "6.0s"),
        TimeRow("detect", "detect-changes", "✔", "fine", (Piece("step", 7, 9, "fine"),), "2.0s"),
    ]
    for number in range(tests):
        bad = number == 0
        end = None if running and bad else 119.0 - number
        tone = "working" if end is None else "bad" if bad else "fine"
        pieces = (
            Piece("queued", 10, 12, "dim"),
            Piece("init", 12, 20, "dim"),
            Piece("step", 20, 40, "fine", "prepare"),
            Piece("other", 40, end, tone, "test"),
        )
        note = (("queued 2s · init 8s · prepare 20s · ", "dim"), ("test 1m19, exit 1", tone))
        symbol = "◐" if end is None else "✖" if bad else "✔"
        found.append(TimeRow(f"t{number}", f"test service-{number:02}", symbol, tone, pieces, "1m49", note))
    found.append(TimeRow("build", "build", "○", "unknown", note=(("not started", "dim"),)))
    return [row._replace(pieces=tuple(_moved(piece) for piece in row.pieces)) for row in found]


def _moved(piece: Piece) -> Piece:
    return piece._replace(start=piece.start + NOW - 120, end=None if piece.end is None else piece.end + NOW - 120)


class TimeApp(App[None]):
    def __init__(self, rows: Sequence[TimeRow], notice: tuple[str, str] = ("", "dim")) -> None:
        super().__init__()
        self.timeline = Timeline()
        self.first = rows
        self.notice = notice
        self.seen: list[tuple[str, str, str]] = []

    def compose(self) -> ComposeResult:
        yield self.timeline

    def on_mount(self) -> None:
        register_themes(self)
        self.theme = THEMES["dark"]
        self.timeline.show(self.first, NOW, notice=self.notice)

    def on_timeline_selected(self, event: Timeline.Selected) -> None:
        self.seen.append(("selected", event.key, event.piece))

    def on_timeline_activated(self, event: Timeline.Activated) -> None:
        self.seen.append(("activated", event.key, event.piece))


def screen(app: App[Any]) -> list[str]:
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


@pytest.mark.parametrize("size", [(80, 10), (120, 16), (200, 16)], ids=["80", "120", "200"])
async def test_looks_as_it_did(size: tuple[int, int]) -> None:
    app = TimeApp(rows(4))
    async with app.run_test(size=size) as pilot:
        app.timeline.select("t0", "test")
        await pilot.pause()
        check(app, f"widget-timeline-{size[0]}", FOLDER)


async def test_a_single_row_and_none() -> None:
    app = TimeApp([rows()[0]])
    async with app.run_test(size=(80, 4)) as pilot:
        await pilot.pause()
        assert "▒▒▒" in screen(app)[0]
        assert "╵0s" in screen(app)[3]
        app.timeline.show([], NOW, notice=("waiting for the first task …", "working"))
        await pilot.pause()
        assert screen(app)[0] == " waiting for the first task …"
        assert screen(app)[3] == ""
        await pilot.press("down", "right", "enter")
        assert app.seen == []


async def test_keys_move_over_rows_and_pieces() -> None:
    app = TimeApp(rows(20))
    async with app.run_test(size=(80, 8)) as pilot:
        await pilot.press("j", "j", "right", "right", "right", "left", "enter")
        assert app.seen == [
            ("selected", "detect", ""), ("selected", "t0", ""), ("selected", "t0", "prepare"),
            ("selected", "t0", "test"), ("selected", "t0", "test"), ("selected", "t0", "prepare"),
            ("activated", "t0", "prepare"),
        ]  # fmt: skip
        await pilot.press("G")
        assert app.timeline.selected == ("build", "")
        assert any("build" in line for line in screen(app))
        await pilot.press("g", "pagedown")
        assert app.timeline.selected == ("t4", "")


async def test_rows_that_come_leave_the_cursor_on_its_row_and_line() -> None:
    made = rows(20)
    app = TimeApp(made[5:])
    async with app.run_test(size=(80, 8)) as pilot:
        await pilot.press("j", "j")
        await pilot.pause()
        line = next(y for y, text in enumerate(screen(app)) if "service-05" in text)
        app.timeline.show(made, NOW)
        await pilot.pause()
        assert app.timeline.selected[0] == "t5"
        assert "service-05" in screen(app)[line]
        app.timeline.show([row for row in made if row.key != "t5"], NOW)
        await pilot.pause()
        assert app.timeline.selected[0]


async def test_a_tick_paints_the_running_row_only() -> None:
    app = TimeApp(rows(4, running=True))
    async with app.run_test(size=(80, 10)) as pilot:
        app.timeline.show(app.first, NOW + 10)
        await pilot.pause()
        before = app.timeline.lines_painted
        app.timeline.show(app.first, NOW + 20)
        await pilot.pause()
        assert app.timeline.lines_painted == before + 1
        app.timeline.show(app.first, NOW + 20)
        await pilot.pause()
        assert app.timeline.lines_painted == before + 1


async def test_every_character_has_a_plain_one_of_its_width() -> None:
    app = TimeApp(rows(4, running=True))
    async with app.run_test(size=(200, 10)) as pilot:
        await pilot.pause()
        for text in screen(app):
            plain = text.translate(Plain(ascii_only=True))
            assert plain.isascii()
            assert len(plain) == len(text)
            assert "?" not in plain.replace("? build", "")
