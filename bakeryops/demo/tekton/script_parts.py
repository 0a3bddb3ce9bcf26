"""A step's script taken apart: words, commands, conditions and loops of a small POSIX shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Case", "For", "Group", "If", "Node", "Part", "Pipeline", "Redirect", "ScriptError", "Sequence", "Simple",
           "While", "parse"]  # fmt: skip

_OPERATORS = ("<<-", "<<", "&&", "||", ";;", ">>", ">&", "<&", ">|", ";", "&", "|", "(", ")", "<", ">", "\n")
_ENDS = {"then", "else", "elif", "fi", "do", "done", "esac", "}", ")", ";;"}
_SPECIAL = "@*#?$!0123456789-"


class ScriptError(ValueError):
    """The script is none that this shell understands."""


class Part(NamedTuple):
    """A piece of a word: `text`, a `variable`, the output of a `command`, or `arithmetic`."""

    kind: str
    text: str
    quoted: bool = False
    operator: str = ""
    """Of a variable: `:-`, `-`, `:+`, `#`, `##`, `%`, `%%` or `length`."""
    operand: str = ""


Word = tuple[Part, ...]


class Redirect(NamedTuple):
    """Where a stream goes to or comes from."""

    stream: int
    operator: str
    target: Word


@dataclass(frozen=True)
class Simple:
    """A command with its arguments, or assignments alone."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True)
class Pipeline:
    """Commands of which each reads what the one before wrote."""

    commands: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True)
class Sequence:
    """Commands one after another: each with the operator before it, `;`, `&&` or `||`."""

    items: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class If:
    """Conditions with what follows from them, and what else."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True)
class For:
    """A loop over words; None for the script's arguments."""

    variable: str
    words: tuple[Word, ...] | None
    body: Node


@dataclass(frozen=True)
class While:
    """A loop while a condition holds, or until it does."""

    condition: Node
    body: Node
    until: bool


@dataclass(frozen=True)
class Case:
    """A choice by patterns."""

    word: Word
    branches: tuple[tuple[tuple[Word, ...], Node], ...]


@dataclass(frozen=True)
class Group:
    """Commands in braces or parentheses, with where their streams go."""

    body: Node
    redirects: tuple[Redirect, ...]


Node = Simple | Pipeline | Sequence | If | For | While | Case | Group


def parse(script: str) -> Sequence:
    """Return a script as a sequence of commands; raises `ScriptError`."""
    reader = _Parser(_tokens(script))
    found = reader.sequence()
    if reader.place < len(reader.tokens):
        raise ScriptError(f"not expected: {reader.tokens[reader.place]!r}")
    return found


# ---- tokens ---------------------------------------------------------------------------------------------------------

_Token = str | Word


def _tokens(script: str) -> list[_Token]:
    found: list[_Token] = []
    place, pending = 0, []
    while place < len(script):
        letter = script[place]
        if letter in " \t\r":
            place += 1
        elif script.startswith("\\\n", place):
            place += 2
        elif letter == "#":
            end = script.find("\n", place)
            place = len(script) if end < 0 else end
        elif (operator := next((each for each in _OPERATORS if script.startswith(each, place)), None)) is not None:
            place += len(operator)
            found.append(operator)
            if operator in ("<<", "<<-"):
                pending.append(len(found))
            if operator == "\n" and pending:
                place = _here(script, place, found, pending)
                pending = []
        else:
            word, place = _word(script, place)
            found.append(word)
    return found


def _here(script: str, place: int, found: list[_Token], pending: list[int]) -> int:
    """Put the text of here-documents in the place of their delimiters; returns where the script goes on."""
    for index in pending:
        mark = found[index]
        delimiter = "".join(part.text for part in mark) if isinstance(mark, tuple) else str(mark)
        plain = isinstance(mark, tuple) and any(part.quoted for part in mark)
        lines = []
        while place < len(script):
            end = script.find("\n", place)
            end = len(script) if end < 0 else end
            line = script[place:end]
            place = end + 1
            if line.strip("\t") == delimiter:
                break
            lines.append(line + "\n")
        text = "".join(lines)
        found[index] = (Part("text", text, True),) if plain else tuple(_quoted_parts(text))
    return place


def _word(script: str, place: int) -> tuple[Word, int]:
    parts: list[Part] = []
    plain = ""

    def flush() -> None:
        nonlocal plain
        if plain:
            parts.append(Part("text", plain))
            plain = ""

    while place < len(script):
        letter = script[place]
        if letter in " \t\r\n;&|<>()":
            break
        if letter == "\\":
            flush()
            if script[place + 1 : place + 2] != "\n":
                parts.append(Part("text", script[place + 1 : place + 2], True))
            place += 2
        elif letter == "'":
            end = script.find("'", place + 1)
            if end < 0:
                raise ScriptError("a quote is not closed")
            flush()
            parts.append(Part("text", script[place + 1 : end], True))
            place = end + 1
        elif letter == '"':
            end = _closing_quote(script, place + 1)
            flush()
            parts.extend(_quoted_parts(script[place + 1 : end]) or [Part("text", "", True)])
            place = end + 1
        elif letter in "$`":
            part, place = _expansion(script, place, quoted=False)
            flush()
            parts.append(part)
        else:
            plain += letter
            place += 1
    flush()
    return tuple(parts), place


