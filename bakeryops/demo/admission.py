"""What happens to an object between the request and the store: defaults, validation, admission, generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.demo.contracts import Object
from bakeryops.demo.resources import Resource

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["admit", "bump_generation", "complete", "intern", "validate"]


def complete(store: ObjectStore, resource: Resource, obj: Object, old: Object | None) -> None:
    """Fill in what the server fills in."""
    del store, old
    obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind


def validate(
    store: ObjectStore, resource: Resource, obj: Object, old: Object | None, subresource: str = ""
) -> None:
    """Refuse what is not valid; raises `StatusError` 422."""


def admit(store: ObjectStore, resource: Resource, obj: Object, old: Object | None) -> None:
    """Refuse what the rules of the namespace forbid; raises `StatusError` 403."""


def bump_generation(resource: Resource, old: Object, new: Object) -> Object:
    """Return the object with `metadata.generation` counted up when its spec changed."""
    if not (resource.generation or resource.custom):
        return new
    if resource.custom:
        parts = (new.keys() | old.keys()) - {"metadata", "status"}
        same = all(new.get(key) is old.get(key) for key in parts)
    else:
        same = new.get("spec") is old.get("spec")
    if same:
        return new
    meta = {**new["metadata"], "generation": old["metadata"].get("generation", 0) + 1}
    return {**new, "metadata": meta}


def intern(resource: Resource, obj: Object) -> Object:
    """Return the object with parts that equal those of other objects shared with them."""
    del resource
    return obj
