"""What a kind's view may say about itself: how true its rows are, since when, why, and what happens next."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from bakeryops.cluster.errors import KubeError

__all__ = ["KindState", "Phase", "reason_of"]

Phase = Literal["waiting", "syncing", "live", "polling", "stale", "forbidden", "absent", "unauthorized"]
"""waiting: nothing yet; syncing: pages are coming; live: watched; polling: listed again and again; stale: what is
there is old; forbidden, absent (kind not served), unauthorized: the server's answer, until something changes."""

_SETTLED = frozenset({"live", "polling", "forbidden", "absent", "unauthorized"})


class KindState:
    """The state of one kind in one namespace (or all); times are seconds since the epoch."""

    __slots__ = (
        "_changed", "count", "hint", "last_data", "next_try", "notes", "phase", "reason", "since", "why",
    )  # fmt: skip

    def __init__(self, changed: Callable[[], None] | None = None) -> None:
        """Take what to call after each change."""
        self._changed = changed
        self.phase: Phase = "waiting"
        self.since = time.time()
        """When this phase began."""
        self.reason = ""
        """Why, as one sentence for people; empty where the phase says it all."""
        self.hint = ""
        """What mends it."""
        self.next_try: float | None = None
        """When the next attempt is due, where one is waited for."""
        self.last_data: float | None = None
        """When the server last said something about this kind; None: never."""
        self.count = 0
        """Objects in the store."""
        self.notes = ""
        """What is wrong with single objects although the kind is well: how many could not be read, and which."""
        self.why = ""

    def __repr__(self) -> str:
        return f"<{self.phase} {self.count} {self.reason!r}>"

    @property
    def settled(self) -> bool:
        """Whether waiting longer brings nothing that is not a change: live, polling, or a final answer."""
        return self.phase in _SETTLED

    def enter(self, phase: Phase, reason: str = "", *, hint: str = "", next_try: float | None = None) -> None:
        """Go to a phase, or stay in it with another reason; `since` moves only with the phase."""
        if phase != self.phase:
            self.phase = phase
            self.since = time.time()
        elif (reason, hint, next_try) == (self.why, self.hint, self.next_try):
            return
        self.why = reason
        self.hint = hint
        self.next_try = next_try
        self._compose()

    def note(self, text: str) -> None:
        """Say what is wrong with single objects; empty when all can be read again."""
        if text != self.notes:
            self.notes = text
            self._compose()

    def _compose(self) -> None:
        """Make the reason of the phase's own and the note, and tell."""
        self.reason = "; ".join(part for part in (self.why, self.notes) if part)
        if self._changed is not None:
            self._changed()


def reason_of(error: KubeError) -> str:
    """Return an error as one line: what happened, and the cause where an answer gave one."""
    # The causes of broken connections are the operating system's and the HTTP library's words.
    return f"{error.message}: {error.why}" if error.why and error.status is not None else error.message
