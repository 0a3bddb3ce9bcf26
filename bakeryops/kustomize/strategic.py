"""Strategic merge patches: a patch has the shape of the object, and lists merge by the keys of their items."""

from __future__ import annotations

from typing import Any

from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.merge_keys import Keys
from bakeryops.kustomize.resource import copy_json

__all__ = ["DELETED", "strategic_merge"]

DELETED = object()
"""What a patch leaves of an object that it deletes."""
_PATCH = "$patch"


def strategic_merge(target: dict[str, Any], patch: dict[str, Any], keys: Keys) -> Any:
    """Return `target` with the patch laid over it (changed in place), or `DELETED`.

    Items that the patch names come first in a merged list, in the patch's order, as kustomize puts them.
    Raises `KustomizeError` for directives and lists that cannot be merged as kustomize would.
    """
    return _Merge(keys).mapping(target, patch, ())


class _Merge:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def mapping(self, target: dict[str, Any] | None, patch: dict[str, Any], path: tuple[str, ...]) -> Any:
        directive = patch.get(_PATCH)
        if directive == "delete":
            return DELETED
        if directive == "replace":
            return copy_json({key: value for key, value in patch.items() if key != _PATCH})
        if directive not in (None, "merge"):
            raise KustomizeError(f"unknown patch strategy {directive!r} at {_shown(path)}")
        merged = {} if target is None else target
        for key, value in patch.items():
            if key == _PATCH:
                continue
            if key.startswith("$"):
                raise KustomizeError(f"the directive {key} of a patch is not supported here (at {_shown(path)})")
            if value is None:
                merged.pop(key, None)
                continue
            after = self._value(merged.get(key), value, (*path, key))
            if after is DELETED:
                merged.pop(key, None)
            else:
                merged[key] = after
        return merged

    def _value(self, target: Any, patch: Any, path: tuple[str, ...]) -> Any:
        if isinstance(patch, dict):
            if target is not None and not isinstance(target, dict):
                raise KustomizeError(f"wrong Node Kind for {_shown(path)} expected: a map, as in the patch")
            return self.mapping(target, patch, path)
        if isinstance(patch, list):
            if target is not None and not isinstance(target, list):
                raise KustomizeError(f"wrong Node Kind for {_shown(path)} expected: a list, as in the patch")
            return self._list(target or [], patch, path)
        if isinstance(target, dict | list):
            raise KustomizeError(f"wrong Node Kind for {_shown(path)} expected: a scalar, as in the patch")
        return patch

    def _list(self, target: list[Any], patch: list[Any], path: tuple[str, ...]) -> Any:
        directives = [item for item in patch if isinstance(item, dict) and item.keys() == {_PATCH}]
        if directives:
            if len(directives) > 1 or directives[0][_PATCH] not in ("replace", "delete"):
                raise KustomizeError(f"the directives of the list {_shown(path)} are not supported here")
            if directives[0][_PATCH] == "delete":
                return DELETED
            return copy_json([item for item in patch if item is not directives[0]])
        keys = self._keys.get(path)
        if keys is None:
            return self._plain(patch, path)
        if not keys:
            return [*copy_json(patch), *(item for item in target if item not in patch)]
        return self._keyed(target, patch, keys, path)

    def _plain(self, patch: list[Any], path: tuple[str, ...]) -> list[Any]:
        if any(isinstance(item, dict) and _PATCH in item for item in patch):
            raise KustomizeError(f"$patch in an item of {_shown(path)}, a list that is replaced as a whole")
        return [self._fresh(item, path) for item in patch]

    def _fresh(self, item: Any, path: tuple[str, ...]) -> Any:
        return self.mapping(None, item, path) if isinstance(item, dict) else copy_json(item)

    def _keyed(
        self, target: list[Any], patch: list[Any], keys: tuple[str, ...], path: tuple[str, ...]
    ) -> list[Any]:
        used = self._used_keys(target, patch, keys, path)
        rest = list(target)
        merged: list[Any] = []
        seen: list[tuple[Any, ...]] = []
        for item in patch:
            name = tuple(item.get(key) for key in used)
            if name in seen:
                raise KustomizeError(f"the patch names an item of {_shown(path)} twice: {name}")
            seen.append(name)
            same = [known for known in rest if tuple(known.get(key) for key in used) == name]
            if len(same) > 1:
                raise KustomizeError(f"{_shown(path)} has two items of one name: {name}")
            if same:
                rest = [known for known in rest if known is not same[0]]
            after = self.mapping(same[0] if same else None, item, path)
            if after is not DELETED:
                merged.append(after)
        return [*merged, *rest]

    def _used_keys(
        self, target: list[Any], patch: list[Any], keys: tuple[str, ...], path: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return the keys that every item has; a second key that only some have would merge by chance."""
        items = [*target, *patch]
        for item in items:
            if not isinstance(item, dict) or item.get(keys[0]) is None:
                raise KustomizeError(f"an item of {_shown(path)} has no {keys[0]}, by which the list is merged")
            if any(isinstance(item.get(key), dict | list) for key in keys):
                raise KustomizeError(f"an item of {_shown(path)} has a {keys[0]} that is no plain value")
        used = tuple(key for key in keys if any(item.get(key) is not None for item in items))
        for key in used[1:]:
            if any(item.get(key) is None for item in items):
                raise KustomizeError(
                    f"some items of {_shown(path)} have {key} and some have not: "
                    "give all of them one, in the object and in the patch"
                )
        return used


def _shown(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the object"
