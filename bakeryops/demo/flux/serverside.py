"""What kustomize-controller does to the cluster: tries objects out, writes what differs, deletes what left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bakeryops.demo import strict
from bakeryops.demo.apply import apply
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.fieldsets import FieldSet, union
from bakeryops.demo.flux.order import Identity, identity_of
from bakeryops.demo.managed import entry_of, entry_order, find_entry
from bakeryops.demo.objects import copy_json
from bakeryops.demo.resources import Resource
from bakeryops.demo.status import StatusError

__all__ = ["MANAGER", "RejectedError", "ServerSide", "Trial", "plain"]

MANAGER = "kustomize-controller"
_GROUP = "kustomize.toolkit.fluxcd.io"
_VOLATILE = ("managedFields", "resourceVersion", "generation")
_HANDS = "kubectl"
"""Managers whose fields kustomize-controller takes over begin with this, so that edits by hand are undone."""


class RejectedError(Exception):
    """The API does not take an object; the text is the message of ReconciliationFailed."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What applying an object would do."""

    identity: Identity
    resource: Resource
    config: Object
    action: str
    """created, configured, unchanged, skipped; recreated where it has to be deleted first."""


class ServerSide:
    """Applies the objects of Kustomizations; what has not changed since the last trial costs next to nothing."""

    def __init__(self, cluster: Cluster) -> None:
        """Take the cluster to write to."""
        self._store = cluster.store
        self._cluster = cluster
        self._same: dict[str, tuple[Object, tuple[Any, ...]]] = {}

    def live(self, identity: Identity) -> Object | None:
        """Return an object of the cluster, None when it or its kind is not there."""
        resource = self._store.registry.owner(identity.api_version, identity.kind)
        if resource is None:
            return None
        return self._store.get(resource.key, identity.namespace or None, identity.name)

    def trial(self, config: Object, *, force: bool = False) -> Trial:
        """Tell what applying an object would do; raises `RejectedError`."""
        identity = identity_of(config)
        resource = self._store.registry.owner(identity.api_version, identity.kind)
        if resource is None:
            why = f'no matches for kind "{identity.kind}" in version "{identity.api_version}"'
            raise RejectedError(f"{identity.text} dry-run failed: {why}\n")
        if resource.namespaced and not identity.namespace:
            why = "the server could not find the requested resource"
            raise RejectedError(f"{identity.text} namespace not specified: {why}\n")
        live = self._store.get(resource.key, identity.namespace or None, identity.name)
        if live is not None:
            if _setting(live, config, "reconcile") == "disabled" or _setting(live, config, "ssa") == "Ignore":
                return Trial(identity, resource, config, "skipped")
            if _setting(live, config, "ssa") == "IfNotPresent":
                return Trial(identity, resource, config, "skipped")
            if self._is_same(live, config):
                return Trial(identity, resource, config, "unchanged")
        try:
            # A manifest in Git may have any form, which a server looks at before all else.
            strict.check(resource, identity.api_version.rpartition("/")[2], copy_json(config), "Strict")
            tried, _ = apply(
                self._store, resource, identity.namespace or None, identity.name, config, manager=MANAGER,
                force=True, dry_run=True,
            )  # fmt: skip
        except StatusError as error:
            forced = live is not None and (force or _setting(live, config, "force") == "enabled")
            if forced and error.code == 422 and "immutable" in error.message:
                return Trial(identity, resource, config, "recreated")
            raise _rejected(identity, error) from error
        if live is None:
            return Trial(identity, resource, config, "created")
        if _kept(live) or _drifted(live, tried):
            return Trial(identity, resource, config, "configured")
        self._remember(live, config)
        return Trial(identity, resource, config, "unchanged")

    def write(self, trial: Trial) -> None:
        """Do what a trial announced; raises `RejectedError`."""
        if trial.action in ("unchanged", "skipped"):
            return
        namespace, name = trial.identity.namespace or None, trial.identity.name
        try:
            if trial.action == "recreated":
                self._store.delete(trial.resource.key, namespace, name)
            else:
                self._take_over(trial)
            obj, _ = apply(self._store, trial.resource, namespace, name, trial.config, manager=MANAGER, force=True)
        except StatusError as error:
            raise RejectedError(f"{trial.identity.text} apply failed: {_told(trial.identity, error)}\n") from error
        self._remember(obj, trial.config)

    def delete(self, identity: Identity, owner: tuple[str, str]) -> str:
        """Delete what left the inventory of `owner` (namespace, name); returns deleted, skipped or ""."""
        resource = self._store.registry.owner(identity.api_version, identity.kind)
        live = self.live(identity)
        if resource is None or live is None or live["metadata"].get("deletionTimestamp"):
            return ""
        labels = live["metadata"].get("labels") or {}
        owned = (labels.get(f"{_GROUP}/namespace"), labels.get(f"{_GROUP}/name")) == owner
        kept = "disabled" in (_setting(live, {}, "prune"), _setting(live, {}, "reconcile"))
        if not owned or kept:
            return "skipped"
        self._store.delete(resource.key, identity.namespace or None, identity.name)
        self._same.pop(live["metadata"]["uid"], None)
        return "deleted"

    def _take_over(self, trial: Trial) -> None:
        """Make the fields that someone has set by kubectl this manager's own, so that applying removes them."""
        namespace, name = trial.identity.namespace or None, trial.identity.name
        live = self._store.get(trial.resource.key, namespace, name)
        if live is None or not (taken := _kept(live)):
            return

        def change(obj: Object) -> Object:
            entries = [each for each in obj["metadata"]["managedFields"] if each not in taken]
            own = find_entry(entries, MANAGER, "Apply", "")
            fields: FieldSet = own["fieldsV1"] if own else {}
            for each in taken:
                fields = union(fields, each.get("fieldsV1") or {})
            version, now = trial.resource.api_version, self._store.now_text()
            mine = entry_of(MANAGER, "Apply", version, "", fields, now)
            obj["metadata"]["managedFields"] = sorted([each for each in entries if each is not own] + [mine],
                                                      key=entry_order)  # fmt: skip
            return obj

        self._store.mutate(trial.resource.key, namespace, name, change, manager=MANAGER)

    def _is_same(self, live: Object, config: Object) -> bool:
        known = self._same.get(live["metadata"]["uid"])
        if known is None or known[0] is not config:
            return False
        parts = _parts(live)
        return len(parts) == len(known[1]) and all(
            one is other for one, other in zip(parts, known[1], strict=True)
        )

    def _remember(self, live: Object, config: Object) -> None:
        self._same[live["metadata"]["uid"]] = (config, _parts(live))


