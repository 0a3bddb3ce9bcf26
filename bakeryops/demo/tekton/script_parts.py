"""A step's script taken apart into commands, conditions and loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bakeryops.demo.tekton.script_words import Part, ScriptError, Token, Word, tokens

__all__ = ["Case", "For", "Group", "If", "Node", "Pipeline", "Redirect", "Sequence", "Simple",
           "While", "parse"]  # fmt: skip

_ENDS = {"then", "else", "elif", "fi", "do", "done", "esac", "}", ")", ";;"}


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
    reader = _Parser(tokens(script))
    found = reader.sequence()
    if reader.place < len(reader.tokens):
        raise ScriptError(f"not expected: {reader.tokens[reader.place]!r}")
    return found


class _Parser:
    """Reads commands from tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.place = 0

    def sequence(self) -> Sequence:
        """Read commands up to a word that closes what is around them."""
        items: list[tuple[str, Node]] = []
        operator = ";"
        while self.place < len(self.tokens):
            at_hand = self._plain()
            if at_hand in (";", "\n", "&"):
                self.place += 1
                operator = ";"
            elif at_hand in ("&&", "||"):
                self.place += 1
                operator = str(at_hand)
                self._skip_lines()
            elif at_hand in _ENDS:
                break
            else:
                items.append((operator, self._pipeline()))
                operator = ";"
        return Sequence(tuple(items))

    def _plain(self) -> str | None:
        """Return the at_hand at hand where it is an operator or an unquoted plain word."""
        if self.place >= len(self.tokens):
            return None
        at_hand = self.tokens[self.place]
        if isinstance(at_hand, str):
            return at_hand
        if len(at_hand) == 1 and at_hand[0].kind == "text" and not at_hand[0].quoted:
            return at_hand[0].text
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
        at_hand = self._plain()
        compound = {
            "if": self._if,
            "for": self._for,
            "while": self._while,
            "until": self._while,
            "case": self._case,
        }
        if at_hand in compound:
            return self._redirected(compound[at_hand]())
        if at_hand in ("{", "("):
            self.place += 1
            body = self.sequence()
            self._expect("}" if at_hand == "{" else ")")
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
        at_hand, stream, step = self.tokens[self.place], -1, 1
        after = self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else None
        operators = ("<", ">", ">>", ">&", "<&", ">|", "<<", "<<-")
        if self._plain() in ("0", "1", "2") and isinstance(after, str) and after in operators:
            stream, at_hand, step = int(self._plain() or "0"), after, 2
        if not isinstance(at_hand, str) or at_hand not in operators:
            return None
        if self.place + step >= len(self.tokens):
            raise ScriptError("a redirection leads nowhere")
        target = self.tokens[self.place + step]
        if isinstance(target, str):
            raise ScriptError("a redirection leads nowhere")
        self.place += step + 1
        return Redirect(stream if stream >= 0 else 0 if at_hand.startswith("<") else 1, at_hand, target)

    def _simple(self) -> Node:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while self.place < len(self.tokens):
            if (redirect := self._redirect()) is not None:
                redirects.append(redirect)
                continue
            at_hand = self.tokens[self.place]
            if isinstance(at_hand, str):
                if at_hand == "(" and words:
                    raise ScriptError("functions are not understood")
                break
            name, equals, value = (
                at_hand[0].text.partition("=") if at_hand and at_hand[0].kind == "text" else ("", "", "")
            )
            if not words and equals and not at_hand[0].quoted and name.replace("_", "a").isalnum():
                rest = (Part("text", value),) if value else ()
                assignments.append((name, (*rest, *at_hand[1:])))
            else:
                words.append(at_hand)
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
            at_hand = self._plain()
            self.place += 1
            if at_hand == "elif":
                continue
            if at_hand == "else":
                otherwise = self.sequence()
                self._expect("fi")
                return If(tuple(branches), otherwise)
            if at_hand == "fi":
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
            while self.place < len(self.tokens) and not isinstance(at_hand := self.tokens[self.place], str):
                words.append(at_hand)
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
                at_hand = self.tokens[self.place]
                if not isinstance(at_hand, str):
                    patterns.append(at_hand)
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
