"""A drill under way: its time, the hints that were given, and the verdict once its goal is reached."""

from __future__ import annotations

import time
from collections.abc import Callable

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.scene import BRANCH
from bakeryops.demo.git import GitFailedError

__all__ = ["DrillSession", "span"]

_LOOK_SECONDS = 1.0
_STEADY_SECONDS = 5.0
"""Cluster seconds for which a goal has to hold before it counts: a pod that crashes is ready for a moment too."""


class DrillSession:
    """Runs one drill and tells how it stands; once reached it stays reached."""

    def __init__(self, drill: Drill) -> None:
        """Take the drill; `begin` starts its time."""
        self.drill = drill
        self.on_reached: list[Callable[[str], None]] = []
        """Called once with the verdict."""
        self.verdict = ""
        self._hints = 0
        self._started = self._ended = 0.0
        self._wall_started = self._wall_ended = 0.0
        self._since: float | None = None
        """Since when the goal holds."""
        self._start = ""
        """The commit of main when it began."""

    def begin(self) -> None:
        """Let the incident happen, and look at the cluster every second from now on."""
        scene = self.drill.scene
        scene.world.spared.add(self.drill.service)
        self._started, self._wall_started = scene.now, time.monotonic()
        self.drill.begin()
        self._start = scene.head()
        scene.later(_LOOK_SECONDS, self._again)

    @property
    def reached(self) -> bool:
        """Whether the goal was reached."""
        return bool(self.verdict)

    def look(self) -> bool:
        """Look whether the goal is reached now; tells whether it was."""
        if self.verdict:
            return True
        scene = self.drill.scene
        try:
            how = self.drill.reached()
        except (GitFailedError, KeyError):
            # The cluster and its repository are its user's to take apart.
            how = ""
        if not how:
            self._since = None
            return False
        if self._since is None:
            self._since = scene.now
        if scene.now - self._since >= _STEADY_SECONDS:
            self._finish(how)
        return self.reached

    def status(self) -> Object:
        """Return the drill as `GET /_demo/drill` answers it; times are seconds of the cluster and of the wall."""
        self.look()
        drill = self.drill
        end = self._ended if self.reached else drill.scene.now
        wall = self._wall_ended if self.reached else time.monotonic()
        return {
            "name": drill.name,
            "title": drill.told(drill.title),
            "story": drill.told(drill.story),
            "goal": drill.told(drill.goal),
            "service": drill.service,
            "state": "reached" if self.reached else "running",
            "started": timestamp(self._started),
            "seconds": round(end - self._started, 1),
            "wall_seconds": round(wall - self._wall_started, 1),
            "hints_given": [drill.told(each) for each in drill.hints[: self._hints]],
            "hints_left": len(drill.hints) - self._hints,
            "verdict": self.verdict,
        }

    def hint(self) -> Object:
        """Give the next hint, if there is one, and return the status."""
        self._hints = min(len(self.drill.hints), self._hints + 1)
        return self.status()

    def _again(self) -> None:
        # Planned first: a look that fails is not the last.
        if not self.reached:
            self.drill.scene.later(_LOOK_SECONDS, self._again)
            self.look()

    def _finish(self, how: str) -> None:
        scene = self.drill.scene
        self._ended, self._wall_ended = self._since or scene.now, time.monotonic()
        remarks = list(self.drill.remarks())
        if not scene.repo.is_ancestor(self._start, BRANCH):
            remarks.append("main was rewritten: what others had pushed is lost")
        hints = f", with {self._hints} hint{'s' * (self._hints > 1)}" if self._hints else ""
        taken = span(self._ended - self._started)
        self.verdict = ". ".join([f"reached in {taken}{hints} (by: {how})", *remarks])
        self.drill.end()
        for call in self.on_reached:
            call(self.verdict)


def span(seconds: float) -> str:
    """Return a time as `3m12s`."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"
