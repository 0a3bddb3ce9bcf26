"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386)."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.objects import copy_json
from bakeryops.demo.status import StatusError, bad_request

__all__ = ["json_patch", "merge_patch"]


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `target` (changed in place where it is a mapping) with a merge patch laid over it."""
    if not isinstance(patch, dict):
        return copy_json(patch)
    if not isinstance(target, dict):
        target = {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merge_patch(target.get(key), value)
    return target


def json_patch(target: Any, operations: Any) -> Any:
    """Return `target`, changed in place, after the operations; raises `StatusError` 422 when one fails."""
    if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch"
        )
    try:
        for operation in operations:
            target = _step(target, operation)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _rejected() from error
    return target


def _rejected() -> StatusError:
    message = "the server rejected our request due to an error in our request"
    return StatusError(422, "Invalid", message, details={})


def _step(target: Any, operation: dict[str, Any]) -> Any:
    kind = operation["op"]
    path = _split(operation["path"])
    if kind == "test":
        if _get(target, path) != operation["value"]:
            raise ValueError(operation["path"])
        return target
    if kind == "remove":
        _remove(target, path)
        return target
    if kind == "add":
        return _add(target, path, copy_json(operation["value"]))
    if kind == "replace":
        if not path:
            return copy_json(operation["value"])
        _get(target, path)
        parent = _get(target, path[:-1])
        parent[_index(parent, path[-1])] = copy_json(operation["value"])
        return target
    if kind in ("move", "copy"):
        source = _split(operation["from"])
        value = copy_json(_get(target, source))
        if kind == "move":
            _remove(target, source)
        return _add(target, path, value)
    raise ValueError(kind)


def _split(pointer: str) -> list[str]:
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise ValueError(pointer)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _index(parent: Any, step: str) -> Any:
    if isinstance(parent, list):
        index = int(step)
        if not 0 <= index < len(parent):
            raise IndexError(step)
        return index
    if not isinstance(parent, dict):
        raise TypeError(step)
    return step


def _get(target: Any, path: list[str]) -> Any:
    for step in path:
        target = target[_index(target, step)]
    return target


def _remove(target: Any, path: list[str]) -> None:
    parent = _get(target, path[:-1])
    del parent[_index(parent, path[-1])]


def _add(target: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(target, path[:-1])
    step = path[-1]
    if isinstance(parent, list):
        index = len(parent) if step == "-" else int(step)
        if not 0 <= index <= len(parent):
            raise IndexError(step)
        parent.insert(index, value)
    elif isinstance(parent, dict):
        parent[step] = value
    else:
        raise TypeError(step)
    return target
