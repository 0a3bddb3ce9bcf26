"""Which containers' logs are shown together, and the streams behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from bakeryops.cluster.session import Session
from bakeryops.model.workload import PodView
from bakeryops.text import clean_log, decode, strip_sgr
from screens.widgets.logtail import LogLine

__all__ = ["STREAMS", "Gatherer", "LogChoice", "Source", "sources_of", "whole_log"]

STREAMS = 40
"""Logs followed at once at most; of more pods than that the others are read when some have ended."""

_GONE = "is gone with it"
"""The end of what a stream says of a pod that is not there."""


@dataclass(frozen=True, slots=True)
class Source:
    """One container of one pod."""

    namespace: str
    pod: str
    container: str
    label: str = ""
    """What stands before its lines when several are interleaved."""
    gone: str = ""
    """Why its pod may be gone, said where its log is."""

    @property
    def where(self) -> tuple[str, str, str]:
        """Namespace, pod and container: what makes two sources the same."""
        return self.namespace, self.pod, self.container


@dataclass(frozen=True, slots=True)
class LogChoice:
    """How much of which log."""

    container: str = ""
    """"" for the main containers."""
    previous: bool = False
    since: int | None = None
    """Seconds back, None for the configured number of lines."""
    tail: int = 1000


def sources_of(pods: Sequence[PodView], choice: LogChoice) -> list[Source]:
    """Return the containers to read: the one chosen in every pod that has it, else the main ones."""
    found: list[tuple[PodView, str]] = []
    for pod in pods:
        names = [each.name for each in pod.containers]
        if choice.container:
            found += [(pod, choice.container)] if choice.container in names else []
        else:
            found += [(pod, each.name) for each in pod.containers if each.role == "main"]
    several_pods = len({pod.key for pod, _ in found}) > 1
    several_containers = len({name for _, name in found}) > 1
    return [
        Source(pod.namespace, pod.name, name, _label(pod, name, several_pods, several_containers))
        for pod, name in found
    ]


def _label(pod: PodView, container: str, several_pods: bool, several_containers: bool) -> str:
    parts = []
    if several_pods:
        parts.append("-".join(pod.name.rsplit("-", 2)[-2:]) if pod.name.count("-") > 1 else pod.name)
    if several_containers:
        parts.append(container)
    return "/".join(parts)


class Gatherer:
    """Takes lines of several streams and hands them on together, in the order of their times."""

    def __init__(self, ready: Callable[[], None]) -> None:
        """Take what to call when there is something to hand on."""
        self._ready = ready
        self._lines: list[LogLine] = []
        self.ended: set[Source] = set()

    async def follow(self, session: Session, source: Source, choice: LogChoice) -> None:
        """Read one container's log to its end."""
        stream = session.logs(
            source.namespace, source.pod, source.container, follow=not choice.previous, previous=choice.previous,
            tail=choice.tail if choice.since is None else None, since_seconds=choice.since,
        )  # fmt: skip
        got = 0
        gone = False
        try:
            async for batch in stream:
                got += len(batch)
                gone = gone or any(entry.notice.endswith(_GONE) for entry in batch)
                self._lines += [
                    LogLine(entry.text, entry.time, source.label, entry.notice, entry.skipped) for entry in batch
                ]
                self._ready()
            if gone:
                self._lines += await _from_black_box(session, source)
        finally:
            self.ended.add(source)
            if gone and source.gone:
                self._lines.append(LogLine(source=source.label, notice=source.gone))
            if not got:
                self._lines.append(LogLine(source=source.label, notice=_empty(choice)))
            self._ready()

    def say(self, notice: str) -> None:
        """Put a line of our own among the others."""
        self._lines.append(LogLine(notice=notice))
        self._ready()

    def take(self) -> list[LogLine]:
        """Return what came since the last call; lines of known times in their order."""
        lines, self._lines = self._lines, []
        if len({line.source for line in lines}) > 1:
            last: dict[str, str] = {}
            keyed = []
            for number, line in enumerate(lines):
                time = line.time or last.get(line.source, "")
                last[line.source] = time
                keyed.append((time, number, line))
            keyed.sort(key=lambda each: each[:2])
            lines = [line for _, _, line in keyed]
        return lines


async def _from_black_box(session: Session, source: Source) -> list[LogLine]:
    """Return what was saved of a log that is gone, none where nothing was."""
    from screens.blackbox import saved_log

    lines, word = await saved_log(session, source.pod, source.container)
    found = [LogLine(line.encode("utf-8", "replace"), source=source.label) for line in lines]
    return [LogLine(source=source.label, notice=word), *found] if found else []


def _empty(choice: LogChoice) -> str:
    if choice.previous:
        return "there is no log of a run before this one"
    return "nothing was logged" + (" in this time; i asks further back" if choice.since is not None else "")


async def whole_log(
    session: Session, source: Source, *, previous: bool
) -> AsyncIterator[tuple[list[str], list[str]]]:
    """Yield a whole log, as the cluster has it, in batches: harmless lines without colours, and what went wrong.

    A log that comes to its end says nothing of the kind; one that is missing, refused or cut off does.
    """
    stream = session.logs(
        source.namespace, source.pod, source.container, follow=False, previous=previous, tail=None
    )
    async for batch in stream:
        lines, troubles = [], []
        for entry in batch:
            if entry.notice:
                troubles.append(entry.notice)
            text = strip_sgr(clean_log(decode(entry.text))) if not entry.notice else f"--- {entry.notice} ---"
            if entry.skipped:
                text = f"--- {entry.skipped} lines are missing here ---"
                troubles.append(f"{entry.skipped} lines are missing")
            before = f"{entry.time} " if entry.time else ""
            lines.append(f"{before}{source.label + ' ' if source.label else ''}{text}\n")
        yield lines, troubles
        await asyncio.sleep(0)
