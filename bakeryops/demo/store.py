"""The cluster's objects: one revision counter, copy-on-write, in-process watches.

Objects in the store are frozen: whoever wants a change calls `mutate`, whose function gets a copy.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from bakeryops.demo import admission, deletion
from bakeryops.demo import managed as managers
from bakeryops.demo.contracts import Clock, Object
from bakeryops.demo.objects import copy_json, meta_of, name_suffix, share, timestamp, uid
from bakeryops.demo.ownership import OwnerIndex
from bakeryops.demo.resources import Registry, Resource
from bakeryops.demo.status import already_exists, conflict, forbidden, not_found
from bakeryops.demo.table import Change, Entry, ObjectTable
from bakeryops.demo.webhooks import Webhook

__all__ = ["Listener", "ObjectStore", "object_key"]

Objects = list[Object]
Dependents = list[tuple[str, Object]]
Listener = Callable[[str, Object, Object | None], None]
"""Called with ADDED, MODIFIED or DELETED, the object, and the revision before it."""


def object_key(namespace: str | None, name: str) -> str:
    """Return the key that orders objects as etcd does."""
    return f"{namespace}/{name}" if namespace else name


class ObjectStore:
    """All objects of a cluster."""

    def __init__(self, clock: Clock, *, seed: int = 0, history: int = 5000) -> None:
        """Take the cluster's time; `history` is the number of changes kept for watches, for each kind."""
        self.clock = clock
        self.registry = Registry()
        self.revision = 1
        """The resourceVersion of the last change."""
        self.rng = random.Random(seed)
        self.webhooks: dict[str, Webhook] = {}
        """Webhooks of extensions by the API group they look after."""
        self._history = history
        self._tables: dict[str, ObjectTable] = {}
        self._owners = OwnerIndex()
        self._compacted = 0
        self._observers: list[Callable[[Resource, str, Object], None]] = []
        self._roles: set[str] = set()

    # ---- reading ----

    def table(self, plural: str) -> ObjectTable:
        """Return the table of a kind."""
        return self.table_of(self.registry.storage(plural))

    def table_of(self, resource: Resource) -> ObjectTable:
        """Return the table of a resource (of what it is an alias of)."""
        key = resource.alias_of or resource.key
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = ObjectTable(self._history)
            found.compact(self._compacted)
        return found

    def get(self, plural: str, namespace: str | None, name: str) -> Object | None:
        """Return an object, or None when it is not there."""
        entry = self.table(plural).get(object_key(namespace, name))
        return entry.obj if entry else None

    def list(self, plural: str, namespace: str | None = None, labels: Mapping[str, str] | None = None) -> Objects:
        """Return the objects of a kind in the order of their keys, of one namespace and with labels if given."""
        prefix = f"{namespace}/" if namespace else ""
        found = [entry.obj for entry in self.table(plural).scan(prefix)]
        if labels:
            wanted = labels.items()
            found = [obj for obj in found if wanted <= (meta_of(obj).get("labels") or {}).items()]
        return found

    def dependents(self, owner_uid: str) -> Dependents:
        """Return the objects that name an owner, each with the key of its kind."""
        found = []
        for plural, key in self._owners.of(owner_uid):
            entry = self.table(plural).get(key)
            if entry is not None:
                found.append((plural, entry.obj))
        return found

    def listen(self, plural: str, callback: Listener) -> Callable[[], None]:
        """Call back on each change of a kind, at once and in order; returns the way to end it."""

        def on_change(change: Change) -> None:
            callback(change.kind, change.entry.obj, change.previous.obj if change.previous else None)

        return self.table(plural).listen(on_change)

    def listen_all(self, callback: Callable[[Resource, str, Object], None]) -> None:
        """Call back on each change of any kind, those that are defined later included."""
        self._observers.append(callback)

    def claim(self, role: str) -> bool:
        """Return True to the first that asks for a role in this store, so that it is filled once."""
        if role in self._roles:
            return False
        self._roles.add(role)
        return True

    # ---- writing ----

    def create(
        self,
        plural: str,
        obj: Object,
        *,
        manager: str,
        namespace: str | None = None,
        dry_run: bool = False,
        operation: str = "Update",
        managed: Objects | None = None,
    ) -> Object:
        """Take a new object in: names it, fills in defaults, validates; raises `StatusError` as the API would."""
        resource = self.registry.storage(plural)
        fresh: Object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": {}}
        fresh.update((name, copy_json(value)) for name, value in obj.items() if name not in ("kind", "apiVersion"))
        meta = self._new_meta(resource, fresh, namespace)
        key = object_key(meta.get("namespace"), meta["name"])
        admission.complete(self, resource, fresh, None)

        def owned(obj: Object) -> Object:
            now = self.now_text()
            return managers.record(resource, None, obj, manager, now, operation=operation, managed=managed)

        webhook = self.webhooks.get(resource.group)
        if webhook is not None:
            # What a webhook adds is nobody's field.
            fresh = owned(fresh)
            webhook.complete(resource, fresh, None)
        admission.validate(self, resource, fresh, None)
        self._check_namespace(resource, meta)
        if self.table_of(resource).get(key) is not None:
            raise already_exists(resource.plural, resource.group, meta["name"])
        admission.admit(self, resource, fresh, None)
        if webhook is None:
            fresh = owned(fresh)
        if dry_run:
            return fresh
        return self._put(resource, key, admission.intern(resource, fresh))

    def mutate(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        change: Callable[[Object], Object | None],
        *,
        manager: str,
        subresource: str = "",
        dry_run: bool = False,
        operation: str = "Update",
        managed: Callable[[Object], Objects] | None = None,
        check: bool = True,
    ) -> Object | None:
        """Change an object: `change` gets a copy and returns it (None: leave it); no change bumps nothing.

        Returns the object as it is now, or None when there is none of that name; raises `StatusError` when the
        result is invalid. An object that is being deleted goes when its last finalizer is taken away.
        """
        resource = self.registry.storage(plural)
        key = object_key(namespace, name)
        entry = self.table_of(resource).get(key)
        if entry is None:
            return None
        old = entry.obj
        changed = change(_working_copy(old))
        if changed is None:
            return old
        self._keep_identity(old, changed)
        if check:
            admission.complete(self, resource, changed, old)
        fresh: Object = share(old, changed)
        if fresh is old and managed is None:
            return old
        if check:
            admission.validate(self, resource, fresh, old, subresource)
            admission.admit(self, resource, fresh, old)
        fresh = admission.bump_generation(resource, old, fresh)
        fresh = managers.record(
            resource, old, fresh, manager, self.now_text(), subresource=subresource, operation=operation,
            managed=managed(fresh) if managed else None,
        )  # fmt: skip
        if fresh is old or dry_run:
            return fresh
        if deletion.is_finished(resource, fresh):
            return self._drop(resource, key, fresh)
        return self._put(resource, key, fresh)

    def delete(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        *,
        propagation: str = "Background",
        grace: int | None = None,
        dry_run: bool = False,
    ) -> Object | None:
        """Delete an object, or begin to: pods wait for their grace period, others for their finalizers.

        `grace=0` is the final deletion of a pod by its kubelet. Returns the object as it is now or was last, None
        when there is none of that name.
        """
        resource = self.registry.storage(plural)
        key = object_key(namespace, name)
        entry = self.table_of(resource).get(key)
        if entry is None:
            return None
        fresh: Object = copy_json(entry.obj)
        gone = deletion.begin(self, resource, fresh, propagation, grace)
        if dry_run:
            return fresh
        if gone:
            return self._drop(resource, key, entry.obj)
        fresh = share(entry.obj, fresh)
        if fresh is entry.obj:
            return fresh
        return self._put(resource, key, fresh)

    def compact(self, revision: int | None = None) -> None:
        """Forget the past up to a revision (default: all of it); watches and pages from there on answer 410."""
        self._compacted = max(self._compacted, self.revision if revision is None else revision)
        for table in self._tables.values():
            table.compact(self._compacted)

    def now_text(self) -> str:
        """Return the cluster's time as the API writes it."""
        return timestamp(self.clock.now())

    # ---- within ----

    def _new_meta(self, resource: Resource, obj: Object, namespace: str | None) -> dict[str, Any]:
        meta: Object = obj.setdefault("metadata", {})
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = f"{meta['generateName']}{name_suffix(self.rng)}"
        meta.setdefault("name", "")
        if resource.namespaced:
            meta["namespace"] = namespace or meta.get("namespace") or "default"
        else:
            meta.pop("namespace", None)
        meta["uid"] = uid(self.rng)
        meta["creationTimestamp"] = self.now_text()
        for key in (
            "resourceVersion",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
        ):
            meta.pop(key, None)
        if resource.generation or resource.custom:
            meta["generation"] = 1
        return meta

    def _keep_identity(self, old: Object, changed: Object) -> None:
        before = meta_of(old)
        meta = changed.setdefault("metadata", {})
        wanted = meta.get("resourceVersion")
        if wanted and wanted != before["resourceVersion"]:
            raise conflict(*self._name_of(old))
        for key in ("name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation"):
            if key in before:
                meta[key] = before[key]
            else:
                meta.pop(key, None)
        changed["apiVersion"], changed["kind"] = old["apiVersion"], old["kind"]

    def _name_of(self, obj: Object) -> tuple[str, str, str]:
        resource = self.registry.owner(obj["apiVersion"], obj["kind"])
        plural, group = (resource.plural, resource.group) if resource else (obj["kind"].lower(), "")
        return plural, group, meta_of(obj)["name"]

    def _check_namespace(self, resource: Resource, meta: Object) -> None:
        if not resource.namespaced:
            return
        name = meta["namespace"]
        entry = self.table("namespaces").get(name)
        if entry is None:
            raise not_found("namespaces", "", name)
        if meta_of(entry.obj).get("deletionTimestamp"):
            why = f"unable to create new content in namespace {name} because it is being terminated"
            raise forbidden(resource.plural, resource.group, meta["name"], why)

    def _put(self, resource: Resource, key: str, obj: Object) -> Object:
        table = self.table_of(resource)
        before = table.get(key)
        entry = self._entry(key, obj)
        self._owners.replace(resource.key, key, before.obj if before else None, entry.obj)
        change = table.put(entry)
        self._tell(resource, change)
        return entry.obj

    def _drop(self, resource: Resource, key: str, obj: Object) -> Object:
        entry = self._entry(key, obj)
        self._owners.replace(resource.key, key, obj, None)
        self._tell(resource, self.table_of(resource).drop(entry))
        return entry.obj

    def _tell(self, resource: Resource, change: Change) -> None:
        for observer in self._observers:
            observer(resource, change.kind, change.entry.obj)

    def _entry(self, key: str, obj: Object) -> Entry:
        self.revision += 1
        fresh = dict(obj)
        fresh["metadata"] = {**obj["metadata"], "resourceVersion": str(self.revision)}
        return Entry(key, fresh, self.revision)


def _working_copy(obj: Object) -> Object:
    """Return a copy to change; the managed fields, which are only ever replaced as a whole, are shared."""
    meta = obj["metadata"]
    copied: Object = copy_json({**obj, "metadata": {key: meta[key] for key in meta if key != "managedFields"}})
    if "managedFields" in meta:
        copied["metadata"]["managedFields"] = meta["managedFields"]
    return copied
