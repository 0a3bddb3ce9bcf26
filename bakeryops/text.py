"""Text from outside is hostile: everything shown passes `clean` (or `clean_log`) first.

A terminal obeys bytes. A pod's log line, an object's name or a commit message may hold escape sequences that
set the clipboard (OSC 52), move the cursor, or reverse the reading direction (bidi overrides). No widget of the
libraries in use removes them all, so it is done here.
"""

from __future__ import annotations

import re

__all__ = ["ELLIPSIS", "clean", "clean_lines", "clean_log", "decode", "strip_sgr"]

ELLIPSIS = "…"

_CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
_STRING = r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
_ESCAPE = r"\x1b[ -/]*[0-~]"
_LONE = r"[\x00-\x08\x0a-\x1f\x7f-\x9f]"
# Bidi controls, zero-width and invisible characters, line separators, tags, variation of nothing visible.
_INVISIBLE = "[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"

_DROP = re.compile(f"{_CSI}|{_STRING}|{_ESCAPE}|{_LONE}|{_INVISIBLE}")
_SGR = r"\x1b\[[0-9;:]{0,64}m"
_DROP_BUT_SGR = re.compile(f"(?P<sgr>{_SGR})|{_CSI}|{_STRING}|{_ESCAPE}|{_LONE}|{_INVISIBLE}")
_ONLY_SGR = re.compile(_SGR)
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` as one harmless line: no control sequence, control character or invisible mark is left.

    Line breaks and tabs become one space each. Ordinary printable text is returned unchanged, and at the cost
    of one scan.
    """
    if text.isprintable():
        return text
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return _SURROGATE.sub("\ufffd", _DROP.sub("", text))


def clean_lines(text: str) -> str:
    """Return `text` with its line breaks kept and every line cleaned."""
    return "\n".join(clean(line) for line in text.split("\n"))


def clean_log(line: str) -> str:
    """Return one log line with its colours (SGR sequences) kept and everything else that a terminal obeys removed.

    A carriage return inside the line starts it again, as a terminal would show a progress bar: what follows the
    last one is kept. Tabs become spaces up to the next multiple of eight.
    """
    if line.isprintable():
        return line
    line = line.rstrip("\r\n")
    if "\r" in line:
        line = line.rsplit("\r", 1)[1]
    if "\t" in line:
        line = line.expandtabs(8)
    line = _DROP_BUT_SGR.sub(lambda found: found["sgr"] or "", line)
    return _SURROGATE.sub("\ufffd", line)


def strip_sgr(line: str) -> str:
    """Return a line that `clean_log` made without its colours."""
    return _ONLY_SGR.sub("", line) if "\x1b" in line else line


def decode(data: bytes) -> str:
    """Return bytes from outside as text; what is not UTF-8 shows as U+FFFD."""
    return data.decode("utf-8", "replace")
