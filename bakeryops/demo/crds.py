"""CustomResourceDefinitions: taking them in, serving their kinds, taking them away."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.resources import ALL_VERBS, Resource, version_rank
from bakeryops.demo.schema import custom_shape
from bakeryops.demo.store import ObjectStore

__all__ = ["install", "resource_of"]

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_MANAGER = "kube-apiserver"
assert set(_VERBS) == set(ALL_VERBS)


def install(store: ObjectStore) -> None:
    """Serve the kinds of the definitions that are there and of those to come; harmless when called again."""
    if not store.claim("crds"):
        return

    def on_change(kind: str, obj: Object, previous: Object | None) -> None:
        del previous
        if kind == "DELETED":
            _withdraw(store, obj)
        elif obj["metadata"].get("deletionTimestamp"):
            _clean_up(store, obj)
        else:
            _establish(store, obj)

    for obj in store.list(_CRDS):
        _establish(store, obj)
    store.listen(_CRDS, on_change)


def resource_of(definition: Object) -> Resource:
    """Return the resource that a definition defines."""
    spec = definition["spec"]
    names = spec["names"]
    versions = sorted(
        (each for each in spec["versions"] if each.get("served")), key=lambda v: version_rank(v["name"])
    )
    stored: dict[str, Any] = next((each for each in spec["versions"] if each.get("storage")), spec["versions"][0])
    subresources = tuple(sorted({name for each in versions for name in each.get("subresources") or {}}))
    schema = dig(stored, "schema", "openAPIV3Schema") or {}
    return Resource(
        plural=names["plural"],
        kind=names["kind"],
        group=spec["group"],
        versions=tuple(each["name"] for each in versions),
        namespaced=spec.get("scope") != "Cluster",
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=subresources,
        verbs=_VERBS,
        custom=True,
        storage_version=stored["name"],
        list_kind=names.get("listKind") or f"{names['kind']}List",
        shape=custom_shape(schema),
        definition=definition,
    )


def _establish(store: ObjectStore, definition: Object) -> None:
    """Serve the kind at once and say so in the status."""
    known = store.registry.known(definition["metadata"]["name"])
    if known is None or known.definition is None or known.definition["spec"] is not definition["spec"]:
        store.registry.add(resource_of(definition))
    held = {each.get("type") for each in dig(definition, "status", "conditions") or () if each["status"] == "True"}
    if {"Established", "NamesAccepted"} <= held:
        return
    now = store.now_text()

    def accept(obj: Object) -> Object:
        names = {"listKind": f"{obj['spec']['names']['kind']}List", **obj["spec"]["names"]}
        obj["status"] = {
            "conditions": [
                _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
                _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
            ],
            "acceptedNames": names,
            "storedVersions": [each["name"] for each in obj["spec"]["versions"] if each.get("storage")],
        }
        return obj

    store.mutate(_CRDS, None, definition["metadata"]["name"], accept, manager=_MANAGER, subresource="status")


def _condition(kind: str, reason: str, message: str, now: str) -> Object:
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}


def _clean_up(store: ObjectStore, definition: Object) -> None:
    """Delete the objects of a kind that goes; the definition goes with the last of them."""
    name = definition["metadata"]["name"]
    if _FINALIZER not in (definition["metadata"].get("finalizers") or ()):
        return
    resource = store.registry.known(name)
    if resource is not None:
        for obj in store.list(name):
            if not obj["metadata"].get("deletionTimestamp"):
                store.delete(name, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        if store.list(name):
            store.clock.call_later(1.0, lambda: _retry(store, name))
            return
    _release(store, name)


def _retry(store: ObjectStore, name: str) -> None:
    definition = store.get(_CRDS, None, name)
    if definition is not None and definition["metadata"].get("deletionTimestamp"):
        _clean_up(store, definition)


def _release(store: ObjectStore, name: str) -> None:
    def release(obj: Object) -> Object:
        kept = [each for each in obj["metadata"].get("finalizers") or () if each != _FINALIZER]
        obj["metadata"]["finalizers"] = kept
        return obj

    store.mutate(_CRDS, None, name, release, manager=_MANAGER, check=False)


def _withdraw(store: ObjectStore, definition: Object) -> None:
    name = definition["metadata"]["name"]
    resource = store.registry.known(name)
    if resource is not None:
        for obj in store.list(name):
            store.delete(name, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        store.registry.remove(name)
