"""The real console on terminals that misbehave, under signals, and under keys pressed at random."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bakeryops.commands import COMMANDS
from tests.support.demo import static_store
from tests.support.hostile import ServedInThread, served_in_thread
from tests.support.pty import ROOT, Terminal
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

RESTORED = b"\x1b[?1049l"
"""Leaving the alternate screen: the last thing a console owes its terminal."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the kubeconfig of a full-size embedded cluster."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "bakeryops", "demo", "--serve", "--dir", str(folder), "--seed", "5"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    try:
        assert any(line.strip() == b"ready" for line in child.stdout)
        yield folder / "kubeconfig"
    finally:
        child.terminate()
        child.wait(30)
        child.stdout.close()


@pytest.fixture
def console(demo: Path, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Return what opens a console on the cluster; all are closed at the end."""
    opened: list[Terminal] = []

    def open_console(*options: str, columns: int = 100, lines: int = 30, **environ: str) -> Terminal:
        command = [sys.executable, "-m", "bakeryops", "--kubeconfig", str(demo), *options]
        folders = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
        opened.append(Terminal(command, columns=columns, lines=lines, environ=folders | environ))
        return opened[-1]

    yield open_console
    for terminal in opened:
        terminal.close()


def _sane(terminal: Terminal) -> None:
    """No report of a fault, and no traceback once the screen is left (the logs of the cluster hold some)."""
    assert b"a fault of its own" not in terminal.raw
    assert b"Traceback" not in terminal.raw[terminal.raw.rfind(RESTORED) :] or RESTORED not in terminal.raw


def _go_home(terminal: Terminal) -> None:
    """Leave every page and every open line, one by one, until the overview is there."""
    for _ in range(100):
        terminal.send("\x1b")
        terminal.read(0.3)
        terminal.send("1")
        terminal.read(0.3)
        if any("needs you" in line for line in terminal.text()):
            return
    terminal.wait_for("needs you")


def _ended_in_order(terminal: Terminal, code: int = 0) -> None:
    assert terminal.wait(30) == code
    assert RESTORED in terminal.raw
    assert terminal.raw.rindex(b"\x1b[?25h") > terminal.raw.index(b"\x1b[?1049h"), "the cursor is shown again"
    assert b"\x1b[?1000l" in terminal.raw or b"\x1b[?1000h" not in terminal.raw, "the mouse is given back"
    _sane(terminal)


def test_a_storm_of_sizes_leaves_a_whole_picture(console: Callable[..., Terminal]) -> None:
    terminal = console()
    terminal.wait_for("Namespaces")
    chance = random.Random(11)
    for view in ("1", "2", "\r", "3", "D", "4", "7"):
        terminal.send(view)
        for _ in range(25):
            terminal.resize(chance.randint(20, 300), chance.randint(5, 80))
            terminal.read(0.02)
        for columns, lines in ((20, 5), (300, 80), (21, 6), (1, 1), (80, 24)):
            terminal.resize(columns, lines)
            terminal.read(0.3)
    terminal.screen.reset()
    terminal.resize(81, 25)
    terminal.resize(80, 24)
    terminal.send("1")
    terminal.wait_for("needs you")
    terminal.wait_for("? help")
    terminal.send("q")
    _ended_in_order(terminal)


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (300, 80)])
def test_every_view_stands_at_any_size(console: Callable[..., Terminal], size: tuple[int, int]) -> None:
    terminal = console(columns=size[0], lines=size[1])
    terminal.wait_for(lambda lines: any(line.strip() for line in lines))
    terminal.read(2)
    for key in (
        "1",
        "4",
        "w",
        "7",
        "1",
        "\r",
        "d",
        "y",
        "\x1b",
        "1",
        "l",
        "\x1b",
        ":",
        "\x1b",
        "2",
        "\r",
        "i",
        "\t",
        "i",
        "l",
        "\x1b",
        "F",
        "\x1b",
        "2",
        "v",
        "\x1b",
        "3",
        "j",
        "\r",
        "z",
        "D",
        "r",
        "\x1b",
        "\x1b",
        "1",
        "?",
        "\x1b",
        "m",
        "C",
        "\x1b",
        "n",
        "\x1b",
    ):
        terminal.send(key)
        terminal.read(0.4)
        assert terminal.process.poll() is None
    terminal.send("q")
    _ended_in_order(terminal)


def test_a_terminal_that_stops_reading_stops_nothing(tmp_path: Path) -> None:
    """While nobody reads heartbeats go on at the server, and afterwards the picture is whole."""
    from tests.integration.test_console_outage import _add, _fill

    store = static_store()
    _fill(store)
    with served_in_thread(store) as served:
        path = served.kubeconfig(tmp_path / "kubeconfig")
        command = [sys.executable, "-m", "bakeryops", "--kubeconfig", str(path)]
        with Terminal(command, columns=300, lines=80, environ={"XDG_STATE_HOME": str(tmp_path)}) as terminal:
            terminal.wait_for("● live")
            terminal.send("4")
            terminal.wait_for("ghost-service")
            # Nobody reads from here on: changes and keys that would paint more than any buffer holds.
            for number in range(140):
                served.call(partial(_add, served.store, f"burst-{number}"))
                terminal.send("147"[number % 3])
                terminal.resize(300 - number % 2, 80)
            # A server that is heard is not asked: now that nothing changes, heartbeats prove that the loop turns.
            before = _heartbeats(served)
            wait_until(lambda: _heartbeats(served) - before >= 2)
            terminal.send("1")
            terminal.screen.reset()
            terminal.resize(120, 40)
            terminal.wait_for("needs you")
            terminal.send("4/burst-")
            terminal.wait_for("burst-")
            terminal.send("\x11")
            _ended_in_order(terminal)


def _heartbeats(served: ServedInThread) -> int:
    return sum(count for key, count in served.asked().items() if key.endswith("/version"))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_it_in_order(console: Callable[..., Terminal], number: signal.Signals) -> None:
    terminal = console()
    terminal.wait_for("Namespaces")
    terminal.process.send_signal(number)
    code = terminal.wait(30)
    assert RESTORED in terminal.raw
    _sane(terminal)
    assert code in (0, 128 + number)


def test_bytes_that_are_no_text_are_no_end(console: Callable[..., Terminal]) -> None:
    terminal = console()
    terminal.wait_for("Namespaces")
    os.write(terminal._master, b"\xff\xfe\xe9\x1b[\xff\x1b[999;999;999R\x1b[M\xff\xff\xff\x1bP\xff")
    terminal.read(1)
    terminal.send("\x1b")
    terminal.read(0.5)
    terminal.send("4")
    terminal.wait_for("sorted by")
    terminal.send("q")
    _ended_in_order(terminal)


def test_ctrl_c_is_answered(console: Callable[..., Terminal]) -> None:
    """It must neither be ignored without a word nor end in a traceback."""
    terminal = console()
    terminal.wait_for("Namespaces")
    terminal.send("\x03")
    terminal.wait_for(lambda lines: any("quit" in line.lower() for line in lines), 10)
    terminal.send("q")
    _ended_in_order(terminal)


def test_it_ends_when_its_terminal_goes_away(console: Callable[..., Terminal]) -> None:
    terminal = console()
    terminal.wait_for("Namespaces")
    os.close(terminal._master)
    terminal._master = -1
    assert terminal.process.wait(30) is not None


@pytest.mark.parametrize("pause", [0.0, 0.1, 0.8])
def test_it_may_be_left_at_once(console: Callable[..., Terminal], pause: float) -> None:
    terminal = console()
    while RESTORED[:-1] + b"h" not in terminal.raw:  # before that, ctrl+q is the terminal's own
        terminal.read(0.01)
    terminal.read(pause)
    terminal.send("\x11")
    assert terminal.wait(30) == 0
    _sane(terminal)


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "linux", "COLORTERM": ""},
        {"TERM": "vt100", "COLORTERM": ""},
        {"TERM": "no-such-terminal"},
        {"NO_COLOR": "1"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LANG": "de_DE.ISO-8859-1", "LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1"},
    ],
    ids=lambda environ: "-".join(environ.values()),
)
def test_it_opens_in_any_environment(console: Callable[..., Terminal], environ: dict[str, str]) -> None:
    terminal = console(**environ)
    terminal.wait_for("Namespaces")
    terminal.send("4")
    terminal.wait_for("sorted by")
    if "NO_COLOR" in environ:
        colours = re.findall(rb"\x1b\[(?:[0-9;]*;)?[34]8;[25];[0-9;]*m", terminal.raw)
        assert not colours, colours[:3]
    terminal.send("q")
    _ended_in_order(terminal)


def test_a_terminal_that_cannot_be_painted_is_refused_in_words(console: Callable[..., Terminal]) -> None:
    terminal = console(TERM="dumb")
    assert terminal.wait(30) == 2
    assert "set TERM" in " ".join(terminal.text())
    assert b"\x1b" not in terminal.raw
    _sane(terminal)


@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}])
def test_without_a_terminal_it_says_what_to_do(demo: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bakeryops", "--kubeconfig", str(demo)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path)} | environ,
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert done.stdout == ""


def test_keys_hammered_before_the_cluster_answers_do_no_harm(console: Callable[..., Terminal]) -> None:
    terminal = console()
    chance = random.Random(3)
    keys = _keys()
    for _ in range(60):
        terminal.send(chance.choice(keys))
        terminal.read(0.02)
    assert terminal.process.poll() is None
    _go_home(terminal)
    terminal.send("\x11")
    _ended_in_order(terminal)


_BYTES = {
    "slash": "/", "question_mark": "?", "colon": ":", "escape": "\x1b", "enter": "\r", "tab": "\t", "space": " ",
    "ctrl+p": "\x10", "ctrl+q": "\x11", "exclamation_mark": "!",
}  # fmt: skip


def _keys() -> list[str]:
    """Return the bytes of every key of the help screen but those that quit, and of the keys that move."""
    named = [key for command in COMMANDS for key in command.keys if command.id != "console.quit"]
    moves = ["\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b[C", "\x1b[D", "g", "G", "j", "k"]
    odd = [
        "\x1b[Z",
        "\x7f",
        "\x00",
        "\x0c",
        "\x1b[200~pasted [/x]\x1b[201~",
        "é",
        "日",
        "\x1b[<0;10;5M",
        "\x1b[<0;10;5m",
    ]
    return [_BYTES.get(key, key) for key in named] + moves * 2 + odd


@pytest.mark.parametrize("seed", [1, 2])
def test_three_hundred_keys_at_random_break_nothing(console: Callable[..., Terminal], seed: int) -> None:
    terminal = console(columns=120 if seed % 2 else 80)
    terminal.wait_for("Namespaces")
    chance = random.Random(seed)
    keys = _keys()
    pressed: list[str] = []
    for _ in range(300):
        # A word typed into an open line, now and then, and out of it again.
        key = chance.choice(keys) if chance.random() > 0.05 else "\x1b"
        pressed.append(key)
        terminal.send(key)
        terminal.read(0.05)
        assert terminal.process.poll() is None, (pressed[-8:], terminal.raw[-2000:])
    _sane(terminal)
    _go_home(terminal)
    terminal.send("\x11")
    _ended_in_order(terminal)


CRASH = """
import sys
from screens.workloads import WorkloadsScreen
from bakeryops.cli.main import run

def fail(self):
    token = "hunter2-secret"
    raise ZeroDivisionError("a fault [/x] \\x1b]0;PWNED\\x07 of " + __name__)

setattr(WorkloadsScreen, HOW, fail)
run(sys.argv[1:])
"""


@pytest.mark.parametrize("how", ["do_list_sort", "draw_footer", "show_ticks"], ids=["key", "frame", "timer"])
def test_a_fault_of_its_own_ends_in_one_message(demo: Path, tmp_path: Path, how: str) -> None:
    """In the handler of a key, while the frame is drawn, at a tick of the clock."""
    command = [sys.executable, "-c", CRASH.replace("HOW", repr(how)), "--kubeconfig", str(demo)]
    with Terminal(command, environ={"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}) as terminal:
        terminal.wait_for("needs you")
        terminal.send("4")
        if how == "do_list_sort":
            terminal.wait_for("sorted by")
            terminal.send("s")
        assert terminal.wait(30) == 1
        assert RESTORED in terminal.raw
        after = terminal.raw[terminal.raw.rindex(RESTORED) + len(RESTORED) :].decode()
    assert "Traceback" not in after
    assert "PWNED" not in after
    assert "hunter2" not in after
    assert "a fault of its own: ZeroDivisionError: a fault [/x]" in after
    (report,) = tmp_path.rglob("crash-*.txt")
    assert report.name in after.replace("\r\n", "")
    assert report.stat().st_mode & 0o777 == 0o600
    assert "ZeroDivisionError" in report.read_text()
    assert "hunter2-secret" not in report.read_text()
