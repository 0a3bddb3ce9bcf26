"""A bad deploy, and an API server that goes away again and again."""

from __future__ import annotations

from bakeryops.demo.drills.bad_deploy import BadDeploy
from bakeryops.demo.faults import Fault

__all__ = ["ApiOutage"]

_BOUTS = ((20.0, 40.0, "silent"), (55.0, 25.0, "refused"), (50.0, 30.0, "silent"))
"""Cluster seconds of peace, then seconds of outage, and its kind."""


class ApiOutage(BadDeploy):
    """The API server pauses and drops connections three times while a bad deploy is out."""

    name = "api-outage"
    title = "{service} is broken and the API server comes and goes"
    story = (
        "A bad deploy of {service} is out. The API server is restarted by a snap that cannot make up its mind: "
        "it falls silent, refuses connections, comes back, and goes again."
    )
    goal = "{service} runs a good image again, and Git says so, whatever the API server does meanwhile."
    hints = (
        "What the console shows while the API server is away is old: it says how old.",
        "A rollback is a push to Git. Flux applies it whether anybody can watch or not.",
        "Roll back {service}: bakeryops rollback {service}. What is interrupted goes on when the API server is "
        "back.",
    )

    _refusing = ""
    """Id of the rule that refuses connections, while there is one."""

    def begin(self) -> None:
        """Release the crash and plan the outages."""
        super().begin()
        self._next(0)

    def end(self) -> None:
        """Let the API server be."""
        super().end()
        self._back()

    def _next(self, place: int) -> None:
        if place < len(_BOUTS):
            peace, length, kind = _BOUTS[place]
            self.scene.later(peace, lambda: self._go(place, length, kind))

    def _go(self, place: int, length: float, kind: str) -> None:
        if self.over:
            return
        faults = self.scene.faults
        if kind == "silent":
            faults.pause()
        else:
            self._refusing = faults.add(Fault("drop")).id
            faults.drop_connections()
        self.scene.later(length, lambda: self._come(place + 1))

    def _come(self, place: int) -> None:
        if not self.over:
            self._back()
            self._next(place)

    def _back(self) -> None:
        """Answer again; a server that was started anew knows no connection of before."""
        faults = self.scene.faults
        if faults.paused:
            faults.resume()
            faults.drop_connections()
        if self._refusing:
            faults.remove(self._refusing)
            self._refusing = ""
