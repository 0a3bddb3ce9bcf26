"""What the programs of EventListeners say: lines of JSON in the logs of their pods."""

from __future__ import annotations

import json

from bakeryops.demo.contracts import LogLine, Object
from bakeryops.demo.controllers import Cluster
from bakeryops.demo.controllers.objects import key_of, micro_time
from bakeryops.demo.controllers.pods import is_ready

__all__ = ["Journal"]


class Journal:
    """Writes the log of each EventListener, as its program does (zap's JSON)."""

    def __init__(self, cluster: Cluster) -> None:
        """Take the cluster, whose book the lines are written to."""
        self._cluster = cluster

    def say(
        self, listener: Object, message: str, *, level: str = "info", trigger: str = "", event: str = ""
    ) -> None:
        """Write a line about an EventListener; `event` is the id of the event it is about."""
        now = self._cluster.clock.now()
        namespace, name = key_of(listener)
        entry = {
            "level": level,
            "ts": micro_time(now),
            "logger": "eventlistener",
            "msg": message,
            "eventlistener": name,
            "namespace": namespace,
        }
        if event:
            entry["/triggers-eventid"] = event
        if trigger:
            entry["/trigger"] = trigger
        line = LogLine(now, json.dumps(entry, ensure_ascii=False).encode() + b"\n", "stdout")
        for pod in self.pods(namespace, name):
            if is_ready(pod):
                self._cluster.book.write(pod["metadata"]["uid"], pod["spec"]["containers"][0]["name"], [line])

    def pods(self, namespace: str, name: str) -> list[Object]:
        """Return the pods of an EventListener."""
        deployment = self._cluster.store.get("deployments.apps", namespace, f"el-{name}")
        if deployment is None:
            return []
        return self._cluster.store.list("pods", namespace, deployment["spec"]["selector"]["matchLabels"])
