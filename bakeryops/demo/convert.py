"""One stored object in its several served forms: other versions, the two event APIs, metadata only."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.resources import Resource

__all__ = ["event_from_new_api", "is_stored_form", "partial", "served"]

_RENAMED = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_RENAMED_BACK = {new: old for old, new in _RENAMED.items()}


def is_stored_form(resource: Resource, version: str) -> bool:
    """Say whether a version is served exactly as it is stored."""
    return not resource.alias_of and version == resource.version


def served(resource: Resource, version: str, obj: Object) -> Object:
    """Return the object as this resource and version serve it."""
    if is_stored_form(resource, version):
        return obj
    fresh = dict(obj)
    if resource.alias_of:
        fresh = {_RENAMED.get(key, key): value for key, value in obj.items()}
    fresh["apiVersion"], fresh["kind"] = resource.api_version_of(version), resource.kind
    return fresh


def event_from_new_api(obj: Object) -> Object:
    """Return an events.k8s.io Event in the form that is stored."""
    fresh = {_RENAMED_BACK.get(key, key): value for key, value in obj.items()}
    fresh["apiVersion"] = "v1"
    return fresh


def partial(obj: Object, meta_version: str = "v1") -> Object:
    """Return the PartialObjectMetadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{meta_version}",
        "metadata": obj["metadata"],
    }
