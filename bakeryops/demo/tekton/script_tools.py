"""The commands that a step's script may call, as far as they have an effect that can be told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

__all__ = ["Tool", "Tools", "formatted", "holds", "tools"]

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_ESCAPE = re.compile(r"\\(?:0?([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_DIRECTIVE = re.compile(r"%(%|-?\d*(?:\.\d+)?[sdiuxcbq])")

Tool = Callable[[list[str], bytes], tuple[bytes, bytes, int]]
"""Takes arguments and standard input; returns standard output, standard error and the exit code."""
Tools = Mapping[str, Tool]


def unescaped(text: str) -> str:
    """Return text with its backslash sequences replaced."""

    def replace(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 8) & 0xFF)
        if found[2]:
            return chr(int(found[2], 16))
        return _ESCAPES.get(found[3], f"\\{found[3]}")

    return _ESCAPE.sub(replace, text)


def formatted(arguments: list[str]) -> str:
    """Return what printf prints: the format as often as it takes to use up all arguments."""
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    if not arguments:
        return ""
    template, rest = unescaped(arguments[0]), list(arguments[1:])
    directives = sum(1 for found in _DIRECTIVE.finditer(template) if found[1] != "%")
    printed = ""
    while True:

        def replace(found: re.Match[str]) -> str:
            if found[1] == "%":
                return "%"
            value = rest.pop(0) if rest else ""
            kind, flags = found[1][-1], found[1][:-1]
            if kind in "diux":
                number = int(value) if re.fullmatch(r"[+-]?\d+", value.strip()) else 0
                return f"%{flags}{'d' if kind in 'iu' else kind}" % number
            value = unescaped(value) if kind == "b" else value
            return f"%{flags}s" % (value[:1] if kind == "c" else value)

        printed += _DIRECTIVE.sub(replace, template)
        if not rest or not directives:
            return printed


def holds(words: list[str], files: Mapping[str, bytes]) -> bool:
    """Tell whether a condition of `[` or `test` holds."""
    if words[:1] == ["!"]:
        return not holds(words[1:], files)
    for joint, of_both in (("-o", any), ("-a", all)):
        if joint in words[1:-1]:
            place = words.index(joint, 1)
            return of_both((holds(words[:place], files), holds(words[place + 1 :], files)))
    if len(words) == 2:
        return _unary(words[0], words[1], files)
    if len(words) == 3:
        left, operator, right = words
        if operator in ("=", "=="):
            return left == right
        if operator == "!=":
            return left != right
        try:
            one, other = int(left), int(right)
        except ValueError:
            return False
        return {
            "-eq": one == other, "-ne": one != other, "-lt": one < other,
            "-le": one <= other, "-gt": one > other, "-ge": one >= other,
        }.get(operator, False)  # fmt: skip
    return bool(words and words[0])


def _unary(operator: str, value: str, files: Mapping[str, bytes]) -> bool:
    match operator:
        case "-n":
            return bool(value)
        case "-z":
            return not value
        case "-e" | "-r" | "-w":
            return value in files or any(path.startswith(f"{value.rstrip('/')}/") for path in files)
        case "-f":
            return value in files
        case "-s":
            return bool(files.get(value))
        case "-d":
            return any(path.startswith(f"{value.rstrip('/')}/") for path in files)
        case _:
            return False


def tools(files: dict[str, bytes], now: Callable[[], float]) -> Tools:
    """Return the commands by name; `files` is what they read and change, `now` the cluster's time."""

    def read(names: list[str], given: bytes, command: str) -> tuple[bytes, bytes, int]:
        if not names:
            return given, b"", 0
        out, err = b"", b""
        for name in names:
            if name == "-":
                out += given
            elif name in files:
                out += files[name]
            else:
                err += f"{command}: can't open '{name}': No such file or directory\n".encode()
        return out, err, 1 if err else 0

    def plain(arguments: list[str]) -> list[str]:
        return [each for each in arguments if not each.startswith("-") or each == "-"]

    def cat(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        return read(plain(arguments), given, "cat")

    def head(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        count, names = _count(arguments)
        out, err, code = read(names, given, "head")
        return b"".join(out.splitlines(keepends=True)[:count]), err, code

    def tail(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        count, names = _count(arguments)
        out, err, code = read(names, given, "tail")
        return b"".join(out.splitlines(keepends=True)[-count:] if count else []), err, code

    def tee(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        for name in plain(arguments):
            files[name] = files.get(name, b"") + given if "-a" in arguments else given
        return given, b"", 0

    def wc(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        out, err, code = read(plain(arguments), given, "wc")
        counts = {"-l": out.count(b"\n"), "-w": len(out.split()), "-c": len(out)}
        wanted = next((counts[each] for each in arguments if each in counts), counts["-l"])
        return f"{wanted}\n".encode(), err, code

    def sort(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        out, err, code = read(plain(arguments), given, "sort")
        lines = sorted(out.splitlines(), reverse="-r" in arguments)
        lines = list(dict.fromkeys(lines)) if "-u" in arguments else lines
        return b"".join(line + b"\n" for line in lines), err, code

    def translate(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        sets = [unescaped(each) for each in arguments if not re.fullmatch(r"-[a-z]+", each)]
        text = given.decode(errors="surrogateescape")
        if "-d" in arguments and sets:
            text = "".join(letter for letter in text if letter not in sets[0])
        elif len(sets) == 2 and sets[1]:
            text = text.translate(
                {ord(one): sets[1][min(place, len(sets[1]) - 1)] for place, one in enumerate(sets[0])}
            )
        return text.encode(errors="surrogateescape"), b"", 0

    def seq(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        del given
        numbers = [int(each) for each in arguments if re.fullmatch(r"-?\d+", each)][:3]
        if not numbers:
            return b"", b"", 1
        first, step, last = {1: (1, 1, numbers[-1]), 2: (numbers[0], 1, numbers[-1])}.get(
            len(numbers), (numbers[0], numbers[len(numbers) // 2] or 1, numbers[-1])
        )
        values = range(first, last + (1 if step > 0 else -1), step)
        return b"".join(f"{value}\n".encode() for value in values[:10_000]), b"", 0

    def date(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        del given
        form = next((each[1:] for each in arguments if each.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
        when = datetime.fromtimestamp(now(), UTC)
        return f"{when.strftime(form.replace('%s', str(int(now()))))}\n".encode(), b"", 0

    def base_name(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        del given
        return f"{arguments[0].rstrip('/').rpartition('/')[2] if arguments else ''}\n".encode(), b"", 0

    def touch(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        del given
        for name in plain(arguments):
            files.setdefault(name, b"")
        return b"", b"", 0

    def remove(arguments: list[str], given: bytes) -> tuple[bytes, bytes, int]:
        del given
        for name in plain(arguments):
            for path in [path for path in files if path == name or path.startswith(f"{name.rstrip('/')}/")]:
                del files[path]
        return b"", b"", 0

    return {"cat": cat, "head": head, "tail": tail, "tee": tee, "wc": wc, "sort": sort, "tr": translate,
            "seq": seq, "date": date, "basename": base_name, "touch": touch, "rm": remove}  # fmt: skip


def _count(arguments: list[str]) -> tuple[int, list[str]]:
    count, names, words = 10, [], list(arguments)
    while words:
        word = words.pop(0)
        if word in ("-n", "-c") and words:
            word = f"-{words.pop(0)}"
        digits = word.removeprefix("-").removeprefix("n")
        if word.startswith("-") and digits.isdigit():
            count = int(digits)
        elif not word.startswith("-"):
            names.append(word)
    return count, names
