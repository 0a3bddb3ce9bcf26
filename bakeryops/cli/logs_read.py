"""Logs read and printed: once, merged by time, or followed, with new pods taken up as they come."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakeryops.cli.logs_names import Source, containers_of, pods_named
from bakeryops.cli.output import Out, say, to_json, to_yaml
from bakeryops.errors import BakeryopsError, RefusedError
from bakeryops.text import clean, clean_log, decode, strip_sgr

if TYPE_CHECKING:
    from bakeryops.cli.options import Call
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.logs import LogEntry, LogStream
    from bakeryops.cluster.session import Session
    from bakeryops.model.workload import PodView
    from bakeryops.read.index import WorkloadIndex

__all__ = ["Wanted", "read_logs"]

_PREFIX_COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
_NOT_STARTED = "waiting"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which logs, and how much of them."""

    name: str
    follow: bool = False
    container: str | None = None
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    """Lines of each log to begin with, None for all."""
    since: int | None = None
    """Seconds."""
    prefix: bool | None = None


async def read_logs(call: Call, wanted: Wanted) -> int:
    """Print logs; return the exit code."""
    from bakeryops.cli.cluster import connected, look, watched
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.index import KINDS

    kinds = [kind for kind in KINDS if kind != "podmetrics"]
    following = wanted.follow and not wanted.previous
    async with connected(call) as session:
        feed = await (watched if following else look)(
            session, kinds, namespace=call.namespace, needed=("pods",), quiet=True
        )
        choice = _Choice(wanted)
        choice.update(feed, Changes())
        sources = choice.sources()
        await _ask_leave(session, sources[0].namespace)
        printer = _Printer(call.out(), wanted, prefix=len(sources) > 1 or (following and not choice.one_pod))
        if following:
            await _Follower(session, feed, choice, printer, wanted).run()
            return 0
        await _read_once(session, sources, printer, wanted)
        return 1 if printer.notices and not printer.lines else 0


class _Choice:
    """What the name stands for at the moment."""

    def __init__(self, wanted: Wanted) -> None:
        from bakeryops.read.index import WorkloadIndex

        self.index: WorkloadIndex = WorkloadIndex()
        self.wanted = wanted
        self._loaded = False

    def update(self, feed: Feed, changes: Changes) -> None:
        """Take changes in; the first time everything."""
        stores = {kind: feed.store(kind) for kind in feed.kinds}
        if self._loaded:
            self.index.update(stores, changes.by_kind)
        else:
            self.index.load(stores)
            self._loaded = True

    @property
    def pods(self) -> list[PodView]:
        """The pods."""
        return pods_named(self.index, self.wanted.name)

    @property
    def one_pod(self) -> bool:
        """Whether the name is that of a pod, so that no other can come."""
        return any(pod.name == self.wanted.name.rpartition("/")[2] for pod in self.pods)

    @property
    def ends(self) -> bool:
        """Whether there is nothing to wait for when all logs have ended: one pod, or Jobs."""
        try:
            pods = self.pods
        except BakeryopsError:
            return True
        return self.one_pod or all(pod.owner_kind == "Job" and pod.finished for pod in pods)

    def sources(self) -> list[Source]:
        """Return the logs."""
        return containers_of(self.pods, self.wanted.container)

    def startable(self) -> list[Source]:
        """Return the logs of containers that run or have run; none where the pods have gone."""
        try:
            pods = self.pods
            found = self.sources()
        except BakeryopsError:
            return []
        idle = {
            (pod.uid, view.name)
            for pod in pods
            for view in pod.containers
            if view.state == _NOT_STARTED and not view.restarts
        }
        return [source for source in found if (source.uid, source.container) not in idle]


async def _ask_leave(session: Session, namespace: str) -> None:
    verdict = await session.access.can("get", "", "pods", namespace=namespace, subresource="log")
    if not verdict.allowed:
        raise RefusedError(
            f"logs in {clean(namespace)} may not be read", why=verdict.reason, hint="Use another --context."
        )


def _stream(session: Session, source: Source, wanted: Wanted, *, late: bool = False) -> LogStream:
    """Return one log; `late` is one that began after the command, of which everything is wanted."""
    from bakeryops.cluster.logs import LogStream

    return LogStream(
        session.transport,
        source.namespace,
        source.pod,
        source.container,
        follow=wanted.follow,
        previous=wanted.previous,
        tail=None if late else wanted.tail,
        since_seconds=None if late else wanted.since,
        link=session.link if wanted.follow else None,
    )


