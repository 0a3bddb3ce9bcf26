"""States that objects of a cluster go through, reduced to what a person would call a change."""

from __future__ import annotations

from typing import Any

__all__ = ["Sequences", "state_of"]

Object = dict[str, Any]
_COUNTS = {
    "deployments": ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"),
    "replicasets": ("replicas", "readyReplicas", "availableReplicas"),
    "statefulsets": ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"),
    "jobs": ("active", "ready", "succeeded", "failed", "terminating"),
}


def _conditions(obj: Object) -> tuple[tuple[str, str, str], ...]:
    entries = (obj.get("status") or {}).get("conditions") or ()
    return tuple(sorted((each["type"], each["status"], each.get("reason", "")) for each in entries))


def _container(status: Object) -> tuple[Any, ...]:
    kind, state = next(iter((status.get("state") or {"waiting": {}}).items()))
    last = (status.get("lastState") or {}).get("terminated") or {}
    return (
        status["name"],
        kind,
        state.get("reason", ""),
        state.get("exitCode"),
        bool(status["ready"]),
        status["restartCount"],
        last.get("reason", ""),
    )


def state_of(plural: str, obj: Object) -> tuple[Any, ...]:
    """Return the significant part of an object."""
    status = obj.get("status") or {}
    if plural == "pods":
        containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
        return (
            status.get("phase"),
            status.get("reason", ""),
            bool(obj["metadata"].get("deletionTimestamp")),
            tuple(_container(each) for each in containers),
            _conditions(obj),
        )
    if plural == "persistentvolumeclaims":
        return (status.get("phase"), bool(obj["spec"].get("volumeName")))
    counts = tuple((name, status[name]) for name in _COUNTS[plural] if status.get(name))
    return (counts, _conditions(obj))


class Sequences:
    """The states of each object in the order they were seen; equal neighbours count once."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], list[str]] = {}
        self._states: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        self.gone: list[tuple[str, str]] = []

    def see(self, plural: str, change: str, obj: Object) -> None:
        """Take in a watch event."""
        name = obj["metadata"]["name"]
        owner = next((each["name"] for each in obj["metadata"].get("ownerReferences") or ()), "")
        group = (plural, owner.rpartition("-")[0] if plural == "pods" and "-" in owner else owner)
        known = self._names.setdefault(group, [])
        if name not in known:
            known.append(name)
        key = (plural, name)
        states = self._states.setdefault(key, [])
        if change == "DELETED":
            self.gone.append(key)
            return
        state = state_of(plural, obj)
        if not states or states[-1] != state:
            states.append(state)

    def of(self, plural: str) -> list[list[tuple[Any, ...]]]:
        """Return the sequences of a kind's objects, in the order the objects were first seen within their owner."""
        return [
            self._states[plural, name]
            for (kind, _), names in self._names.items()
            for name in names
            if kind == plural
        ]

    def names(self, plural: str) -> list[str]:
        """Return the names of a kind's objects, in the same order."""
        return [name for (kind, _), names in self._names.items() for name in names if kind == plural]
