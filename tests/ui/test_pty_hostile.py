"""Hostile texts through the real console in a real terminal: every screen, nothing but paint reaches it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import pytest

from bakeryops.demo.server import Providers
from tests.support.demo import static_store
from tests.support.hostile import HostileLogs, fill_hostile, hostile_names, offences, served_in_thread
from tests.support.pty import Terminal

pytestmark = pytest.mark.slow

TOUR: tuple[tuple[str, str, str], ...] = (
    # what is visited, keys, a text that shows it is there
    ("overview", "1", "needs you"),
    ("workloads", "4", "Workloads"),
    ("pods", "w", "Pods"),
    ("events", "7a", "reason"),
    ("palette", ":", "find an object"),
    ("palette with finds", "evil-05 pods", "evil-05  pods"),
    ("object page", "\r", "enter page"),
    ("describe", "d", "Created"),
    ("yaml", "y", "kind: Pod"),
    ("events of an object", "e", "reason"),
    ("log", "l", "LAST LINE"),
    ("wrapped log, or unwrapped", "w", "LAST LINE"),
    ("log with times", "t", "LAST LINE"),
    ("containers", "o", "Container"),
    ("log again", "\x1b", "LAST LINE"),
    ("log of the run before", "p", "LAST LINE"),
    ("search line", "/", "search;"),
    ("search in the log", "link\r", "link "),
    ("overview again", "1", "needs you"),
    ("node", "m", "taint"),
    ("own cost", "C", "watches"),
    ("no panel", "\x1b", "taint"),
    ("overview before help", "1", "needs you"),
    ("help", "?", "Views"),
    ("no help", "\x1b", "needs you"),
    ("namespaces", "n", "Namespace"),
    ("no namespaces", "\x1b", "needs you"),
    ("contexts", "K", "Cluster"),
    ("no contexts", "\x1b", "needs you"),
    ("pods again", "4", "sorted by"),
    ("filter line", "/", "words to keep"),
    ("filter", "[bold]", "[bold]"),
    ("filter ended", "\x1b", "sorted by"),
    ("volumes", "w", "Volumes"),
    ("workloads once more", "w", "Workloads"),
    ("page of a workload with a hostile name", "\x1b[4~\r", "enter page"),
    ("its description", "d", "✖"),
)


@dataclass
class Journey:
    """What the terminal was sent and showed at each place."""

    shown: dict[str, str] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    exit_code: int = -1
    raw: bytes = b""


def _cells(terminal: Terminal) -> list[str]:
    """Return each line as one character a cell, the second half of a wide one as a NUL."""
    size = range(terminal.screen.columns)
    return [
        "".join((terminal.screen.buffer[y][x].data or "\x00")[0] for x in size)
        for y in range(terminal.screen.lines)
    ]


@pytest.fixture(scope="module", params=[(120, 40), (80, 24)], ids=["120x40", "80x24"])
def journey(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Journey:
    folder = tmp_path_factory.mktemp("hostile")
    store = static_store()
    fill_hostile(store)
    found = Journey()
    columns, lines = request.param
    with served_in_thread(store, Providers(logs=HostileLogs())) as served:
        path = hostile_names(served.kubeconfig(folder / "kubeconfig"))
        command = [sys.executable, "-m", "bakeryops", "--kubeconfig", str(path)]
        with Terminal(
            command, columns=columns, lines=lines, environ={"XDG_STATE_HOME": str(folder), "HOME": str(folder)}
        ) as terminal:
            terminal.wait_for("needs you")
            terminal.wait_for("live")
            for place, keys, sign in TOUR:
                terminal.send(keys)
                terminal.read(0.3)
                terminal.wait_for(sign, 30)
                # The sign may be there while the rest is still being painted.
                for _ in range(20):
                    if not terminal.read(0.2):
                        break
                found.shown[place] = "\n".join(terminal.text())
                found.columns[place] = _cells(terminal)
            found.raw = terminal.raw
            terminal.send("\x11")
            found.exit_code = terminal.wait(30)
    return found


def test_nothing_but_paint_reaches_the_terminal(journey: Journey) -> None:
    assert offences(journey.raw) == []


def test_the_console_outlives_it_and_leaves_in_order(journey: Journey) -> None:
    assert journey.exit_code == 0
    assert not any("fault of" in text or "Traceback" in text for text in journey.shown.values())


def test_what_can_be_read_is_still_read(journey: Journey) -> None:
    assert "[link=http://evil" in journey.shown["workloads"] + journey.shown["overview"]
    assert "evil-05" in journey.shown["pods"]
    assert "hunter2-secret" not in journey.shown["describe"] + journey.shown["yaml"]


def test_columns_stand_in_line(journey: Journey) -> None:
    """The namespace column begins in the same cell of every row, whatever stands before it."""
    checked = 0
    for place in ("workloads", "pods", "overview"):
        lines = journey.columns[place]
        head = next((n for n, line in enumerate(lines) if " namespace" in line), None)
        if head is None:  # dropped where there is no room
            continue
        at = lines[head].index(" namespace") + 1
        for line in lines[head + 1 :]:
            if line[:2] not in ("✖ ", "▲ ", "○ ", "✔ ", "◐ "):
                break
            assert line[at - 1] == " ", (place, line)
            assert line[at:].startswith(("bakery-ia", "other", "ns-", "[bold]", "title", "  ")), (place, line)
            checked += 1
    assert checked > 5 or len(journey.columns["pods"][0]) < 100
