"""What comes from outside reaches a real terminal as text only."""

from __future__ import annotations

import re

import pytest

from tests.support.pty import Terminal

PROGRAM = r"""
from textual.app import App
from screens.widgets.cells import Cell, Column, Row
from screens.widgets.chart import Chart, Series
from screens.widgets.logtail import LogLine, LogTail
from screens.widgets.painting import TightPaint
from screens.widgets.table import LiveTable

HOSTILE = [
    "\x1b]52;c;UFdORUQ=\x07clip", "\x1b]0;PWNED\x07title", "\x1b[6nreport", "\x1bcreset", "\x1b[5iprint",
    "\x9b6nc1-csi", "\x9d52;c;UFdORUQ=\x9cc1-osc", "[/foo][red]markup[/]", "\u202egnp.exe", "\u2066iso\u2069",
    "nul\x00bell\x07bs\x08", "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "\x1bP1$r0m\x1b\\dcs", "\x1b[?1049lleave",
    "日本語サービス", "e\u0301tude", "🍞 bread", "line\nbreak\rreturn\ttab", "\ud800surrogate", "👩‍👩‍👧 family ❤️ heart",
]
COLUMNS = (Column("n", "N", 3), Column("name", "NAME", 14, grow=True), Column("age", "AGE", 5, align="right"))

class Hostile(TightPaint):
    CSS = "LiveTable { height: 22; } Chart { height: 6; }"

    def compose(self):
        self.table, self.chart, self.tail = LiveTable(COLUMNS, noun="\x1b]0;noun\x07"), Chart(), LogTail()
        yield from (self.table, self.chart, self.tail)

    def on_mount(self):
        rows = [Row(f"{n}-{text!r}", (f"{n:02}", Cell.of((text, "bad"), (" tail", "dim")), "3h"), (n, text, n))
                for n, text in enumerate(HOSTILE)]
        self.table.set_rows(rows)
        self.chart.show([Series(HOSTILE[0], [1.0, 2.0])], limits=[(HOSTILE[1], 3.0, "bad")], times=(HOSTILE[2], "now"))
        lines = [text.encode("utf-8", "surrogatepass") for text in HOSTILE]
        lines += [b"not utf-8 \xff\xfe\x9b6n\x90 end", b"A" * 1_000_000 + b"\x1b]52;c;UFdORUQ=\x07",
                  b"\x1b[31mred kept\x1b[0m \x1b[8mhidden shown\x1b[0m", b"cut \x1b]52;c;" + b"B" * 20000]
        lines += [LogLine(b"x", time=HOSTILE[0], source=HOSTILE[1]), LogLine(notice=HOSTILE[3] + " ENDED")]
        self.tail.feed(lines)
        self.tail.search(HOSTILE[1])
        self.set_timer(0.3, self.more)

    def more(self):
        self.table.update([Row("0-" + repr(HOSTILE[0]), ("00", HOSTILE[5] + " changed", HOSTILE[2]), (0, "", 0))])
        self.table.set_notice(HOSTILE[1] + " NOTICE", "bad")
        self.tail.action_toggle_times()
        self.tail.action_toggle_wrap()
        self.tail.action_toggle_wrap()
        self.set_timer(0.3, self.tail.action_follow)

Hostile().run()
"""

FORBIDDEN = {
    "clipboard": rb"\x1b\]52|UFdORUQ=\x07",
    "title": rb"\x1b\][012];",
    "cursor report": rb"\x1b\[6n",
    "reset": rb"\x1bc",
    "printer": rb"\x1b\[5i",
    "hyperlink": rb"\x1b\]8;",
    "device control": rb"\x1bP1\$r",
    "bidi": rb"\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]",
    "bell": rb"\x07",
    "nul": rb"\x00",
    "C1": rb"\xc2[\x80-\x9f]",
    "conceal": rb"\x1b\[8m",
}


@pytest.fixture(scope="module")
def terminal() -> Terminal:
    with Terminal.python(PROGRAM, columns=80, lines=46) as terminal:
        terminal.wait_for(lambda lines: all(any(word in line for line in lines) for word in ("NOTICE", "ENDED")))
        terminal.wait_for("changed")
        yield terminal  # type: ignore[misc]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_sequence_of_a_payload_reaches_the_terminal(terminal: Terminal, what: str) -> None:
    # What Textual itself asks the terminal for at its start stands before the first text.
    sent = terminal.raw[terminal.raw.index(b"NAME") :]
    assert not re.search(FORBIDDEN[what], sent), what


def test_the_alternate_screen_is_not_left(terminal: Terminal) -> None:
    assert b"\x1b[?1049l" not in terminal.raw


def test_what_is_readable_is_still_read(terminal: Terminal) -> None:
    text = "\n".join(terminal.text())
    for word in ("title", "report", "[/foo][red]markup[/]", "gnp.exe", "line break", "surrogate", "bread"):
        assert word in text, word
    assert "red kept hidden shown" in text
    assert "not utf-8 ���6n� end" in text
    assert "A" * 79 in text


def test_columns_stay_where_they_are_beside_wide_characters(terminal: Terminal) -> None:
    lines = [line for line in terminal.screen.display[1:21] if re.match(r"\d\d ", line)]
    assert len(lines) >= 19
    ends = set()
    for y in range(1, 21):
        row = terminal.screen.buffer[y]
        cells = "".join(row[x].data or "" for x in range(terminal.screen.columns))
        if "3h" in cells:
            ends.add(max(x for x in range(80) if row[x].data == "h" and row[x - 1].data == "3"))
    assert ends == {78}
