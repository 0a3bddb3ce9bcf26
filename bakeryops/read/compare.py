"""What the next apply would change: what Git says against what runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bakeryops.kustomize.merge_keys import keys_of
from bakeryops.masking import hidden
from bakeryops.model.difference import Change, Difference
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import InventoryEntry
from bakeryops.read.compare_fields import ABSENT, DEPTH_MOST, Field, project, removed, secret_data
from bakeryops.read.manifest import to_yaml
from bakeryops.read.needs import plural_of
from bakeryops.read.secrets import mask
from bakeryops.text import clean

__all__ = ["FLUX_MANAGER", "ObjectKey", "compare", "compare_applied", "key_of"]

FLUX_MANAGER = "kustomize-controller"
"""The name under which Flux owns fields."""

_TEXT_MOST = 400
_LINES_MOST = 2000
_ORDER = {"changed": 0, "created": 1, "pruned": 2, "unknown": 3, "same": 4}
_SERVERS = ("status",)
_SERVERS_METADATA = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generateName", "generation",
    "managedFields", "resourceVersion", "selfLink", "uid",
)  # fmt: skip
_DIFFERS = f"{hidden()} (differs)"


class ObjectKey(NamedTuple):
    """What tells objects apart whatever their version: group, kind, namespace ("" for none) and name."""

    group: str
    kind: str
    namespace: str
    name: str


def key_of(value: Mapping[str, Any]) -> ObjectKey:
    """Return the key of an object; what is missing in it is empty."""
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    group = str(value.get("apiVersion") or "").rpartition("/")[0]
    return ObjectKey(
        group, str(value.get("kind") or ""), str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
    )


def compare(
    wanted: Sequence[Mapping[str, Any]],
    live: Mapping[ObjectKey, Mapping[str, Any] | None],
    *,
    inventory: Iterable[InventoryEntry] = (),
    prune: bool = True,
    manager: str = FLUX_MANAGER,
) -> list[Difference]:
    """Return every object's difference, changed ones first.

    `wanted` are the objects that Git says, `live` those of the cluster by key: None for one that is not there;
    one that is not in the mapping could not be read. `inventory` is what was applied last: what of it Git has no
    more is to be pruned, unless `prune` is off. Only fields that Git sets are compared, and fields that `manager`
    owns and Git sets no more, which an apply takes away. Values of Secrets, and what else looks like a secret,
    are hidden: a difference says only that there is one.
    """
    found = [_compared(dict(each), live, manager) for each in wanted]
    known = {key_of(each) for each in wanted}
    if prune:
        for entry in inventory:
            key = ObjectKey(entry.group, entry.kind, entry.namespace, entry.name)
            if key not in known and live.get(key, ABSENT) is not None:
                found.append(_pruned(key, live.get(key)))
    return _ordered(found)


def compare_applied(live: Mapping[str, Any] | None, applied: Mapping[str, Any]) -> Difference:
    """Return the difference between an object and what a dry run makes of it: exact even for defaults."""
    key = key_of(applied)
    after = _without_servers(applied)
    if live is None:
        return _difference(key, "created", None, after, [Field((), after, ABSENT)])
    before = _without_servers(live)
    found: list[Field] = []
    project(after, before, {}, found)
    if before == after:
        return _difference(key, "same", before, after, [])
    return _difference(key, "changed", before, after, found)


def _compared(
    wanted: dict[str, Any], live: Mapping[ObjectKey, Mapping[str, Any] | None], manager: str
) -> Difference:
    key = key_of(wanted)
    if key not in live:
        return Difference(_ref(key), clean(key.group), clean(key.kind), "unknown")
    there = live[key]
    after = secret_data(_without_servers(wanted)) if _is_secret(key) else _without_servers(wanted)
    if there is None:
        return _difference(key, "created", None, after, [Field((), after, ABSENT)])
    found: list[Field] = []
    before = project(after, _comparable(there, after), keys_of(wanted), found)
    gone = list(removed(after, dict(there), _owned(there, manager)))
    for each in gone:
        _put(before, each.path, each.live)
    found += gone
    return _difference(key, "changed" if found else "same", before, after, found)


def _comparable(there: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the live object with the version that Git writes: the server converts between versions."""
    return {**there, "apiVersion": after.get("apiVersion", there.get("apiVersion"))}


def _pruned(key: ObjectKey, there: Mapping[str, Any] | None) -> Difference:
    before = _without_servers(there) if isinstance(there, Mapping) else {}
    return _difference(key, "pruned", before, None, [Field((), ABSENT, before)])


def _owned(there: Mapping[str, Any], manager: str) -> Any:
    metadata = there.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    for each in entries if isinstance(entries, list) else ():
        if isinstance(each, dict) and each.get("manager") == manager and each.get("operation") == "Apply":
            return each.get("fieldsV1")
    return None


