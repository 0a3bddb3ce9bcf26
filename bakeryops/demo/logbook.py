"""Lines of containers that somebody wrote down: what a build step prints is planned, not made up on reading."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

from bakeryops.demo.contracts import LogLine

__all__ = ["LogBook"]

_TIME = attrgetter("time")


class LogBook:
    """The lines of containers by the pod's uid and the container's name, each line at its time.

    Lines may be written ahead of their time: readers see them once it has come.
    """

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, list[LogLine]]] = {}

    def write(self, pod_uid: str, container: str, lines: Iterable[LogLine]) -> None:
        """Add lines of a container; it is known to the book from now on, even with no line at all."""
        kept = self._lines.setdefault(pod_uid, {}).setdefault(container, [])
        kept.extend(lines)
        kept.sort(key=_TIME)

    def cut(self, pod_uid: str, container: str, when: float) -> None:
        """Forget the lines of a container that were to come after a time: it ended then."""
        kept = self._lines.get(pod_uid, {}).get(container)
        if kept is not None:
            del kept[bisect_right(kept, when, key=_TIME) :]

    def forget(self, pod_uid: str) -> None:
        """Forget a pod's containers: it is gone, and its logs with it."""
        self._lines.pop(pod_uid, None)

    def lines(self, pod_uid: str, container: str, until: float) -> list[LogLine] | None:
        """Return the lines written by a time, oldest first; None for a container that is not in the book."""
        kept = self._lines.get(pod_uid, {}).get(container)
        return None if kept is None else kept[: bisect_right(kept, until, key=_TIME)]
