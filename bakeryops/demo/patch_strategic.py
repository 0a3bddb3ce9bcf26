"""Strategic merge patch: a merge patch that knows by which field the items of a list are told apart."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.objects import copy_json
from bakeryops.demo.schema import Shape
from bakeryops.demo.status import bad_request

__all__ = ["strategic_patch"]

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_DELETE_ITEMS = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def strategic_patch(target: dict[str, Any], patch: Any, shape: Shape) -> dict[str, Any]:
    """Return `target`, changed in place, with the patch laid over it; raises `StatusError` 400 for a bad patch."""
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into a Go map[string]interface {}")
    return _merge_mapping(target, patch, shape)


def _merge_mapping(target: dict[str, Any], patch: dict[str, Any], shape: Shape) -> dict[str, Any]:
    directive = patch.get(_PATCH)
    if directive == "replace":
        return {key: copy_json(value) for key, value in patch.items() if key != _PATCH}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"Wrong value for $patch: {directive!r}. Must be one of merge, replace or delete")
    retained = patch.get(_RETAIN)
    if isinstance(retained, list):
        for key in [key for key in target if key not in retained]:
            del target[key]
    for key, value in patch.items():
        if key in (_PATCH, _RETAIN) or key.startswith(_ORDER):
            continue
        if key.startswith(_DELETE_ITEMS):
            field = key.removeprefix(_DELETE_ITEMS)
            target[field] = [item for item in target.get(field) or [] if item not in value]
        elif value is None:
            target.pop(key, None)
        else:
            order = patch.get(_ORDER + key)
            merged = _merge(target.get(key), value, shape.child(key), order)
            if merged is None:
                target.pop(key, None)
            else:
                target[key] = merged
    for key, order in patch.items():
        if key.startswith(_ORDER):
            field = key.removeprefix(_ORDER)
            if field not in patch and isinstance(target.get(field), list):
                target[field] = _ordered(target[field], order, _key_of(shape.child(field)))
    return target


def _merge(target: Any, value: Any, shape: Shape, order: Any) -> Any:
    if isinstance(value, dict):
        if value.get(_PATCH) == "delete":
            return None
        return _merge_mapping(target if isinstance(target, dict) else {}, value, shape)
    if isinstance(value, list):
        if not shape.merges_list():
            return [_plain(item, shape.element) for item in value]
        merged = _merge_list(target if isinstance(target, list) else [], value, shape)
        return _ordered(merged, order, _key_of(shape)) if isinstance(order, list) else merged
    return value


def _key_of(shape: Shape) -> str | None:
    return shape.keys[0] if shape.keys else None


def _plain(item: Any, shape: Shape) -> Any:
    return _merge_mapping({}, item, shape) if isinstance(item, dict) else copy_json(item)


def _merge_list(target: list[Any], patch: list[Any], shape: Shape) -> list[Any]:
    key = _key_of(shape)
    if key is None:
        return [*target, *(item for item in patch if item not in target)]
    if any(isinstance(item, dict) and item.get(_PATCH) == "replace" and len(item) == 1 for item in patch):
        kept = [item for item in patch if not (isinstance(item, dict) and item.get(_PATCH) == "replace")]
        return [_plain(item, shape.element) for item in kept]
    merged = list(target)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        same = [index for index, known in enumerate(merged) if known.get(key) == item[key]]
        if len(same) > 1 and shape.keys and len(shape.keys) > 1:
            exact = [index for index in same if shape.item_key(merged[index]) == shape.item_key(item)]
            same = exact or same
        if item.get(_PATCH) == "delete":
            merged = [known for known in merged if known.get(key) != item[key]]
        elif same:
            merged[same[0]] = _merge_mapping(merged[same[0]], item, shape.element)
        else:
            merged.append(_merge_mapping({}, item, shape.element))
    named = [item[key] for item in patch]
    patched = sorted((item for item in merged if item.get(key) in named), key=lambda item: named.index(item[key]))
    return _interleave(patched, [item for item in merged if item.get(key) not in named], target, key)


def _ordered(items: list[Any], order: Any, key: str | None) -> list[Any]:
    """Sort the items that `order` names into its sequence; the others keep their places among them."""

    def name(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [name(each) for each in order]
    ranked = sorted((item for item in items if name(item) in wanted), key=lambda item: wanted.index(name(item)))
    queue = iter(ranked)
    return [next(queue) if name(item) in wanted else item for item in items]


def _interleave(patched: list[Any], others: list[Any], before: list[Any], key: str) -> list[Any]:
    """Merge what the patch named with what it did not: by the former order, the patched first where it is open."""
    places = {str(item.get(key)): index for index, item in enumerate(before)}
    merged: list[Any] = []
    left, right = list(patched), list(others)
    while left and right:
        one, other = places.get(str(left[0].get(key))), places.get(str(right[0].get(key)))
        merged.append(right.pop(0) if one is not None and other is not None and other < one else left.pop(0))
    return [*merged, *left, *right]
