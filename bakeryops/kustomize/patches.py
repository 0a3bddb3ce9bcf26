"""Patches: which objects they are for, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bakeryops.kustomize.documents import load_documents
from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.fields import boolean, mapping, text
from bakeryops.kustomize.jsonpatch import apply_operations
from bakeryops.kustomize.merge_keys import keys_of
from bakeryops.kustomize.resource import Resource, group_of
from bakeryops.kustomize.selectors import label_matcher
from bakeryops.kustomize.strategic import DELETED, strategic_merge

__all__ = ["apply_patch", "merge_patches"]

_TARGET = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")
_OPTIONS = ("allowNameChange", "allowKindChange")


def apply_patch(resources: list[Resource], entry: dict[str, Any], data: bytes) -> None:
    """Apply one entry of `patches` or `patchesJson6902`, whose text is `data`, to the objects it is for."""
    documents = [each for each in load_documents(data) if each is not None]
    target = entry.get("target")
    options = mapping(entry.get("options") or {}, "patches.options", _OPTIONS)
    if any(isinstance(each, list) for each in documents):
        if len(documents) > 1:
            raise KustomizeError("a JSON patch shares its text with other documents")
        if target is None:
            raise KustomizeError("must specify a target for JSON patch")
        for each in _targets(resources, target):
            each.value = _same_id(each, apply_operations(each.value, documents[0]), options)
        return
    if not documents:
        raise KustomizeError("unable to parse SM or JSON patch from an empty text")
    if target is None:
        merge_patches(resources, documents, options)
        return
    for each in _targets(resources, target):
        for patch in documents:
            _merge(each, _named(patch, required=False), options)
    resources[:] = [each for each in resources if not each.deleted]


def merge_patches(resources: list[Resource], documents: list[Any], options: dict[str, Any] | None = None) -> None:
    """Apply strategic merge patches to the objects whose kind and name they give."""
    for patch in documents:
        found = _named(patch, required=True)
        meta = found["metadata"]
        wanted = (group_of(found), str(found["kind"]), str(meta["name"]), str(meta.get("namespace") or ""))
        matching = [
            each
            for each in resources
            if any((known.group, known.kind, known.name, known.namespace) == wanted for known in each.ids())
        ]
        version = str(found["apiVersion"]).rpartition("/")[2]
        matching = [each for each in matching if each.id.version == version]
        if len(matching) != 1:
            shown = f"{wanted[1]}.{version}.{wanted[0] or '[noGrp]'}/{wanted[2]}.{wanted[3] or '[noNs]'}"
            problem = "multiple matches" if matching else "no matches"
            raise KustomizeError(
                f'no resource matches strategic merge patch "{shown}": {problem} for Id {shown}; '
                f"failed to find unique target for patch {shown}"
            )
        _merge(matching[0], found, options or {})
    resources[:] = [each for each in resources if not each.deleted]


def _named(patch: Any, *, required: bool) -> dict[str, Any]:
    if not isinstance(patch, dict):
        raise KustomizeError("unable to parse SM or JSON patch: a document is neither a map nor a list")
    meta = patch.get("metadata")
    complete = isinstance(meta, dict) and isinstance(meta.get("name"), str)
    for field in ("apiVersion", "kind"):
        complete = complete and isinstance(patch.get(field), str) and bool(patch[field])
    if required and not complete:
        raise KustomizeError(
            "a patch without target has no apiVersion, kind or metadata.name of the object it is for"
        )
    return patch


def _merge(each: Resource, patch: dict[str, Any], options: dict[str, Any]) -> None:
    kept = {key: each.value[key] for key in ("apiVersion", "kind")}
    name, namespace = each.metadata["name"], each.metadata.get("namespace")
    after = strategic_merge(each.value, patch, keys_of(each.value))
    if after is DELETED:
        each.deleted = True
        return
    if boolean(options, "allowNameChange", "patches.options") or boolean(
        options, "allowKindChange", "patches.options"
    ):
        raise KustomizeError("patches.options allowNameChange and allowKindChange are not supported here")
    if not isinstance(after.get("metadata"), dict):
        after["metadata"] = {}
    after.update(kept)
    after["metadata"]["name"] = name
    if namespace is None:
        after["metadata"].pop("namespace", None)
    else:
        after["metadata"]["namespace"] = namespace
    each.value = after


def _same_id(each: Resource, after: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    before = each.id
    changed = Resource(after)
    try:
        same = changed.id == before
    except (KeyError, TypeError, AttributeError):
        same = False
    if not same:
        raise KustomizeError(f"a JSON patch changes the kind, name or namespace of {before}: not supported here")
    return after


def _targets(resources: list[Resource], target: Any) -> list[Resource]:
    wanted = mapping(target, "patches.target", _TARGET)
    checks: list[Callable[[Resource], bool]] = []
    for field in ("group", "version", "kind", "name", "namespace"):
        pattern = _pattern(text(wanted, field, "patches.target"))
        if pattern is None:
            continue
        if field in ("name", "namespace"):
            checks.append(_by_any_id(field, pattern))
        else:
            checks.append(_by_id(field, pattern))
    for field, held in (("labelSelector", "labels"), ("annotationSelector", "annotations")):
        selector = text(wanted, field, "patches.target")
        if selector:
            checks.append(_by_labels(held, selector))
    return [each for each in resources if all(check(each) for check in checks)]


def _by_id(field: str, pattern: re.Pattern[str]) -> Callable[[Resource], bool]:
    return lambda each: pattern.fullmatch(getattr(each.id, field)) is not None


def _by_labels(held: str, selector: str) -> Callable[[Resource], bool]:
    matches = label_matcher(selector)
    return lambda each: matches(each.metadata.get(held) or {})


def _by_any_id(field: str, pattern: re.Pattern[str]) -> Callable[[Resource], bool]:
    return lambda each: any(pattern.fullmatch(getattr(known, field)) for known in each.ids())


def _pattern(wanted: str) -> re.Pattern[str] | None:
    if not wanted:
        return None
    if (
        len(wanted) > 300
        or len(re.findall(r"[*+{]", wanted)) > 4
        or re.search(r"[()*+?{]\)?[*+{]|\\[0-9pP]|\(\?", wanted)
    ):
        raise KustomizeError(f"the pattern {wanted!r} of a patch's target is not supported here")
    try:
        return re.compile(wanted.removeprefix("^").removesuffix("$"))
    except re.error:
        raise KustomizeError(f"error parsing regexp: {wanted}") from None
