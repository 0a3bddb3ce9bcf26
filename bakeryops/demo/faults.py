"""Faults on demand: what goes wrong between a client and an API server, for tests and drills.

Used in-process (`server.faults.add(Fault("status", status=429, retry_after=2))`) or over `/_demo/faults`; see
docs/demo-control.md.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from itertools import count
from typing import Any

import msgspec

__all__ = ["ACTIONS", "STREAM_ACTIONS", "Fault", "Faults"]

REQUEST_ACTIONS = ("latency", "drop", "blackhole", "status", "html")
STREAM_ACTIONS = ("silent", "end", "cut", "truncate")
ACTIONS = (*REQUEST_ACTIONS, *STREAM_ACTIONS, "stall")

_DAY = 86_400
_RANGES = {
    "count": (1, 1_000_000_000),
    "probability": (0, 1),
    "seconds": (0, _DAY),
    "status": (200, 599),
    "retry_after": (0, _DAY),
    "after": (0, 1_000_000_000),
}


@dataclass(slots=True)
class Fault:
    """One rule: what happens to which requests, and how often."""

    action: str
    """latency, drop, blackhole, status, html; on streams silent, stall, end, cut (mid-line), truncate (exec)."""
    path: str = ""
    """Regular expression searched in the path; empty for any."""
    resource: str = ""
    """Plural, such as `pods` or `pods/log`; empty for any."""
    verb: str = ""
    """get, list, watch, create, update, patch, delete, deletecollection; empty for any."""
    user: str = ""
    """Name of the user; empty for any."""
    count: int | None = None
    """How many requests are hit before the rule is spent; None for no end."""
    probability: float = 1.0
    """Chance that a matching request is hit."""
    seconds: float = 0.0
    """Delay of `latency`."""
    status: int = 500
    """HTTP status of `status` and `html`."""
    reason: str = ""
    """Reason of the Status object; by default the one that goes with the status."""
    message: str = ""
    """Message of the Status object, or the HTML page."""
    retry_after: int | None = None
    """Retry-After in seconds."""
    after: int = 0
    """For streams: how many events or frames pass before the fault."""
    id: str = ""
    """Given by the server; the name under which the rule is taken away."""

    def takes(self, path: str, resource: str, verb: str, user: str) -> bool:
        """Say whether a request is one that the rule is about."""
        return (
            (not self.path or re.search(self.path, path) is not None)
            and (not self.resource or self.resource == resource)
            and (not self.verb or self.verb == verb)
            and (not self.user or self.user == user)
        )

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Fault:
        """Read a rule from JSON; raises ValueError for unknown names and for values of another type or range."""
        known = {each.name for each in fields(cls)}
        unknown = sorted(set(body) - known)
        if unknown:
            raise ValueError(f"unknown field {unknown[0]!r}; known: {', '.join(sorted(known))}")
        if body.get("action") not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        fault = msgspec.convert(body, cls)
        re.compile(fault.path)
        for name, (least, most) in _RANGES.items():
            value = getattr(fault, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} must be {least} to {most}")
        return fault

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        return asdict(self)


class Faults:
    """The rules in force, the counters of what was asked for, and the switches of the whole server."""

    def __init__(self, *, seed: int = 0) -> None:
        self._rules: dict[str, Fault] = {}
        self._ids = count(1)
        self._rng = random.Random(seed)
        self.requests: Counter[str] = Counter()
        """Requests taken in, by `verb resource`; never reset by the server itself."""
        self._running = asyncio.Event()
        self._running.set()
        self._fewer = asyncio.Event()
        """Set when rules were taken away."""
        self.cut: list[Callable[[], object]] = []
        """What ends the server's connections; see `drop_connections`."""

    def drop_connections(self) -> None:
        """Cut all connections of the servers that these faults belong to."""
        for each in self.cut:
            each()

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force."""
        fault.id = str(next(self._ids))
        self._rules[fault.id] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """Take a rule away; returns whether there was one of that id."""
        self._fewer.set()
        return self._rules.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Take all rules away and end a pause."""
        self._rules.clear()
        self._running.set()
        self._fewer.set()

    def rules(self) -> list[Fault]:
        """Return the rules in force."""
        return list(self._rules.values())

    def pick(
        self, actions: tuple[str, ...], path: str, resource: str = "", verb: str = "", user: str = ""
    ) -> list[Fault]:
        """Return the rules that hit this request, and count them as used."""
        hit = []
        for fault in list(self._rules.values()):
            if fault.action not in actions or not fault.takes(path, resource, verb, user):
                continue
            if fault.probability < 1.0 and self._rng.random() >= fault.probability:
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self._rules.pop(fault.id, None)
            hit.append(fault)
        return hit

    def silences(self, path: str, resource: str, verb: str, user: str) -> bool:
        """Say whether an open stream is to stay silent now (half-open connection, or a paused server)."""
        if self.paused:
            return True
        return any(
            fault.action == "silent" and fault.count is None and fault.takes(path, resource, verb, user)
            for fault in self._rules.values()
        )

    async def flowing(self, path: str, resource: str, verb: str, user: str) -> None:
        """Wait while a stream is stalled: what it has to say comes late, and all of it."""
        while any(each.action == "stall" and each.takes(path, resource, verb, user) for each in self.rules()):
            self._fewer.clear()
            await self._fewer.wait()

    @property
    def paused(self) -> bool:
        """Whether the server takes connections and answers nothing."""
        return not self._running.is_set()

    def pause(self) -> None:
        """Answer nothing any more, neither new requests nor open streams."""
        self._running.clear()

    def resume(self) -> None:
        """Answer again, what was held first."""
        self._running.set()

    async def running(self) -> None:
        """Wait until the server is not paused."""
        await self._running.wait()
