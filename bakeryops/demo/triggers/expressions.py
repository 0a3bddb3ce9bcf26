"""Values of bindings: `$(body.…)`, `$(header.…)`, `$(extensions.…)` and `$(context.eventID)` in texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BindingError", "Event", "canonical", "fill"]

_EXPRESSION = re.compile(r"\$\((?P<inner>[^()]*)\)")
_STEP = re.compile(
    r"\.(?P<field>(?:\\\.|[^.\[\]])+)|\[(?P<index>-?\d+)\]|\[(?P<all>\*)\]|\[(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\]"
)


class BindingError(Exception):
    """An expression of a binding finds nothing in the event, or is none."""


@dataclass
class Event:
    """A request as the triggers of an EventListener see it."""

    raw: bytes
    """The body as it was sent, which signatures are made of."""
    body: Any
    headers: Mapping[str, str]
    """Values by canonical header name."""
    identity: str
    """The event's id."""
    extensions: dict[str, Any] = field(default_factory=dict)
    """What interceptors added."""

    def header(self, name: str) -> str:
        """Return a header's value, "" for none."""
        return self.headers.get(canonical(name), "")


def canonical(name: str) -> str:
    """Return a header's name as Go writes it: `X-Github-Event`."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def fill(text: str, event: Event) -> str:
    """Return a binding's value with its expressions replaced; raises `BindingError` where one finds nothing."""
    return _EXPRESSION.sub(lambda found: _as_text(_value(found["inner"], event)), text)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _value(inner: str, event: Event) -> Any:
    root, rest = re.fullmatch(r"(\w*)(.*)", inner, re.DOTALL).groups()  # type: ignore[union-attr]
    if root == "header":
        name = rest.removeprefix(".").strip("[]'\"")
        if not event.header(name):
            raise BindingError(f"{name} is not found")
        return event.header(name)
    if root == "context" and rest == ".eventID":
        return event.identity
    if root not in ("body", "extensions"):
        raise BindingError(f"$({inner}) begins with none of body, header, extensions and context")
    values: list[Any] = [event.body if root == "body" else event.extensions]
    place, several = 0, False
    while place < len(rest):
        step = _STEP.match(rest, place)
        if step is None:
            raise BindingError(f"$({inner}) cannot be read at {rest[place:]}")
        place = step.end()
        several = several or step["all"] is not None
        values = [found for value in values for found in _step(value, step.groupdict(), inner)]
    return values if several else values[0]


def _step(value: Any, step: Mapping[str, str | None], inner: str) -> list[Any]:
    if step["all"]:
        if isinstance(value, list):
            return value
        return list(value.values()) if isinstance(value, dict) else []
    if step["index"] is not None:
        index = int(step["index"])
        if isinstance(value, list) and -len(value) <= index < len(value):
            return [value[index]]
        raise BindingError(f"$({inner}): array index out of bounds: index {index}")
    name = next(text for text in (step["field"], step["single"], step["double"]) if text is not None)
    name = name.replace("\\.", ".")
    if isinstance(value, dict) and name in value:
        return [value[name]]
    raise BindingError(f"$({inner}): {name} is not found")
