"""What a step does when nobody plans it: its script, run in cluster time by a small POSIX shell.

Understood: variables, quoting, command substitution and sums, pipes, redirections, `&&`, `||`, `if`, `for`,
`while`, `case`, and the commands of `script_tools`, `echo`, `printf`, `test`, `sleep`, `exit`, `set`. A command
that is not known takes a moment and succeeds without output, as the tools of real build images do nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bakeryops.demo.contracts import LogLine, Object
from bakeryops.demo.tekton.script_ends import EndlessError, ExitedError, LeaveLoopError, OutOfMemoryError
from bakeryops.demo.tekton.script_parts import parse
from bakeryops.demo.tekton.script_shell import MOMENT, Shell
from bakeryops.demo.tekton.script_words import ScriptError

__all__ = ["Done", "run_step"]

_SHELLS = ("sh", "bash", "ash", "dash", "/bin/sh", "/bin/bash", "/bin/ash", "/usr/bin/env")


@dataclass(frozen=True)
class Done:
    """A whole run of a script."""

    lines: list[LogLine]
    """What it printed; times are seconds since its start."""
    seconds: float | None
    """How long it took, None when it goes on for ever."""
    exit_code: int
    files: dict[str, bytes]
    """The files as they are at its end."""
    out_of_memory: bool = False


def run_step(step: Object, environment: Mapping[str, str], files: Mapping[str, bytes], now: float) -> Done:
    """Return what a step does: its script, or its command where that is a shell's or a known one."""
    script, arguments = step.get("script"), [str(each) for each in step.get("args") or ()]
    if script is None:
        words = [*(step.get("command") or ()), *arguments]
        if len(words) > 2 and words[0] in _SHELLS and words[1].startswith("-") and words[1].endswith("c"):
            script, arguments = f"{'set -e' if 'e' in words[1] else ':'}\n{words[2]}", words[3:]
        else:
            script, arguments = '"$@"', words
    elif not script.startswith("#!"):
        script = f"set -e\n{script}"
    elif not any(script.partition("\n")[0].rstrip().endswith(shell) for shell in ("sh", "sh -e", "sh -eu")):
        script = ":"
    shell = Shell(dict(environment), arguments, dict(files), now)
    try:
        tree = parse(script)
    except (ScriptError, RecursionError) as error:
        return Done([LogLine(0.0, f"sh: syntax error: {error}\n".encode(), "stderr")], MOMENT, 2, dict(files))
    code, endless, killed = 0, False, False
    try:
        shell.run(tree)
        code = shell.status
    except ExitedError as ended:
        code = ended.code
    except (EndlessError, RecursionError):
        endless = True
    except OutOfMemoryError:
        killed, code = True, 137
    except LeaveLoopError:
        code = 0
    except ScriptError as error:
        shell.emit(2, f"sh: syntax error: {error}\n".encode())
        code = 2
    seconds = None if endless else max(shell.offset, MOMENT)
    return Done(_as_lines(shell.printed), seconds, code, shell.files, killed)


def _as_lines(printed: list[LogLine]) -> list[LogLine]:
    """Return what was printed line by line: a line is written when it is complete, or at the end."""
    found: list[LogLine] = []
    rest: dict[str, LogLine] = {}
    for each in printed:
        before = rest.pop(each.stream, None)
        data = (before.data if before else b"") + each.data
        for line in data.splitlines(keepends=True) if b"\r" not in data else _by_newline(data):
            if line.endswith(b"\n"):
                found.append(LogLine(each.time, line, each.stream))
            else:
                rest[each.stream] = LogLine(each.time, line, each.stream)
    return [*found, *rest.values()]


def _by_newline(data: bytes) -> list[bytes]:
    pieces = data.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
