"""What looks like a secret in an object of any kind, hidden: the console shows that it is there, and how long."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Any

__all__ = ["DEPTH_MOST", "hidden", "mask", "mask_lines", "mask_text", "names_a_secret"]

DEPTH_MOST = 80
"""How deep an object is shown; what lies deeper is cut off."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
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


def mask(value: Any, *, key: str = "", kind: str = "", depth: int = 0) -> Any:
    """Return a copy of `value` with secrets hidden; `key` is what it stands under, `kind` the object's kind."""
    if depth > DEPTH_MOST:
        return "…"
    if isinstance(value, dict):
        return _mask_mapping(value, kind or str(value.get("kind") or ""), depth)
    if isinstance(value, list):
        if names_a_secret(key) and all(isinstance(each, str) for each in value):
            return [hidden() for _ in value]
        return _mask_list(value, kind, depth)
    if isinstance(value, str):
        if key == _LAST_APPLIED:
            return _mask_json(value)
        return hidden() if value and names_a_secret(key) else mask_text(value)
    return value


def _mask_mapping(value: dict[Any, Any], kind: str, depth: int) -> dict[str, Any]:
    own = str(value.get("kind") or "") if isinstance(value.get("kind"), str) and "metadata" in value else kind
    name = value.get("name")
    pair = isinstance(name, str) and isinstance(value.get("value"), (str, list)) and names_a_secret(name)
    copy: dict[str, Any] = {}
    for field, inner in value.items():
        text = str(field)
        if own in ("Secret", "SecretList") and text in ("data", "stringData"):
            copy[text] = _mask_data(inner, encoded=text == "data")
        elif pair and text == "value":
            copy[text] = hidden()
        else:
            copy[text] = mask(inner, key=text, kind=own, depth=depth + 1)
    return copy


def _mask_list(value: list[Any], kind: str, depth: int) -> list[Any]:
    """Return a list masked; of command lines, also the word after "--password"."""
    copy: list[Any] = []
    after = False
    for each in value:
        if after and isinstance(each, str) and not each.startswith("-"):
            copy.append(hidden())
        else:
            copy.append(mask(each, kind=kind, depth=depth + 1))
        after = isinstance(each, str) and each.startswith("--") and "=" not in each and names_a_secret(each)
    return copy


def _mask_data(data: Any, *, encoded: bool) -> Any:
    if not isinstance(data, dict):
        return hidden() if data else data
    return {str(key): hidden(_length(value, encoded=encoded)) for key, value in data.items()}


def _length(value: Any, *, encoded: bool) -> int | None:
    if not isinstance(value, str):
        return None
    if not encoded:
        return len(value.encode("utf-8", "replace"))
    try:
        return len(b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return None


def _mask_json(text: str) -> str:
    try:
        found = json.loads(text)
        return json.dumps(mask(found), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return hidden(len(text.encode("utf-8", "replace")))
