"""The log of one container as a stream that survives cuts, restarts and slow readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

from bakeryops.cluster.backoff import Backoff
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.link import Link
from bakeryops.cluster.logbuffer import LineCutter, LogBuffer, LogEntry
from bakeryops.cluster.logend import Ending, why_ended
from bakeryops.cluster.state import reason_of
from bakeryops.cluster.timing import Timing
from bakeryops.cluster.transport import Deadline, Transport

__all__ = ["LogEntry", "LogStream"]

_WAITING = "is waiting to start"
_FINAL = frozenset({"forbidden", "unauthorized", "not_found", "absent", "invalid", "gone", "conflict"})
_READ = Deadline(total=None, idle=60.0)
"""For a log that is read and not followed: it may be long, and must not stall."""
_FOLLOW = Deadline(total=None)
_PAUSE_CAP = 5.0


class LogStream:
    """Batches of log entries, by `async for`; one reader, once.

    A followed log goes on after a lost connection (without repeating lines) and after a restart of the container;
    it ends, with a notice that says why, when nothing more can come. A log that is not followed ends without one
    unless it could not be read.
    """

    def __init__(
        self,
        transport: Transport,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        follow: bool = True,
        previous: bool = False,
        tail: int | None = 1000,
        since_seconds: int | None = None,
        timestamps: bool = True,
        max_lines: int = 20_000,
        max_bytes: int = 8 << 20,
        link: Link | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Take what to read: `tail` lines (None: all) of at most `since_seconds`; `previous` is never followed.

        The bounds hold for what waits between server and reader. A followed log drops its oldest lines beyond
        them; one that is only read waits for the reader and loses nothing.
        """
        self._transport = transport
        self._namespace = namespace
        self._pod = pod
        self._container = container
        self._follow = follow and not previous
        self._previous = previous
        self._tail = tail
        self._since_seconds = since_seconds
        self._timestamps = timestamps
        self._link = link
        self._timing = timing or Timing()
        self._buffer = LogBuffer(max_lines, max_bytes, lossless=not self._follow)
        self._cutter = LineCutter()
        self._backoff = Backoff(self._timing.backoff_first, min(_PAUSE_CAP, self._timing.backoff_cap))
        self._task: asyncio.Task[None] | None = None
        self._scope: asyncio.Timeout | None = None
        self._opened_at: float | None = None
        self._heard_at = -1e9
        self._lost_at = -1e9
        self._said = ""
        self._cut_off = False
        self._restarts: int | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task that reads the stream, while there is one; who cancels it ends the iteration."""
        return self._task

    async def __aiter__(self) -> AsyncIterator[list[LogEntry]]:
        """Yield what came since the last batch, waiting for at least one entry."""
        self._task = asyncio.create_task(self._run(), name=f"log {self._namespace}/{self._pod}")
        try:
            while (batch := await self._buffer.take()) is not None:
                if not self._timestamps:
                    for entry in batch:
                        entry.time = ""
                yield batch
        finally:
            await self.close()

    async def close(self) -> None:
        """End the stream and its connection; the iteration ends after what is buffered."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        # Not awaited itself: its cancellation could not be told from our own.
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _run(self) -> None:
        """Read until nothing more can come."""
        if self._link is not None:
            self._link.on_lost.append(self._link_lost)
            self._link.on_back.append(self._link_back)
        try:
            while (pause := await self._attempt()) is not None:
                await asyncio.sleep(pause)
                self._cutter.resume()
        finally:
            if self._link is not None:
                self._link.on_lost.remove(self._link_lost)
                self._link.on_back.remove(self._link_back)
            self._buffer.end()

    async def _attempt(self) -> float | None:
        """Read one stream; return the pause before the next, None for the end."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(None) as self._scope:
                got = await self._read()
                if not self._follow:
                    return None
                ending = await why_ended(self._transport, self._namespace, self._pod, self._container)
        except TimeoutError:
            return 0.0
        except KubeError as error:
            return await self._refused(error)
        finally:
            self._scope = None
        if got or loop.time() - began > self._timing.trusted:
            self._backoff.reset()
        return await self._ended(ending)

    async def _read(self) -> int:
        """Put one stream into the buffer; return how many lines came."""
        loop = asyncio.get_running_loop()
        path = f"/api/v1/namespaces/{quote(self._namespace, safe='')}/pods/{quote(self._pod, safe='')}/log"
        got = 0
        deadline = _FOLLOW if self._follow else _READ
        cost = self._transport.cost
        async with self._transport.open(
            "GET", path, query=self._query(), accept="*/*", timeout=deadline
        ) as answer:
            cost.open_logs += 1
            if self._opened_at is None:
                self._opened_at = loop.time()
            try:
                if self._cut_off:
                    self._cut_off = False
                    self._said = ""
                    await self._notice("connected again", once=False)
                slice_began = loop.time()
                while piece := await answer.content.readany():
                    self._heard_at = loop.time()
                    cost.received(len(piece))
                    if self._link is not None:
                        self._link.heard()
                    if entries := self._cutter.feed(piece):
                        got += len(entries)
                        self._said = ""
                        await self._buffer.put(entries)
                    if loop.time() - slice_began > self._timing.work_slice:
                        await asyncio.sleep(0)
                        slice_began = loop.time()
            finally:
                cost.open_logs -= 1
        if entries := self._cutter.end():
            got += len(entries)
            await self._buffer.put(entries)
        return got

    def _query(self) -> list[tuple[str, str]]:
        """Return the parameters of the next request: from the last line on, where there was one."""
        query = [("timestamps", "true")]
        if self._container:
            query.append(("container", self._container))
        if self._previous:
            query.append(("previous", "true"))
        if self._follow:
            query.append(("follow", "true"))
        if self._cutter.last:
            query.append(("sinceTime", self._cutter.last))
            return query
        since = self._since_seconds
        if self._opened_at is not None and self._tail is not None:
            # It was empty so far: whatever has come since is wanted, be it more than the tail.
            since = max(since or 0, round(asyncio.get_running_loop().time() - self._opened_at) + 1)
        elif self._tail is not None:
            query.append(("tailLines", str(self._tail)))
        if since is not None:
            query.append(("sinceSeconds", str(max(1, since))))
        return query

    async def _ended(self, ending: Ending) -> float | None:
        """Judge the regular end of a followed stream."""
        restarted = self._restarts is not None and ending.restarts > self._restarts
        self._restarts = ending.restarts
        if ending.kind == "between":
            await self._notice(f"{ending.text}; waiting for it to start")
            return self._backoff.next()
        if ending.kind == "running":
            if restarted:
                self._said = ""
                await self._notice(f"the container was started again (restart {ending.restarts})", once=False)
            return self._backoff.next()
        await self._notice(ending.text)
        return None

    async def _refused(self, error: KubeError) -> float | None:
        """Judge a request that failed, or a stream that was cut."""
        if error.kind == "invalid" and _WAITING in error.message and self._follow:
            await self._notice(error.message)
            return self._backoff.next()
        if error.kind in _FINAL or not self._follow:
            text = reason_of(error)
            if error.kind in ("not_found", "absent"):
                text = f"{text}; the log of a deleted pod is gone with it"
            await self._notice(text)
            return None
        self._cut_off = True
        await self._notice(f"{error.message}; the log goes on when it is back")
        return self._backoff.next(error.retry_after)

    async def _notice(self, text: str, *, once: bool = True) -> None:
        """Say something in the log, not twice in a row."""
        if not once or text != self._said:
            if once:
                self._said = text
            await self._buffer.put([LogEntry(notice=text)])

    def _link_lost(self) -> None:
        """Note when the server was lost."""
        self._lost_at = asyncio.get_running_loop().time()

    def _link_back(self) -> None:
        """Ask again, unless the stream has proved that it survived."""
        if self._scope is not None and not self._scope.expired() and self._heard_at < self._lost_at:
            self._scope.reschedule(asyncio.get_running_loop().time())