def _put(into: Any, path: tuple[str, ...], value: Any) -> None:
    """Put a field that is to go back into the projection, so that it shows as a line that goes."""
    for place, step in enumerate(path[:-1]):
        if not isinstance(into, dict):
            return
        inner = into.setdefault(step, [] if path[place + 1].startswith("[") else {})
        if isinstance(inner, list):
            # Within a list: as a whole item, or not shown line by line.
            if place == len(path) - 2 and path[-1].startswith("["):
                inner.append(value)
                return
            item = path[place + 1][1:-1]
            found = [each for each in inner if isinstance(each, dict) and item in map(str, each.values())]
            if found:
                _put(found[0], path[place + 2 :], value)
            return
        into = inner
    if isinstance(into, dict) and path:
        into[path[-1]] = value


def _without_servers(value: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: each for key, each in value.items() if key not in _SERVERS}
    metadata = kept.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {key: each for key, each in metadata.items() if key not in _SERVERS_METADATA}
    return kept


def _is_secret(key: ObjectKey) -> bool:
    return key.kind == "Secret" and not key.group


def _difference(
    key: ObjectKey, action: str, before: dict[str, Any] | None, after: dict[str, Any] | None, found: list[Field]
) -> Difference:
    lines: tuple[str, ...] = ()
    if action != "same":
        lines = _lines(before, after)
    changes = tuple(_change(each, secret=_is_secret(key)) for each in found) if action == "changed" else ()
    return Difference(_ref(key), clean(key.group), clean(key.kind), action, lines, changes)


def _ref(key: ObjectKey) -> ObjectRef:
    return ObjectRef(plural_of(clean(key.kind)), clean(key.namespace), clean(key.name))


def _lines(before: dict[str, Any] | None, after: dict[str, Any] | None) -> tuple[str, ...]:
    masked = [None if each is None else _masked(each) for each in (before, after)]
    if masked[0] is not None and masked[1] is not None:
        masked[0] = _told_apart(before, after, masked[0], masked[1])
    shown = [[] if each is None else to_yaml(each, show_secrets=True).splitlines() for each in masked]
    found = list(difflib.unified_diff(shown[0], shown[1], "cluster", "git", n=3, lineterm=""))
    return tuple(found[:_LINES_MOST])


def _masked(value: dict[str, Any]) -> dict[str, Any]:
    shown = mask(value)
    if value.get("kind") == "Secret" and isinstance(shown, dict):
        for field in ("data", "stringData"):
            if isinstance(shown.get(field), dict):
                # How long a secret is stays hidden here too.
                shown[field] = dict.fromkeys(shown[field], hidden())
    return shown if isinstance(shown, dict) else {}


def _told_apart(one: Any, other: Any, masked: Any, against: Any, depth: int = 0) -> Any:
    """Return the masked form of `one`, marked wherever it looks like that of `other` and is not the same."""
    if depth > DEPTH_MOST:
        return masked
    if all(isinstance(each, dict) for each in (one, other, masked, against)):
        return {
            key: _told_apart(one.get(key), other[key], value, against[key], depth + 1)
            if key in other and key in against
            else value
            for key, value in masked.items()
        }
    if all(isinstance(each, list) for each in (one, other, masked, against)) and len(one) == len(masked):
        return [
            _told_apart(one[place], other[place], value, against[place], depth + 1)
            if place < len(other) and place < len(against)
            else value
            for place, value in enumerate(masked)
        ]
    if masked == against and one != other and isinstance(masked, str):
        return masked.replace(hidden(), _DIFFERS) if hidden() in masked else f"{masked} (differs)"
    return masked


def _change(field: Field, *, secret: bool) -> Change:
    path = ""
    for step in field.path:
        path += step if step.startswith("[") else f".{step}"
    name = next((step for step in reversed(field.path) if not step.startswith("[")), "")
    named = field.path[-2] if len(field.path) > 1 and field.path[-1] == "value" else ""
    data = secret and field.path[:1] in (("data",), ("stringData",))

    def shown(value: Any) -> str | None:
        if value is ABSENT:
            return None
        if data:
            return hidden()
        if named.startswith("["):
            # The value of a variable is judged by the variable's name.
            value = mask({"name": named[1:-1], "value": value})["value"]
        else:
            value = mask(value, key=name)
        text = (
            value
            if isinstance(value, str)
            else to_yaml({"": value}, show_secrets=True).removeprefix("'':").strip()
        )
        return clean(text)[:_TEXT_MOST]

    return Change(clean(path.removeprefix(".")), shown(field.wanted), shown(field.live))


def _ordered(found: list[Difference]) -> list[Difference]:
    return sorted(
        found, key=lambda each: (_ORDER[each.action], each.kind, each.ref.namespace, each.ref.name, each.group)
    )