def _parts(live: Object) -> tuple[Any, ...]:
    """Return the parts of an object that a manifest can set; the store keeps those that do not change."""
    metadata = live["metadata"]
    names = sorted(live.keys() - {"metadata", "status", "apiVersion", "kind"})
    parts: list[Any] = [live[name] for name in names]
    return (*parts, metadata.get("labels"), metadata.get("annotations"), metadata.get("deletionTimestamp"))


def _setting(live: Object, config: Object, name: str) -> str:
    """Return a setting that an object carries as annotation or label."""
    for obj in (config, live):
        metadata = obj.get("metadata") or {}
        for place in ("annotations", "labels"):
            if value := (metadata.get(place) or {}).get(f"{_GROUP}/{name}"):
                return str(value)
    return ""


def _kept(live: Object) -> list[Object]:
    """Return what is owned by people who used kubectl."""
    return [
        each
        for each in live["metadata"].get("managedFields") or ()
        if str(each.get("manager") or "").startswith(_HANDS) and not each.get("subresource")
    ]


def _drifted(live: Object, tried: Object) -> bool:
    def seen(obj: Object) -> Object:
        metadata = {name: value for name, value in obj["metadata"].items() if name not in _VOLATILE}
        return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}

    return seen(live) != seen(tried)


def _rejected(identity: Identity, error: StatusError) -> RejectedError:
    reason = f" ({error.reason})" if error.reason else ""
    return RejectedError(f"{identity.text} dry-run failed{reason}: {_told(identity, error)}\n")


def _told(identity: Identity, error: StatusError) -> str:
    """Return what is wrong; what the API says of a Secret may hold what is in it, and is not repeated."""
    if identity.kind == "Secret" and error.code not in (403, 404):
        return f'Secret "{identity.name}" is invalid'
    return error.message


def plain(obj: Object) -> Object:
    """Return a manifest as it is applied: without status and what only a server may set."""
    cleaned: Object = copy_json({name: value for name, value in obj.items() if name != "status"})
    metadata = cleaned.setdefault("metadata", {})
    for name in ("creationTimestamp", "resourceVersion", "uid", "generation", "managedFields", "selfLink"):
        metadata.pop(name, None)
    return cleaned
