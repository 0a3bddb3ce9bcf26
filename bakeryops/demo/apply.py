"""Server-side apply: merging what a manager wants into what is there, and who gives way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.fieldsets import (
    FieldSet,
    contains,
    diff,
    difference,
    intersection,
    leaves,
    path_text,
    union,
)
from bakeryops.demo.managed import apply_fields, entry_of, entry_order, find_entry, without_fields
from bakeryops.demo.objects import copy_json
from bakeryops.demo.resources import Resource
from bakeryops.demo.schema import Shape
from bakeryops.demo.status import StatusError, bad_request, conflict

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["apply", "merge"]


def apply(
    store: ObjectStore,
    resource: Resource,
    namespace: str | None,
    name: str,
    config: Object,
    *,
    manager: str,
    force: bool = False,
    subresource: str = "",
    dry_run: bool = False,
) -> tuple[Object, bool]:
    """Apply a configuration; returns the object and whether it was created.

    Raises `StatusError`: 500 for a list that names an item twice; 409 with a cause for each field that another
    manager holds with another value.
    """
    if (config.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    twice = sorted(set(_duplicates(config, resource.form)))
    if twice:
        where = f"{namespace or ''}/{name}; {resource.api_version}, Kind={resource.kind}"
        told = twice[0] if len(twice) == 1 else "errors:" + "".join(f"\n  {each}" for each in twice)
        raise StatusError(500, "", f"failed to create typed patch object ({where}): {told}")
    fields = apply_fields(resource, config)
    live = store.get(resource.key, namespace, name)
    if live is None:
        entry = entry_of(manager, "Apply", resource.api_version, subresource, fields, store.now_text())
        created = store.create(
            resource.key, config, manager=manager, namespace=namespace, dry_run=dry_run, managed=[entry]
        )
        return created, True
    _check_revision(resource, live, config)
    entries: list[Object] = live["metadata"].get("managedFields") or []
    own = find_entry(entries, manager, "Apply", subresource)
    merged = merge(copy_json(live), config, resource.form)
    changed, _ = diff(live, merged, resource.form)
    changed.pop("f:apiVersion", None)
    others = [entry for entry in entries if entry is not own]
    conflicts = _conflicts(others, changed)
    if conflicts and not force:
        raise _conflict_error(conflicts)
    _remove_given_up(merged, resource.form, own, fields, others)
    lost = intersection(_union_of(others), changed) if others and changed else None

    def reckon(fresh: Object) -> list[Object]:
        kept = [left for entry in others if (left := without_fields(entry, lost or {})) is not None]
        unchanged = own is not None and own["fieldsV1"] == fields
        if unchanged and own is not None and fresh is live and len(kept) == len(others):
            return entries
        kept.append(entry_of(manager, "Apply", resource.api_version, subresource, fields, store.now_text()))
        kept.sort(key=entry_order)
        return kept

    fresh = store.mutate(
        resource.key, namespace, name, lambda _: merged, manager=manager, subresource=subresource,
        dry_run=dry_run, operation="Apply", managed=reckon,
    )  # fmt: skip
    return fresh or live, False


def _check_revision(resource: Resource, live: Object, config: Object) -> None:
    meta = config.get("metadata") or {}
    if meta.get("resourceVersion") and meta["resourceVersion"] != live["metadata"]["resourceVersion"]:
        raise conflict(resource.plural, resource.group, live["metadata"]["name"])
    if meta.get("uid") and meta["uid"] != live["metadata"]["uid"]:
        found = live["metadata"]["uid"]
        why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {found}"
        raise conflict(resource.plural, resource.group, live["metadata"]["name"], why)


def merge(live: Any, config: Any, shape: Shape) -> Any:
    """Return `live`, changed in place where it can be, with the values of `config` laid over it."""
    if isinstance(config, dict) and isinstance(live, dict) and not shape.atomic:
        for key, value in config.items():
            if value is None:
                continue
            inner = shape.child(key)
            live[key] = merge(live[key], value, inner) if key in live else copy_json(value)
        return live
    if isinstance(config, list) and isinstance(live, list) and shape.merges_list():
        known = {shape.item_key(item): index for index, item in enumerate(live)}
        for value in config:
            index = known.get(shape.item_key(value))
            if index is None:
                live.append(copy_json(value))
            else:
                live[index] = merge(live[index], value, shape.element)
        return live
    return copy_json(config)


def _duplicates(value: Any, shape: Shape, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield what is wrong with a configuration whose lists have two items of one key."""
    if isinstance(value, dict) and not shape.atomic:
        for key, item in value.items():
            yield from _duplicates(item, shape.child(key), (*path, f"f:{key}"))
    elif isinstance(value, list) and shape.merges_list():
        known: set[str] = set()
        for item in value:
            key = shape.item_key(item)
            if key in known:
                yield f"{path_text(path)}: duplicate entries for key {path_text((key,))}"
            known.add(key)
            yield from _duplicates(item, shape.element, (*path, key))


