"""The small shell that runs build steps whose work nobody planned."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.demo.tekton.script import Done, run_step


def ran(script: str, *args: str, files: dict[str, bytes] | None = None, **env: str) -> Done:
    return run_step({"script": f"#!/bin/sh\n{script}", "args": list(args)}, env, files or {}, 1_790_000_000.0)


def printed(script: str, *args: str, **more: Any) -> str:
    return b"".join(line.data for line in ran(script, *args, **more).lines).decode()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo a  b", "a b\n"),
        ("echo 'a  b' \"c $X\"", "a  b c \n"),
        ("x=5; echo $x ${x} ${y:-none} ${x:+set} ${#x}", "5 5 none set 1\n"),
        ("f=services/api/main.go; echo ${f##*/} ${f%/*} ${f#*/}", "main.go services/api api/main.go\n"),
        ("echo $(echo inner) `echo old`", "inner old\n"),
        ("i=2; echo $((i + 3 * (4 - 1))) $((7 / 2)) $((7 % 4))", "11 3 3\n"),
        ("for s in a b; do printf '%s,' $s; done", "a,b,"),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", "3\n"),
        ("i=0; until [ $i = 2 ]; do i=$((i+1)); done; echo $i", "2\n"),
        ("for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; [ $i = 3 ] && break; done", "1\n3\n"),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n"),
        ("case services/api in gateway/*) echo g;; services/*) echo s;; esac", "s\n"),
        ("false || echo no; true && echo yes; ! false && echo not", "no\nyes\nnot\n"),
        ("printf '%s-%d\\n' a 1 b 2", "a-1\nb-2\n"),
        ("printf '\\033[1mx\\033[0m %%'", "\x1b[1mx\x1b[0m %"),
        ("echo -n a; echo -e 'b\\tc'", "ab\tc\n"),
        ("echo one > /f; echo two >> /f; cat /f | wc -l", "2\n"),
        ("printf 'b\\na\\nb\\n' | sort -u | head -n 1", "a\n"),
        ("cat <<EOF\nhi $X\nEOF", "hi \n"),
        ("cat <<'EOF'\nhi $X\nEOF", "hi $X\n"),
        ("seq 2 4", "2\n3\n4\n"),
        ("X=1 Y=2; export Z=3; echo $X$Y$Z", "123\n"),
        ("{ echo a; echo b; } > /f; cat /f", "a\nb\n"),
        ("set -- ; echo a,b | tr , ' '", "a b\n"),
        ("echo hidden > /dev/null; echo seen # a remark", "seen\n"),
        ("date +%Y", "2026\n"),
    ],
)
def test_what_scripts_print(script: str, text: str) -> None:
    assert printed(script) == text


def test_arguments_keep_their_spaces() -> None:
    assert printed('for i in "$@"; do echo "<$i>"; done; echo $# $1', "a b", "c") == "<a b>\n<c>\n2 a b\n"


def test_unquoted_variables_are_taken_apart() -> None:
    assert printed("for s in $S; do echo $s; done", S="a b  c") == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("script", "code", "seconds"),
    [
        ("exit 3", 3, 0.01),
        ("sleep 2; false", 1, 2.0),
        ("set -e; sleep 1; false; sleep 60", 1, 1.0),
        ("set -e; if false; then :; fi; false || true; sleep 1", 0, 1.0),
        ("set -eu; [ -n '' ] && echo x; sleep 1", 0, 1.0),
        ("cat /nowhere", 1, 0.01),
        ("tail /dev/zero", 137, 0.6),
        ("while true; do sleep 10; done", 0, None),
        ("sleep infinity", 0, None),
        ("while :; do :; done", 0, None),
    ],
)
def test_how_scripts_end(script: str, code: int, seconds: float | None) -> None:
    done = ran(script)
    assert (done.exit_code, done.seconds) == (code, seconds)


def test_lines_have_their_time_and_stream() -> None:
    lines = ran("echo a; sleep 2; echo b >&2; printf c; sleep 1; echo d").lines
    assert [(line.time, line.data, line.stream) for line in lines] == [
        (0.0, b"a\n", "stdout"),
        (2.0, b"b\n", "stderr"),
        (3.0, b"cd\n", "stdout"),
    ]


def test_files_of_earlier_steps_are_there() -> None:
    done = ran("cat /in; echo more >> /in", files={"/in": b"before\n"})
    assert done.files["/in"] == b"before\nmore\n"
    assert done.lines[0].data == b"before\n"


def test_without_a_first_line_a_failure_ends_the_script() -> None:
    assert run_step({"script": "false\necho never"}, {}, {}, 0.0).exit_code == 1


@pytest.mark.parametrize("first", ["#!/usr/bin/env python3", "#!/usr/bin/python"])
def test_other_languages_take_a_moment(first: str) -> None:
    done = run_step({"script": f"{first}\nimport os"}, {}, {}, 0.0)
    assert (done.exit_code, done.lines) == (0, [])


def test_a_command_is_run_without_a_script() -> None:
    step = {"command": ["sh", "-c", "echo $0 $1"], "args": ["zero", "one"]}
    assert run_step(step, {}, {}, 0.0).lines
    assert run_step({"command": ["echo"], "args": ["hi"]}, {}, {}, 0.0).lines[0].data == b"hi\n"
    assert run_step({"command": ["/kaniko/executor"], "args": ["--x"]}, {}, {}, 0.0).exit_code == 0


@pytest.mark.parametrize(
    "script",
    ["echo 'open", 'echo "open', "echo $(open", "if true", "for", "while true; do", "case x in", "| |", "echo ${x",
     "f() { echo; }", ">", "done", "echo `x", "echo $(if true)", "echo ${x:-$(}", "a=$((1+", "(((", "\x00\x1b]0;x\x07"],
)  # fmt: skip
def test_what_is_not_understood_ends_with_a_message(script: str) -> None:
    done = ran(script)
    assert done.seconds is not None
    assert done.exit_code in (0, 2)


def test_deep_nesting_does_not_break_the_shell() -> None:
    assert ran("echo " + "$(echo " * 400 + ")" * 400).exit_code in (0, 2)
