"""Kubernetes Events: written, counted when they repeat, and gone after five minutes as MicroK8s keeps them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakeryops.demo.contracts import Clock, Object
from bakeryops.demo.controllers.objects import micro_time, timestamp
from bakeryops.demo.status import StatusError

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["EVENT_SECONDS", "Recorder"]

EVENT_SECONDS = 300.0
"""How long an Event is kept after its last change (MicroK8s runs its API server with --event-ttl=5m)."""
_MEMORY = 4096
"""How many different Events are remembered for counting; the oldest is forgotten first."""


class Recorder:
    """Writes Events as the components of a cluster do, one object for all repetitions."""

    def __init__(self, store: ObjectStore, clock: Clock, node: str) -> None:
        """Take the store to write to and the name of the node, the kubelet's host."""
        self._store = store
        self._clock = clock
        self._node = node
        self._known: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._last: dict[tuple[str, str], float] = {}
        self._sweeping = False

    def adopt(self) -> None:
        """Take in the Events that are in the store already, so that they expire like any other."""
        now = self._clock.now()
        for event in self._store.list("events"):
            metadata = event["metadata"]
            self._last[metadata.get("namespace") or "", metadata["name"]] = now
        self._sweep_later()

    def record(
        self,
        about: Object,
        kind: str,
        reason: str,
        message: str,
        *,
        component: str,
        field_path: str = "",
        age: float = 0.0,
        times: int = 1,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Write an Event of type `kind` (Normal, Warning) about an object, or count it once more.

        `component` is the reporting controller; "kubelet" adds the host. With `age` and `times` an Event of the
        past is written, `times` occurrences over the last `age` seconds. `annotations` are those of the Event when
        it is written first.
        """
        metadata = about["metadata"]
        known = (metadata["uid"], kind, reason, message, component, field_path)
        namespace = metadata.get("namespace") or "default"
        name = self._known.get(known)
        if name is not None and self._count(namespace, name):
            return
        now = self._clock.now()
        name = self._free_name(namespace, metadata["name"], int((now - age) * 1e9))
        involved = {
            "kind": about["kind"],
            "namespace": metadata.get("namespace"),
            "name": metadata["name"],
            "uid": metadata["uid"],
            "apiVersion": about["apiVersion"],
            "resourceVersion": metadata.get("resourceVersion"),
            "fieldPath": field_path,
        }
        event: Object = {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {field: value for field, value in involved.items() if value},
            "reason": reason,
            "type": kind,
        }
        if message:
            event["message"] = message
        if annotations:
            event["metadata"]["annotations"] = dict(annotations)
        if component == "default-scheduler":
            event |= {
                "source": {},
                "firstTimestamp": None,
                "lastTimestamp": None,
                "eventTime": micro_time(now - age),
                "action": "Binding" if reason == "Scheduled" else "Scheduling",
                "reportingComponent": component,
                "reportingInstance": f"{component}-{self._node}",
            }
        else:
            on_node = component == "kubelet"
            event |= {
                "source": {"component": component, "host": self._node} if on_node else {"component": component},
                "firstTimestamp": timestamp(now - age),
                "lastTimestamp": timestamp(now),
                "count": times,
                "eventTime": None,
                "reportingComponent": component,
                "reportingInstance": self._node if on_node else "",
            }
        try:
            self._store.create("events", event, manager=component, namespace=namespace)
        except StatusError:
            # A namespace that is being deleted takes no Events; a real component drops them too.
            return
        self._known[known] = name
        if len(self._known) > _MEMORY:
            self._known.popitem(last=False)
        self._last[namespace, name] = now
        self._sweep_later()

    def _count(self, namespace: str, name: str) -> bool:
        now = self._clock.now()

        def once_more(event: Object) -> Object:
            if event.get("eventTime"):
                series = dict(event.get("series") or {"count": 1})
                series |= {"count": series["count"] + 1, "lastObservedTime": micro_time(now)}
                event["series"] = series
            else:
                event["count"] = (event.get("count") or 1) + 1
                event["lastTimestamp"] = timestamp(now)
            return event

        if self._store.get("events", namespace, name) is None:
            return False
        self._store.mutate("events", namespace, name, once_more, manager="kubelet")
        self._last[namespace, name] = now
        return True

    def _free_name(self, namespace: str, about: str, number: int) -> str:
        while self._store.get("events", namespace, f"{about}.{number:x}") is not None:
            number += 1
        return f"{about}.{number:x}"

    def _sweep_later(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self._clock.call_later(EVENT_SECONDS / 10, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        old = self._clock.now() - EVENT_SECONDS
        for key in [key for key, last in self._last.items() if last <= old]:
            del self._last[key]
            self._store.delete("events", *key)
        if self._last:
            self._sweep_later()
