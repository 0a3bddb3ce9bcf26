"""A hold: a service that builds are not to deploy until a person lifts it."""

from __future__ import annotations

import msgspec

__all__ = ["Hold"]


class Hold(msgspec.Struct, frozen=True):
    """Who holds a service and why; times are seconds since the epoch."""

    service: str
    owner: str
    reason: str
    since: float | None
    until: float | None = None
    """When it is over by itself, None for never."""
    job: str = ""

    def over(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.until is not None and now >= self.until
