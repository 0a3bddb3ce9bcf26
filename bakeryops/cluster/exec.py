"""Commands in containers, over websockets: bytes as they come, and an exit code that is never guessed."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.failures import from_status
from bakeryops.cluster.transport import Transport
from bakeryops.text import clean, decode

if TYPE_CHECKING:
    import aiohttp

__all__ = ["ExecResult", "Sink", "run", "stream"]

Sink = Callable[[bytes], Awaitable[None] | None]
"""Takes bytes as they arrive, cut anywhere (also within a character); a slow one slows the container down."""

_STDIN, _STDOUT, _STDERR, _STATUS, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_V5, _V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
_FRAME = 1 << 15
_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command that ended said."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text; what is not UTF-8 shows as U+FFFD. Not cleaned."""
        return decode(self.stdout)


async def run(
    transport: Transport,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str | None = None,
    stdin: bytes | None = None,
    timeout: float | None = 60.0,
    largest: int = _LARGEST,
) -> ExecResult:
    """Run `command` (an argv list) and return how it ended.

    `timeout` is in seconds and leaves the command running in the container; more output than `largest` bytes is
    an error. Raises `KubeError`; a stream that ends without the command's own end is kind `protocol`.
    """
    out, err = bytearray(), bytearray()

    def keep(buffer: bytearray) -> Sink:
        def sink(data: bytes) -> None:
            if len(out) + len(err) + len(data) > largest:
                raise KubeError(f"{_shown(command)} wrote more than {largest} bytes", kind="invalid")
            buffer.extend(data)

        return sink

    try:
        async with asyncio.timeout(timeout):
            code = await stream(
                transport,
                namespace,
                pod,
                command,
                container=container,
                on_stdout=keep(out),
                on_stderr=keep(err),
                stdin=_once(stdin) if stdin is not None else None,
            )
    except TimeoutError:
        raise KubeError(
            f"{_shown(command)} in {clean(pod)} did not end within {timeout:g} s",
            kind="timeout",
            why="it goes on in the container",
        ) from None
    return ExecResult(code, bytes(out), bytes(err))


async def stream(
    transport: Transport,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str | None = None,
    on_stdout: Sink,
    on_stderr: Sink | None = None,
    stdin: AsyncIterable[bytes] | None = None,
    tty: bool = False,
    sizes: AsyncIterable[tuple[int, int]] | None = None,
) -> int:
    """Run `command` and hand its output on as it comes; return its exit code.

    `stdin` is sent as it comes and then closed; `sizes` are (columns, lines) of a terminal (`tty`, where standard
    error comes on standard output). Raises `KubeError`, and whatever a sink or a source raises.
    """
    query = [("command", part) for part in command]
    query += [("container", container)] if container else []
    wanted = {"stdin": stdin is not None, "stdout": True, "stderr": on_stderr is not None and not tty, "tty": tty}
    query += [(key, "true") for key, value in wanted.items() if value]
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec"
    async with transport.websocket(path, query, (_V5, _V4)) as socket:
        if socket.protocol not in (_V5, _V4):
            raise KubeError("the API server agrees on no known exec protocol", kind="protocol")
        if socket.protocol == _V4 and stdin is not None and not tty:
            raise KubeError(
                "this API server cannot close a command's standard input",
                kind="protocol",
                why="that came with Kubernetes 1.30; the command would wait for ever",
            )
        senders = []
        if stdin is not None:
            senders.append(asyncio.create_task(_feed(socket, stdin, closes=socket.protocol == _V5)))
        if sizes is not None and tty:
            senders.append(asyncio.create_task(_resize(socket, sizes)))
        receiver = asyncio.create_task(_receive(transport, socket, on_stdout, on_stderr, command))
        try:
            pending: set[asyncio.Task[Any]] = {receiver, *senders}
            while not receiver.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {receiver}:
                    task.result()
            return receiver.result()
        finally:
            for task in (receiver, *senders):
                task.cancel()
            await asyncio.gather(receiver, *senders, return_exceptions=True)


async def _receive(
    transport: Transport,
    socket: aiohttp.ClientWebSocketResponse[bool],
    on_stdout: Sink,
    on_stderr: Sink | None,
    command: Sequence[str],
) -> int:
    import aiohttp

    sinks = {_STDOUT: on_stdout, _STDERR: on_stderr}
    count = 0
    while True:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            error = socket.exception()
            raise KubeError(
                f"the output of {_shown(command)} was cut after {count} bytes",
                kind="protocol",
                why=clean(str(error)) if error else "the connection ended before the command's end was told",
                hint="what came is not whole; run it again",
            )
        data: bytes = message.data
        transport.cost.received(len(data))
        channel, payload = data[0] if data else -1, data[1:]
        sink = sinks.get(channel)
        if sink is not None and payload:
            count += len(payload)
            waited = sink(payload)
            if inspect.isawaitable(waited):
                await waited
        elif channel == _STATUS:
            return _exit_code(payload)


def _exit_code(payload: bytes) -> int:
    try:
        status = json.loads(payload)
    except (ValueError, RecursionError):
        status = None
    if not isinstance(status, dict) or status.get("status") not in ("Success", "Failure"):
        raise KubeError("the end of the command was told in words that are not understood", kind="protocol")
    if status["status"] == "Success":
        return 0
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    if status.get("reason") == "NonZeroExitCode" and isinstance(causes, list):
        for cause in causes:
            if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
                with suppress(ValueError):
                    return int(str(cause.get("message")))
    error = from_status(status)
    error.why = ""
    if "executable file not found" in error.message or "no such file or directory" in error.message:
        error.hint = "the container has no such program"
    raise error


async def _feed(
    socket: aiohttp.ClientWebSocketResponse[bool], source: AsyncIterable[bytes], *, closes: bool
) -> None:
    try:
        async for data in source:
            for start in range(0, len(data), _FRAME):
                await socket.send_bytes(bytes((_STDIN,)) + data[start : start + _FRAME])
        if closes:
            await socket.send_bytes(bytes((_CLOSE, _STDIN)))
    except ConnectionError:
        # A command may end before it has read everything; the receiver says how it ended.
        return


async def _resize(socket: aiohttp.ClientWebSocketResponse[bool], sizes: AsyncIterable[tuple[int, int]]) -> None:
    try:
        async for columns, lines in sizes:
            size = json.dumps({"Width": columns, "Height": lines}).encode()
            await socket.send_bytes(bytes((_RESIZE,)) + size)
    except ConnectionError:
        return


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _shown(command: Sequence[str]) -> str:
    # The program only: arguments may hold secrets.
    return clean(command[0]) if command else "the command"
