"""What looks like a secret in a text, hidden: passwords in addresses, assigned secrets, tokens, private keys."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["hidden", "mask_lines", "mask_text", "names_a_secret"]

_WORDS = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|bearer)"
)
_NAME = re.compile(_WORDS, re.IGNORECASE)
# Fields of the API that speak of secrets without holding one.
_HARMLESS = re.compile(
    r"(?:name|names|namespace|ref|refs|path|file|kind|type|policy|mode|seconds|version|audience|url|uri|issuer|enabled)$",
    re.IGNORECASE,
)
_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{1,20}://)([^\s/@:'\"]*)(:[^\s/'\"]*)?@")
# Repetitions are bounded, or begin where nothing like them stands before: a megabyte of anything takes no longer
# than its length.
_ASSIGNED = re.compile(rf"({_WORDS}[\w.-]{{0,64}}[\"']?\s?=\s?[\"']?)([^\s\"'&;,]+)", re.IGNORECASE)
_LINE = re.compile(
    rf"^([-\t \"']{{0,64}}[\w.-]{{0,64}}{_WORDS}[\w.-]{{0,64}}[\"']?[\t ]{{0,16}}[:=][\t ]{{0,64}})(\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
# As JSON has it, also within a string of JSON.
_QUOTED = re.compile(
    rf"([\"']([\w.-]{{0,64}}{_WORDS}[\w.-]{{0,64}})\\{{0,3}}[\"']\s{{0,16}}:\s{{0,16}}(\\{{0,3}}[\"']))"
    r"(?:(?!(?<!\\)\3).)+",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = re.compile(
    rf"(?<![\w-])(--?([a-z][\w.-]{{0,64}}{_WORDS}[\w.-]{{0,64}}|{_WORDS}[\w.-]{{0,64}})[\t ]{{1,16}})(?!-)\S+",
    re.IGNORECASE,
)
_KNOWN = re.compile(
    r"(?<![\w-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bglpat-[\w-]{15,}|\bAGE-SECRET-KEY-[A-Z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b"
)
_HEADER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


_PEM_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PEM_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")


def hidden(length: int | None = None) -> str:
    """Return what stands in a secret's place."""
    return "<hidden>" if length is None else f"<hidden, {length} bytes>"


def names_a_secret(name: str) -> bool:
    """Return whether a key or a variable of this name is likely to hold a secret."""
    return bool(_NAME.search(name)) and not _HARMLESS.search(name)


def mask_text(text: str) -> str:
    """Return text with passwords in URLs, assigned secrets, well-known tokens and private keys hidden."""
    if len(text) < 4:
        return text
    text = _PEM.sub(hidden(), text)
    text = _URL.sub(_mask_url, text)
    text = _KNOWN.sub(hidden(), text)
    text = _HEADER.sub(lambda found: f"{found[1]} {hidden()}", text)
    text = _QUOTED.sub(_mask_named, text)
    text = _OPTION.sub(_mask_named, text)
    text = _LINE.sub(lambda found: found[0] if hidden() in found[2] else f"{found[1]}{hidden()}", text)
    return _ASSIGNED.sub(lambda found: found[0] if "<hidden" in found[2] else f"{found[1]}{hidden()}", text)


def mask_lines(lines: Iterable[str], *, diff: bool = False) -> tuple[str, ...]:
    """Return lines with secrets hidden, as many as there were; of a `diff` the mark in front is not looked at."""
    found: list[str] = []
    within = False
    for line in lines:
        mark, text = (line[:1], line[1:]) if diff and line[:1] in ("+", "-", " ") else ("", line)
        begins, ends = _PEM_BEGINS.search(text) is not None, _PEM_ENDS.search(text) is not None
        found.append(mark + (hidden() if within else mask_text(text)))
        within = (within or begins) and not ends
    return tuple(found)


def _mask_named(found: re.Match[str]) -> str:
    return f"{found[1]}{hidden()}" if names_a_secret(found[2]) else found[0]


def _mask_url(found: re.Match[str]) -> str:
    scheme, user, password = found.groups()
    if password is not None:
        return f"{scheme}{user}:{hidden()}@"
    # A user alone may be a token; a short plain one ("git@") is a name.
    return f"{scheme}{hidden() if len(user) >= 16 else user}@"
