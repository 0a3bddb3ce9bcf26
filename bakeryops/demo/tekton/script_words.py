"""A step's script taken apart into words and operators, as a small POSIX shell reads it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Part", "ScriptError", "Token", "Word", "tokens"]

_OPERATORS = ("<<-", "<<", "&&", "||", ";;", ">>", ">&", "<&", ">|", ";", "&", "|", "(", ")", "<", ">", "\n")
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
"""A word of a script."""

Token = str | Word
"""An operator or a word."""


def tokens(script: str) -> list[Token]:
    """Return the tokens of a script; raises `ScriptError`."""
    found: list[Token] = []
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


def _here(script: str, place: int, found: list[Token], pending: list[int]) -> int:
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
