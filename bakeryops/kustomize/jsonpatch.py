"""JSON patches (RFC 6902) as kustomize applies them."""

from __future__ import annotations

from typing import Any

from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.resource import copy_json

__all__ = ["apply_operations"]

_MOST_COPIED = 400_000
_FIELDS = {"op", "path", "value", "from"}


def apply_operations(target: dict[str, Any], operations: list[Any]) -> dict[str, Any]:
    """Return a copy of `target` after the operations; raises `KustomizeError` where one does not apply."""
    changed: Any = copy_json(target)
    budget = _MOST_COPIED
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise KustomizeError("an operation of a JSON patch is not a map with op and path")
        if unknown := sorted(operation.keys() - _FIELDS):
            raise KustomizeError(f"an operation of a JSON patch has the unknown field {unknown[0]}")
        kind, path = operation.get("op"), operation["path"]
        if kind in ("add", "replace", "test") and "value" not in operation:
            raise KustomizeError(f"{kind} operation of a JSON patch has no value: {path}")
        if kind == "copy":
            budget -= _size(changed)
            if budget < 0:
                raise KustomizeError(f"the copy operations of a JSON patch copy more than {_MOST_COPIED} values")
        try:
            changed = _step(changed, operation, str(kind), path)
        except (KeyError, IndexError, TypeError, ValueError):
            reason = f"{kind} operation does not apply: doc is missing path: {path}: missing value"
            raise KustomizeError(reason) from None
    if not isinstance(changed, dict):
        raise KustomizeError("a JSON patch leaves no object")
    return changed


def _size(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_size(each) for each in inner)


def _step(target: Any, operation: dict[str, Any], kind: str, path: str) -> Any:
    steps = _split(path)
    if kind == "test":
        if _get(target, steps) != operation["value"]:
            raise KustomizeError(f"testing value {path} failed: test failed")
        return target
    if kind == "remove":
        _remove(target, steps)
        return target
    if kind == "add":
        return _add(target, steps, copy_json(operation["value"]))
    if kind == "replace":
        if not steps:
            return copy_json(operation["value"])
        parent = _get(target, steps[:-1])
        at = _at(parent, steps[-1])
        if isinstance(parent, dict) and at not in parent:
            raise KeyError(at)
        parent[at] = copy_json(operation["value"])
        return target
    if kind in ("move", "copy") and isinstance(operation.get("from"), str):
        source = _split(operation["from"])
        value = copy_json(_get(target, source))
        if kind == "move":
            _remove(target, source)
        return _add(target, steps, value)
    raise KustomizeError(f"Unexpected kind: {kind}")


def _split(pointer: str) -> list[str]:
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise ValueError(pointer)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _at(parent: Any, step: str) -> Any:
    if isinstance(parent, list):
        if not step.isascii() or not step.isdigit() or int(step) >= len(parent):
            raise IndexError(step)
        return int(step)
    if not isinstance(parent, dict):
        raise TypeError(step)
    return step


def _get(target: Any, steps: list[str]) -> Any:
    for step in steps:
        target = target[_at(target, step)]
    return target


def _remove(target: Any, steps: list[str]) -> None:
    parent = _get(target, steps[:-1])
    del parent[_at(parent, steps[-1])]


def _add(target: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    parent = _get(target, steps[:-1])
    if isinstance(parent, list):
        if steps[-1] == "-":
            parent.append(value)
            return target
        if not steps[-1].isascii() or not steps[-1].isdigit() or int(steps[-1]) > len(parent):
            raise IndexError(steps[-1])
        parent.insert(int(steps[-1]), value)
    elif isinstance(parent, dict):
        parent[steps[-1]] = value
    else:
        raise TypeError(steps[-1])
    return target
