"""Structural schemas of custom kinds: defaults and validation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import copy_json
from bakeryops.demo.status import Cause
from bakeryops.demo.table import encode
from bakeryops.demo.validation_parts import bad, required, unsupported

__all__ = ["check_schema", "schema_defaults"]

_NAMES = {bool: "boolean", str: "string", int: "integer", float: "number", dict: "object", list: "array"}
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to "
    "complete "
    "validation"
)


def schema_defaults(value: Any, schema: Object) -> None:
    """Fill in the defaults of a schema, in place."""
    if isinstance(value, dict):
        for key, inner in (schema.get("properties") or {}).items():
            if "default" in inner and value.get(key) is None:
                value[key] = copy_json(inner["default"])
            if key in value:
                schema_defaults(value[key], inner)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            for key in value.keys() - (schema.get("properties") or {}).keys():
                schema_defaults(value[key], additional)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            schema_defaults(item, schema["items"])


def check_schema(obj: Object, schema: Object) -> list[Cause]:
    """Return what is wrong with an object by a schema, metadata left out."""
    body = {key: value for key, value in obj.items() if key not in ("metadata", "apiVersion", "kind")}
    inner = {
        **schema,
        "properties": {
            key: value
            for key, value in (schema.get("properties") or {}).items()
            if key not in ("metadata", "apiVersion", "kind")
        },
        "required": [key for key in schema.get("required") or () if key not in ("metadata", "apiVersion", "kind")],
    }
    causes = list(_check(body, inner, ""))
    if causes and b"x-kubernetes-validations" in encode(schema):
        causes.append(bad("<nil>", None, _UNCHECKED))
    return causes


def _check(value: Any, schema: Object, path: str) -> Iterator[Cause]:
    if value is None:
        if path and not schema.get("nullable") and schema.get("type"):
            kind = schema["type"]
            yield bad(path, "null", f'{path} in body must be of type {kind}: "null"')
        return
    wrong = _wrong_type(value, schema)
    if wrong:
        yield bad(path, wrong, f'{path} in body must be of type {schema["type"]}: "{wrong}"')
        return
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, value, [str(each) for each in schema["enum"]])
    if isinstance(value, str):
        yield from _check_text(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_number(value, schema, path)
    elif isinstance(value, list):
        yield from _check_list(value, schema, path)
    elif isinstance(value, dict):
        yield from _check_mapping(value, schema, path)


def _wrong_type(value: Any, schema: Object) -> str:
    """Return the name of a value's type when the schema wants another."""
    wanted = schema.get("type")
    if not wanted or schema.get("x-kubernetes-int-or-string"):
        return ""
    found = _NAMES.get(type(value), "unknown")
    if found == wanted or (wanted == "number" and found == "integer"):
        return ""
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return ""
    return found


def _check_text(value: str, schema: Object, path: str) -> Iterator[Cause]:
    pattern = schema.get("pattern")
    if pattern and re.search(pattern, value) is None:
        yield bad(path, value, f"{path} in body should match '{pattern}'")
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {longest} bytes", path)
    if shortest is not None and len(value) < shortest:
        yield bad(path, value, f"{path} in body should be at least {shortest} chars long")


def _check_number(value: float, schema: Object, path: str) -> Iterator[Cause]:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if lowest is not None and (value < lowest or (value == lowest and schema.get("exclusiveMinimum"))):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield bad(path, value, f"{path} in body should be {word} {lowest}")
    if highest is not None and (value > highest or (value == highest and schema.get("exclusiveMaximum"))):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield bad(path, value, f"{path} in body should be {word} {highest}")


def _check_list(value: list[Any], schema: Object, path: str) -> Iterator[Cause]:
    most, least = schema.get("maxItems"), schema.get("minItems")
    if most is not None and len(value) > most:
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)
    if least is not None and len(value) < least:
        yield bad(path, len(value), f"{path} in body should have at least {least} items")
    inner = schema.get("items")
    if isinstance(inner, dict):
        for index, item in enumerate(value):
            yield from _check(item, inner, f"{path}[{index}]")


def _check_mapping(value: Object, schema: Object, path: str) -> Iterator[Cause]:
    properties = schema.get("properties") or {}
    for key in sorted(properties.keys() & value.keys()):
        yield from _check(value[key], properties[key], f"{path}.{key}" if path else key)
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        for key in sorted(value.keys() - properties.keys()):
            yield from _check(value[key], additional, f"{path}.{key}" if path else key)
    for key in schema.get("required") or ():
        if key not in value:
            yield required(f"{path}.{key}" if path else key)
