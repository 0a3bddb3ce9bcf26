"""The simple shell of the embedded cluster's containers."""

from __future__ import annotations

from itertools import islice

import pytest

from bakeryops.demo.controllers.program import read_program


def program(script: str):
    found = read_program(["sh", "-c", script], None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("script", "duration", "code"),
    [
        ("exit 3", 0.02, 3),
        ("sleep 2; exit 1", 2.0, 1),
        ("sleep 2 && false", 2.0, 1),
        ("for i in 1 2 3; do sleep 1; done", 3.0, 0),
        ("sleep 1m", 60.0, 0),
        ("true", 0.02, 0),
        ("while true; do sleep 1; done", None, 0),
        ("sleep infinity", None, 0),
        ("tail -f /dev/null", None, 0),
        ("echo ready; gunicorn app:main", None, 0),
        ("while true; do exit 4; done", 0.02, 4),
    ],
)
def test_how_long_a_script_runs_and_how_it_ends(script: str, duration: float | None, code: int) -> None:
    found = program(script)
    assert (found.duration, found.exit_code) == (duration, code)


def test_what_a_script_prints_and_when() -> None:
    outputs = list(program('echo "heating up"; sleep 1; echo oops >&2; exit 3').outputs())
    assert outputs == [(0.0, b"heating up\n", "stdout"), (1.0, b"oops\n", "stderr")]


def test_loops_count_and_print_for_ever() -> None:
    outputs = list(islice(program('i=0; while true; do i=$((i+1)); echo "order $i"; sleep 2; done').outputs(), 3))
    assert [(each.offset, each.data) for each in outputs] == [
        (0.0, b"order 1\n"),
        (2.0, b"order 2\n"),
        (4.0, b"order 3\n"),
    ]


def test_variables_of_the_environment_are_known() -> None:
    found = read_program(["sh", "-c", "echo v=$VERSION"], None, {"VERSION": "2"})
    assert found is not None
    assert [each.data for each in found.outputs()] == [b"v=2\n"]


def test_process_one_ignores_term_unless_it_traps_it() -> None:
    assert program("sleep 600").on_term is None
    assert program('trap "" TERM; sleep 600').on_term is None
    assert program("trap 'sleep 3; exit 0' TERM; sleep 600").on_term == 3.0


def test_memory_without_end_is_an_end_by_memory() -> None:
    found = program("sleep 2; tail /dev/zero")
    assert found.out_of_memory
    assert found.exit_code == 137


def test_writes_to_files_are_known_by_size() -> None:
    assert program("sleep 3; dd if=/dev/zero of=/d/x bs=1M count=24").written == ((3.0, "/d/x", 24 * 2**20),)


@pytest.mark.parametrize("script", ["echo 'unfinished", "while true", "for", "do; done", ";;", "&& ||", "sleep x"])
def test_what_is_not_understood_does_not_fail(script: str) -> None:
    assert read_program(["sh", "-c", script], None) is not None


def test_a_container_without_a_command_has_no_program() -> None:
    assert read_program(None, ["--flag"]) is None
