"""What the programs of EventListeners say: lines of JSON, kept for the logs of their pods."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator

from bakeryops.demo.contracts import Clock, LogLine, Object
from bakeryops.demo.controllers.objects import key_of, micro_time

__all__ = ["Journal"]

_KEPT = 2000
"""Lines that are kept of each EventListener."""


class Journal:
    """The log of each EventListener, as its program writes it (zap's JSON)."""

    def __init__(self, clock: Clock) -> None:
        """Take the cluster's time, which stamps the lines."""
        self._clock = clock
        self._lines: dict[tuple[str, str], deque[LogLine]] = {}

    def say(
        self, listener: Object, message: str, *, level: str = "info", trigger: str = "", event: str = ""
    ) -> None:
        """Write a line about an EventListener; `event` is the id of the event it is about."""
        now = self._clock.now()
        key = key_of(listener)
        entry = {
            "level": level,
            "ts": micro_time(now),
            "logger": "eventlistener",
            "msg": message,
            "eventlistener": key[1],
            "namespace": key[0],
        }
        if event:
            entry["/triggers-eventid"] = event
        if trigger:
            entry["/trigger"] = trigger
        lines = self._lines.setdefault(key, deque(maxlen=_KEPT))
        lines.append(LogLine(now, json.dumps(entry, ensure_ascii=False).encode() + b"\n", "stdout"))

    def lines(self, namespace: str, name: str) -> Iterator[LogLine]:
        """Yield the lines kept of an EventListener, oldest first."""
        return iter(tuple(self._lines.get((namespace, name), ())))
