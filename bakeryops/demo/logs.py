"""The kubelet's container logs: made up when they are read, line by line, in cluster time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bakeryops.demo.bakery.inventory import DATABASES, PLATFORM, SERVICES
from bakeryops.demo.contracts import Clock, LogLine, LogUnavailableError, Object
from bakeryops.demo.controllers.behaviour import Behaviour, behaviour_of
from bakeryops.demo.logbook import LogBook
from bakeryops.demo.logtext import line, voice_period
from bakeryops.demo.store import ObjectStore
from bakeryops.units import parse_time

__all__ = ["KEPT_LINES", "Logs"]

KEPT_LINES = 3000
"""Lines of a container that are kept at most, before the oldest thousand is rotated away."""
_CHUNK = 1000
_POLL_SECONDS = 1.0
"""Cluster seconds after which a follower looks whether its container still runs."""
_VOICES = {(each.namespace, each.name): each.voice for each in (*SERVICES, *DATABASES, *PLATFORM)}
_PULL_REASONS = ("ErrImagePull", "ImagePullBackOff")


@dataclass(frozen=True, slots=True)
class _Instance:
    """One run of a container."""

    key: str
    started: float
    ended: float | None
    code: int
    voice: str
    behaviour: Behaviour
    container_id: str


class Logs:
    """Answers for the kubelet's log endpoint."""

    def __init__(
        self,
        store: ObjectStore,
        clock: Clock,
        *,
        seed: int = 0,
        book: LogBook | None = None,
        by_image: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Take the book of what was planned and how images behave; all other lines are made up from the seed."""
        self._store = store
        self._book = book or LogBook()
        self._by_image = by_image or {}
        self._clock = clock
        self._seed = seed
        self._first: dict[str, int] = {}

    def read(self, pod: Object, container: str, *, previous: bool) -> list[LogLine]:
        """Return all lines kept of a container; raises `LogUnavailableError`."""
        instance = self._instance(pod, container, previous=previous)
        now = self._clock.now()
        if (written := self._written(instance, now)) is not None:
            return written
        script = instance.behaviour.program
        if script is not None and script.known:
            kept: deque[LogLine] = deque(maxlen=KEPT_LINES)
            dropped = -KEPT_LINES
            for each in self._script(instance, now):
                kept.append(each)
                dropped += 1
            self._first[instance.container_id] = max(0, dropped)
            return list(kept)
        end = now if instance.ended is None else instance.ended
        count = self._count(instance, end)
        first = max(0, (count - KEPT_LINES + _CHUNK) // _CHUNK * _CHUNK) if count > KEPT_LINES else 0
        self._first[instance.container_id] = first
        lines = [self._line(instance, index) for index in range(first, count)]
        return [*lines, *_last_words(instance)] if instance.ended is not None else lines

    async def follow(self, pod: Object, container: str, start: int) -> AsyncIterator[LogLine]:
        """Yield the lines from index `start` of `read` on, as they are written, until the container ends."""
        instance = self._instance(pod, container, previous=False)
        metadata = pod["metadata"]
        index = start + self._first.get(instance.container_id, 0)
        while True:
            ended = self._end_of(metadata["namespace"], metadata["name"], metadata["uid"], container, instance)
            finished = ended is not None
            instance = ended or instance
            now = self._clock.now()
            ready, next_time = self._since(instance, index, now)
            for each in ready:
                yield each
            index += len(ready)
            if finished:
                return
            await _until(self._clock, min(next_time, now + _POLL_SECONDS))

    def _instance(self, pod: Object, container: str, *, previous: bool) -> _Instance:
        return _instance(pod, container, previous=previous, by_image=self._by_image)

    def _since(self, instance: _Instance, index: int, now: float) -> tuple[list[LogLine], float]:
        """Return the lines from an index on that are written by now, and when the one after them is."""
        if (written := self._written(instance, now)) is not None:
            return written[index:], now + _POLL_SECONDS / 4
        script = instance.behaviour.program
        if script is not None and script.known:
            every = list(self._script(instance, now))
            return every[index:], now + _POLL_SECONDS / 4
        end = now if instance.ended is None else instance.ended
        count = self._count(instance, end)
        found = [self._line(instance, number) for number in range(index, count)]
        if instance.ended is not None:
            words = _last_words(instance)
            found += words[max(0, index - count) :]
        return found, self._time(instance, count)

    def _end_of(
        self, namespace: str, name: str, uid: str, container: str, instance: _Instance
    ) -> _Instance | None:
        """Return the instance as it ended, None while it runs."""
        if instance.ended is not None:
            return instance
        pod = self._store.get("pods", namespace, name)
        gone = _Instance(instance.key, instance.started, self._clock.now(), 0, instance.voice, instance.behaviour,
                         instance.container_id)  # fmt: skip
        if pod is None or pod["metadata"]["uid"] != uid:
            return gone
        for previous in (False, True):
            with contextlib.suppress(LogUnavailableError):
                found = self._instance(pod, container, previous=previous)
                if found.container_id == instance.container_id:
                    return found if found.ended is not None else None
        return gone

    def _written(self, instance: _Instance, now: float) -> list[LogLine] | None:
        uid, container, _ = instance.key.rsplit("/", 2)
        return self._book.lines(uid, container, now if instance.ended is None else instance.ended + 1.0)

    def _script(self, instance: _Instance, now: float) -> Iterator[LogLine]:
        script = instance.behaviour.program
        end = now if instance.ended is None else instance.ended + 1.0
        for output in script.outputs() if script is not None else ():
            when = instance.started + output.offset
            if when > end:
                return
            yield LogLine(when, output.data, output.stream)

    def _count(self, instance: _Instance, end: float) -> int:
        """Return how many lines are written by a time."""
        guess = max(0, int((end - instance.started) / voice_period(instance.voice)) - 2)
        while self._time(instance, guess) <= end:
            guess += 1
        return guess

    def _time(self, instance: _Instance, index: int) -> float:
        period = voice_period(instance.voice)
        jitter = ((index + self._seed) * (index + 40503) * 2654435761 >> 9) % 1000 / 1250
        return instance.started + 0.5 + (index + jitter) * period

    def _line(self, instance: _Instance, index: int) -> LogLine:
        when = self._time(instance, index)
        text, stream = line(instance.voice, self._seed, instance.key, index, when)
        return LogLine(when, text, stream)


def _instance(
    pod: Object, container: str, *, previous: bool, by_image: Mapping[str, Mapping[str, Any]]
) -> _Instance:
    """Return the run of a container that a log is asked of; raises `LogUnavailableError`."""
    name = pod["metadata"]["name"]
    specs = {each["name"]: (each, init) for field, init in (("initContainers", True), ("containers", False))
             for each in pod["spec"].get(field) or ()}  # fmt: skip
    if container not in specs:
        raise LogUnavailableError(f"container {container} is not valid for pod {name}")
    spec, init = specs[container]
    status: Object = next(
        (
            each
            for field in ("initContainerStatuses", "containerStatuses")
            for each in (pod.get("status") or {}).get(field) or ()
            if each["name"] == container
        ),
        {},
    )
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated")
    run = None if previous else state.get("running") or state.get("terminated")
    if previous and not last:
        raise LogUnavailableError(f'previous terminated container "{container}" in pod "{name}" not found')
    if not previous and run is None:
        reason = (state.get("waiting") or {}).get("reason", "ContainerCreating")
        if not last:
            why = "trying and failing to pull image" if reason in _PULL_REASONS else reason
            raise LogUnavailableError(f'container "{container}" in pod "{name}" is waiting to start: {why}')
    chosen: Object = run or last or {}
    restart = status.get("restartCount", 0) - (1 if previous else 0)
    return _Instance(
        key=f"{pod['metadata']['uid']}/{container}/{restart}",
        started=parse_time(chosen.get("startedAt")) or 0.0,
        ended=parse_time(chosen.get("finishedAt")),
        code=int(chosen.get("exitCode", 0)),
        voice=_voice(pod, container, init),
        behaviour=behaviour_of(pod, spec, init=init, by_image=by_image),
        container_id=str(chosen.get("containerID") or status.get("containerID") or ""),
    )


def _voice(pod: Object, container: str, init: bool) -> str:
    if init:
        return "quiet"
    name = (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name", "")
    found = _VOICES.get((pod["metadata"]["namespace"], name))
    if found is not None:
        return found
    return _voice_of_image(
        next(each.get("image", "") for each in pod["spec"]["containers"] if each["name"] == container)
    )


@lru_cache(maxsize=1024)
def _voice_of_image(image: str) -> str:
    name = image.rpartition("/")[2].partition(":")[0]
    for word in ("postgres", "redis", "rabbitmq", "nginx", "gitea"):
        if word in name:
            return word
    return "pods" if "/" in image else "quiet"


def _last_words(instance: _Instance) -> list[LogLine]:
    """Return what a container printed at its end: what its behaviour says, where it ended by itself."""
    if instance.ended is None or instance.code != instance.behaviour.exit_code:
        return []
    return [LogLine(instance.ended, f"{text}\n".encode(), "stderr") for text in instance.behaviour.lines]


async def _until(clock: Clock, when: float) -> None:
    """Wait until a cluster time."""
    reached = asyncio.get_running_loop().create_future()
    call = clock.call_at(when, lambda: None if reached.done() else reached.set_result(None))
    try:
        await reached
    finally:
        call.cancel()
