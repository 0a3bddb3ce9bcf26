"""The common part of Flux' smaller controllers: look, try, say how it went, look again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.flux.conditions import Draft
from bakeryops.demo.flux.durations import seconds_of
from bakeryops.demo.flux.loop import Loop, Outcome, Steps
from bakeryops.demo.flux.sources import SourceFault
from bakeryops.demo.flux.watching import add_finalizer, drop_finalizer, handle_token, token_of, watch

__all__ = ["Kind", "NotReadyError", "Steady", "Told"]

_INTERVAL = 600.0


class NotReadyError(Exception):
    """A reconcile failed; reason and message are those of Ready."""

    def __init__(self, reason: str, message: str) -> None:
        """Take both."""
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Kind:
    """What a controller looks after."""

    plural: str
    manager: str
    generation: bool = True
    """Whether its conditions carry the generation they speak of."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a reconcile ended well."""

    reason: str
    message: str
    event: str = ""
    """Reason of the Event, "" for none."""


class Steady(ABC):
    """A controller whose work on an object is one function."""

    def __init__(self, cluster: Cluster, kind: Kind) -> None:
        """Take the cluster and the kind."""
        self.cluster = cluster
        self.kind = kind
        self.loop = Loop(cluster.clock, self._reconcile)

    def start(self) -> None:
        """Follow the objects of the kind."""
        watch(self.cluster, self.kind.plural, self.loop)

    @abstractmethod
    def work(self, obj: Object, draft: Draft) -> Told:
        """Do the work and write into the draft; raises `NotReadyError` or `SourceFault`."""

    def skips(self, obj: Object) -> bool:
        """Tell whether an object gets no status at all."""
        return bool(obj["spec"].get("suspend"))

    def announce(self, obj: Object, draft: Draft) -> float:
        """Say in the draft what takes long, if anything does; returns the seconds it takes."""
        return 0.05

    def gone(self, obj: Object) -> None:  # noqa: B027 - most controllers leave nothing behind
        """Clear up after an object that is being deleted."""

    def wake(self, plural: str, name_of: str) -> None:
        """Look at what names, in the field `name_of` of its spec, an object of another kind when that changes."""

        def changed(change: str, other: Object, previous: Object | None) -> None:
            if previous is not None and previous.get("status") == other.get("status"):
                return
            for obj in self.cluster.store.list(self.kind.plural):
                reference = obj["spec"].get(name_of) or {}
                namespace = reference.get("namespace") or obj["metadata"]["namespace"]
                if (namespace, reference.get("name")) == key_of(other):
                    self.loop.add(key_of(obj))

        self.cluster.store.listen(plural, changed)

    def _reconcile(self, key: Key) -> Steps:
        obj = self.cluster.store.get(self.kind.plural, *key)
        if obj is None:
            return Outcome()
        if obj["metadata"].get("deletionTimestamp"):
            self.gone(obj)
            drop_finalizer(self.cluster, self.kind.plural, obj, self.kind.manager)
            return Outcome()
        if add_finalizer(self.cluster, self.kind.plural, obj, self.kind.manager):
            return Outcome(after=0.05)
        if self.skips(obj):
            return Outcome()
        draft = Draft(
            self.cluster, self.kind.plural, obj, manager=self.kind.manager, generation=self.kind.generation
        )
        observed, generation = draft.status.get("observedGeneration", 0), obj["metadata"]["generation"]
        if observed != generation:
            draft.progress(f"processing object: new generation {observed} -> {generation}", unsettle=False)
            draft.patch()
        elif token_of(obj) != draft.status.get("lastHandledReconcileAt", ""):
            draft.progress("reconciliation in progress", unsettle=False)
            draft.patch()
        seconds = self.announce(obj, draft)
        if seconds > 1.0:
            draft.patch()
        yield seconds
        handle_token(obj, draft.status)
        try:
            told = self.work(obj, draft)
        except (NotReadyError, SourceFault) as fault:
            if draft.get("Reconciling") is None:
                draft.progress("reconciliation in progress", unsettle=False)
            draft.set("Ready", "False", fault.reason, fault.message)
            draft.retrying()
            self._record(obj, "Warning", fault.reason, fault.message)
            draft.patch()
            return Outcome(backoff=True)
        draft.drop("Reconciling", "FetchFailed")
        draft.set("Ready", "True", told.reason, told.message)
        draft.status["observedGeneration"] = generation
        draft.patch()
        if told.event:
            self._record(obj, "Normal", told.event, told.message)
        return Outcome(after=seconds_of(obj["spec"].get("interval"), _INTERVAL))

    def _record(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.cluster.events.record(obj, kind, reason, message, component=self.kind.manager)
