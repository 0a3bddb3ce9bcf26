"""The OpenAPI 2 document in the protobuf form that kubectl reads until 1.27 (openapi.v2.Document of gnostic)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.table import encode

__all__ = ["CONTENT_TYPE", "MEDIA_TYPE", "encode_document"]

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""What clients ask for."""
CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""What the answer is called, since "@" may not stand in a media type."""
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(0x80 | (value & 0x7F))
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _field(number: int, body: bytes | str) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _fields(number: int, bodies: Iterable[bytes | str]) -> bytes:
    return b"".join(_field(number, body) for body in bodies)


def _named(name: str, body: bytes) -> bytes:
    return _field(1, name) + _field(2, body)


def encode_document(document: Object) -> bytes:
    """Return the document, as `document_v2` makes it, in protobuf."""
    info = document["info"]
    paths = _fields(2, (_named(path, _path_item(item)) for path, item in document["paths"].items()))
    definitions = _fields(1, (_named(name, _schema(each)) for name, each in document["definitions"].items()))
    return (
        _field(1, document["swagger"])
        + _field(2, _field(1, info["title"]) + _field(2, info["version"]))
        + _field(8, paths)
        + _field(9, definitions)
    )


def _path_item(item: Object) -> bytes:
    return b"".join(_field(_METHODS[method], _operation(operation)) for method, operation in item.items())


def _operation(operation: Object) -> bytes:
    responses = _fields(
        1,
        (
            _named(code, _field(1, _field(1, response["description"])))
            for code, response in operation["responses"].items()
        ),
    )
    return (
        _field(5, operation["operationId"])
        + _fields(7, operation.get("consumes") or ())
        + _fields(8, (_parameter(each) for each in operation.get("parameters") or ()))
        + _field(9, responses)
        + _extensions(operation, 13)
    )


def _parameter(parameter: Object) -> bytes:
    query = _field(2, parameter["in"]) + _field(4, parameter["name"]) + _field(6, parameter["type"])
    return _field(1, _field(2, _field(3, query)))


def _schema(schema: Object) -> bytes:
    parts = [
        _field(number, str(schema[key]))
        for number, key in ((1, "$ref"), (2, "format"), (3, "title"), (4, "description"), (13, "pattern"))
        if schema.get(key)
    ]
    parts.append(_fields(19, schema.get("required") or ()))
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        parts.append(_field(21, _field(1, _schema(additional))))
    if schema.get("type"):
        parts.append(_field(22, _field(1, str(schema["type"]))))
    if isinstance(schema.get("items"), dict):
        parts.append(_field(23, _field(1, _schema(schema["items"]))))
    if schema.get("properties"):
        named = (_named(name, _schema(each)) for name, each in schema["properties"].items())
        parts.append(_field(25, _fields(1, named)))
    parts.append(_extensions(schema, 31))
    return b"".join(parts)


def _extensions(body: dict[str, Any], number: int) -> bytes:
    """Return the `x-…` entries; their values are YAML texts, of which JSON is a part."""
    return _fields(
        number,
        (_named(key, _field(2, encode(value) + b"\n")) for key, value in body.items() if key.startswith("x-")),
    )
