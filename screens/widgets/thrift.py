"""The same picture in fewer bytes: styles are sent as what differs from the style before.

Rich sends the whole style with every piece of text and takes it back after it: 40 bytes round a cell of five.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["thrifty"]

_STYLE = re.compile("\x1b\\[([0-9;]*)m")


class _Look(NamedTuple):
    """A style as its codes: attributes, colour of the text, colour of the ground."""

    attributes: str = ""
    front: str = ""
    ground: str = ""


_PLAIN = _Look()


def thrifty(text: str) -> str:
    """Return terminal output that begins and ends in the plain style with as few style sequences as it takes."""
    parts = _STYLE.split(text)
    if len(parts) == 1:
        return text
    sent: list[str] = []
    now = wanted = _PLAIN
    for number, part in enumerate(parts):
        if number % 2:
            # A style without colours of its own leaves those before it as they are.
            wanted = _PLAIN if part in ("", "0") else _over(wanted, _look(part))
        elif part:
            if wanted != now:
                sent.append(_change(now, wanted))
                now = wanted
            sent.append(part)
    if now != wanted:
        sent.append(_change(now, wanted))
    return "".join(sent)


def _over(under: _Look, look: _Look) -> _Look:
    if under is _PLAIN:
        return look
    attributes = ";".join(filter(None, (under.attributes, look.attributes)))
    return _Look(attributes, look.front or under.front, look.ground or under.ground)


@lru_cache(maxsize=4096)
def _look(codes: str) -> _Look:
    attributes: list[str] = []
    front = ground = ""
    left = codes.split(";")
    while left:
        code = left.pop(0)
        if code in ("38", "48"):
            take = 4 if left[:1] == ["2"] else 2
            colour = ";".join([code, *left[:take]])
            del left[:take]
        else:
            colour = code
        number = int(code or 0)
        if number == 38 or 30 <= number <= 37 or 90 <= number <= 97:
            front = colour
        elif number == 48 or 40 <= number <= 47 or 100 <= number <= 107:
            ground = colour
        else:
            attributes.append(code)
    return _Look(";".join(attributes), front, ground)


@lru_cache(maxsize=4096)
def _change(now: _Look, wanted: _Look) -> str:
    if wanted == _PLAIN:
        return "\x1b[0m"
    kept = now.attributes == wanted.attributes and (wanted.front or not now.front)
    if kept and (wanted.ground or not now.ground):
        differ = [new for old, new in zip(now[1:], wanted[1:], strict=True) if old != new]
        return f"\x1b[{';'.join(differ)}m"
    return (
        f"\x1b[{';'.join(['0', *filter(None, wanted)])}m"
        if now != _PLAIN
        else f"\x1b[{';'.join(filter(None, wanted))}m"
    )
