"""Conditions as Flux' controllers keep them, and the two patches in which they write a status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.controllers.objects import condition
from bakeryops.demo.objects import copy_json

__all__ = ["Draft", "GoneError", "is_true"]

_FIRST = ("Stalled", "Reconciling", "Ready")


class GoneError(Exception):
    """The object that is being reconciled has been deleted."""


def is_true(obj: Object, kind: str) -> bool:
    """Tell whether a condition of an object is True."""
    return (condition(obj, kind) or {}).get("status") == "True"


class Draft:
    """The status of an object while a controller works on it; nothing is seen of it before `patch`."""

    def __init__(
        self, cluster: Cluster, plural: str, obj: Object, *, manager: str, generation: bool = True
    ) -> None:
        """Take the object as it is; `generation`: whether conditions carry the generation they speak of."""
        self._cluster = cluster
        self._plural = plural
        self._manager = manager
        self._with_generation = generation
        self.obj = obj
        """The object as it was when the reconcile began."""
        self.status: Object = copy_json(obj.get("status") or {})

    def get(self, kind: str) -> Object | None:
        """Return a condition as it will be written, or None."""
        return condition({"status": self.status}, kind)

    def is_true(self, kind: str) -> bool:
        """Tell whether a condition will be written as True."""
        return (self.get(kind) or {}).get("status") == "True"

    def set(self, kind: str, status: str, reason: str, message: str) -> None:
        """Set a condition; the time of its transition stays where nothing but the generation changes."""
        entry: Object = {
            "lastTransitionTime": self._cluster.stamp(),
            "message": message,
            "observedGeneration": self.obj["metadata"].get("generation", 1),
            "reason": reason,
            "status": status,
            "type": kind,
        }
        if not self._with_generation:
            del entry["observedGeneration"]
        before = self.get(kind)
        if before and all(before.get(field) == entry[field] for field in ("status", "reason", "message")):
            entry["lastTransitionTime"] = before["lastTransitionTime"]
        rest = [each for each in self.status.get("conditions") or () if each["type"] != kind]
        self.status["conditions"] = sorted([*rest, entry], key=_order)

    def drop(self, *kinds: str) -> None:
        """Take conditions away."""
        if "conditions" in self.status:
            self.status["conditions"] = [each for each in self.status["conditions"] if each["type"] not in kinds]

    def progress(self, message: str, *, unsettle: bool) -> None:
        """Say that work is under way; with `unsettle`, or where it was not known, Ready becomes Unknown too."""
        self.set("Reconciling", "True", "Progressing", message)
        ready = self.get("Ready")
        if unsettle or ready is None or ready["status"] == "Unknown":
            self.set("Ready", "Unknown", "Progressing", message)

    def retrying(self) -> None:
        """Say of work that failed that it will be tried again."""
        if (entry := self.get("Reconciling")) is not None:
            self.set("Reconciling", "True", "ProgressingWithRetry", entry["message"])

    def patch(self) -> None:
        """Write the conditions, then what else has changed; raises `GoneError` when the object is gone."""
        conditions = self.status.get("conditions")
        if conditions is not None:
            self._write({"conditions": conditions}, ())
        rest = {name: value for name, value in self.status.items() if name != "conditions"}
        gone = [name for name in self.obj.get("status") or () if name not in self.status]
        self._write(rest, gone)

    def _write(self, fields: dict[str, Any], gone: Iterable[str]) -> None:
        def change(obj: Object) -> Object:
            status = obj.setdefault("status", {})
            status.update(copy_json(fields))
            for name in gone:
                status.pop(name, None)
            return obj

        metadata = self.obj["metadata"]
        live = self._cluster.store.get(self._plural, metadata["namespace"], metadata["name"])
        if live is None or live["metadata"]["uid"] != metadata["uid"]:
            raise GoneError
        self._cluster.store.mutate(
            self._plural, metadata["namespace"], metadata["name"], change, manager=self._manager,
            subresource="status",
        )  # fmt: skip


def _order(entry: Object) -> tuple[int, str]:
    kind = entry["type"]
    return (_FIRST.index(kind) if kind in _FIRST else len(_FIRST), kind)