def _closing_quote(script: str, place: int) -> int:
    while place < len(script):
        if script[place] == "\\":
            place += 2
        elif script[place] == '"':
            return place
        elif script.startswith("$(", place):
            place = _closing(script, place + 1) + 1
        else:
            place += 1
    raise ScriptError("a quote is not closed")


def _closing(script: str, place: int) -> int:
    """Return the place of the parenthesis that closes the one at a place."""
    depth = 0
    while place < len(script):
        letter = script[place]
        if letter == "\\":
            place += 1
        elif letter == "'":
            place = script.find("'", place + 1)
            if place < 0:
                break
        elif letter == '"':
            place = _closing_quote(script, place + 1)
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if not depth:
                return place
        place += 1
    raise ScriptError("a parenthesis is not closed")


def _quoted_parts(text: str) -> list[Part]:
    """Return the parts of text between double quotes."""
    parts: list[Part] = []
    plain, place = "", 0
    while place < len(text):
        letter = text[place]
        if letter == "\\" and text[place + 1 : place + 2] in ("$", "`", '"', "\\", "\n"):
            plain += "" if text[place + 1] == "\n" else text[place + 1]
            place += 2
        elif letter in "$`":
            part, place = _expansion(text, place, quoted=True)
            if plain:
                parts.append(Part("text", plain, True))
                plain = ""
            parts.append(part)
        else:
            plain += letter
            place += 1
    return [*parts, Part("text", plain, True)] if plain else parts


def _expansion(text: str, place: int, *, quoted: bool) -> tuple[Part, int]:
    if text[place] == "`":
        end = text.find("`", place + 1)
        if end < 0:
            raise ScriptError("a backquote is not closed")
        return Part("command", text[place + 1 : end], quoted), end + 1
    if text.startswith("$((", place):
        end = _closing(text, place + 1)
        return Part("arithmetic", text[place + 3 : end - 1], quoted), end + 1
    if text.startswith("$(", place):
        end = _closing(text, place + 1)
        return Part("command", text[place + 2 : end], quoted), end + 1
    if text.startswith("${", place):
        end = text.find("}", place)
        if end < 0:
            raise ScriptError("a brace is not closed")
        return _braced(text[place + 2 : end], quoted), end + 1
    following = text[place + 1 : place + 2]
    if following and following in _SPECIAL:
        return Part("variable", following, quoted), place + 2
    end = place + 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    if end == place + 1:
        return Part("text", "$", quoted), end
    return Part("variable", text[place + 1 : end], quoted), end


def _braced(text: str, quoted: bool) -> Part:
    if text.startswith("#") and len(text) > 1:
        return Part("variable", text[1:], quoted, "length")
    end = 0
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    if end == 0:
        return Part("variable", text[:1], quoted)
    name, rest = text[:end], text[end:]
    for operator in (":-", ":=", ":+", ":?", "##", "%%", "-", "+", "#", "%", "="):
        if rest.startswith(operator):
            return Part("variable", name, quoted, operator, rest[len(operator) :])
    return Part("variable", name, quoted)


# ---- grammar --------------------------------------------------------------------------------------------------------


