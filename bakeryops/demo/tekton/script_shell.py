"""A small POSIX shell that runs a script in cluster time."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field

from bakeryops.demo.contracts import LogLine
from bakeryops.demo.tekton.script_ends import EndlessError, ExitedError, LeaveLoopError, OutOfMemoryError
from bakeryops.demo.tekton.script_parts import (
    Case,
    For,
    Group,
    If,
    Node,
    Pipeline,
    Redirect,
    Sequence,
    Simple,
    While,
    parse,
)
from bakeryops.demo.tekton.script_text import printed, summed, trimmed
from bakeryops.demo.tekton.script_tools import holds, tools
from bakeryops.demo.tekton.script_words import Part

__all__ = ["MOMENT", "Shell"]

MOMENT = 0.01
"""Seconds that a command takes which only does something small."""
_MOST_COMMANDS = 20_000
_LONGEST = 6 * 3600.0
"""A script that goes on for longer is taken to run for ever."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass
class Shell:
    """A running script."""

    variables: dict[str, str]
    arguments: list[str]
    files: dict[str, bytes]
    started: float
    offset: float = 0.0
    status: int = 0
    strict: bool = False
    printed: list[LogLine] = field(default_factory=list)
    sinks: dict[int, bytearray | str] = field(default_factory=lambda: {1: "stdout", 2: "stderr"})
    given: bytes = b""
    """Standard input."""
    tested: int = 0
    """How many conditions are being evaluated, in which a failure ends nothing."""
    commands: int = 0

    def run(self, node: Node) -> None:
        """Run a part of the script."""
        match node:
            case Sequence():
                self._sequence(node)
            case Simple():
                self._simple(node)
            case Pipeline():
                self._pipeline(node)
            case If():
                self._if(node)
            case For():
                self._for(node)
            case While():
                self._while(node)
            case Case():
                self._case(node)
            case Group():
                kept = self._redirect(node.redirects)
                try:
                    self.run(node.body)
                finally:
                    self._close(node.redirects, kept)

    def _sequence(self, node: Sequence) -> None:
        for place, (operator, item) in enumerate(node.items):
            if (operator == "&&" and self.status) or (operator == "||" and not self.status):
                continue
            following = node.items[place + 1][0] if place + 1 < len(node.items) else ";"
            tested = following in ("&&", "||")
            self.tested += tested
            try:
                self.run(item)
            finally:
                self.tested -= tested
            if (
                self.status
                and self.strict
                and not tested
                and not self.tested
                and isinstance(item, Simple | Pipeline)
            ):
                raise ExitedError(self.status)

    def _check(self, node: Node) -> bool:
        self.tested += 1
        try:
            self.run(node)
        finally:
            self.tested -= 1
        return self.status == 0

    def _if(self, node: If) -> None:
        for condition, body in node.branches:
            if self._check(condition):
                self.status = 0
                self.run(body)
                return
        self.status = 0
        if node.otherwise is not None:
            self.run(node.otherwise)

    def _for(self, node: For) -> None:
        words = (
            self.arguments if node.words is None else [each for word in node.words for each in self.fields(word)]
        )
        self.status = 0
        for value in list(words):
            self._count()
            self.variables[node.variable] = value
            if not self._again(node.body):
                break

    def _while(self, node: While) -> None:
        while self._check(node.condition) != node.until:
            before = self.offset
            if not self._again(node.body):
                break
            if self.offset <= before:
                self.offset += MOMENT
            self._count()
        self.status = 0

    def _again(self, body: Node) -> bool:
        """Run the body of a loop; False when it left the loop."""
        try:
            self.run(body)
        except LeaveLoopError as left:
            return left.again
        return True

    def _case(self, node: Case) -> None:
        word = self.text(node.word)
        self.status = 0
        for patterns, body in node.branches:
            if any(fnmatch.fnmatchcase(word, self.text(pattern)) for pattern in patterns):
                self.run(body)
                return

    def _pipeline(self, node: Pipeline) -> None:
        given = self.given
        for place, command in enumerate(node.commands):
            if place == len(node.commands) - 1:
                self.run(command)
                break
            kept, captured = self.sinks[1], bytearray()
            self.sinks[1] = captured
            self.tested += 1
            try:
                self.run(command)
            except ExitedError as ended:
                self.status = ended.code
            finally:
                self.sinks[1] = kept
                self.tested -= 1
            self.given = bytes(captured)
        self.given = given
        if node.negated:
            self.status = 0 if self.status else 1

    def _simple(self, node: Simple) -> None:
        self._count()
        words = [each for word in node.words for each in self.fields(word)]
        assigned = {name: self.text(word) for name, word in node.assignments}
        if not words:
            if not any(part.kind == "command" for _, word in node.assignments for part in word):
                self.status = 0
            self.variables.update(assigned)
            self._close(node.redirects, self._redirect(node.redirects))
            return
        before = {name: self.variables.get(name) for name in assigned}
        self.variables.update(assigned)
        kept = self._redirect(node.redirects)
        try:
            self.status = self._call(words[0], words[1:])
        finally:
            self._close(node.redirects, kept)
            for name, value in before.items():
                if value is None:
                    self.variables.pop(name, None)
                else:
                    self.variables[name] = value

    # ---- commands -----------------------------------------------------------------------------------------------

    def _call(self, name: str, rest: list[str]) -> int:
        if name in ("exec", "command", "eval", "time", "nohup") and rest:
            return self._call(rest[0], rest[1:])
        match name:
            case "exit" | "return":
                raise ExitedError(int(rest[0]) & 0xFF if rest and rest[0].isdigit() else self.status)
            case "break" | "continue":
                raise LeaveLoopError(name == "continue")
            case "echo" | "printf":
                self.emit(1, printed(name, rest).encode(errors="surrogateescape"))
                return 0
            case "sleep":
                return self._sleep(rest)
            case "false":
                return 1
            case "[" | "test" | "[[":
                return 0 if holds(rest[:-1] if name != "test" else rest, self.files) else 1
            case "set":
                self.strict = self.strict or any(each.startswith("-") and "e" in each for each in rest)
                self.strict = self.strict and "+e" not in rest
                return 0
            case "export" | "readonly" | "local":
                for each in rest:
                    variable, equals, value = each.partition("=")
                    if equals:
                        self.variables[variable] = value
                return 0
            case "shift":
                del self.arguments[: int(rest[0]) if rest and rest[0].isdigit() else 1]
                return 0
            case "tail" if "/dev/zero" in rest:
                self.offset += 0.6
                raise OutOfMemoryError
            case "tail" if "-f" in rest:
                raise EndlessError
        found = tools(self.files, lambda: self.started + self.offset).get(name)
        if found is None:
            self.offset += 0.0 if name in (":", "true", "unset", "trap", "cd", "wait") else MOMENT
            return 0
        out, err, code = found(rest, self.given)
        self.emit(1, out)
        self.emit(2, err)
        return code

    def _sleep(self, rest: list[str]) -> int:
        for word in rest:
            if word in ("infinity", "inf"):
                raise EndlessError
            unit = _UNITS.get(word[-1:])
            try:
                self.offset += max(0.0, float(word[:-1] if unit else word)) * (unit or 1.0)
            except ValueError:
                self.emit(2, f"sleep: invalid number '{word}'\n".encode())
                return 1
        if self.offset > _LONGEST:
            raise EndlessError
        return 0

    def _count(self) -> None:
        self.commands += 1
        if self.commands > _MOST_COMMANDS or self.offset > _LONGEST:
            raise EndlessError

    # ---- streams ------------------------------------------------------------------------------------------------

    def emit(self, stream: int, data: bytes) -> None:
        """Write to a stream."""
        sink = self.sinks.get(stream, "stdout")
        if not data:
            return
        if isinstance(sink, bytearray):
            sink.extend(data)
        elif sink in ("stdout", "stderr"):
            self.printed.append(LogLine(self.offset, data, sink))
        elif sink != "/dev/null":
            self.files[sink] = self.files.get(sink, b"") + data

    def _redirect(self, redirects: tuple[Redirect, ...]) -> tuple[dict[int, bytearray | str], bytes]:
        kept = (dict(self.sinks), self.given)
        for each in redirects:
            target = self.text(each.target)
            if each.operator in ("<<", "<<-"):
                self.given = target.encode(errors="surrogateescape")
            elif each.operator == "<":
                self.given = self.files.get(target, b"")
            elif each.operator in (">&", "<&") and target.isdigit():
                self.sinks[each.stream] = self.sinks.get(int(target), "stdout")
            else:
                known = {"/dev/stdout": "stdout", "/dev/stderr": "stderr", "/dev/null": "/dev/null"}
                self.sinks[each.stream] = known.get(target, target)
                if target not in known and each.operator != ">>":
                    self.files[target] = b""
        return kept

    def _close(self, redirects: tuple[Redirect, ...], kept: tuple[dict[int, bytearray | str], bytes]) -> None:
        if redirects:
            self.sinks, self.given = kept

    # ---- words --------------------------------------------------------------------------------------------------

    def text(self, word: tuple[Part, ...]) -> str:
        """Return a word as one text."""
        return "".join(self._expand(part) for part in word)

    def fields(self, word: tuple[Part, ...]) -> list[str]:
        """Return the words that a word becomes: unquoted variables are taken apart at white space."""
        if len(word) == 1 and word[0].kind == "variable" and word[0].text == "@" and word[0].quoted:
            return list(self.arguments)
        found: list[str] = []
        current: str | None = None
        for part in word:
            value = self._expand(part)
            if part.quoted or part.kind == "text":
                current = (current or "") + value
                continue
            pieces = value.split()
            if not pieces:
                continue
            if value[:1].isspace() and current is not None:
                found.append(current)
                current = None
            pieces[0] = (current or "") + pieces[0]
            found.extend(pieces[:-1])
            current = pieces[-1]
            if value[-1:].isspace():
                found.append(current)
                current = None
        return found if current is None else [*found, current]

    def _expand(self, part: Part) -> str:
        if part.kind == "text":
            return part.text
        if part.kind == "command":
            return self._captured(part.text)
        if part.kind == "arithmetic":
            return str(summed(_NAME.sub(lambda found: self.variables.get(found[0], "0") or "0",
                                      part.text.replace("$", ""))))  # fmt: skip
        value = self._variable(part.text)
        match part.operator:
            case "length":
                return str(len(value or ""))
            case ":-" | ":=":
                return value or self._operand(part)
            case "-" | "=":
                return self._operand(part) if value is None else value
            case ":+" | "+":
                return self._operand(part) if value else ""
            case "#" | "##" | "%" | "%%":
                return trimmed(value or "", part.operator, self._operand(part))
            case _:
                return value or ""

    def _operand(self, part: Part) -> str:
        words = parse(f": {part.operand}").items[0][1] if part.operand else None
        return " ".join(self.text(word) for word in words.words[1:]) if isinstance(words, Simple) else ""

    def _variable(self, name: str) -> str | None:
        if name in ("@", "*"):
            return " ".join(self.arguments)
        if name == "#":
            return str(len(self.arguments))
        if name == "?":
            return str(self.status)
        if name == "$":
            return "1"
        if name.isdigit():
            place = int(name)
            return "sh" if place == 0 else self.arguments[place - 1] if place <= len(self.arguments) else None
        return self.variables.get(name)

    def _captured(self, script: str) -> str:
        kept, captured = self.sinks, bytearray()
        self.sinks = {**kept, 1: captured}
        variables = dict(self.variables)
        try:
            self.run(parse(script))
        except ExitedError as ended:
            self.status = ended.code
        finally:
            self.sinks, self.variables = kept, variables
        return captured.decode(errors="surrogateescape").rstrip("\n")
