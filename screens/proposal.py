"""What a screen proposes to do: how its plan is computed, and how to tell that it still holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bakeryops.model.plan import Plan

__all__ = ["Make", "Option", "Proposal", "Stamp"]

Make = Callable[[], Awaitable[Plan]]
"""Computes a plan, changing nothing; raises `BakeryopsError`."""

Stamp = Callable[[], object]
"""Returns what a plan depends on, as something to compare: when it differs the plan is computed anew."""


@dataclass(frozen=True, slots=True)
class Option:
    """Another way of doing what is proposed."""

    label: str
    note: str
    take: Callable[[str], Proposal]
    """Returns that other proposal; it is given the answer to `ask`, "" where nothing is asked."""
    ask: str = ""
    """What has to be said for it, "" for nothing."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that a person may confirm."""

    what: str
    """What is computed, for the time until it is: "roll back auth"."""
    make: Make
    stamp: Stamp | None = None
    warm: Plan | None = None
    """A plan computed before."""
    warm_stamp: object = None
    """What it was computed from."""
    options: tuple[Option, ...] = ()
    """Other ways of doing it."""

    def stamped(self) -> object:
        """Return what a plan computed now depends on."""
        return self.stamp() if self.stamp is not None else None
