"""A controller of objects that own their pods directly: it looks again when either changes."""

from __future__ import annotations

from typing import ClassVar

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Owned, Queue
from bakeryops.demo.controllers.objects import controller_uid, key_of

__all__ = ["PodOwnerController"]


class PodOwnerController:
    """Follows the objects of one kind and their pods, and queues those to be looked at."""

    PLURAL: ClassVar[str]
    """The kind."""
    DELAY: ClassVar[float]
    """Seconds between a change and the look at it."""

    def __init__(self, cluster: Cluster, pods: Owned) -> None:
        """Take the index of pods by their owner."""
        self._cluster = cluster
        self._pods = pods
        self._names: dict[str, Key] = {}
        self._queue = Queue(cluster.clock, self._sync, delay=self.DELAY)

    def start(self) -> None:
        """Follow the objects and their pods; those that are settled are left alone."""
        store = self._cluster.store
        for each in store.list(self.PLURAL):
            self._names[each["metadata"]["uid"]] = key_of(each)
            status = each.get("status") or {}
            if status.get("observedGeneration") != each["metadata"].get("generation"):
                self._queue.add(key_of(each))
        store.listen(self.PLURAL, self._changed)
        store.listen("pods", self._pod_changed)

    def _changed(self, change: str, obj: Object, previous: Object | None) -> None:
        if change == "DELETED":
            self._names.pop(obj["metadata"]["uid"], None)
            return
        self._names[obj["metadata"]["uid"]] = key_of(obj)
        if previous is None or previous.get("spec") is not obj.get("spec"):
            self._queue.add(key_of(obj))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        owner = self._names.get(controller_uid(pod))
        if owner is not None:
            self._queue.add(owner)

    def _sync(self, key: Key) -> None:
        """Bring the pods of one object to what it asks for."""
        raise NotImplementedError
