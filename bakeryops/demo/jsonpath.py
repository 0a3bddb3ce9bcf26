"""The part of JSONPath that printer columns use: fields, indexes, `[*]` and `[?(@.type=="Ready")]`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

__all__ = ["find_text"]

_STEP = re.compile(
    r"""\.(?P<field>(?:\\\.|[^.\[\]])+)
      | \[(?P<index>-?\d+)\]
      | \[(?P<all>\*)\]
      | \[['"](?P<quoted>[^'"]*)['"]\]
      | \[\?\(@\.(?P<key>[^=!<>\s]+)\s*(?P<op>==|!=)\s*['"]?(?P<value>[^'")]*)['"]?\)\]""",
    re.VERBOSE,
)


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[dict[str, str | None], ...]:
    text = path if path.startswith((".", "[")) else f".{path}"
    return tuple(found.groupdict() for found in _STEP.finditer(text))


def find_text(obj: Any, path: str) -> Any:
    """Return the value at a path, the first of several, None for none."""
    values = [obj]
    for step in _steps(path):
        values = [found for value in values for found in _apply(value, step)]
    return values[0] if values else None


def _apply(value: Any, step: dict[str, str | None]) -> list[Any]:
    field = step["field"] or step["quoted"]
    if field is not None:
        name = field.replace("\\.", ".")
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return list(value.values()) if step["all"] and isinstance(value, dict) else []
    if step["all"]:
        return list(value)
    if step["index"] is not None:
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    wanted = step["op"] == "=="
    key, expected = str(step["key"]), str(step["value"])
    return [item for item in value if isinstance(item, dict) and (str(item.get(key)) == expected) is wanted]
