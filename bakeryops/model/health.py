"""The six states anything can be in, each with a symbol so that colour is never needed."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["Health", "worst"]


class Health(StrEnum):
    """How something is; the value is the word used in JSON and the tone used on screen."""

    BAD = "bad"
    SOON = "soon"
    UNKNOWN = "unknown"
    WORKING = "working"
    HELD = "held"
    FINE = "fine"

    @property
    def symbol(self) -> str:
        """Return its one-cell symbol."""
        return _SYMBOL[self]

    @property
    def rank(self) -> int:
        """Return 0 for the worst up to 5 for fine."""
        return _RANK[self]


_SYMBOL = {
    Health.BAD: "✖",
    Health.SOON: "▲",
    Health.UNKNOWN: "○",
    Health.WORKING: "◐",
    Health.HELD: "⏸",
    Health.FINE: "✔",
}
_RANK = {health: rank for rank, health in enumerate(Health)}


def worst(healths: Iterable[Health], default: Health = Health.UNKNOWN) -> Health:
    """Return the worst of them, or `default` where there are none."""
    return min(healths, key=_RANK.__getitem__, default=default)
