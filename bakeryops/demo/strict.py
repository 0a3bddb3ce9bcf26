"""Decoding a body the way the server does: types checked, unknown fields dropped, warned of or refused."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.resources import Resource
from bakeryops.demo.schema import Shape
from bakeryops.demo.status import bad_request

__all__ = ["check", "drop_status", "keep_subresource", "limit_to"]

_GO_NAMES = {
    "string": "string",
    "integer": "int32",
    "number": "float64",
    "boolean": "bool",
    "time": "string",
    "bytes": "[]uint8",
    "number or text": "intstr.IntOrString",
}


class _TypeMismatchError(Exception):
    """A value of another type than the field's."""


def check(resource: Resource, version: str, body: Object, mode: str) -> list[str]:
    """Drop what the kind does not know from `body`; returns warnings, raises `StatusError` 400 when Strict."""
    unknown: list[str] = []
    subject = f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}'
    try:
        _walk(body, resource.form, "", unknown, custom=resource.custom)
        if resource.custom:
            # The schema of a custom kind judges the rest later; metadata is decoded as that of any kind.
            _walk(body.get("metadata"), resource.form.child("metadata"), "metadata", [], custom=False)
    except _TypeMismatchError as error:
        raise bad_request(f"{subject}: {error}") from error
    if not unknown or mode == "Ignore":
        return []
    texts = [f'unknown field "{path}"' for path in unknown]
    if mode == "Strict":
        raise bad_request(f"{subject}: strict decoding error: {', '.join(texts)}")
    return texts


def _walk(value: Any, shape: Shape, path: str, unknown: list[str], *, custom: bool) -> None:
    if isinstance(value, dict):
        if shape.kind in ("map", "object"):
            _walk_mapping(value, shape, path, unknown, custom=custom)
        elif (shape.kind in _GO_NAMES or shape.kind == "list") and not custom:
            raise _TypeMismatchError(_mismatch("object", path, shape))
    elif isinstance(value, list):
        if shape.kind == "list":
            for index, item in enumerate(value):
                _walk(item, shape.element, f"{path}[{index}]", unknown, custom=custom)
        elif shape.kind != "any" and not custom:
            raise _TypeMismatchError(_mismatch("array", path, shape))
    elif value is not None and not custom:
        _check_scalar(value, shape, path)


def _walk_mapping(value: dict[str, Any], shape: Shape, path: str, unknown: list[str], *, custom: bool) -> None:
    keeps = shape.kind == "map" or bool(shape.rules and _open(shape.rules))
    for key in list(value):
        below = f"{path}.{key}" if path else key
        if shape.kind == "object" and key not in shape.fields:
            if not keeps:
                unknown.append(below)
                del value[key]
            continue
        inner = shape.child(key)
        item = value[key]
        if item is None and not custom:
            del value[key]
            continue
        if inner.kind == "quantity" and isinstance(item, int | float) and not isinstance(item, bool):
            value[key] = str(item)
            continue
        _walk(item, inner, below, unknown, custom=custom)


def _open(rules: Object) -> bool:
    return bool(rules.get("x-kubernetes-preserve-unknown-fields") or rules.get("additionalProperties"))


def _check_scalar(value: Any, shape: Shape, path: str) -> None:
    kind = shape.kind
    if kind in ("any", "quantity", "number or text"):
        return
    if isinstance(value, bool):
        given, fits = "bool", kind == "boolean"
    elif isinstance(value, int | float):
        given, fits = "number", kind == "number" or (kind == "integer" and isinstance(value, int))
    else:
        given, fits = "string", kind in ("string", "time", "bytes")
    if not fits:
        raise _TypeMismatchError(_mismatch(given, path, shape))


def _mismatch(given: str, path: str, shape: Shape) -> str:
    wanted = _GO_NAMES.get(shape.kind) or ("[]interface {}" if shape.kind == "list" else "map[string]interface {}")
    return f"json: cannot unmarshal {given} into Go struct field {path} of type {wanted}"


def drop_status(resource: Resource, body: Object) -> None:
    """Forget the status that a creation brings along: only the status subresource sets it."""
    if resource.has("status"):
        body.pop("status", None)


def keep_subresource(resource: Resource, body: Object, subresource: str) -> None:
    """Leave in an applied configuration only what the subresource is about."""
    if subresource == "status":
        for key in [key for key in body if key not in ("apiVersion", "kind", "metadata", "status")]:
            del body[key]
    else:
        drop_status(resource, body)


def limit_to(resource: Resource, live: Object, wanted: Object, subresource: str) -> Object:
    """Return the object that a write may make of `live`: the status is written by its subresource only."""
    if subresource == "status":
        fresh = dict(live)
        if "status" in wanted:
            fresh["status"] = wanted["status"]
        else:
            fresh.pop("status", None)
        meta = wanted.get("metadata") or {}
        if "managedFields" in meta:
            fresh["metadata"] = {**live["metadata"], "managedFields": meta["managedFields"]}
        return fresh
    fresh = dict(wanted)
    if resource.has("status"):
        fresh.pop("status", None)
        if "status" in live:
            fresh["status"] = live["status"]
    meta = dict(fresh.get("metadata") or {})
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        meta.pop(key, None)
        if key in live["metadata"]:
            meta[key] = live["metadata"][key]
    fresh["metadata"] = meta
    return fresh
