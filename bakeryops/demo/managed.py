"""Field managers: who set which field last, as `metadata.managedFields` tells."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.fieldsets import FieldSet, diff, difference, tree, union
from bakeryops.demo.resources import Resource
from bakeryops.demo.table import encode

__all__ = ["apply_fields", "entry_of", "entry_order", "find_entry", "record", "without_fields", "write_entries"]

_TOP_IGNORED = frozenset(("apiVersion", "kind"))
_META_IGNORED = frozenset(
    ["name", "namespace", "uid", "creationTimestamp", "selfLink", "generation", "managedFields", "resourceVersion"]
)
_INTERNED: dict[bytes, FieldSet] = {}
_INTERN_LIMIT = 20_000


def record(
    resource: Resource,
    old: Object | None,
    new: Object,
    manager: str,
    now: str,
    *,
    subresource: str = "",
    operation: str = "Update",
    managed: list[Object] | None = None,
) -> Object:
    """Return `new` with its managed fields brought up to date; `managed` (server-side apply) replaces them.

    A caller may hand in other `managedFields` than the object had: they are taken as they are, then reckoned on.
    """
    if managed is not None:
        return write_entries(old, new, managed)
    del operation
    before = list(old["metadata"].get("managedFields") or ()) if old else []
    given = new["metadata"].get("managedFields")
    entries = [dict(each) for each in given] if given and any(given) else before
    if given is not None and not any(given):
        entries = []
    changed, removed = diff(_seen(old) if old else {}, _seen(new), resource.form)
    if changed or removed:
        entries = _reckon(entries, changed, removed, manager, resource.api_version, subresource, now)
    return write_entries(old, new, entries)


def write_entries(old: Object | None, new: Object, entries: list[Object]) -> Object:
    """Return the object with these managed fields; the very same when they are what it has."""
    meta = new["metadata"]
    if (meta.get("managedFields") or []) == entries:
        return new
    if old is not None and (old["metadata"].get("managedFields") or []) == entries:
        entries = old["metadata"].get("managedFields") or []
    fresh = {key: value for key, value in meta.items() if key != "managedFields"}
    if entries:
        fresh["managedFields"] = entries
    if old is not None and fresh == old["metadata"] and all(new.get(key) is old.get(key) for key in new | old
                                                           if key != "metadata"):  # fmt: skip
        return old
    return {**new, "metadata": fresh}


def entry_of(
    manager: str, operation: str, api_version: str, subresource: str, fields: FieldSet, now: str
) -> Object:
    """Return one entry of `managedFields`."""
    entry: dict[str, Any] = {
        "manager": manager,
        "operation": operation,
        "apiVersion": api_version,
        "time": now,
        "fieldsType": "FieldsV1",
        "fieldsV1": _intern(fields),
    }
    if subresource:
        entry["subresource"] = subresource
    return entry


def entry_order(entry: Object) -> tuple[str, str, str, str]:
    """Sort key of managed fields: applied ones first, then by time and manager."""
    words = ("operation", "time", "manager", "subresource")
    return tuple(str(entry.get(word) or "") for word in words)  # type: ignore[return-value]


def find_entry(entries: list[Object], manager: str, operation: str, subresource: str) -> Object | None:
    """Return the entry of a manager for one way of writing, or None."""
    for entry in entries:
        if (
            entry.get("manager") == manager
            and entry.get("operation") == operation
            and (entry.get("subresource") or "") == subresource
        ):
            return entry
    return None


def without_fields(entry: Object, *sets: FieldSet) -> Object | None:
    """Return an entry that no longer owns some fields; None when it owns nothing then."""
    fields: FieldSet | None = entry.get("fieldsV1") or {}
    for each in sets:
        if each and fields:
            fields = difference(fields, each)
    if not fields:
        return None
    return entry if fields is entry["fieldsV1"] else {**entry, "fieldsV1": _intern(fields)}


def apply_fields(resource: Resource, config: Object) -> FieldSet:
    """Return the fields that an applied configuration claims."""
    return tree(_seen(config), resource.form, containers=False)


def _reckon(
    entries: list[Object],
    changed: FieldSet,
    removed: FieldSet,
    manager: str,
    api_version: str,
    subresource: str,
    now: str,
) -> list[Object]:
    own = find_entry(entries, manager, "Update", subresource)
    kept = []
    for entry in entries:
        if entry is not own:
            left = without_fields(entry, changed, removed)
            if left is not None:
                kept.append(left)
    fields: FieldSet | None = own["fieldsV1"] if own else None
    if fields and removed:
        fields = difference(fields, removed)
    if changed:
        fields = union(fields, changed) if fields else changed
    if fields:
        kept.append(entry_of(manager, "Update", api_version, subresource, fields, now))
    kept.sort(key=entry_order)
    return kept


def _seen(obj: Object) -> Object:
    """Return the part of an object whose fields have managers."""
    seen = {key: value for key, value in obj.items() if key not in _TOP_IGNORED}
    meta = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _META_IGNORED}
    if meta:
        seen["metadata"] = meta
    else:
        seen.pop("metadata", None)
    return seen


def _intern(fields: FieldSet) -> FieldSet:
    """Share what is alike between objects: whole sets, or else the branches that name nothing of their own."""
    return _shared({key: _shared({name: _shared(below) for name, below in branch.items()}) if branch else branch
                    for key, branch in fields.items()})  # fmt: skip


def _shared(fields: FieldSet) -> FieldSet:
    raw = encode(fields)
    known = _INTERNED.get(raw)
    if known is None:
        if len(_INTERNED) >= _INTERN_LIMIT:
            _INTERNED.clear()
        known = _INTERNED[raw] = fields
    return known