def _union_of(entries: list[Object]) -> FieldSet:
    total: FieldSet = {}
    for entry in entries:
        fields = entry.get("fieldsV1") or {}
        total = union(total, fields) if total and fields else (total or fields)
    return total


def _conflicts(others: list[Object], changed: FieldSet) -> list[tuple[Object, tuple[str, ...]]]:
    found: list[tuple[Object, tuple[str, ...]]] = []
    if not changed:
        return found
    for entry in others:
        both = intersection(entry.get("fieldsV1") or {}, changed) if entry.get("fieldsV1") else None
        if both is not None:
            found.extend((entry, path) for path in leaves(both))
    return found


def _manager_text(entry: Object) -> str:
    text = f'"{entry.get("manager", "")}"'
    if entry.get("subresource"):
        text += f' with subresource "{entry["subresource"]}"'
    if entry.get("operation") == "Update":
        text += f" using {entry.get('apiVersion', '')}"
    return text


def _conflict_error(conflicts: list[tuple[Object, tuple[str, ...]]]) -> StatusError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_manager_text(entry)}",
            "field": path_text(path),
        }
        for entry, path in conflicts
    ]
    if len(conflicts) == 1:
        entry, path = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {_manager_text(entry)}: {path_text(path)}"
    else:
        grouped: dict[str, list[str]] = {}
        for entry, path in conflicts:
            grouped.setdefault(_manager_text(entry), []).append(f"- {path_text(path)}")
        parts = [f"conflicts with {who}:\n" + "\n".join(paths) for who, paths in sorted(grouped.items())]
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)
    return StatusError(409, "Conflict", message, details={"causes": causes})


def _remove_given_up(
    merged: Object, shape: Shape, own: Object | None, fields: FieldSet, others: list[Object]
) -> None:
    """Take away what this manager applied last time, does not any more, and nobody else holds."""
    if own is None or not own.get("fieldsV1"):
        return
    gone = difference(own["fieldsV1"], fields)
    if not gone:
        return
    held = [entry.get("fieldsV1") or {} for entry in others]
    paths = sorted(leaves(gone), key=len)
    removed: list[tuple[str, ...]] = []
    for path in paths:
        if any(path[: len(above)] == above for above in removed):
            continue
        if contains(fields, path) or any(contains(each, path) for each in held):
            continue
        removed.append(path)
        _remove(merged, shape, path)


def _remove(value: Any, shape: Shape, path: tuple[str, ...]) -> None:
    """Remove the field at a path; a mapping or list that becomes empty goes too, but for the top level."""
    step = path[0]
    if isinstance(value, dict):
        key = step[2:]
        if key not in value:
            return
        if len(path) == 1:
            del value[key]
            return
        _remove(value[key], shape.child(key), path[1:])
        if value[key] in ({}, []):
            del value[key]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if shape.item_key(item) == step:
                if len(path) == 1:
                    del value[index]
                else:
                    _remove(item, shape.element, path[1:])
                return
