"""Holds: services whose tag the pipeline leaves alone, from the ConfigMap that operators write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeryops.demo.objects import parse_time
from bakeryops.demo.store import ObjectStore

__all__ = ["HOLDS", "Hold", "read_hold", "read_holds"]

HOLDS = "bakery-holds"
"""Name of the ConfigMap in the namespace of the builds; a key for each service that is held."""


@dataclass(frozen=True)
class Hold:
    """Why and until when a service keeps the tag it has."""

    owner: str
    reason: str
    until: str
    """RFC 3339, "" where it holds until it is lifted."""

    def over(self, now: float) -> bool:
        """Tell whether its time has passed; one whose time cannot be read holds."""
        end = parse_time(self.until) if self.until else None
        return end is not None and end <= now

    def told(self, service: str, tag: str) -> str:
        """Return the line of update-tag about a service that it leaves at a tag."""
        until = f"until {self.until}" if self.until else "until lifted"
        return f"{service}: held by {self.owner} {until}: {self.reason}; left at {tag}"


def read_holds(store: ObjectStore, namespace: str) -> dict[str, Hold]:
    """Return the holds of a namespace by service, those that are over too."""
    found = store.get("configmaps", namespace, HOLDS) or {}
    data: Mapping[str, Any] = found.get("data") or {}
    return {service: read_hold(str(text)) for service, text in data.items()}


def read_hold(text: str) -> Hold:
    """Read one hold; an entry that cannot be read holds, as nobody can tell what it was to allow."""
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return Hold("somebody", "its entry cannot be read", "")
    owner, reason, until = (_plain(entry.get(key)) for key in ("owner", "reason", "until"))
    return Hold(owner or "somebody", reason or "no reason given", until)


def _plain(value: object) -> str:
    """Return text on one line, without what a terminal would obey."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(value or "")).split())
