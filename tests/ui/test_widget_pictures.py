"""How the widgets look, kept as pictures; `BAKERYOPS_UPDATE_SNAPSHOTS=1` takes new ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from screens.themes import THEMES, register_themes
from screens.widgets.cells import Cell, Column, Row
from screens.widgets.chart import Chart, Series, bar, sparkline
from screens.widgets.logtail import LogLine, LogTail
from screens.widgets.table import LiveTable
from screens.widgets.tones import SYMBOLS
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"

COLUMNS = (
    Column("state", "", 1, worth=100),
    Column("name", "name", 18, worth=99, grow=True, most=60),
    Column("namespace", "namespace", 12, worth=60),
    Column("ready", "ready", 5, worth=95, align="right"),
    Column("status", "status", 20, worth=96),
    Column("restarts", "↻", 3, worth=90, align="right"),
    Column("memory", "mem", 5, worth=86, align="right"),
    Column("bar", "of limit", 8, worth=70, sort=False),
    Column("curve", "", 10, worth=62, sort=False),
    Column("tag", "image tag", 17, worth=50),
    Column("age", "age", 4, worth=88, align="right"),
)
REASONS = {
    "fine": "Running", "working": "ContainerCreating", "soon": "near its limit", "bad": "CrashLoopBackOff",
    "unknown": "Unknown", "held": "suspended",
}  # fmt: skip
NAMES = ("auth", "tenant", "日本語サービス", "forecasting", "gateway", "🥐 croissant", "e\u0301tude")


def rows() -> list[Row]:
    tones = [*SYMBOLS] + ["fine"] * 34
    made = []
    for number, tone in enumerate(tones):
        used = 37 * (number + 3) % 900
        quiet = tone == "fine"
        curve = [used * (1 + 0.3 * math.sin(step + number)) for step in range(10)]
        cells = (
            Cell(SYMBOLS[tone], tone),
            f"{NAMES[number % len(NAMES)]}-{number:02}-7d9f8c6b5-x2x4z",
            "bakery-ia",
            Cell("1/1" if quiet else "0/1", "" if quiet else tone),
            Cell.of((REASONS[tone], "" if quiet else tone), (" x7" if tone == "bad" else "", "dim")),
            Cell("7" if tone == "bad" else "0", "bad" if tone == "bad" else "dim"),
            f"{used}M",
            Cell(bar(used, 768, 8, request=256), "soon" if used > 700 else "dim"),
            Cell(sparkline(curve, 10), "dim"),
            "20261122-9f3c2a1b",
            "3h",
        )
        made.append(Row(f"uid-{number}", cells, (quiet, *cells[1:])))
    return made


LINES = [
    b"2026-11-22T03:12:40Z INFO ready in 412 ms",
    b"\x1b[32mINFO\x1b[0m GET /api/v1/token \x1b[1m200\x1b[0m 12ms",
    b"WARNING pool is nearly empty",
    b"Traceback (most recent call last):",
    b'  File "auth/token.py", line 31, in ttl',
    b"KeyError: 'JWT_TTL'",
    LogLine(skipped=312),
    LogLine(b"a line of one of several", time="2026-11-22T03:12:45Z", source="auth-1"),
    b"x" * 400,
    LogLine(notice="container ended: exit 1"),
] * 4


class Pictures(App[None]):
    CSS = "LiveTable { height: 2fr; } Chart { height: 1fr; } LogTail { height: 1fr; }"

    def __init__(self, theme: str) -> None:
        super().__init__()
        self.wanted = theme
        self.table = LiveTable(COLUMNS, noun="pods", sort="state")
        self.chart = Chart(format_value="{:.0f}M".format)
        self.tail = LogTail(repaint_hz=100)

    def compose(self) -> ComposeResult:
        register_themes(self)
        self.theme = THEMES[self.wanted]
        yield from (self.table, self.chart, self.tail)


def fill(app: Pictures) -> None:
    app.table.set_rows(rows())
    app.table.select("uid-3")
    app.chart.show(
        [
            Series("auth", [200 + 100 * math.sin(step / 6) for step in range(60)]),
            Series("tenant", [120 + 60 * math.cos(step / 5) if step > 9 else None for step in range(60)], "held"),
        ],
        limits=[("limit", 512, "bad")],
        times=("-15m", "now"),
    )
    app.tail.feed(LINES)


def search(app: Pictures) -> None:
    fill(app)
    app.tail.search("line")
    app.table.stale = True
    app.table.set_notice("stale for 12 s: connection refused, next try in 4 s", "soon")


@pytest.mark.parametrize(
    ("name", "size", "theme", "prepare"),
    [
        ("widgets-80-dark", (80, 24), "dark", fill),
        ("widgets-80-ansi", (80, 24), "ansi", fill),
        ("widgets-80-contrast-stale", (80, 24), "contrast", search),
        ("widgets-120-light", (120, 40), "light", fill),
        ("widgets-200-dark", (200, 50), "dark", fill),
    ],
)
async def test_pictures(name: str, size: tuple[int, int], theme: str, prepare: Callable[[Pictures], None]) -> None:
    app = Pictures(theme)
    async with app.run_test(size=size) as pilot:
        prepare(app)
        for _ in range(500):
            await pilot.pause(0.01)
            status = app.tail.status
            if status.errors == 8 and not status.searching and bool(status.hit) is bool(status.needle):
                break
        await pilot.pause()
        check(app, name, FOLDER)
