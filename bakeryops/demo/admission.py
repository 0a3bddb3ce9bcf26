"""What happens to an object between the request and the store: defaults, validation, admission, generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakeryops.demo import addresses, defaults, podsecurity, quotas, validation
from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.resources import Resource
from bakeryops.demo.status import invalid
from bakeryops.demo.table import encode
from bakeryops.demo.validation_custom import check_schema, schema_defaults

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["admit", "bump_generation", "complete", "intern", "validate"]

_INTERN_LIMIT = 20_000
_INTERNED: dict[bytes, Any] = {}


def complete(store: ObjectStore, resource: Resource, obj: Object, old: Object | None) -> None:
    """Fill in what the server fills in."""
    obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
    if resource.custom:
        if resource.shape is not None and resource.shape.rules:
            schema_defaults(obj, resource.shape.rules)
        if old is not None and (webhook := store.webhooks.get(resource.group)) is not None:
            webhook.complete(resource, obj, old)
        return
    if resource.key == "pods" and old is None:
        quotas.limit_range_defaults(store, obj)
    defaults.fill_in(resource, obj, old)
    if resource.key == "services":
        addresses.allot(store, obj, old)


def validate(
    store: ObjectStore, resource: Resource, obj: Object, old: Object | None, subresource: str = ""
) -> None:
    """Refuse what is not valid; raises `StatusError` 422, or 400 where a webhook refuses."""
    keys = (obj.keys() | old.keys()) - {"status"} if old is not None else set()
    if old is not None and not resource.custom and all(obj.get(key) is old.get(key) for key in keys):
        return
    validation.check_object(resource, obj, old, subresource)
    if resource.custom and resource.shape is not None and resource.shape.rules:
        causes = check_schema(obj, resource.shape.rules)
        if causes:
            raise invalid(resource.kind, resource.group, dig(obj, "metadata", "name") or "", causes)
    if resource.custom and (webhook := store.webhooks.get(resource.group)) is not None:
        webhook.check(resource, obj, old, subresource)


def admit(store: ObjectStore, resource: Resource, obj: Object, old: Object | None) -> None:
    """Refuse what the rules of the namespace forbid; raises `StatusError` 403."""
    if old is None and resource.namespaced:
        podsecurity.enforce(store, resource, obj)
        quotas.check_quota(store, resource, obj)


def bump_generation(resource: Resource, old: Object, new: Object) -> Object:
    """Return the object with `metadata.generation` counted up when its spec changed."""
    if not (resource.generation or resource.custom):
        return new
    if resource.custom:
        parts = (new.keys() | old.keys()) - {"metadata", "status"}
        same = all(new.get(key) is old.get(key) for key in parts)
    else:
        same = new.get("spec") is old.get("spec")
    if same or old["metadata"].get("generation") != new["metadata"].get("generation"):
        return new
    meta = {**new["metadata"], "generation": old["metadata"].get("generation", 0) + 1}
    return {**new, "metadata": meta}


def intern(resource: Resource, obj: Object) -> Object:
    """Return the object with parts that equal those of other objects shared with them: pods are many alike."""
    if resource.key != "pods":
        return obj
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return obj
    return {**obj, "spec": {key: _shared(value) for key, value in spec.items()}}


def _shared(value: Any) -> Any:
    if not isinstance(value, dict | list):
        return value
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = [_shared(item) for item in value]
    raw = encode(value)
    known = _INTERNED.get(raw)
    if known is None:
        if len(_INTERNED) >= _INTERN_LIMIT:
            _INTERNED.clear()
        known = _INTERNED[raw] = value
    return known
