"""Garbage collection: dependents of deleted owners, foreground and orphaning deletions, dying namespaces."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.deletion import FOREGROUND, ORPHAN
from bakeryops.demo.resources import Resource
from bakeryops.demo.store import ObjectStore

__all__ = ["install"]

_MANAGER = "kube-controller-manager"
_DELAY = 0.05
"""Cluster seconds between an event and what the collector does about it."""
_NAMESPACE_FINALIZER = "kubernetes"


def install(store: ObjectStore) -> None:
    """Collect garbage from now on; harmless when called again."""
    if store.claim("garbage-collector"):
        _Collector(store)


class _Collector:
    """Follows every kind and acts a moment later, as the controllers do."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._pending_namespaces: set[str] = set()
        store.listen_all(self._on_change)

    def _on_change(self, resource: Resource, kind: str, obj: Object) -> None:
        meta = obj["metadata"]
        if kind == "DELETED":
            self._owner_changed(meta["uid"], obj)
            if resource.namespaced:
                self._namespace_emptied(meta["namespace"])
            return
        if not meta.get("deletionTimestamp"):
            return
        if resource.key == "namespaces":
            self._namespace_emptied(meta["name"])
        finalizers = meta.get("finalizers") or ()
        if FOREGROUND in finalizers or ORPHAN in finalizers:
            self._store.clock.call_later(_DELAY, lambda: self._finish(resource.key, meta, ORPHAN in finalizers))

    def _owner_changed(self, uid: str, owner: Object) -> None:
        if self._store.dependents(uid):
            self._store.clock.call_later(_DELAY, lambda: self._collect(uid))
        for reference in owner["metadata"].get("ownerReferences") or ():
            self._foreground_owner(reference, owner["metadata"].get("namespace"))

    def _foreground_owner(self, reference: Object, namespace: str | None) -> None:
        """A dependent is gone: its owner may have waited for that."""
        resource = self._store.registry.owner(reference.get("apiVersion", ""), reference.get("kind", ""))
        if resource is None:
            return
        owner = self._store.get(resource.key, namespace if resource.namespaced else None, reference["name"])
        if owner is not None and FOREGROUND in (owner["metadata"].get("finalizers") or ()):
            meta = owner["metadata"]
            self._store.clock.call_later(_DELAY, lambda: self._finish(resource.key, meta, False))

    def _collect(self, uid: str) -> None:
        """Delete what has no owner left; take the lost owner out of what has others."""
        for plural, obj in self._store.dependents(uid):
            meta = obj["metadata"]
            left = [each for each in meta.get("ownerReferences") or () if self._owner_exists(each, meta)]
            if not left:
                self._store.delete(plural, meta.get("namespace"), meta["name"])
            else:
                self._drop_owner(plural, meta, uid)

    def _owner_exists(self, reference: Object, meta: Object) -> bool:
        resource = self._store.registry.owner(reference.get("apiVersion", ""), reference.get("kind", ""))
        if resource is None:
            return False
        owner = self._store.get(
            resource.key, meta.get("namespace") if resource.namespaced else None, reference["name"]
        )
        return owner is not None and owner["metadata"]["uid"] == reference["uid"]

    def _drop_owner(self, plural: str, meta: Object, uid: str) -> None:
        def change(obj: Object) -> Object:
            kept = [each for each in obj["metadata"].get("ownerReferences") or () if each["uid"] != uid]
            if kept:
                obj["metadata"]["ownerReferences"] = kept
            else:
                obj["metadata"].pop("ownerReferences", None)
            return obj

        self._store.mutate(plural, meta.get("namespace"), meta["name"], change, manager=_MANAGER)

    def _finish(self, plural: str, meta: Object, orphan: bool) -> None:
        """Do what the finalizer of a deletion is for, then take it away."""
        store = self._store
        owner = store.get(plural, meta.get("namespace"), meta["name"])
        if owner is None or owner["metadata"]["uid"] != meta["uid"]:
            return
        dependents = store.dependents(meta["uid"])
        if orphan:
            for kind, obj in dependents:
                self._drop_owner(kind, obj["metadata"], meta["uid"])
        else:
            blocking = False
            for kind, obj in dependents:
                inner = obj["metadata"]
                references = [each for each in inner["ownerReferences"] if each["uid"] == meta["uid"]]
                blocking = blocking or any(each.get("blockOwnerDeletion") for each in references)
                if not inner.get("deletionTimestamp"):
                    store.delete(kind, inner.get("namespace"), inner["name"], propagation="Foreground")
            if blocking and store.dependents(meta["uid"]):
                return
        finalizer = ORPHAN if orphan else FOREGROUND

        def change(obj: Object) -> Object:
            kept = [each for each in obj["metadata"].get("finalizers") or () if each != finalizer]
            if kept:
                obj["metadata"]["finalizers"] = kept
            else:
                obj["metadata"].pop("finalizers", None)
            return obj

        store.mutate(plural, meta.get("namespace"), meta["name"], change, manager=_MANAGER, check=False)

    def _namespace_emptied(self, name: str) -> None:
        namespace = self._store.get("namespaces", None, name)
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            return
        if name not in self._pending_namespaces:
            self._pending_namespaces.add(name)
            self._store.clock.call_later(_DELAY, lambda: self._empty_namespace(name))

    def _empty_namespace(self, name: str) -> None:
        """Delete what is in a dying namespace; let it go when nothing is left."""
        self._pending_namespaces.discard(name)
        store = self._store
        namespace = store.get("namespaces", None, name)
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            return
        left = 0
        for resource in list(store.registry):
            if not resource.namespaced or resource.alias_of or resource.computed:
                continue
            for obj in store.list(resource.key, name):
                meta = obj["metadata"]
                if not meta.get("deletionTimestamp"):
                    store.delete(resource.key, name, meta["name"])
                left += store.get(resource.key, name, meta["name"]) is not None
        if left:
            return

        def release(obj: Object) -> Object:
            kept = [each for each in obj.get("spec", {}).get("finalizers") or () if each != _NAMESPACE_FINALIZER]
            obj["spec"] = {**obj.get("spec", {}), "finalizers": kept}
            return obj

        store.mutate("namespaces", None, name, release, manager=_MANAGER, check=False)
