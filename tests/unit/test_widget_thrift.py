"""The same picture in fewer bytes."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.style import Style

from screens.widgets.thrift import thrifty

COLOURS = (None, "red", "bright_blue", "#102030", "#a0b0c0", "color(99)", "default")
STYLES = st.builds(
    Style,
    color=st.sampled_from(COLOURS),
    bgcolor=st.sampled_from(COLOURS),
    bold=st.sampled_from((None, True)),
    underline=st.sampled_from((None, True)),
    reverse=st.sampled_from((None, True)),
)
PIECES = st.lists(
    st.tuples(st.sampled_from(("a", "bc", "  ", "日本", "\x1b[3;5H", "\n", "")), STYLES), max_size=12
)


def shown(text: str) -> tuple[list[object], object]:
    screen = pyte.Screen(40, 8)
    pyte.Stream(screen).feed(text)
    cells = [screen.buffer[y][x] for y in range(8) for x in range(40)]
    return [*cells, (screen.cursor.x, screen.cursor.y)], screen.cursor.attrs


@given(PIECES)
def test_the_picture_stays_the_same(pieces: list[tuple[str, Style]]) -> None:
    plain = "".join(style.render(text, color_system=ColorSystem.TRUECOLOR) for text, style in pieces)
    sent = thrifty(plain)
    assert shown(sent) == shown(plain)
    assert len(sent) <= len(plain) + 4


def test_only_what_differs_is_sent() -> None:
    ground = "48;2;1;2;3"
    text = f"\x1b[38;2;9;9;9;{ground}ma\x1b[0m\x1b[38;2;9;9;9;{ground}mb\x1b[0m\x1b[31;{ground}mc\x1b[0m"
    assert thrifty(text) == f"\x1b[38;2;9;9;9;{ground}mab\x1b[31mc\x1b[0m"


def test_text_without_styles_is_left_alone() -> None:
    assert thrifty("\x1b[3;4Habc") == "\x1b[3;4Habc"
