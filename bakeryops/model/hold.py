"""What people hold back: services that builds are not to deploy, suspended Flux objects, images set past Git."""

from __future__ import annotations

import msgspec

__all__ = ["CONFIG_MAP", "Hold", "Suspension", "WriteBack"]

CONFIG_MAP = "bakery-holds"
"""Name of the ConfigMap that keeps the holds, in the namespace of the builds."""

_CLOCKS = 60.0
"""Seconds by which two clocks may differ."""


class Hold(msgspec.Struct, frozen=True):
    """Who holds a service and why; times are seconds since the epoch."""

    service: str
    owner: str
    reason: str
    since: float | None
    until: float | None = None
    """When it is over by itself, None for never."""
    job: str = ""

    @property
    def mark(self) -> str:
        """What tells this hold from another one of the same service."""
        return f"{self.owner} {self.since} {self.job}"

    def over(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.until is not None and now >= self.until

    def at(self, moment: float) -> bool:
        """Return whether it held at a moment of the cluster's clock, from which that of its owner may differ."""
        return not self.over(moment) and (self.since is None or self.since <= moment + _CLOCKS)


class Suspension(msgspec.Struct, frozen=True):
    """Who suspended a Flux object and why; empty and None where it was suspended without bakeryops."""

    kind: str
    namespace: str
    name: str
    owner: str = ""
    reason: str = ""
    since: float | None = None
    until: float | None = None
    """When it was to be over; Flux itself does not know of that, and stays suspended."""

    def over(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.until is not None and now >= self.until


class WriteBack(msgspec.Struct, frozen=True):
    """An image that was set past Git, and waits to be written back to it."""

    service: str
    namespace: str
    """Namespace of the Kustomization that keeps the record."""
    name: str
    """Its name."""
    owner: str
    since: float | None
    tag: str
    """The tag that runs, else the digest."""
    git_tag: str
    """What Git said then."""
    reason: str = ""
    job: str = ""
