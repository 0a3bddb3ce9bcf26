"""Writing the status of a run, and the Events that go with a change of its condition."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import Cluster
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.tekton.podstate import Verdict
from bakeryops.demo.tekton.words import MANAGER, succeeded

__all__ = ["Reporter"]


class Reporter:
    """Writes statuses of one kind of run."""

    def __init__(self, cluster: Cluster, plural: str, component: str) -> None:
        """Take the kind, and the name by which its Events are reported."""
        self._cluster = cluster
        self._plural = plural
        self._component = component

    def event(self, run: Object, kind: str, reason: str, message: str) -> None:
        """Record an Event about a run."""
        self._cluster.events.record(run, kind, reason, message, component=self._component)

    def condition(self, verdict: Verdict, before: Object) -> Object:
        """Return the condition `Succeeded`; its time stays where nothing of it changes."""
        entry: Object = {
            "lastTransitionTime": self._cluster.stamp(),
            "message": verdict.message,
            "reason": verdict.reason,
            "status": verdict.status,
            "type": "Succeeded",
        }
        if all(before.get(field) == entry[field] for field in ("message", "reason", "status")):
            entry["lastTransitionTime"] = before["lastTransitionTime"]
        return entry

    def report(self, run: Object, status: Object, verdict: Verdict) -> Object | None:
        """Write a status with its condition, and tell of the change; returns the run as it is now."""
        before = succeeded(run)
        entry = self.condition(verdict, before)
        status["conditions"] = [entry]

        def change(obj: Object) -> Object:
            obj["status"] = status
            return obj

        found = self._cluster.store.mutate(
            self._plural, *key_of(run), change, manager=MANAGER, subresource="status", check=False
        )
        if entry["lastTransitionTime"] != before.get("lastTransitionTime") or before != entry:
            self._tell(run, verdict)
        return found

    def _tell(self, run: Object, verdict: Verdict) -> None:
        if verdict.status == "Unknown":
            self.event(run, "Normal", verdict.reason, verdict.message)
        elif verdict.status == "True":
            self.event(run, "Normal", "Succeeded", verdict.message)
        else:
            self.event(run, "Warning", "Failed", verdict.message)
