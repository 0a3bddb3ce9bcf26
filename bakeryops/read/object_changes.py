"""The objects that differ between what Flux builds of two commits, and what is dangerous about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from bakeryops.kustomize.merge_keys import Keys, keys_of
from bakeryops.model.object_change import ObjectChange
from bakeryops.model.overview import ObjectRef
from bakeryops.read.compare import ObjectKey, key_of
from bakeryops.read.compare_fields import ABSENT, DEPTH_MOST, Field, secret_data
from bakeryops.read.needs import plural_of
from bakeryops.text import clean
from bakeryops.units import parse_quantity

__all__ = ["object_changes"]

_FLUX = "kustomize.toolkit.fluxcd.io"
_ORDER = {"deleted": 0, "changed": 1, "created": 2}
_RED = frozenset(
    {
        ("apps", "StatefulSet"), ("", "PersistentVolumeClaim"), ("", "PersistentVolume"), ("", "Namespace"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    }
)  # fmt: skip
_WRAPPERS = frozenset({"spec", "template", "jobTemplate", "metadata"})
_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})
_MUTABLE_OF_SETS = frozenset(
    {
        "replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds", "revisionHistoryLimit",
    }
)  # fmt: skip
_FIXED: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("apps", "Deployment"): (("spec", "selector"),),
    ("apps", "DaemonSet"): (("spec", "selector"),),
    ("apps", "ReplicaSet"): (("spec", "selector"),),
    ("batch", "Job"): (("spec", "template"), ("spec", "selector"), ("spec", "completionMode")),
    ("rbac.authorization.k8s.io", "RoleBinding"): (("roleRef",),),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (("roleRef",),),
    ("storage.k8s.io", "StorageClass"): (
        ("provisioner",),
        ("parameters",),
        ("reclaimPolicy",),
        ("volumeBindingMode",),
    ),
}
_ADDRESSES = frozenset({"clusterIP", "clusterIPs"})
_CONTENT = frozenset({"data", "binaryData", "stringData", "immutable"})
_STORAGE = ("spec", "resources", "requests", "storage")
_MUTABLE_OF_CLAIMS = frozenset({"volumeAttributesClassName"})


def object_changes(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], *, prune: bool = True
) -> tuple[ObjectChange, ...]:
    """Return the objects that differ, deleted ones first; values stay out of it, whatever they are.

    Without `prune` Flux deletes nothing. Objects that Flux is told to leave alone are not changed.
    """
    old = {key_of(each): each for each in before}
    new = {key_of(each): each for each in after}
    found = [_deleted(key, each, prune) for key, each in old.items() if key not in new]
    for key, each in new.items():
        if _left_alone(each) or (key in old and _mark(each, "ssa") == "ifnotpresent"):
            continue
        if key not in old:
            found.append(_change(key, "created"))
        elif fields := _fields(key, old[key], each):
            fixed = _immutable(key, old[key], fields)
            found.append(_change(key, "changed", fields=_words(fields), immutable=fixed))
    return tuple(sorted(found, key=_order))


def _order(each: ObjectChange) -> tuple[Any, ...]:
    return (_ORDER[each.action], not each.red, each.kind, each.ref.namespace, each.ref.name)


def _deleted(key: ObjectKey, value: Mapping[str, Any], prune: bool) -> ObjectChange:
    kept = not prune or _mark(value, "prune") == "disabled" or _mark(value, "reconcile") == "disabled"
    return _change(key, "deleted", kept=kept, red=not kept and (key.group, key.kind) in _RED)


def _change(
    key: ObjectKey, action: str, *, fields: tuple[str, ...] = (), red: bool = False, kept: bool = False,
    immutable: str = "",
) -> ObjectChange:  # fmt: skip
    ref = ObjectRef(plural_of(clean(key.kind)), clean(key.namespace), clean(key.name))
    return ObjectChange(ref, clean(key.group), clean(key.kind), action, fields, red, kept, immutable)


def _left_alone(value: Mapping[str, Any]) -> bool:
    return _mark(value, "reconcile") == "disabled" or _mark(value, "ssa") == "ignore"


def _mark(value: Mapping[str, Any], name: str) -> str:
    """Return one of Flux' marks in small letters, from labels or annotations, ""."""
    metadata = value.get("metadata")
    for part in ("labels", "annotations"):
        marks = metadata.get(part) if isinstance(metadata, Mapping) else None
        if isinstance(marks, Mapping) and f"{_FLUX}/{name}" in marks:
            return str(marks[f"{_FLUX}/{name}"]).lower()
    return ""