class _Parser:
    """Reads commands from tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.place = 0

    def sequence(self) -> Sequence:
        """Read commands up to a word that closes what is around them."""
        items: list[tuple[str, Node]] = []
        operator = ";"
        while self.place < len(self.tokens):
            token = self._plain()
            if token in (";", "\n", "&"):
                self.place += 1
                operator = ";"
            elif token in ("&&", "||"):
                self.place += 1
                operator = str(token)
                self._skip_lines()
            elif token in _ENDS:
                break
            else:
                items.append((operator, self._pipeline()))
                operator = ";"
        return Sequence(tuple(items))

    def _plain(self) -> str | None:
        """Return the token at hand where it is an operator or an unquoted plain word."""
        if self.place >= len(self.tokens):
            return None
        token = self.tokens[self.place]
        if isinstance(token, str):
            return token
        if len(token) == 1 and token[0].kind == "text" and not token[0].quoted:
            return token[0].text
        return None

    def _skip_lines(self) -> None:
        while self.place < len(self.tokens) and self.tokens[self.place] == "\n":
            self.place += 1

    def _expect(self, word: str) -> None:
        while self._plain() in (";", "\n"):
            self.place += 1
        if self._plain() != word:
            raise ScriptError(f'"{word}" is missing')
        self.place += 1

    def _pipeline(self) -> Node:
        negated = False
        while self._plain() == "!":
            negated = not negated
            self.place += 1
        commands = [self._command()]
        while self._plain() == "|":
            self.place += 1
            self._skip_lines()
            commands.append(self._command())
        return commands[0] if len(commands) == 1 and not negated else Pipeline(tuple(commands), negated)

    def _command(self) -> Node:
        token = self._plain()
        compound = {
            "if": self._if,
            "for": self._for,
            "while": self._while,
            "until": self._while,
            "case": self._case,
        }
        if token in compound:
            return self._redirected(compound[token]())
        if token in ("{", "("):
            self.place += 1
            body = self.sequence()
            self._expect("}" if token == "{" else ")")
            return self._redirected(body)
        return self._simple()

    def _redirected(self, body: Node) -> Node:
        redirects = []
        while (redirect := self._redirect()) is not None:
            redirects.append(redirect)
        return Group(body, tuple(redirects)) if redirects else body

    def _redirect(self) -> Redirect | None:
        if self.place >= len(self.tokens):
            return None
        token, stream, step = self.tokens[self.place], -1, 1
        after = self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else None
        operators = ("<", ">", ">>", ">&", "<&", ">|", "<<", "<<-")
        if self._plain() in ("0", "1", "2") and isinstance(after, str) and after in operators:
            stream, token, step = int(self._plain() or "0"), after, 2
        if not isinstance(token, str) or token not in operators:
            return None
        if self.place + step >= len(self.tokens):
            raise ScriptError("a redirection leads nowhere")
        target = self.tokens[self.place + step]
        if isinstance(target, str):
            raise ScriptError("a redirection leads nowhere")
        self.place += step + 1
        return Redirect(stream if stream >= 0 else 0 if token.startswith("<") else 1, token, target)

    def _simple(self) -> Node:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while self.place < len(self.tokens):
            if (redirect := self._redirect()) is not None:
                redirects.append(redirect)
                continue
            token = self.tokens[self.place]
            if isinstance(token, str):
                if token == "(" and words:
                    raise ScriptError("functions are not understood")
                break
            name, equals, value = (
                token[0].text.partition("=") if token and token[0].kind == "text" else ("", "", "")
            )
            if not words and equals and not token[0].quoted and name.replace("_", "a").isalnum():
                rest = (Part("text", value),) if value else ()
                assignments.append((name, (*rest, *token[1:])))
            else:
                words.append(token)
            self.place += 1
        if not (assignments or words or redirects):
            raise ScriptError(f"not expected: {self._plain()!r}")
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def _if(self) -> Node:
        branches: list[tuple[Node, Node]] = []
        self.place += 1
        while True:
            condition = self.sequence()
            self._expect("then")
            branches.append((condition, self.sequence()))
            token = self._plain()
            self.place += 1
            if token == "elif":
                continue
            if token == "else":
                otherwise = self.sequence()
                self._expect("fi")
                return If(tuple(branches), otherwise)
            if token == "fi":
                return If(tuple(branches), None)
            raise ScriptError('"fi" is missing')

    def _for(self) -> Node:
        self.place += 1
        variable = self._plain()
        if variable is None:
            raise ScriptError("a loop has no variable")
        self.place += 1
        words: list[Word] | None = None
        if self._plain() == "in":
            self.place += 1
            words = []
            while self.place < len(self.tokens) and not isinstance(token := self.tokens[self.place], str):
                words.append(token)
                self.place += 1
        self._expect("do")
        body = self.sequence()
        self._expect("done")
        return For(variable, None if words is None else tuple(words), body)

    def _while(self) -> Node:
        until = self._plain() == "until"
        self.place += 1
        condition = self.sequence()
        self._expect("do")
        body = self.sequence()
        self._expect("done")
        return While(condition, body, until)

    def _case(self) -> Node:
        self.place += 1
        word = self.tokens[self.place] if self.place < len(self.tokens) else ""
        if isinstance(word, str):
            raise ScriptError("a case has no word")
        self.place += 1
        self._expect("in")
        branches: list[tuple[tuple[Word, ...], Node]] = []
        self._skip_lines()
        while self._plain() != "esac":
            if self._plain() == "(":
                self.place += 1
            patterns: list[Word] = []
            while self.place < len(self.tokens) and self.tokens[self.place] != ")":
                token = self.tokens[self.place]
                if not isinstance(token, str):
                    patterns.append(token)
                self.place += 1
            self._expect(")")
            branches.append((tuple(patterns), self.sequence()))
            if self._plain() == ";;":
                self.place += 1
            self._skip_lines()
            if self.place >= len(self.tokens):
                raise ScriptError('"esac" is missing')
        self.place += 1
        return Case(word, tuple(branches))
