"""Who else has a say in an object: Flux, which takes back what Git does not say, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeryops.cluster.dryrun import FLUX_MANAGER
from bakeryops.model.sync import Sync
from bakeryops.read.flux import trace
from bakeryops.units import format_age

__all__ = ["field_managers", "flux_owner", "git_owns", "undone_by", "when_again"]

_HELM = ("helm-controller", "helm")


def flux_owner(obj: Mapping[str, Any]) -> str:
    """Return the key of the Kustomization or HelmRelease that an object's labels name, "" for none."""
    labels = _mapping(obj, "metadata").get("labels")
    return trace({str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else None)


def field_managers(obj: Mapping[str, Any], *path: str) -> list[str]:
    """Return the names under which a field (`"spec", "replicas"`) is owned, as managedFields tells."""
    entries = _mapping(obj, "metadata").get("managedFields")
    found = []
    for each in entries if isinstance(entries, Sequence) and not isinstance(entries, str) else ():
        if not isinstance(each, Mapping):
            continue
        at: Any = each.get("fieldsV1")
        for step in path:
            at = at.get(f"f:{step}") if isinstance(at, Mapping) else None
        if at is not None:
            found.append(str(each.get("manager") or ""))
    return found


def git_owns(obj: Mapping[str, Any], *path: str) -> bool:
    """Return whether a field is one that Flux applies from Git, so that any other value is taken back."""
    return any(each in (FLUX_MANAGER, *_HELM) for each in field_managers(obj, *path))


def undone_by(sync: Sync, now: float) -> str:
    """Return who takes a change back, and when, as a sentence without its full stop."""
    return f"Flux {sync.kind} {sync.name} applies Git again {when_again(sync, now)} and takes it back"


def when_again(sync: Sync, now: float) -> str:
    """Return when an applier applies again: "in 7m", "when it is resumed", "within 10m"."""
    if sync.suspended:
        return "when it is resumed"
    if sync.next is not None and sync.next > now:
        return f"in {format_age(sync.next - now)}"
    return f"within {format_age(sync.interval)}" if sync.interval else "soon"


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
