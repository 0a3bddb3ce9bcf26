"""Exec over WebSocket: channels in one byte, a Status at the end (v5.channel.k8s.io and v4)."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from bakeryops.demo.api import Call
from bakeryops.demo.contracts import ExecRefusedError, Object
from bakeryops.demo.faults import STREAM_ACTIONS, Fault
from bakeryops.demo.request import flag
from bakeryops.demo.status import not_implemented
from bakeryops.demo.table import encode

__all__ = ["run_exec"]

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io")
_CLOSE_SECONDS = 2.0
"""How long the server waits for the answer to its close frame."""
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255


class _Streams:
    """The command's ends of the channels."""

    def __init__(self, socket: web.WebSocketResponse, fault: Fault | None) -> None:
        self._socket = socket
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._fault = fault
        self._frames = 0
        self.cut = False

    def feed(self, data: bytes | None) -> None:
        """Take in what the client typed; None at its end."""
        self._input.put_nowait(data)

    async def stdin(self) -> bytes | None:
        return await self._input.get()

    async def stdout(self, data: bytes) -> None:
        await self.send(_STDOUT, data)

    async def stderr(self, data: bytes) -> None:
        await self.send(_STDERR, data)

    async def send(self, channel: int, data: bytes) -> None:
        """Send one frame, unless the fault in force has cut the stream."""
        if self._fault is not None and self._frames >= self._fault.after:
            self.cut = True
        if not self.cut and not self._socket.closed:
            self._frames += 1
            await self._socket.send_bytes(bytes([channel]) + data)


async def run_exec(call: Call, pod: Object, container: str) -> web.StreamResponse:
    """Run a command for a client that has asked for the upgrade."""
    if call.api.execs is None:
        raise not_implemented("the embedded cluster runs without containers that could be entered")
    socket = web.WebSocketResponse(protocols=_PROTOCOLS, timeout=_CLOSE_SECONDS)
    await socket.prepare(call.request)
    hit = call.api.faults.pick(STREAM_ACTIONS, call.request.path, "pods/exec", "create", call.user.name)
    streams = _Streams(socket, next((fault for fault in hit if fault.action == "truncate"), None))
    command = [str(each) for each in call.request.query.getall("command", [])]
    if flag(call.query, "stdout"):
        await streams.send(_STDOUT, b"")
    if not flag(call.query, "stdin"):
        streams.feed(None)
    reader = asyncio.ensure_future(_read(socket, streams))
    work = asyncio.ensure_future(
        call.api.execs.run(pod, container, command, tty=flag(call.query, "tty"), streams=streams)
    )
    try:
        await asyncio.wait((reader, work), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return socket
        await streams.send(_ERROR, encode(_outcome(work, command)))
    finally:
        for task in (reader, work):
            task.cancel()
        await asyncio.gather(reader, work, return_exceptions=True)
    if streams.cut:
        transport = call.request.transport
        if transport is not None:
            transport.abort()
    else:
        await socket.close(code=1000)
    return socket


async def _read(socket: web.WebSocketResponse, streams: _Streams) -> None:
    """Hand the client's frames on until it goes; the end of standard input is no end of the connection."""
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            data = message.data.encode()
        elif message.type is WSMsgType.BINARY:
            data = message.data
        else:
            continue
        if not data:
            continue
        if data[0] == _STDIN:
            streams.feed(data[1:])
        elif data[0] == _CLOSE and data[1:2] == bytes([_STDIN]):
            streams.feed(None)
    streams.feed(None)


def _outcome(work: asyncio.Future[int], command: list[str]) -> Object:
    try:
        code = work.result()
    except ExecRefusedError as error:
        return _failure(f"unable to upgrade connection: {error}")
    except FileNotFoundError as error:
        name = error.args[0] if error.args and isinstance(error.args[0], str) else (command or [""])[0]
        return _failure(
            "Internal error occurred: error executing command in container: failed to exec in container: failed "
            "to "
            f"start exec: OCI runtime exec failed: exec failed: unable to start container process: exec: "
            f'"{name}": '
            "executable file not found in $PATH"
        )
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _failure(message: str) -> Object:
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {message}",
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    }
