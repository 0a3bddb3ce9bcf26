"""Variables such as `$(params.x)` in Pipelines and Tasks: found, and replaced by their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Values", "references", "substitute"]

Values = Mapping[str, Any]
"""Variables by their names without `$(` and `)`: text, a list of text, or a mapping of text."""

_VARIABLE = re.compile(r"\$\(([A-Za-z0-9_.\-\"'\[\]*]+)\)")
_QUOTED = re.compile(r"\[(?:\"([^\"\]]+)\"|'([^'\]]+)')\]")
_INDEXED = re.compile(r"(.+)\[(\d+)\]")
_MISSING = object()


def substitute(value: Any, values: Values) -> Any:
    """Return a copy of JSON data with every variable that is known replaced; others stay as they are.

    Text that is nothing but a whole array (`$(params.x[*])`) becomes that array, and is spliced in where it is an
    item of an array.
    """
    if isinstance(value, str):
        return _text(value, values) if "$(" in value else value
    if isinstance(value, list):
        found: list[Any] = []
        for item in value:
            fresh = substitute(item, values)
            if isinstance(item, str) and isinstance(fresh, list):
                found.extend(fresh)
            else:
                found.append(fresh)
        return found
    if isinstance(value, dict):
        return {key: substitute(item, values) for key, item in value.items()}
    return value


def references(value: Any) -> Iterator[str]:
    """Yield the variables that JSON data names, in order, quoted keys written with dots."""
    if isinstance(value, str):
        if "$(" in value:
            for found in _VARIABLE.finditer(value):
                yield _plain(found[1])
    elif isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)


def _text(text: str, values: Values) -> Any:
    whole = _VARIABLE.fullmatch(text)
    if whole is not None:
        value = _look_up(_plain(whole[1]), values)
        if value is not _MISSING:
            return list(value) if isinstance(value, list) else dict(value) if isinstance(value, dict) else value

    def replace(found: re.Match[str]) -> str:
        value = _look_up(_plain(found[1]), values)
        return value if isinstance(value, str) else found[0]

    return _VARIABLE.sub(replace, text)


def _plain(name: str) -> str:
    return _QUOTED.sub(lambda found: f".{found[1] or found[2]}", name)


def _look_up(name: str, values: Values) -> Any:
    if name.endswith("[*]"):
        value = values.get(name[:-3], _MISSING)
        return value if isinstance(value, list | dict) else _MISSING
    if (indexed := _INDEXED.fullmatch(name)) is not None:
        value = values.get(indexed[1])
        place = int(indexed[2])
        return value[place] if isinstance(value, list) and place < len(value) else _MISSING
    value = values.get(name, _MISSING)
    if isinstance(value, str):
        return value
    if value is _MISSING and "." in name:
        owner, _, key = name.rpartition(".")
        holder = values.get(owner)
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            return holder[key]
    return _MISSING
