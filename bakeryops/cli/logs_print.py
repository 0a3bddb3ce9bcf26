"""Logs as they are printed: once, merged by time, or followed, with logs that begin later taken up."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bakeryops.cli.logs_names import Source
from bakeryops.cli.output import Out, say, to_json, to_yaml
from bakeryops.errors import RefusedError
from bakeryops.text import clean, clean_log, decode, strip_sgr

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.logs import LogEntry, LogStream
    from bakeryops.cluster.session import Session

__all__ = ["Choice", "Follower", "Printer", "Wanted", "ask_leave", "read_once"]

_PREFIX_COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")


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


class Choice(Protocol):
    """The logs that are meant, which may become more while they are followed."""

    @property
    def ends(self) -> bool:
        """Whether there is nothing to wait for when all logs that have begun have ended."""

    def update(self, feed: Feed, changes: Changes) -> None:
        """Take changes in."""

    def startable(self) -> Sequence[Source]:
        """Return the logs that have begun."""


async def ask_leave(session: Session, namespace: str) -> None:
    """Raise `RefusedError` where logs of a namespace may not be read."""
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


async def read_once(session: Session, sources: list[Source], printer: Printer, wanted: Wanted) -> None:
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


class Follower:
    """Follows every log of a choice, those of pods that come later too."""

    def __init__(self, session: Session, feed: Feed, choice: Choice, printer: Printer, wanted: Wanted) -> None:
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


class Printer:
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
        say(f"{source.label or f'{source.pod}/{source.container}'}: {text}")

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
        name = f"[{source.label or f'{source.pod} {source.container}'}]"
        if not self.out.colour:
            return f"{name} "
        colour = self._colours.setdefault(name, _PREFIX_COLOURS[len(self._colours) % len(_PREFIX_COLOURS)])
        return f"\x1b[{colour}m{name}\x1b[0m "
