"""Namespaces, prefixes and suffixes, and the references that follow them."""

from __future__ import annotations

from typing import Any

from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.references import PLACES, UNCLEAR, Place
from bakeryops.kustomize.resource import Resource, select

__all__ = ["add_affixes", "fix_references", "set_namespace"]

_KEEPS_NAME = ("CustomResourceDefinition", "APIService", "Namespace")


def set_namespace(resources: list[Resource], namespace: str) -> None:
    """Put every object that lives in a namespace into this one; a Namespace object takes its name."""
    for each in resources:
        if each.kind == "Namespace":
            _rename(each, namespace)
        elif each.namespaced:
            if each.namespace != namespace:
                each.remember()
                each.metadata["namespace"] = namespace
        elif each.kind in ("APIService", "CustomResourceDefinition"):
            _refuse_service(each)
        if each.kind in ("RoleBinding", "ClusterRoleBinding"):
            for subject in _subjects(each):
                if subject.get("kind") == "ServiceAccount" and subject.get("name") == "default":
                    subject["namespace"] = namespace
    seen: set[tuple[str, str, str, str]] = set()
    for each in resources:
        now = each.id
        key = (now.group, now.kind, now.namespace, now.name)
        if key in seen:
            raise KustomizeError(f"namespace transformation produces ID conflict: {now}")
        seen.add(key)


def _refuse_service(each: Resource) -> None:
    spec = each.value.get("spec")
    if isinstance(spec, dict) and (spec.get("service") or spec.get("conversion")):
        raise KustomizeError(f"namespace: the service that {each.id} names is not changed here")


def _subjects(each: Resource) -> list[dict[str, Any]]:
    subjects = each.value.get("subjects")
    return [subject for subject in subjects if isinstance(subject, dict)] if isinstance(subjects, list) else []


def _rename(each: Resource, name: str) -> None:
    if each.name != name:
        each.remember()
        each.metadata["name"] = name


def add_affixes(resources: list[Resource], prefix: str, suffix: str) -> None:
    """Put a prefix before and a suffix after every name that kustomize changes."""
    for each in resources:
        if prefix and each.kind not in _KEEPS_NAME:
            _rename(each, prefix + each.name)
            each.prefixes.append(prefix)
        if suffix and each.kind not in _KEEPS_NAME:
            _rename(each, each.name + suffix)
            each.suffixes.append(suffix)


def fix_references(resources: list[Resource]) -> None:
    """Let every reference follow the object that it named when it was written."""
    names: dict[str, dict[str, list[Resource]]] = {}
    for each in resources:
        for known in each.ids():
            held = names.setdefault(each.kind, {}).setdefault(known.name, [])
            if each not in held:
                held.append(each)
    for each in resources:
        for place in PLACES:
            if place.referrers is None or each.kind in place.referrers:
                _fix(each, place, names)
        for place in UNCLEAR:
            if place.referrers is None or each.kind in place.referrers:
                _refuse(each, place, names)


def _refuse(referrer: Resource, place: Place, names: dict[str, dict[str, list[Resource]]]) -> None:
    last = place.path[-1]
    for parent in select(referrer.value, place.path[:-1]):
        held = parent.get(last)
        found = _candidate(referrer, place, parent, held, names) if isinstance(held, str) else None
        if found is not None and found.name != held:
            raise KustomizeError(
                f"{referrer.id} names the {place.kinds[0]} {held}, which is renamed: "
                f"versions of kustomize differ in whether {last} follows; write the new name"
            )


def _fix(referrer: Resource, place: Place, names: dict[str, dict[str, list[Resource]]]) -> None:
    if not any(kind in names for kind in place.kinds):
        return
    for parent in select(referrer.value, place.path[:-1]):
        last = place.path[-1]
        held = parent.get(last)
        if isinstance(held, str):
            found = _candidate(referrer, place, parent, held, names)
            if found is not None:
                parent[last] = found.name
                if place.with_namespace and found.namespaced and found.namespace:
                    parent["namespace"] = found.namespace


def _candidate(
    referrer: Resource,
    place: Place,
    parent: dict[str, Any],
    name: str,
    names: dict[str, dict[str, list[Resource]]],
) -> Resource | None:
    kinds = (
        place.kinds if place.kind_field is None else tuple({str(parent.get(place.kind_field))} & {*place.kinds})
    )
    found = [each for kind in kinds for each in names.get(kind, {}).get(name, ())]
    spaces = {known.namespace for known in referrer.ids()}
    asked = parent.get("namespace") if place.with_namespace else None
    if isinstance(asked, str) and asked:
        spaces = {asked}
    if referrer.namespaced or asked:
        found = [each for each in found if not each.namespaced or _was_in(each, name, spaces)]
    if len(found) > 1:
        near = [
            each for each in found if each.prefixes == referrer.prefixes and each.suffixes == referrer.suffixes
        ]
        found = near or found
    if len({(each.name, each.namespace) for each in found}) > 1:
        raise KustomizeError(
            f"found multiple possible referrals for the {place.kinds[0]} {name!r} of {referrer.id}"
        )
    return found[0] if found else None


def _was_in(each: Resource, name: str, spaces: set[str]) -> bool:
    return any(known.name == name and known.namespace in spaces for known in each.ids())
