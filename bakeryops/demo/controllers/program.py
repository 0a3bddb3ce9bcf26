"""What a container's command would do, for the simple shell that examples and tests are made of.

Understood: true, false, exit, sleep, echo, printf, dd into a file, tail /dev/null and /dev/zero, trap,
`while true`, `for … in …`, `sh -c` around them. Anything else that ends a script is taken for a server that runs
for ever.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Output", "Program", "read_program"]

_SHELLS = {"sh", "bash", "ash", "/bin/sh", "/bin/bash", "/bin/ash", "/usr/bin/bash"}
_QUICK = {
    "ls", "cat", "date", "env", "hostname", "id", "whoami", "uname", "mkdir", "touch", "rm", "cp", "mv",
    "test", "[", "set", "export", "cd", "wget", "curl", "psql", "pg_isready", "pg_dump", "git", "head", "seq",
    "grep", "sed", "awk", "wc", "cut", "sort", "chmod", "chown", "find", "ps", "df", "du", "kubectl",
}  # fmt: skip
_ACTED = {"true", "false", ":", "exit", "sleep", "echo", "printf", "dd", "tail", "trap", "wait", "count-up"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_COUNT_UP = re.compile(r"\b(\w+)=\$\(\(\s*\$?\1\s*\+\s*\d+\s*\)\)")
_ARITHMETIC = re.compile(r"\$\(\([^)]*\)\)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SEPARATORS = {";", "&&", "||", "&", ";;"}
_DD_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
MOMENT = 0.02
"""Seconds that a command takes which only does something small."""


class Output(NamedTuple):
    """Something printed, some seconds after the start."""

    offset: float
    data: bytes
    stream: str


@dataclass(frozen=True)
class _Simple:
    words: tuple[str, ...]
    stream: str


@dataclass(frozen=True)
class _Loop:
    body: tuple[_Simple | _Loop, ...]
    variable: str = ""
    values: tuple[str, ...] | None = None
    """None for ever."""


_Statement = _Simple | _Loop


class _Exited(Exception):  # noqa: N818 - leaves the nested loops of a script, no error
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class _State:
    """Where a run of the script stands."""

    offset: float = 0.0
    status: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    out_of_memory: bool = False
    forever: bool = False
    written: list[tuple[float, str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Program:
    """A script that was understood, and what becomes of it."""

    statements: tuple[_Statement, ...]
    environment: tuple[tuple[str, str], ...] = ()
    duration: float | None = None
    """Seconds until it ends by itself, None when it does not."""
    exit_code: int = 0
    out_of_memory: bool = False
    """Whether it ends because it takes more memory than it may."""
    written: tuple[tuple[float, str, int], ...] = ()
    """Files it writes: seconds since the start, path, bytes."""
    on_term: float | None = None
    """Seconds from a TERM signal to its end, None when it ignores the signal (as process 1 does by default)."""
    known: bool = True
    """False where the command is not one this shell understands."""

    def outputs(self) -> Iterator[Output]:
        """Yield what it prints, in order; endless for a program that runs and prints for ever."""
        state = _State(variables=dict(self.environment))
        try:
            yield from _run(self.statements, state)
        except _Exited:
            return


def read_program(
    command: list[str] | None, args: list[str] | None, env: Mapping[str, str] | None = None
) -> Program | None:
    """Return what a container's command and arguments do, None when it names no command (the image's own runs).

    Arguments alone count as the command where they begin with one: images such as busybox have no entry point.
    """
    words = [*(command or ()), *(args or ())]
    if not words or not (command or words[0] in _SHELLS or _is_known(words[0])):
        return None
    return _read(tuple(words), tuple(sorted((env or {}).items())))


@lru_cache(maxsize=2048)
def _read(words: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> Program:
    script = _script_of(words)
    try:
        statements = _parse(_tokens(script)) if script is not None else (_Simple(words, "stdout"),)
    except (ValueError, IndexError):
        return Program((), environment, known=False, on_term=0.5)
    on_term = _trap(statements)
    last = statements[-1] if statements else None
    server = (
        isinstance(last, _Simple)
        and last.words
        and not _is_known(last.words[1] if last.words[0] == "exec" and len(last.words) > 1 else last.words[0])
    )
    state = _State(variables=dict(environment))
    code = 0
    try:
        for _ in _run(statements, state, dry=True):
            pass
        code = state.status
    except _Exited as ended:
        code = ended.code
    duration = None if state.forever or server else max(state.offset, MOMENT)
    return Program(
        statements,
        environment,
        duration=duration,
        exit_code=137 if state.out_of_memory else code,
        out_of_memory=state.out_of_memory,
        written=tuple(state.written),
        on_term=0.5 if server else on_term,
        known=not server,
    )


def _script_of(words: tuple[str, ...]) -> str | None:
    if words[0] in _SHELLS and len(words) > 2 and words[1].startswith("-") and words[1].endswith("c"):
        return words[2]
    return None


def _is_known(name: str) -> bool:
    return name in _QUICK or name in _ACTED or "=" in name


def _tokens(script: str) -> list[str]:
    text = _COUNT_UP.sub(r"count-up \1", script)
    text = _ARITHMETIC.sub("0", text).replace("\\\n", " ").replace("\n", " ; ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    return list(lexer)


def _parse(tokens: list[str]) -> tuple[_Statement, ...]:
    place = 0

    def block(ends: frozenset[str]) -> tuple[_Statement, ...]:
        nonlocal place
        found: list[_Statement] = []
        words: list[str] = []

        def flush() -> None:
            if words:
                found.append(_simple(words))
                words.clear()

        while place < len(tokens):
            token = tokens[place]
            if token in _SEPARATORS:
                flush()
                place += 1
            elif not words and token in ends:
                break
            elif not words and token in ("while", "until", "for"):
                found.append(loop(token))
            else:
                words.append(token)
                place += 1
        flush()
        return tuple(found)

    def loop(word: str) -> _Loop:
        nonlocal place
        place += 1
        head: list[str] = []
        while tokens[place] != "do":
            if tokens[place] not in _SEPARATORS:
                head.append(tokens[place])
            place += 1
        place += 1
        body = block(frozenset({"done"}))
        place += 1
        if word == "for":
            return _Loop(body, head[0], tuple(head[2:]))
        endless = head[:1] in (["true"], [":"], ["sleep"]) or head[:2] == ["[", "1"]
        return _Loop(body if head[:1] != ["sleep"] else (_simple(head), *body), values=None if endless else ())

    return block(frozenset())


def _simple(words: list[str]) -> _Simple:
    kept: list[str] = []
    stream = "stdout"
    skip = False
    for place, word in enumerate(words):
        if skip:
            skip = False
            continue
        if word == ">&":
            stream = "stderr" if words[place + 1 : place + 2] == ["2"] else stream
            if kept and kept[-1] in ("1", "2"):
                kept.pop()
            skip = True
        elif word in (">", ">>", "<"):
            target = words[place + 1] if place + 1 < len(words) else ""
            if word != "<":
                stream = "stderr" if target == "/dev/stderr" else "stdout" if target == "/dev/stdout" else "file"
            skip = True
        elif word == "|":
            break
        else:
            kept.append(word)
    return _Simple(tuple(kept), stream)


def _trap(statements: tuple[_Statement, ...]) -> float | None:
    for statement in statements:
        if isinstance(statement, _Simple) and statement.words[:1] == ("trap",) and len(statement.words) > 2:
            handler = statement.words[1]
            if not handler:
                return None
            return _read(("sh", "-c", handler), ()).duration
    return None


def _run(statements: tuple[_Statement, ...], state: _State, *, dry: bool = False) -> Iterator[Output]:
    for statement in statements:
        if isinstance(statement, _Loop):
            yield from _repeat(statement, state, dry)
        else:
            yield from _do(statement, state)
        if state.forever:
            return


def _repeat(loop: _Loop, state: _State, dry: bool) -> Iterator[Output]:
    if loop.values is None:
        if dry:
            # One round shows an exit or an end by memory inside; nothing else ends the loop.
            yield from _run(loop.body, state, dry=True)
            state.forever = True
            return
        while True:
            before = state.offset
            yield from _run(loop.body, state)
            if state.offset <= before:
                state.offset += MOMENT
    for value in loop.values:
        state.variables[loop.variable] = value
        yield from _run(loop.body, state, dry=dry)


def _do(statement: _Simple, state: _State) -> Iterator[Output]:
    words = tuple(_expand(word, state) for word in statement.words)
    if not words:
        return
    name, rest = words[0], words[1:]
    if name == "exec" and rest:
        name, rest = rest[0], rest[1:]
    state.status = 0
    if name == "exit":
        raise _Exited(int(rest[0]) if rest and rest[0].isdigit() else 0)
    if name == "false":
        state.status = 1
    elif name == "sleep":
        _sleep(rest, state)
    elif name in ("echo", "printf"):
        text = " ".join(word for word in rest if word not in ("-n", "-e")) if name == "echo" else _format(rest)
        end = "" if name == "printf" or rest[:1] == ("-n",) else "\n"
        if statement.stream != "file":
            yield Output(state.offset, (text + end).encode(), statement.stream)
    elif name == "count-up" and rest:
        before = state.variables.get(rest[0], "0")
        state.variables[rest[0]] = str((int(before) if before.isdigit() else 0) + 1)
    elif name == "tail":
        state.out_of_memory = "/dev/zero" in rest
        state.forever = not state.out_of_memory and "-f" in rest
        if state.out_of_memory:
            state.offset += 0.6
            raise _Exited(137)
    elif name == "dd":
        _dd(rest, state)
    elif "=" in name and not rest:
        variable, _, value = name.partition("=")
        state.variables[variable] = value
    elif name == "wait":
        state.forever = True
    elif name not in ("true", ":", "trap"):
        state.offset += MOMENT


def _sleep(rest: tuple[str, ...], state: _State) -> None:
    for word in rest:
        if word in ("infinity", "inf"):
            state.forever = True
            continue
        unit = _UNITS.get(word[-1:], 0)
        number = word[:-1] if unit else word
        try:
            state.offset += float(number) * (unit or 1)
        except ValueError:
            state.status = 1


def _dd(rest: tuple[str, ...], state: _State) -> None:
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    unit = _DD_UNITS.get(options.get("bs", "512")[-1:], 1)
    size = options.get("bs", "512").rstrip("KMGBi")
    if size.isdigit() and options.get("count", "1").isdigit():
        state.written.append(
            (state.offset, options.get("of", ""), int(size) * unit * int(options.get("count", "1")))
        )
    state.offset += MOMENT


def _format(rest: tuple[str, ...]) -> str:
    if not rest:
        return ""
    text = rest[0].replace("\\n", "\n").replace("\\t", "\t").replace("\\033", "\x1b").replace("\\e", "\x1b")
    for value in rest[1:]:
        text = re.sub(r"%[sd]", value.replace("\\", r"\\"), text, count=1)
    return text


def _expand(word: str, state: _State) -> str:
    return _VARIABLE.sub(lambda found: state.variables.get(found[1] or found[2], ""), word)
