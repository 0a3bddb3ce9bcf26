"""Which fields of an object differ from what Git sets: defaults and what the server fills in are no difference."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bakeryops.kustomize.merge_keys import Keys
from bakeryops.units import parse_duration, parse_quantity

__all__ = ["ABSENT", "Field", "project", "removed", "secret_data"]

ABSENT: Any = object()
"""What stands for a field that is not there."""
DEPTH_MOST = 60
_QUANTITIES = frozenset(
    {"requests", "limits", "capacity", "hard", "max", "min", "default", "defaultRequest", "maxLimitRequestRatio"}
)
_QUANTITY_FIELDS = frozenset({"storage", "sizeLimit", "averageValue", "divisor", "cpu", "memory"})
_DURATION_FIELDS = frozenset({"interval", "retryInterval", "timeout", "pipeline", "tasks", "finally"})
_OWN_LABELS = ("kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")


class Field(NamedTuple):
    """A field that differs; either side may be `ABSENT`."""

    path: tuple[str, ...]
    wanted: Any
    live: Any


def project(wanted: Any, live: Any, keys: Keys, found: list[Field], path: tuple[str, ...] = ()) -> Any:
    """Return `live` cut down to the fields that `wanted` sets, with its values where they mean the same.

    What differs is added to `found`. `keys` tells by which fields the items of lists are told apart; paths of
    items hold the item's name in brackets.
    """
    if len(path) > DEPTH_MOST:
        return wanted
    if isinstance(wanted, dict) and isinstance(live, dict):
        return _project_mapping(wanted, live, keys, found, path)
    if isinstance(wanted, list) and isinstance(live, list):
        return _project_list(wanted, live, keys, found, path)
    if _same(wanted, live, path):
        return wanted
    found.append(Field(path, wanted, live))
    return live


def _project_mapping(
    wanted: dict[str, Any], live: dict[str, Any], keys: Keys, found: list[Field], path: tuple[str, ...]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for key, value in wanted.items():
        if key in live:
            shown[key] = project(value, live[key], keys, found, (*path, str(key)))
        elif _empty(value):
            shown[key] = value
        else:
            found.append(Field((*path, str(key)), value, ABSENT))
    return shown


def _project_list(
    wanted: list[Any], live: list[Any], keys: Keys, found: list[Field], path: tuple[str, ...]
) -> list[Any]:
    by = keys.get(_plain(path))
    if by == ():
        missing = [item for item in wanted if item not in live]
        found.extend(Field((*path, f"[{item}]"), item, ABSENT) for item in missing)
        return [item for item in wanted if item in live]
    if by and all(isinstance(item, dict) for item in (*wanted, *live)):
        return _project_items(wanted, live, by, keys, found, path)
    if len(wanted) != len(live):
        found.append(Field(path, wanted, live))
        return live
    return [project(item, live[place], keys, found, (*path, f"[{place}]")) for place, item in enumerate(wanted)]


def _project_items(
    wanted: list[Any], live: list[Any], by: tuple[str, ...], keys: Keys, found: list[Field], path: tuple[str, ...]
) -> list[Any]:
    shown = []
    for item in wanted:
        same = [each for each in live if all(_key_equal(item, each, key) for key in by)]
        place = (*path, f"[{item.get(by[0])}]")
        if same:
            shown.append(project(item, same[0], keys, found, place))
        else:
            found.append(Field(place, item, ABSENT))
    return shown


def _key_equal(item: Mapping[str, Any], other: Mapping[str, Any], key: str) -> bool:
    """Return whether two items have the same key; one that is not written may have been given by default."""
    return key not in item or str(item[key]) == str(other.get(key))


def _plain(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(step for step in path if not step.startswith("["))


def _empty(value: Any) -> bool:
    """Return whether a value that is written means no more than one that is not."""
    return value is None or value is False or value in ("", 0) or value == {} or value == []


def _same(wanted: Any, live: Any, path: tuple[str, ...]) -> bool:
    if wanted == live:
        return isinstance(wanted, bool) == isinstance(live, bool)
    if _empty(wanted) and _empty(live):
        return True
    last = path[-1] if path else ""
    if last.lower().endswith("port") and not isinstance(wanted, dict | list):
        return str(wanted) == str(live)
    if _is_quantity(path):
        one, other = parse_quantity(str(wanted)), parse_quantity(str(live))
        return one is not None and one == other
    if last in _DURATION_FIELDS and isinstance(wanted, str) and isinstance(live, str):
        one, other = parse_duration(wanted), parse_duration(live)
        return one is not None and one == other
    return False


def _is_quantity(path: tuple[str, ...]) -> bool:
    return bool(path) and (path[-1] in _QUANTITY_FIELDS or any(step in _QUANTITIES for step in path[:-1]))


def removed(wanted: Any, live: Any, owned: Any, path: tuple[str, ...] = ()) -> Iterator[Field]:
    """Yield the fields that Flux put there and Git sets no more: the next apply takes them away.

    `owned` is the `fieldsV1` of Flux' entry in `metadata.managedFields`.
    """
    if not isinstance(owned, dict) or len(path) > DEPTH_MOST:
        return
    for step, inner in owned.items():
        if step.startswith("f:") and isinstance(live, dict):
            key = step[2:]
            if key not in live or (path == ("metadata",) and key not in ("labels", "annotations")):
                continue
            if not isinstance(wanted, dict) or key not in wanted:
                # Flux adds its own labels to what Git says.
                if not key.startswith(_OWN_LABELS):
                    yield from _taken(live[key], inner, (*path, key))
            else:
                yield from removed(wanted[key], live[key], inner, (*path, key))
        elif step.startswith("k:") and isinstance(live, list):
            yield from _removed_item(wanted, live, step[2:], inner, path)


def _taken(live: Any, owned: Any, path: tuple[str, ...]) -> Iterator[Field]:
    """Yield what goes of a field that Git has not at all: of a shared map only Flux' own parts."""
    parts = isinstance(owned, dict) and any(step != "." for step in owned)
    if parts and isinstance(live, dict | list):
        yield from removed({} if isinstance(live, dict) else [], live, owned, path)
    else:
        yield Field(path, ABSENT, live)


def _removed_item(wanted: Any, live: list[Any], key: str, inner: Any, path: tuple[str, ...]) -> Iterator[Field]:
    try:
        fields = json.loads(key)
    except ValueError:
        return
    if not isinstance(fields, dict) or not fields:
        return

    def fits(item: Any) -> bool:
        return isinstance(item, dict) and all(
            name not in item or str(item[name]) == str(value) for name, value in fields.items()
        )

    there = next((item for item in live if fits(item)), None)
    if there is None:
        return
    place = (*path, f"[{next(iter(fields.values()))}]")
    same = next((item for item in wanted if fits(item)), None) if isinstance(wanted, list) else None
    if same is None:
        yield Field(place, ABSENT, there)
    else:
        yield from removed(same, there, inner, place)


def secret_data(value: dict[str, Any]) -> dict[str, Any]:
    """Return a Secret with `stringData` laid over `data` as the server does it."""
    plain = value.get("stringData")
    if not isinstance(plain, dict):
        return value
    data = dict(value["data"]) if isinstance(value.get("data"), dict) else {}
    for key, text in plain.items():
        try:
            data[key] = base64.b64encode(str(text).encode("utf-8", "surrogatepass")).decode()
        except (binascii.Error, UnicodeError):
            continue
    return {**{key: each for key, each in value.items() if key != "stringData"}, "data": data}