def _fields(key: ObjectKey, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Field]:
    """Return the fields that differ, also those that only one side has."""
    old, new = dict(before), dict(after)
    if (key.group, key.kind) == ("", "Secret"):
        old, new = secret_data(old), secret_data(new)
    return list(_differing(old, new, keys_of(new), ()))


def _differing(old: Any, new: Any, keys: Keys, path: tuple[str, ...]) -> Iterator[Field]:
    """Yield what differs to the letter: both sides come from Git, so that nothing is a default of the server's."""
    if isinstance(old, dict) and isinstance(new, dict) and len(path) < DEPTH_MOST:
        for name in dict.fromkeys([*old, *new]):
            yield from _differing(old.get(name, ABSENT), new.get(name, ABSENT), keys, (*path, str(name)))
    elif isinstance(old, list) and isinstance(new, list) and len(path) < DEPTH_MOST:
        named = _by_name(old, new, keys.get(tuple(step for step in path if not step.startswith("["))))
        for name, one, other in named if named is not None else _by_place(old, new):
            yield from _differing(one, other, keys, (*path, f"[{name}]"))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Field(path, new, old)


def _by_place(old: list[Any], new: list[Any]) -> list[tuple[str, Any, Any]]:
    return [(str(place), *pair) for place, pair in enumerate(zip_longest(old, new, fillvalue=ABSENT))]


def _by_name(old: list[Any], new: list[Any], by: tuple[str, ...] | None) -> list[tuple[str, Any, Any]] | None:
    """Return the items of two lists side by side by what tells them apart, None where nothing does."""
    if not by or not all(isinstance(item, dict) for item in (*old, *new)):
        return None
    ones, others = ({tuple(str(item.get(key)) for key in by): item for item in items} for items in (old, new))
    if len(ones) < len(old) or len(others) < len(new):
        return None
    return [
        (name[0], ones.get(name, ABSENT), others.get(name, ABSENT)) for name in dict.fromkeys([*ones, *others])
    ]


def _words(fields: Iterable[Field]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean(_word(each.path))[:60] for each in fields))


def _word(path: tuple[str, ...]) -> str:
    """Return the short word for a field: what of a container it is, or what of the object."""
    steps = [step for step in path if not step.startswith("[")]
    while len(steps) > 1 and steps[0] in _WRAPPERS:
        steps = steps[1:]
    if len(steps) > 1 and steps[0] in _CONTAINERS:
        steps = steps[1:]
    return steps[0] if steps else "all of it"


def _immutable(key: ObjectKey, before: Mapping[str, Any], fields: Sequence[Field]) -> str:
    """Return the first field that the cluster will not let change, ""."""
    kind = (key.group, key.kind)
    if kind in (("", "ConfigMap"), ("", "Secret")) and before.get("immutable") is True:
        return next((each.path[0] for each in fields if each.path and each.path[0] in _CONTENT), "")
    for field in fields:
        plain = tuple(step for step in field.path if not step.startswith("["))
        if _is_fixed(kind, plain, field):
            shown = plain[:2] if plain[:1] == ("spec",) else plain[:1]
            return clean(".".join(shown))
    return ""


def _is_fixed(kind: tuple[str, str], path: tuple[str, ...], field: Field) -> bool:
    for fixed in _FIXED.get(kind, ()):
        if path[: len(fixed)] == fixed[: len(path)]:
            return True
    inner = path[1] if len(path) > 1 and path[0] == "spec" else ""
    if kind == ("apps", "StatefulSet"):
        return bool(inner) and inner not in _MUTABLE_OF_SETS
    if kind == ("", "Service"):
        # What is not written is given by the server, and stays.
        return inner in _ADDRESSES and field.wanted is not ABSENT
    if kind == ("", "PersistentVolumeClaim"):
        return bool(inner) and inner not in _MUTABLE_OF_CLAIMS and not _grows(path, field)
    return kind == ("", "Secret") and path == ("type",)


def _grows(path: tuple[str, ...], field: Field) -> bool:
    """Tell whether a claim asks for more space: that alone may be changed of it."""
    if path != _STORAGE or field.wanted is ABSENT or field.live is ABSENT:
        return False
    one, other = parse_quantity(str(field.live)), parse_quantity(str(field.wanted))
    return one is not None and other is not None and other > one
