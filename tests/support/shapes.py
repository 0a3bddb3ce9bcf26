"""The tables of docs/json.md, and whether a document is what they say."""

from __future__ import annotations

import re
from typing import Any

from tests.support.docs_tables import DOCS

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CHECKS = {
    "text": lambda value: isinstance(value, str),
    "time": lambda value: isinstance(value, str) and bool(_TIME.fullmatch(value)),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "any": lambda value: True,
}


def documented(name: str) -> dict[str, str]:
    """Return path and type of each row of a table."""
    page = (DOCS / "json.md").read_text("utf-8")
    _, mark, rest = page.partition(f"<!-- shape: {name} -->\n")
    assert mark, f"docs/json.md has no table {name}"
    table = rest.lstrip("\n").partition("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", table, re.MULTILINE)
    assert rows
    return dict(rows)


def leaves(value: Any, path: str, known: dict[str, str]) -> list[tuple[str, Any]]:
    """Return path and value of everything that is neither list nor mapping, and of empty lists."""
    if known.get(path) == "any":
        return [(path, value)]
    if isinstance(value, dict):
        any_key = f"{path}.*" if path else "*"
        free = any(each == any_key or each.startswith(f"{any_key}.") for each in known)
        found = []
        for key, each in value.items():
            found += leaves(each, any_key if free else f"{path}.{key}".lstrip("."), known)
        return found
    if isinstance(value, list):
        if not value:
            return [(f"{path}[]", ...)]
        return [leaf for each in value for leaf in leaves(each, f"{path}[]", known)]
    return [(path, value)]


def faults(name: str, document: Any) -> list[str]:
    """Return where a document and its table differ."""
    known = documented(name)
    found = leaves(document, "", known)
    wrong = set()
    for path, value in found:
        if value is ...:
            if not any(each.startswith(path) for each in known):
                wrong.add(f"{path} is not documented")
        elif path not in known:
            wrong.add(f"{path} is not documented")
        elif not any(_CHECKS[kind](value) for kind in known[path].split(" or ")):
            wrong.add(f"{path} is {value!r}, not {known[path]}")
    empty = [path for path, value in found if value is ...]
    seen = {path for path, _ in found}
    for path in known:
        if path not in seen and not any(path.startswith(each) for each in empty):
            wrong.add(f"{path} is documented and not there")
    return sorted(wrong)
