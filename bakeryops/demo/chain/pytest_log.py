"""What the tests of a service print: pytest's words and colours for the files that are there."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from bakeryops.demo.chain.changes import folder_of
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.git import BareRepo

__all__ = ["TestLog", "failing_lines", "test_log", "test_seconds"]

_GREEN, _RED, _BOLD, _DIM, _OFF = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"
_TEST = re.compile(rb"^\s*(?:async )?def (test_\w+)", re.MULTILINE)
_WIDTH = 88

TestLog = tuple[tuple[float, str], ...]
"""Seconds after the start, and the line."""


def test_seconds(service: str, seed: random.Random) -> float:
    """Return how long the tests of a service take: each has its own measure, give or take a tenth."""
    return (8.0 + int(digest("tests", service)[:4], 16) % 24) * (0.9 + 0.2 * seed.random())


def test_log(repo: BareRepo, revision: str, service: str, seconds: float, failing: Sequence[str]) -> TestLog:
    """Return what a run prints; `failing` are the lines of its failures, none where all tests pass."""
    files = _tests_of(repo, revision, service)
    if not files:
        return ((0.6, f"{folder_of(service)} has no tests, nothing to run"),)
    total = sum(len(names) for names in files.values())
    lines: list[tuple[float, str]] = [
        (0.2, f"{_DIM}Installing requirements from the cache{_OFF}"),
        (seconds * 0.3, f"{_BOLD}{' test session starts ':=^{_WIDTH}}{_OFF}"),
        (seconds * 0.3, "platform linux -- Python 3.12.11, pytest-8.4.2, pluggy-1.6.0"),
        (seconds * 0.3, f"rootdir: /workspace/source/{folder_of(service)}"),
        (seconds * 0.35, f"{_BOLD}collected {total} items{_OFF}"),
        (seconds * 0.35, ""),
    ]
    done, broken = 0, bool(failing)
    for place, (path, names) in enumerate(files.items()):
        done += len(names)
        fails = broken and place == len(files) - 1
        dots = f"{_GREEN}{'.' * (len(names) - fails)}{_OFF}" + (f"{_RED}F{_OFF}" if fails else "")
        share = f"[{done * 100 // total:3d}%]"
        gap = " " * max(1, _WIDTH - len(path) - len(names) - len(share) - 1)
        colour = _RED if fails else _GREEN
        when = seconds * (0.35 + 0.6 * (place + 1) / len(files))
        lines.append((when, f"{path} {dots}{gap}{colour}{share}{_OFF}"))
    lines.append((seconds, ""))
    if failing:
        lines += [(seconds, line) for line in failing]
        counts = f"{_RED}{_BOLD}1 failed{_OFF}, {_GREEN}{total - 1} passed{_OFF}{_RED} in {seconds:.2f}s{_OFF}"
    else:
        counts = f"{_GREEN}{_BOLD}{total} passed{_OFF}{_GREEN} in {seconds:.2f}s{_OFF}"
    lines.append((seconds, f"{'=' * 24} {counts} {'=' * 24}"))
    return tuple(lines)


def failing_lines(service: str, path: str, line: int) -> tuple[str, ...]:
    """Return the failure that a mark in a file asks for."""
    name = f"test_{service.replace('-', '_')}_does_as_before"
    return (
        f"{' FAILURES ':=^{_WIDTH}}",
        f"{_RED}{_BOLD}{f' {name} ':_^{_WIDTH}}{_OFF}",
        "",
        f"    def {name}() -> None:",
        f">       assert behaviour_of({service!r}) == expected",
        f"{_RED}{_BOLD}E       AssertionError: assert 'changed' == 'as before'{_OFF}",
        f"{_RED}{_BOLD}E         - as before{_OFF}",
        f"{_RED}{_BOLD}E         + changed{_OFF}",
        "",
        f"{path}:{line}: AssertionError",
        f"{_BOLD}{' short test summary info ':=^{_WIDTH}}{_OFF}",
        f"{_RED}FAILED{_OFF} {path}::{_BOLD}{name}{_OFF} - AssertionError: assert 'changed' == 'as before'",
    )


def _tests_of(repo: BareRepo, revision: str, service: str) -> dict[str, list[str]]:
    """Return the names of the tests in each file of a service's tests."""
    found: dict[str, list[str]] = {}
    folder = folder_of(service)
    for path, content in sorted(repo.files(revision, f"{folder}/tests").items()):
        if names := [name.decode() for name in _TEST.findall(content)]:
            found[path.removeprefix(f"{folder}/")] = names
    return found
