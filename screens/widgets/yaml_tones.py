"""Tones for YAML text, line by line, from a scanner that is cheap and never wrong about the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["yaml_line", "yaml_lines"]

_KEY = r"""(?:"[^"]*"|'[^']*'|[^\s#:"'\[{&*!|>%@`-][^:#]*?|-[^\s:]+)"""
_LINE = re.compile(rf"^(?P<lead>\s*(?:- )*)(?P<key>{_KEY}):(?=\s|$)")
_MARK = re.compile(r"^(?P<lead>\s*)(?P<mark>(?:- )*-)(?=\s|$)")
_PLAIN = re.compile(r"^\s*(?:true|false|null|~|[-+]?\d[\d_.eE+-]*)\s*$")


def yaml_line(text: str) -> tuple[tuple[str, str], ...]:
    """Return one line of YAML as (text, tone) pieces: keys stand out, comments and masks stand back."""
    if text.lstrip().startswith("#") or text in ("---", "..."):
        return ((text, "dim"),)
    found = _LINE.match(text)
    if found:
        value = text[found.end() :]
        return (*_lead(found["lead"]), (found["key"] + ":", "accent"), *_value(value))
    listed = _MARK.match(text)
    if listed:
        return (*_lead(text[: listed.end()]), *_value(text[listed.end() :]))
    return ((text, ""),) if text else ()


def yaml_lines(text: str | Iterable[str]) -> list[tuple[tuple[str, str], ...]]:
    """Return the lines of a YAML text as pieces; block scalars are plain, whatever they hold."""
    lines: list[tuple[tuple[str, str], ...]] = []
    block: int | None = None
    for line in text.split("\n") if isinstance(text, str) else text:
        indent = len(line) - len(line.lstrip(" "))
        if block is not None and (indent > block or not line.strip()):
            lines.append(((line, ""),) if line else ())
            continue
        lines.append(yaml_line(line))
        block = indent if re.search(r":\s*[|>][+-]?\d?\s*$", line) else None
    return lines


def _lead(lead: str) -> tuple[tuple[str, str], ...]:
    return ((lead, "dim"),) if lead else ()


def _value(value: str) -> tuple[tuple[str, str], ...]:
    if not value:
        return ()
    return ((value, "working" if _PLAIN.match(value) else ""),)
