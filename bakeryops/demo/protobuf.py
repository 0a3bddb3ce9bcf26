"""Reading the protobuf bodies that typed Go clients (kubectl among them) send; answers are JSON."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.schema import ANY, Shape, builtin_shape

__all__ = ["MEDIA_TYPE", "decode"]

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_OPTIONAL = frozenset(
    [
        "activeDeadlineSeconds",
        "allowPrivilegeEscalation",
        "automountServiceAccountToken",
        "averageUtilization",
        "backoffLimit",
        "backoffLimitPerIndex",
        "blockOwnerDeletion",
        "completions",
        "controller",
        "defaultMode",
        "enableServiceLinks",
        "failedJobsHistoryLimit",
        "gracePeriodSeconds",
        "hostUsers",
        "immutable",
        "manualSelector",
        "maxFailedIndexes",
        "mode",
        "minReplicas",
        "optional",
        "orphanDependents",
        "parallelism",
        "partition",
        "privileged",
        "progressDeadlineSeconds",
        "readOnlyRootFilesystem",
        "replicas",
        "revisionHistoryLimit",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "suspend",
        "terminationGracePeriodSeconds",
        "tolerationSeconds",
        "ttlSecondsAfterFinished",
        "value",
    ]
)
"""Fields whose zero means something: pointers in Go. Other zeros are the absence of a value."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def decode(raw: bytes) -> Object:
    """Return the object of a body; raises ValueError when it is none or of an unknown kind."""
    if not raw.startswith(_MAGIC):
        raise ValueError("the body does not begin with the mark of a Kubernetes protobuf object")
    api_version = kind = ""
    inner = b""
    for number, _, value in _fields(raw[len(_MAGIC) :]):
        if number == 1:
            for part, _, text in _fields(value):
                if part == 1:
                    api_version = text.decode()
                elif part == 2:
                    kind = text.decode()
        elif number == 2:
            inner = value
    shape = builtin_shape(kind, api_version.rpartition("/")[0])
    if shape is ANY:
        raise ValueError(f"no protobuf form of {api_version}, Kind={kind} is known")
    return {"kind": kind, "apiVersion": api_version, **_message(inner, shape)}


def _fields(raw: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and value of each field: int for varints, bytes for the rest."""
    position, end = 0, len(raw)
    while position < end:
        key, position = _varint(raw, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value: Any
            value, position = _varint(raw, position)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            value, position = raw[position : position + size], position + size
        elif wire == _BYTES:
            size, position = _varint(raw, position)
            value, position = raw[position : position + size], position + size
            if len(value) != size:
                raise ValueError("a field is cut short")
        else:
            raise ValueError(f"wire type {wire} is not used by Kubernetes")
        yield number, wire, value


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(raw) or shift > 63:
            raise ValueError("a number is cut short")
        byte = raw[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _message(raw: bytes, shape: Shape) -> Object:
    found: Object = {}
    for number, _, value in _fields(raw):
        name = shape.numbers.get(number)
        if name is None:
            inline = shape.nested.get(number)
            if inline is not None:
                found.update(_message(value, inline))
            continue
        inner = shape.fields[name]
        if inner.kind == "list":
            found.setdefault(name, []).append(_value(value, inner.element))
        elif inner.kind == "map":
            key, item = _pair(value, inner.item or ANY)
            found.setdefault(name, {})[key] = item
        else:
            item = _value(value, inner)
            if item or name in _OPTIONAL or inner.kind in ("object", "number or text"):
                found[name] = item
    return found


def _pair(raw: bytes, shape: Shape) -> tuple[str, Any]:
    """Return an entry of a map."""
    key, item = "", b""
    for number, _, value in _fields(raw):
        if number == 1:
            key = value.decode()
        elif number == 2:
            item = value
    if shape.kind == "list":
        return key, [_value(value, shape.element) for number, _, value in _fields(item) if number == 1]
    return key, _value(item, shape)


def _value(value: Any, shape: Shape) -> Any:
    kind = shape.kind
    if isinstance(value, int):
        return bool(value) if kind == "boolean" else value - (1 << 64) if value >> 63 else value
    if kind == "number":
        return struct.unpack("<d" if len(value) == 8 else "<f", value)[0]
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if kind == "quantity":
        return next((text.decode() for number, _, text in _fields(value) if number == 1), "0")
    if kind == "time":
        return _time(value)
    if kind == "number or text":
        return _number_or_text(value)
    if kind == "any":
        return _raw(value)
    if kind == "object":
        return _message(value, shape)
    return value.decode("utf-8", "replace")


def _time(raw: bytes) -> str | None:
    parts = {number: value for number, _, value in _fields(raw)}
    if not parts:
        return None
    when = datetime.fromtimestamp(parts.get(1, 0), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    nanos = parts.get(2, 0)
    return f"{when}.{nanos // 1000:06d}Z" if nanos else f"{when}Z"


def _number_or_text(raw: bytes) -> int | str:
    parts = {number: value for number, _, value in _fields(raw)}
    if parts.get(1, 0):
        return str(parts.get(3, b"").decode())
    return int(parts.get(2, 0))


def _raw(raw: bytes) -> Any:
    """Return JSON that is carried as bytes, as FieldsV1 and RawExtension do."""
    carried = next((value for number, _, value in _fields(raw) if number == 1), b"")
    try:
        return json.loads(carried) if carried else None
    except ValueError:
        return carried.decode("utf-8", "replace")
