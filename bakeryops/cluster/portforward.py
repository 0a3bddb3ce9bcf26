"""Ports of pods on this machine: each connection to a local port is a websocket of its own to the API server.

The protocol is `v4.channel.k8s.io`: channel 0 carries the port's bytes, channel 1 its errors, and the first frame
of each is the port's number in two bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.transport import Transport
from bakeryops.errors import BakeryopsError
from bakeryops.text import clean, decode

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Forward", "forwarding"]

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_CHUNK = 1 << 16
_HEADER = 2
_LINGER = 5.0
"""Seconds without a byte after which a half closed connection is ended: the protocol has no half close."""
_LOCAL = "127.0.0.1"

Say = Callable[[str], None]


@dataclass(slots=True)
class Forward:
    """A local port that leads to a port of a pod."""

    local: int
    remote: int
    pod: str
    opened: int = 0
    """Connections so far."""
    open: int = 0
    """Connections at the moment."""
    error: str = ""
    """Why the last connection failed."""


@asynccontextmanager
async def forwarding(
    transport: Transport, namespace: str, pod: str, remote: int, *, local: int = 0, say: Say = lambda _: None
) -> AsyncIterator[Forward]:
    """Listen on 127.0.0.1 for the time of a block and carry each connection to a pod's port.

    `local` 0 chooses a free port; `say` is told what happens to connections, in lines for people. A connection
    that fails ends alone. Raises `BakeryopsError` where the local port cannot be had.
    """
    forward = Forward(local, remote, pod)
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        forward.opened += 1
        forward.open += 1
        number = forward.opened
        try:
            await _carry(transport, namespace, pod, remote, reader, writer)
        except KubeError as error:
            forward.error = error.message
            say(f"connection {number}: {error.message}")
        except (ConnectionError, TimeoutError) as error:
            say(f"connection {number}: {clean(str(error)) or 'ended'}")
        finally:
            forward.open -= 1
            tasks.discard(task)
            writer.close()

    try:
        server = await asyncio.start_server(accepted, _LOCAL, local)
    except OSError as error:
        raise BakeryopsError(
            f"port {local} of this machine cannot be used",
            why=error.strerror or str(error),
            hint="Choose another: 8080:80, or leave it to the machine: :80",
        ) from error
    forward.local = server.sockets[0].getsockname()[1]
    try:
        yield forward
    finally:
        server.close()
        ending = list(tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)


async def _carry(
    transport: Transport,
    namespace: str,
    pod: str,
    port: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Carry one connection until either end closes it; raises `KubeError` with the kubelet's words."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/portforward"
    async with transport.websocket(path, [("ports", str(port))], (_PROTOCOL,)) as socket:
        if socket.protocol != _PROTOCOL:
            raise KubeError("the API server agrees on no known port-forward protocol", kind="protocol")
        heard = [asyncio.get_running_loop().time()]
        sending = asyncio.create_task(_send(transport, socket, reader))
        receiving = asyncio.create_task(_receive(transport, socket, writer, heard))
        try:
            await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not receiving.done():
                sending.result()
                await _linger(receiving, heard)
            elif receiving.done():
                receiving.result()
        finally:
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)


async def _linger(receiving: asyncio.Task[None], heard: list[float]) -> None:
    """Let what the pod still says come after the client has said its last; raises what the receiver raises."""
    loop = asyncio.get_running_loop()
    heard[0] = loop.time()
    while not receiving.done() and loop.time() - heard[0] < _LINGER:
        await asyncio.wait((receiving,), timeout=_LINGER / 10)
    if receiving.done():
        receiving.result()


async def _send(
    transport: Transport, socket: aiohttp.ClientWebSocketResponse[bool], reader: asyncio.StreamReader
) -> None:
    while data := await reader.read(_CHUNK):
        await socket.send_bytes(bytes((_DATA,)) + data)


async def _receive(
    transport: Transport,
    socket: aiohttp.ClientWebSocketResponse[bool],
    writer: asyncio.StreamWriter,
    heard: list[float],
) -> None:
    """Hand on what the pod's port says; raises `KubeError` for what comes on the error channel."""
    import aiohttp

    headers = {_DATA: _HEADER, _ERROR: _HEADER}
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        frame: bytes = message.data
        transport.cost.received(len(frame))
        heard[0] = asyncio.get_running_loop().time()
        channel, payload = frame[0], frame[1:]
        if channel not in headers:
            continue
        skipped = min(headers[channel], len(payload))
        headers[channel] -= skipped
        payload = payload[skipped:]
        if not payload:
            continue
        if channel == _ERROR:
            raise KubeError(clean(decode(payload)).strip()[:500], kind="unavailable", hint="Does it listen there?")
        with contextlib.suppress(ConnectionError):
            writer.write(payload)
            await writer.drain()
    if (error := socket.exception()) is not None:
        raise KubeError("the connection was cut", kind="protocol", why=clean(str(error)))
