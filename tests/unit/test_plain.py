from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from screens.plain import Plain, own_environ, plain_for
from screens.widgets.chart import bar, sparkline
from screens.widgets.tones import SYMBOLS


@pytest.mark.parametrize(
    ("environ", "ascii_only"),
    [
        ({"LANG": "C", "TERM": "xterm-256color"}, True),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True),
        ({"TERM": "vt220"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "linux"}, False),
    ],
)
def test_poor_terminals_get_plain_characters(environ: dict[str, str], ascii_only: bool) -> None:
    table = plain_for(environ)
    assert table is not None
    drawn = f"✔ ok {bar(3, 4, 8)} {sparkline([1, 2, 3], 3)} ⣀⠒⠉ é".translate(table)
    assert drawn.removesuffix("é" if not ascii_only else "?").isascii()
    assert drawn.startswith("+ ok ######..")


def test_a_terminal_that_can_do_it_gets_everything() -> None:
    assert plain_for({"LANG": "C.UTF-8", "TERM": "xterm-256color"}) is None


def test_states_stay_apart_without_symbols() -> None:
    table = Plain(ascii_only=True)
    assert len({symbol.translate(table) for symbol in SYMBOLS.values()}) == len(SYMBOLS)


def test_levels_of_a_curve_stay_apart() -> None:
    levels = "▁▂▃▄▅▆▇█".translate(Plain(ascii_only=True))
    assert len(set(levels)) == 8


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_nothing_moves(text: str) -> None:
    plain = text.translate(Plain(ascii_only=True))
    assert plain.isascii()
    assert cell_len(plain) == sum(cell_len(each) for each in text)


def test_the_environment_is_the_one_given_not_what_python_made_of_it() -> None:
    code = "from screens.plain import own_environ, plain_for; print(plain_for(own_environ()) is not None)"
    kept = {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "LANG": "C"}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    assert own_environ()
