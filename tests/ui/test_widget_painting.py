"""What is sent to a real terminal, counted in bytes."""

from __future__ import annotations

import re

from tests.support.pty import Terminal

PROGRAM = r"""
import sys
from textual.app import App
from screens.themes import THEMES, choose_theme, register_themes
from screens.widgets.cells import Cell, Column, Row
from screens.widgets.painting import TightPaint
from screens.widgets.table import LiveTable

def rows(age):
    return [Row(str(n), (Cell("✖", "bad"), f"pod-{n:03} 日本", "Running", age), (n, n, 0, 0)) for n in range(40)]

class Ages(TightPaint if "tight" in sys.argv else App):
    def compose(self):
        self.table = LiveTable([Column("s", "", 1), Column("n", "NAME", 20, grow=True), Column("t", "STATUS", 9),
                                Column("a", "AGE", 4, align="right")])
        yield self.table

    def on_mount(self):
        register_themes(self)
        self.theme = choose_theme("auto")
        self.table.set_rows(rows("1s"))

    def on_key(self, event):
        if event.key == "x":
            self.table.update(rows("2s")[:20])
        if event.key == "y":
            self.table.stale = True

Ages().run()
"""


def sent_for_twenty_ages(*arguments: str) -> tuple[int, list[str]]:
    import sys

    with Terminal([sys.executable, "-c", PROGRAM, *arguments], columns=120, lines=40) as terminal:
        terminal.wait_for("pod-038")
        while terminal.read(0.3):
            pass
        before = len(terminal.raw)
        terminal.send("x")
        terminal.wait_for(lambda lines: sum("2s" in line for line in lines) == 20)
        while terminal.read(0.2):
            pass
        return len(terminal.raw) - before, terminal.text()


def test_a_change_at_the_right_edge_sends_only_its_cells() -> None:
    tight, screen = sent_for_twenty_ages("tight")
    loose, same = sent_for_twenty_ages("loose")
    assert screen == same
    assert tight < 20 * 80
    assert tight * 2 < loose


def test_without_colour_no_colour_is_sent() -> None:
    with Terminal.python(PROGRAM, environ={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("pod-010")
        terminal.send("y")
        terminal.read(1.0)
        codes = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw) for code in found.split(b";")}
    assert not codes & {str(code).encode() for code in (*range(30, 39), *range(40, 49), *range(90, 108))}
