"""The log subresource: which lines of a container, in which form, and how long the stream lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from bakeryops.demo.api import Call, base_headers
from bakeryops.demo.contracts import LogLine, LogUnavailableError, Object
from bakeryops.demo.faults import STREAM_ACTIONS
from bakeryops.demo.objects import parse_time
from bakeryops.demo.request import flag
from bakeryops.demo.status import Cause, StatusError, bad_request, invalid

__all__ = ["stream_log"]

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Options:
    follow: bool
    previous: bool
    timestamps: bool
    tail: int | None
    limit: int | None
    since: float | None


def _number(call: Call, key: str) -> int | None:
    text = call.query.get(key)
    if text in (None, ""):
        return None
    try:
        return int(text)
    except ValueError as error:
        message = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise bad_request(f"unable to decode query: {key}: {message}") from error


def _options(call: Call) -> _Options:
    tail, limit, since = (_number(call, key) for key in ("tailLines", "limitBytes", "sinceSeconds"))
    causes = []
    if tail is not None and tail < 0:
        why = f"Invalid value: {tail}: must be greater than or equal to 0"
        causes.append(Cause("FieldValueInvalid", why, "tailLines"))
    if limit is not None and limit < 1:
        causes.append(Cause("FieldValueInvalid", f"Invalid value: {limit}: must be greater than 0", "limitBytes"))
    if since is not None and since < 1:
        causes.append(
            Cause("FieldValueInvalid", f"Invalid value: {since}: must be greater than 0", "sinceSeconds")
        )
    if call.query.get("stream"):
        causes.append(Cause("FieldValueForbidden", "Forbidden: may not be specified", "stream"))
    if causes:
        raise invalid("PodLogOptions", "", call.target.name, causes)
    start = None if since is None else call.store.clock.now() - since
    if call.query.get("sinceTime"):
        start = parse_time(call.query["sinceTime"])
    return _Options(
        follow=flag(call.query, "follow"),
        previous=flag(call.query, "previous"),
        timestamps=flag(call.query, "timestamps"),
        tail=tail,
        limit=limit,
        since=start,
    )


def _shown(line: LogLine, options: _Options) -> bytes:
    if not options.timestamps:
        return line.data
    whole = int(line.time)
    stamp = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    nanos = int((line.time - whole) * 1e9)
    return f"{stamp}.{nanos:09d}Z ".encode() + line.data


async def stream_log(call: Call, pod: Object, container: Callable[[], str]) -> web.StreamResponse:
    """Answer with a container's log; raises `StatusError` before the stream begins."""
    options = _options(call)
    name = container()
    provider = call.api.logs
    try:
        lines = provider.read(pod, name, previous=options.previous) if provider else []
    except LogUnavailableError as error:
        if error.status == 200:
            lines, options = [LogLine(0.0, str(error).encode())], _Options(False, False, False, None, None, None)
        else:
            reason = {400: "BadRequest", 404: "NotFound"}.get(error.status, "InternalError")
            raise StatusError(error.status, reason, str(error)) from error
    total = len(lines)
    if options.since is not None:
        lines = [line for line in lines if line.time >= options.since]
    if options.tail is not None:
        lines = lines[-options.tail :] if options.tail else []
    response = web.StreamResponse(headers={**base_headers(), "Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(call.request)
    writer = _Writer(call, response, options)
    try:
        if not await writer.write(lines) or not options.follow or options.previous or provider is None:
            return response
        await _follow(call, writer, provider.follow(pod, name, total).__aiter__())
    except ConnectionError:
        return response
    return response


async def _next(lines: AsyncIterator[LogLine]) -> LogLine | None:
    return await anext(lines, None)


async def _follow(call: Call, writer: _Writer, lines: AsyncIterator[LogLine]) -> None:
    """Pass lines on until the container, the client or the server ends; nothing goes on waiting after that."""
    end = asyncio.ensure_future(call.api.closing.wait())
    step: asyncio.Future[LogLine | None] | None = None
    try:
        while True:
            step = asyncio.ensure_future(_next(lines))
            await asyncio.wait((step, end), return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                return
            line = step.result()
            if line is None or not await writer.write([line]):
                return
    finally:
        left = [task for task in (step, end) if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class _Writer:
    """Writes lines up to the byte limit, past the faults that are in force."""

    def __init__(self, call: Call, response: web.StreamResponse, options: _Options) -> None:
        self._call = call
        self._response = response
        self._options = options
        self._left = options.limit
        self._sent = 0
        self._key = (call.request.path, "pods/log", "get", call.user.name)
        hit = call.api.faults.pick(STREAM_ACTIONS, *self._key)
        self._fault = next((fault for fault in hit if fault.action != "truncate"), None)

    async def write(self, lines: list[LogLine]) -> bool:
        """Send lines; returns whether the stream goes on."""
        await self._call.api.faults.flowing(*self._key)
        if self._call.api.faults.silences(*self._key):
            return True
        going = True
        if self._fault is not None and self._sent + len(lines) > self._fault.after:
            allowed = max(self._fault.after - self._sent, 0)
            if self._fault.action == "silent":
                lines = lines[:allowed]
            else:
                lines, going = lines[:allowed], False
        self._sent += len(lines)
        data = b"".join(_shown(line, self._options) for line in lines)
        if self._left is not None:
            data, self._left = data[: self._left], self._left - min(self._left, len(data))
            going = going and self._left > 0
        for start in range(0, len(data), _CHUNK):
            await self._response.write(data[start : start + _CHUNK])
        return going
