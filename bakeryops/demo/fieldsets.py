"""Sets of fields in the form of `fieldsV1`: nested mappings whose keys are `f:name`, `k:{…}` and `v:…`.

A node is a member of the set when it is empty or holds the key "."; other keys lead to its children.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from bakeryops.demo.schema import Shape

__all__ = ["FieldSet", "contains", "diff", "difference", "intersection", "leaves", "path_text", "tree", "union"]

FieldSet = dict[str, Any]

_LEAF: FieldSet = {}
_STRUCTS = (
    "metadata spec status strategy updateStrategy template jobTemplate containers source involvedObject nodeInfo "
    "daemonEndpoints loadBalancer names roleRef"
)
_ALWAYS_THERE = frozenset(f"f:{name}" for name in _STRUCTS.split())
"""Members that Go's structs have even when empty: an update does not own them as such."""


def tree(value: Any, shape: Shape, *, containers: bool) -> FieldSet:
    """Return the fields a value sets; `containers` adds the mappings and lists themselves, as updates own them."""
    if isinstance(value, dict) and value and not shape.atomic:
        node: FieldSet = {".": _LEAF} if containers else {}
        for key, item in value.items():
            node[f"f:{key}"] = tree(item, shape.child(key), containers=containers)
        return node
    if isinstance(value, list) and value and shape.merges_list():
        node = {".": _LEAF} if containers else {}
        for item in value:
            node[shape.item_key(item)] = _item(item, shape, containers=containers)
        return node
    return _LEAF


def _item(item: Any, shape: Shape, *, containers: bool) -> FieldSet:
    node = tree(item, shape.element, containers=containers)
    if node and "." not in node:
        node = {".": _LEAF, **node}
    return node


def diff(old: Any, new: Any, shape: Shape) -> tuple[FieldSet, FieldSet]:
    """Return the fields that a change from `old` to `new` sets, and those it takes away; {} in both for none."""
    changed: FieldSet = {}
    removed: FieldSet = {}
    _diff(old, new, shape, changed, removed)
    return changed, removed


def _pairs(value: Any, shape: Shape) -> dict[str, tuple[Any, Shape, str]] | None:
    """Return the members of a mapping or keyed list by their name in field sets; None for a single value."""
    if isinstance(value, dict) and not shape.atomic:
        return {f"f:{key}": (item, shape.child(key), key) for key, item in value.items()}
    if isinstance(value, list) and shape.merges_list():
        return {shape.item_key(item): (item, shape.element, "") for item in value}
    return None


def _diff(old: Any, new: Any, shape: Shape, changed: FieldSet, removed: FieldSet) -> None:
    """Compare two values that are both there and mergeable."""
    before = _pairs(old, shape) or {}
    after = _pairs(new, shape) or {}
    for key, (item, inner, _) in after.items():
        known = before.get(key)
        if known is None:
            if key in _ALWAYS_THERE and item == {} and inner.rules is None and inner.kind == "object":
                continue
            changed[key] = _added(key, item, inner, in_list=isinstance(new, list))
            continue
        was = known[0]
        if was is item or was == item:
            continue
        if _mergeable(was, item, inner):
            below_changed: FieldSet = {}
            below_removed: FieldSet = {}
            _diff(was, item, inner, below_changed, below_removed)
            if below_changed:
                changed[key] = below_changed
            if below_removed:
                removed[key] = below_removed
        else:
            changed[key] = tree(item, inner, containers=True)
    for key, (item, inner, _) in before.items():
        if key not in after:
            node = tree(item, inner, containers=True)
            removed[key] = {".": _LEAF, **node} if node else node


def _mergeable(old: Any, new: Any, shape: Shape) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return bool(old) and bool(new) and not shape.atomic
    return isinstance(old, list) and isinstance(new, list) and bool(old) and bool(new) and shape.merges_list()


def _added(key: str, item: Any, shape: Shape, *, in_list: bool) -> FieldSet:
    if in_list:
        return _item(item, _list_of(shape), containers=True)
    node = tree(item, shape, containers=True)
    if key in _ALWAYS_THERE and shape.rules is None and shape.kind != "any" and node:
        return _without_always(node, item, shape)
    return node


def _without_always(node: FieldSet, value: Any, shape: Shape) -> FieldSet:
    """Drop the marks of the structs that exist in an empty object of a built-in kind."""
    kept = {key: below for key, below in node.items() if key != "."}
    if isinstance(value, dict):
        for key, item in value.items():
            name = f"f:{key}"
            if name in _ALWAYS_THERE and kept.get(name):
                kept[name] = _without_always(kept[name], item, shape.child(key))
    return kept


def _list_of(shape: Shape) -> Shape:
    listed = Shape("list")
    listed.item = shape
    listed.keys = ()
    return listed


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """Return the fields of either set."""
    if one is other:
        return one
    if not one:
        return {".": _LEAF, **other} if other and "." not in other else other
    if not other:
        return one if "." in one else {".": _LEAF, **one}
    merged = dict(one)
    for key, below in other.items():
        known = merged.get(key)
        merged[key] = below if known is None else union(known, below)
    return merged


def difference(one: FieldSet, other: FieldSet) -> FieldSet | None:
    """Return the fields of `one` that are not in `other`; None when nothing is left."""
    if not other:
        kept = {key: below for key, below in one.items() if key != "."}
        return kept or None
    if not one:
        return None if "." in other else one
    kept = {}
    for key, below in one.items():
        known = other.get(key)
        if known is None:
            kept[key] = below
        elif key != ".":
            left = difference(below, known)
            if left is not None:
                kept[key] = left
    if kept.keys() == {"."}:
        return _LEAF
    return kept or None


def intersection(one: FieldSet, other: FieldSet) -> FieldSet | None:
    """Return the fields that are in both sets; None when there are none."""
    found: FieldSet = {}
    if _member(one) and _member(other):
        found["."] = _LEAF
    for key, below in one.items():
        known = other.get(key) if key != "." else None
        if known is not None:
            both = intersection(below, known)
            if both is not None:
                found[key] = both
    if found.keys() == {"."}:
        return _LEAF
    return found or None


def _member(node: FieldSet) -> bool:
    return not node or "." in node


def contains(node: FieldSet, path: tuple[str, ...]) -> bool:
    """Say whether a path, or something below it, is in a set."""
    for step in path:
        below = node.get(step)
        if below is None:
            return False
        node = below
    return True


def leaves(node: FieldSet, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all members."""
    if _member(node) and path:
        yield path
    for key, below in node.items():
        if key != ".":
            yield from leaves(below, (*path, key))


def path_text(path: tuple[str, ...]) -> str:
    """Return a path as messages write it: `.spec.template.spec.containers[name="main"].image`."""
    text = ""
    for step in path:
        kind, body = step[:2], step[2:]
        if kind == "f:":
            text += f".{body}"
        elif kind == "k:":
            pairs = msgspec.json.decode(body)
            shown = ",".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in pairs.items())
            text += f"[{shown}]"
        else:
            text += f"[={body}]"
    return text
