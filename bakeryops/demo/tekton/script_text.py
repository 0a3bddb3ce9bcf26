"""Text as a small POSIX shell makes it: what echo prints, values trimmed, sums."""

from __future__ import annotations

import fnmatch
import re

from bakeryops.demo.tekton.script_tools import formatted

__all__ = ["printed", "summed", "trimmed"]


def printed(name: str, rest: list[str]) -> str:
    """Return what echo or printf prints."""
    if name == "printf":
        return formatted(rest)
    end = "\n"
    while rest and rest[0] in ("-n", "-e", "-ne", "-en"):
        end = "" if "n" in rest[0] else end
        if "e" in rest[0]:
            rest = [rest[0], *(formatted(["%b", each]) for each in rest[1:])]
        rest = rest[1:]
    return " ".join(rest) + end


def trimmed(value: str, operator: str, pattern: str) -> str:
    """Return a value without the shortest or longest beginning or end that a pattern fits."""
    lengths = range(len(value) + 1) if len(operator) == 1 else range(len(value), -1, -1)
    for length in lengths:
        cut = value[:length] if operator[0] == "#" else value[len(value) - length :]
        if fnmatch.fnmatchcase(cut, pattern):
            return value[length:] if operator[0] == "#" else value[: len(value) - length]
    return value


def summed(text: str) -> int:
    """Return the value of a sum of whole numbers with `+ - * / %` and parentheses, 0 for anything else."""
    pieces = re.findall(r"\d+|[-+*/%()]", text)
    place = 0

    def atom() -> int:
        nonlocal place
        piece = pieces[place] if place < len(pieces) else "0"
        place += 1
        if piece == "(":
            value = chain()
            place += 1
            return value
        if piece in ("-", "+"):
            return -atom() if piece == "-" else atom()
        return int(piece) if piece.isdigit() else 0

    def term() -> int:
        nonlocal place
        value = atom()
        while place < len(pieces) and pieces[place] in "*/%":
            operator = pieces[place]
            place += 1
            other = atom()
            value = value * other if operator == "*" else 0 if not other else (
                value // other if operator == "/" else value % other
            )  # fmt: skip
        return value

    def chain() -> int:
        nonlocal place
        value = term()
        while place < len(pieces) and pieces[place] in "+-":
            operator = pieces[place]
            place += 1
            other = term()
            value = value + other if operator == "+" else value - other
        return value

    return chain()
