"""How bad a log line sounds, for lines that bring no colours of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["first_error", "may_be_bad", "severity"]

_LEVEL = re.compile(
    r"""(?:\b(?:level|lvl|severity)["']?\s*[=:]\s*["']?|^\W{0,2}|[\s\[|])"""
    r"""(?P<word>fatal|panic|critical|crit|error|err|warning|warn|info|information|debug|trace|notice)\b""",
    re.IGNORECASE,
)
_KLOG = re.compile(r"^(?P<letter>[IWEF])\d{4} ")
_BAD = re.compile(
    r"\b(?:error|exception|fatal|panic|traceback|critical|failed|failure)\b|(?-i:\w(?:Error|Exception)\b)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"\b(?:0|no|zero|without)\s+(?:errors?|failures?|failed)\b"
    r"""|\b(?:errors?|failed|failures?|exceptions?)["']?\s*[=:]\s*["']?(?:nil|null|none|false|0|<nil>|""|'')(?![\w.])""",
    re.IGNORECASE,
)
_WARN = re.compile(r"\bwarn(?:ing)?\b|\bdeprecat", re.IGNORECASE)
_BAD_WORDS = (b"err", b"exception", b"fatal", b"panic", b"traceback", b"crit", b"fail")
_LEVELS = {"fatal", "panic", "critical", "crit", "error", "err"}
_HEAD = 160
_LOOKED_AT = 4096


def severity(text: str) -> str:
    """Return the tone of a line: "bad", "soon" or "".

    A stated level near the beginning decides (upper case, `level=…` or klog's letter); otherwise words do.
    """
    head = text[:_HEAD]
    klog = _KLOG.match(head)
    if klog:
        return {"I": "", "W": "soon"}.get(klog["letter"], "bad")
    for found in _LEVEL.finditer(head):
        word = found["word"]
        stated = "=" in found[0] or ":" in found[0]
        if stated or word.isupper():
            word = word.lower()
            return "bad" if word in _LEVELS else "soon" if word.startswith("warn") else ""
    text = text[:_LOOKED_AT]
    if _BAD.search(text) and _BAD.search(_HARMLESS.sub("", text)):
        return "bad"
    return "soon" if _WARN.search(text) else ""


def may_be_bad(text: bytes) -> bool:
    """Tell quickly whether a line might be bad, so that only few lines need the whole look; E of klog included."""
    low = text[:_LOOKED_AT].lower()
    return any(word in low for word in _BAD_WORDS) or low[:1] in (b"e", b"f")


def first_error(lines: Iterable[str]) -> int | None:
    """Return the index of the first line that sounds bad, None where none does."""
    return next((number for number, line in enumerate(lines) if severity(line) == "bad"), None)
