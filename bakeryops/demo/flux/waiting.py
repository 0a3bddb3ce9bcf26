"""The health check of a Kustomization: it looks at once, then every five seconds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from bakeryops.demo.contracts import Clock, Object
from bakeryops.demo.flux.health import CURRENT, FAILED, state_of
from bakeryops.demo.flux.order import Identity, identity_of

__all__ = ["HealthWait"]

_FIRST_LOOK, _BETWEEN_LOOKS = 0.035, 5.0
_SLICE = 40


class HealthWait:
    """A wait until objects have settled, one of them has failed for good, or time is up."""

    def __init__(
        self,
        clock: Clock,
        live: Callable[[Identity], Object | None],
        checked: Sequence[Identity],
        timeout: float,
        disturbed: Callable[[], str] | None = None,
    ) -> None:
        """Take how to read an object, what to look at, the longest wait and, if any, what tells who ends it."""
        self._clock = clock
        self._live = live
        self._checked = checked
        self._timeout = timeout
        self._disturbed = disturbed
        self.seconds = 0.0
        """How long it took."""
        self.problem = ""
        """Why it failed; "" when it passed."""
        self.disturbed_by = ""
        """What ended it early, as kind/namespace/name."""

    @staticmethod
    def of(kustomization: Object, objects: Sequence[Object]) -> list[Identity]:
        """Return what a Kustomization wants to be waited for: everything, what it lists, or nothing."""
        spec = kustomization["spec"]
        if spec.get("wait"):
            return [identity_of(obj) for obj in objects]
        found = []
        for each in spec.get("healthChecks") or ():
            group, _, version = str(each.get("apiVersion") or "").rpartition("/")
            name, kind = str(each.get("name") or ""), str(each.get("kind") or "")
            found.append(Identity(str(each.get("namespace") or ""), name, group, kind, version))
        return found

    def run(self) -> Generator[float, None, None]:
        """Wait; the end is in `seconds`, `problem` and `disturbed_by`."""
        begun = self._clock.now()
        end = begun + self._timeout
        pause = min(_FIRST_LOOK, self._timeout)
        while True:
            yield from self._pause(pause)
            self.seconds = self._clock.now() - begun
            if self.disturbed_by:
                return
            states = {each: state_of(self._live(each)) for each in self._checked}
            waiting = {each: state for each, state in states.items() if state != CURRENT}
            if not waiting:
                return
            if all(state == FAILED for state in waiting.values()):
                self.problem = f"failed early due to stalled resources: {_listed(waiting)}"
                return
            if self._clock.now() >= end:
                self.problem = f"timeout waiting for: {_listed(waiting)}"
                return
            pause = min(_BETWEEN_LOOKS, end - self._clock.now())

    def _pause(self, seconds: float) -> Generator[float, None, None]:
        """Let time pass, in steps short enough to notice what ends the wait early."""
        if self._disturbed is None:
            yield seconds
            return
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 1e-6:
            yield min(left, 0.25)
            self.disturbed_by = self._disturbed()
            if self.disturbed_by:
                return


def _listed(states: dict[Identity, str]) -> str:
    return "[" + ", ".join(f"{each.text} status: '{state}'" for each, state in states.items()) + "]"
