"""Restarts and out-of-memory kills counted over time: a status tells only a total and the last one."""

from __future__ import annotations

from collections import deque

import msgspec

from bakeryops.model.workload import PodView

__all__ = ["HOUR", "RestartLog", "Restarts"]

HOUR = 3600.0
_KEPT_MOST = 400


class Restarts(msgspec.Struct, frozen=True, gc=False):
    """Restarts of the last hour; `at_least` when there may have been more before anyone watched.

    `until` is when the count will be less.
    """

    count: int = 0
    at_least: bool = False
    oom_kills: int = 0
    until: float | None = None


_NONE = Restarts()


class _Seen(msgspec.Struct):
    """What was seen of one pod: its total, when its restarts were, its out-of-memory kills."""

    total: int
    times: deque[float]
    kills: dict[tuple[str, float | None], None]
    unsure_until: float = 0.0


class RestartLog:
    """Remembers, for each pod that ever restarted, when its restarts were; bounded per pod."""

    def __init__(self) -> None:
        self._pods: dict[str, _Seen] = {}

    def see(self, view: PodView, now: float) -> None:
        """Take note of a pod as it is now."""
        seen = self._pods.get(view.uid)
        if seen is None:
            if not view.restarts and not view.oom_kills:
                return
            seen = self._pods[view.uid] = _Seen(view.restarts, deque(maxlen=_KEPT_MOST), {})
            self._first(seen, view, now)
        elif view.restarts > seen.total:
            when = view.restarted if view.restarted is not None else now
            seen.times.extend([when] * min(view.restarts - seen.total, _KEPT_MOST))
            seen.total = view.restarts
        if view.oom_kills:
            for container in view.containers:
                if container.oom and len(seen.kills) < _KEPT_MOST:
                    seen.kills[container.name, container.last_ended] = None

    @staticmethod
    def _first(seen: _Seen, view: PodView, now: float) -> None:
        """Say what a status seen for the first time tells of the last hour."""
        last = view.restarted if view.restarted is not None else view.created
        if view.created is not None and now - view.created < HOUR:
            seen.times.extend([last if last is not None else now] * min(view.restarts, _KEPT_MOST))
        elif view.restarts and last is not None and now - last < HOUR:
            seen.times.append(last)
            if view.restarts > 1:
                seen.unsure_until = now + HOUR

    def forget(self, uid: str) -> None:
        """Forget a pod that is gone."""
        self._pods.pop(uid, None)

    def last_hour(self, uid: str, now: float) -> Restarts:
        """Return the restarts of one pod in the hour before `now`."""
        seen = self._pods.get(uid)
        if seen is None:
            return _NONE
        while seen.times and seen.times[0] <= now - HOUR:
            seen.times.popleft()
        unsure = seen.unsure_until > now
        ends = [seen.times[0] + HOUR] if seen.times else []
        if unsure:
            ends.append(seen.unsure_until)
        return Restarts(len(seen.times), unsure, len(seen.kills), min(ends, default=None))