async def _read_once(session: Session, sources: list[Source], printer: _Printer, wanted: Wanted) -> None:
    """Print whole logs: one as it comes, several merged by the time of their lines."""
    if len(sources) == 1:
        async for batch in _stream(session, sources[0], wanted):
            printer.show(sources[0], batch)
        return
    from bakeryops.cluster.logbuffer import nanoseconds

    iterators = [_entries(_stream(session, source, wanted)) for source in sources]
    heap: list[tuple[int, int, LogEntry]] = []
    last = [0] * len(sources)

    async def advance(which: int) -> None:
        async for entry in iterators[which]:
            if entry.notice:
                printer.show(sources[which], [entry])
                continue
            # A line without a time of its own stays where it is in its log.
            last[which] = (nanoseconds(entry.time) if entry.time else None) or last[which]
            heapq.heappush(heap, (last[which], which, entry))
            return

    try:
        await asyncio.gather(*(advance(which) for which in range(len(sources))))
        while heap:
            _, which, entry = heapq.heappop(heap)
            printer.show(sources[which], [entry], flush=False)
            await advance(which)
        printer.flush()
    finally:
        for iterator in iterators:
            await iterator.aclose()


async def _entries(stream: LogStream) -> AsyncGenerator[LogEntry, None]:
    try:
        async for batch in stream:
            for entry in batch:
                yield entry
    finally:
        await stream.close()


class _Follower:
    """Follows every log of a choice, those of pods that come later too."""

    def __init__(self, session: Session, feed: Feed, choice: _Choice, printer: _Printer, wanted: Wanted) -> None:
        self.session = session
        self.feed = feed
        self.choice = choice
        self.printer = printer
        self.wanted = wanted
        self.tasks: dict[Source, asyncio.Task[None]] = {}
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Print until interrupted, or until nothing more can come."""
        self._begin(late=False)
        watch = asyncio.create_task(self._look_out())
        try:
            while True:
                await self.wake.wait()
                self.wake.clear()
                for task in (watch, *self.tasks.values()):
                    if task.done() and (error := task.exception()) is not None:
                        raise error
                if all(task.done() for task in self.tasks.values()) and self.choice.ends:
                    return
        finally:
            tasks = [watch, *self.tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_out(self) -> None:
        """Take up the logs of new pods."""
        try:
            async for changes in self.feed.changes(max_hz=4):
                self.choice.update(self.feed, changes)
                self._begin(late=True)
                self.wake.set()
        finally:
            self.wake.set()

    def _begin(self, *, late: bool) -> None:
        for source in self.choice.startable():
            if source not in self.tasks:
                self.tasks[source] = asyncio.create_task(self._follow(source, late=late))

    async def _follow(self, source: Source, *, late: bool) -> None:
        try:
            async for batch in _stream(self.session, source, self.wanted, late=late):
                self.printer.show(source, batch)
        finally:
            self.wake.set()


class _Printer:
    """Writes entries in the form asked for."""

    def __init__(self, out: Out, wanted: Wanted, *, prefix: bool) -> None:
        self.out = out
        self.timestamps = wanted.timestamps
        self.prefix = prefix if wanted.prefix is None else wanted.prefix
        self.lines = 0
        self.notices = 0
        self._colours: dict[str, str] = {}
        self._waiting: list[str] = []

    def show(self, source: Source, batch: list[LogEntry], *, flush: bool = True) -> None:
        """Write the lines of one log; words about the log go to standard error."""
        for entry in batch:
            if entry.skipped:
                self._tell(
                    source, f"{entry.skipped:,} lines are skipped here: they came faster than they were read"
                )
            if entry.notice:
                self.notices += 1
                self._tell(source, entry.notice)
                continue
            if entry.skipped and not entry.text:
                continue
            self.lines += 1
            self._waiting.append(self._line(source, entry))
        if flush or len(self._waiting) >= 500:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            text, self._waiting = "".join(self._waiting), []
            self.out.write(text)

    def _tell(self, source: Source, text: str) -> None:
        self.flush()
        say(f"{source.pod}/{source.container}: {text}")

    def _line(self, source: Source, entry: LogEntry) -> str:
        text = decode(entry.text).rstrip("\r\n")
        if self.out.form != "table":
            document = {
                "time": entry.time,
                "namespace": source.namespace,
                "pod": source.pod,
                "container": source.container,
                "text": text,
            }
            return (
                to_json(document, compact=True) + "\n" if self.out.form == "json" else f"---\n{to_yaml(document)}"
            )
        harmless = clean_log(text)
        if not self.out.colour:
            harmless = strip_sgr(harmless)
        elif "\x1b" in harmless:
            harmless += "\x1b[0m"
        time = f"{entry.time} " if self.timestamps and entry.time else ""
        return f"{self._prefix(source)}{time}{harmless}\n"

    def _prefix(self, source: Source) -> str:
        if not self.prefix:
            return ""
        name = f"[{source.pod} {source.container}]"
        if not self.out.colour:
            return f"{name} "
        colour = self._colours.setdefault(name, _PREFIX_COLOURS[len(self._colours) % len(_PREFIX_COLOURS)])
        return f"\x1b[{colour}m{name}\x1b[0m "
