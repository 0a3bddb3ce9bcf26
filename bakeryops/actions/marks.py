"""What a change leaves on the objects it changes, for others to see."""

from __future__ import annotations

import time

from bakeryops.jobs.step import At
from bakeryops.text import clean

__all__ = ["LAST_ACTION", "PREFIX", "marks", "stamp"]

PREFIX = "bakeryops.dev/"
LAST_ACTION = f"{PREFIX}last-action"


def stamp(when: float) -> str:
    """Return a time (seconds since the epoch) as RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def marks(at: At) -> dict[str, str]:
    """Return the annotations that say which action of whose job changed an object last."""
    return {LAST_ACTION: clean(f"{at.plan.action} by {at.who} at {stamp(at.now())}, job {at.job}")[:500]}
