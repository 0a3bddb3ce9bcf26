"""What a drill is: an incident that really happens, what a person is told of it, and when it is over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from bakeryops.demo.drills.scene import Scene

__all__ = ["Drill"]


class Drill(ABC):
    """One drill on one cluster; texts may name `{service}` and `{workload}`."""

    name: ClassVar[str]
    """As `--scenario` takes it."""
    title: ClassVar[str]
    story: ClassVar[str]
    """What a person is told when it begins."""
    goal: ClassVar[str]
    """One sentence."""
    hints: ClassVar[tuple[str, ...]]
    """From vague to exact."""

    def __init__(self, scene: Scene) -> None:
        """Take the cluster; nothing happens before `begin`."""
        self.scene = scene
        self.over = False
        """Whether nothing more is to go wrong."""
        self.service = scene.pick(self.name)
        """The service that it is about, by the name of its folder and image."""

    @property
    def workload(self) -> str:
        """The name of the service's Deployment."""
        return self.scene.workload(self.service)

    def told(self, text: str) -> str:
        """Return a text of the drill with the names filled in."""
        return text.replace("{service}", self.service).replace("{workload}", self.workload)

    @abstractmethod
    def begin(self) -> None:
        """Let the incident happen."""

    @abstractmethod
    def reached(self) -> str:
        """Return what reached the goal, read from cluster and repository as they are now; "" before."""

    def remarks(self) -> list[str]:
        """Return what was left undone or went worse on the way, a sentence each."""
        return []

    def end(self) -> None:
        """Take back what would go on for ever, such as faults; called once the goal is reached."""
        self.over = True
