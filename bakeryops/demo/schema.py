"""Shapes: what fields a kind has and how its lists merge, read from a table of types or from a CRD's schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from bakeryops.demo.contracts import Object

__all__ = ["ANY", "Shape", "builtin_shape", "builtin_types", "custom_shape"]

_SCALARS = {
    "s": "string",
    "i": "integer",
    "n": "number",
    "b": "boolean",
    "t": "time",
    "q": "quantity",
    "y": "bytes",
    "o": "number or text",
    "x": "any",
}


class Shape:
    """The shape of one value."""

    __slots__ = (
        "atomic",
        "fields",
        "item",
        "keys",
        "kind",
        "name",
        "nested",
        "numbers",
        "required",
        "retain",
        "rules",
    )

    def __init__(self, kind: str, name: str = "") -> None:
        self.kind = kind
        """object, map, list, string, bytes, integer, number, boolean, time, quantity, number or text, any."""
        self.name = name
        """Name of the type, for messages."""
        self.fields: dict[str, Shape] = {}
        self.item: Shape | None = None
        """What a map or a list holds."""
        self.keys: tuple[str, ...] | None = None
        """Fields that tell the items of a list apart; () for a set of scalars; None for one that is replaced."""
        self.atomic = False
        self.required: frozenset[str] = frozenset()
        self.retain = False
        """Whether a strategic patch replaces the fields of an item that it does not name."""
        self.numbers: dict[int, str] = {}
        """Fields by their number in protobuf."""
        self.nested: dict[int, Shape] = {}
        """Parts that are messages of their own in protobuf only."""
        self.rules: Object | None = None
        """The JSON schema this came from, for a custom kind."""

    def child(self, key: str) -> Shape:
        """Return the shape of a field or map value; `ANY` where nothing is known."""
        if self.kind == "map":
            return self.item or ANY
        return self.fields.get(key, ANY)

    @property
    def element(self) -> Shape:
        """The shape of a list's items."""
        return self.item or ANY

    def merges_list(self) -> bool:
        """Say whether a list of this shape is merged item by item."""
        return self.kind == "list" and self.keys is not None and not self.atomic

    def item_key(self, item: Any) -> str:
        """Return the text that names a list item in field sets: `k:{"name":"main"}` or `v:"x"`."""
        from bakeryops.demo.table import encode  # the encoder lives with the store

        if self.keys and isinstance(item, dict):
            chosen = {key: item.get(key, _key_default(key)) for key in sorted(self.keys)}
            return "k:" + encode({key: value for key, value in chosen.items() if value is not None}).decode()
        return "v:" + encode(item).decode()


ANY = Shape("any")


def _key_default(key: str) -> str | None:
    """Return the default that a key field takes when an item leaves it out."""
    return "TCP" if key == "protocol" else None


class _Types:
    """The table of types, resolved when first used."""

    def __init__(self, text: str) -> None:
        self._lines: dict[str, list[str]] = {}
        self._atomic: set[str] = set()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, *fields = line.split()
                if name.endswith("!"):
                    name = name[:-1]
                    self._atomic.add(name)
                self._lines[name] = fields
        self._known: dict[str, Shape] = {}

    def names(self) -> list[str]:
        return list(self._lines)

    def get(self, name: str) -> Shape:
        shape = self._known.get(name)
        if shape is None:
            shape = self._known[name] = Shape("object", name)
            shape.atomic = name in self._atomic
            shape.retain = name in ("Volume", "DeploymentStrategy")
            required = []
            for field in self._lines[name]:
                key, _, kind = field.partition(":")
                kind, _, number = kind.partition("=")
                if key == "~":
                    shape.nested[int(number)] = self.get(kind)
                    continue
                if key.endswith("*"):
                    key = key[:-1]
                    required.append(key)
                shape.fields[key] = self._parse(kind)
                if number:
                    shape.numbers[int(number)] = key
            shape.required = frozenset(required)
        return shape

    def _parse(self, text: str) -> Shape:
        body, found, keys = text.partition("@")
        atomic = body.endswith("!")
        body = body.rstrip("!")
        if body in _SCALARS:
            return _scalar(_SCALARS[body])
        if body[0] in "[{":
            shape = Shape("list" if body[0] == "[" else "map")
            shape.item = self._parse(body[1:-1])
            shape.atomic = atomic
            if found:
                shape.keys = tuple(keys.split(",")) if keys else ()
            return shape
        return self.get(body)


@cache
def _scalar(kind: str) -> Shape:
    return Shape(kind)


@cache
def builtin_types() -> _Types:
    """Return the table of the built-in types."""
    return _Types(resources.files("bakeryops.demo").joinpath("data/types.txt").read_text("utf-8"))


@cache
def builtin_shape(kind: str, group: str = "") -> Shape:
    """Return the shape of a built-in kind; `ANY` for one that is not in the table."""
    name = "EventsEvent" if kind == "Event" and group == "events.k8s.io" else kind
    types = builtin_types()
    return types.get(name) if name in types.names() else ANY


def custom_shape(schema: Mapping[str, Any]) -> Shape:
    """Return the shape of a structural schema (`openAPIV3Schema` of a CustomResourceDefinition)."""
    if not schema:
        return ANY
    shape = _custom(schema)
    shape.fields.update(
        apiVersion=_scalar("string"), kind=_scalar("string"), metadata=builtin_types().get("ObjectMeta")
    )
    return shape


def _custom(schema: Mapping[str, Any]) -> Shape:
    kind = str(schema.get("type") or "any")
    if schema.get("x-kubernetes-int-or-string"):
        kind = "any"
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    if kind == "object" and not properties and additional:
        shape = Shape("map")
        shape.item = _custom(additional) if isinstance(additional, Mapping) else ANY
    elif kind == "array":
        shape = Shape("list")
        shape.item = _custom(schema.get("items") or {})
        listed = schema.get("x-kubernetes-list-type")
        if listed == "map":
            shape.keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        elif listed == "set":
            shape.keys = ()
    else:
        shape = Shape("object" if properties else kind)
        shape.fields = {name: _custom(each) for name, each in properties.items()}
        shape.required = frozenset(schema.get("required") or ())
    shape.atomic = schema.get("x-kubernetes-map-type") == "atomic"
    shape.rules = dict(schema)
    return shape
