"""A bad deploy, seen over a link on which everything comes late."""

from __future__ import annotations

from bakeryops.demo.drills.bad_deploy import BadDeploy
from bakeryops.demo.faults import Fault

__all__ = ["SlowLink"]

_LATE = 0.6
"""Wall seconds that every answer is late."""
_FLOWS, _STALLS = 18.0, 5.0
"""Wall seconds for which streams flow, and for which they stall."""


class SlowLink(BadDeploy):
    """The API's answers are late and its streams stall now and then while a bad deploy is out."""

    name = "slow-link"
    title = "{service} is broken and the link is bad"
    story = (
        "A bad deploy of {service} is out, and you are on a train: every answer of the API server is late, and "
        "now and then nothing comes for some seconds. It all arrives in the end."
    )
    goal = "{service} runs a good image again, and Git says so, in spite of the link."
    hints = (
        "Nothing is lost, it is late. What was asked for once need not be asked for again.",
        "A rollback needs few answers: a push, and Flux does the rest.",
        "Roll back {service}: bakeryops rollback {service}",
    )

    _late = _stall = ""

    def begin(self) -> None:
        """Release the crash and slow the link down."""
        super().begin()
        self._late = self.scene.faults.add(Fault("latency", seconds=_LATE)).id
        self._wait(_FLOWS)

    def end(self) -> None:
        """Let the link be as it was."""
        super().end()
        for each in (self._late, self._stall):
            self.scene.faults.remove(each)

    def _wait(self, seconds: float) -> None:
        # The link belongs to whoever looks, not to the cluster: its time is the wall's.
        self.scene.later(seconds * self.scene.world.clock.speed, self._turn)

    def _turn(self) -> None:
        if self.over:
            return
        if self._stall:
            self.scene.faults.remove(self._stall)
            self._stall = ""
            self._wait(_FLOWS)
        else:
            self._stall = self.scene.faults.add(Fault("stall")).id
            self._wait(_STALLS)
