"""Port-forward as kubectl speaks it: SPDY streams within a WebSocket, a pair of them for each connection."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import WSMsgType, web

from bakeryops.demo import spdy
from bakeryops.demo.contracts import Object
from bakeryops.demo.forwards import Listener, refusal

__all__ = ["PROTOCOL", "run_tunnel"]

PROTOCOL = "SPDY/3.1+portforward.k8s.io"


@dataclass
class _Connection:
    """One connection to a port: a stream for its bytes, another for what goes wrong."""

    port: int = 0
    data: int = 0
    error: int = 0
    listener: Listener | None = None


class _Tunnel:
    """The streams of one WebSocket."""

    def __init__(self, pod: Object) -> None:
        self._pod = pod
        self._reader = spdy.Reader()
        self._writer = spdy.Writer()
        self._by_request: dict[str, _Connection] = {}
        self._by_stream: dict[int, tuple[str, _Connection]] = {}

    def answer(self, data: bytes) -> bytes:
        """Return what is to be sent for bytes that came; raises ValueError for what is no SPDY."""
        return b"".join(self._take(frame) for frame in self._reader.feed(data))

    def _take(self, frame: spdy.Frame) -> bytes:
        if frame.kind == spdy.SYN_STREAM:
            return self._opened(frame)
        if frame.kind == spdy.PING:
            return self._writer.ping(frame.data)
        request, found = self._by_stream.get(frame.stream, ("", None))
        if found is None or frame.stream != found.data:
            return b""
        if frame.kind == spdy.RST_STREAM or (frame.kind == 0 and frame.final and not frame.data):
            return self._close(request, found)
        if frame.kind == 0 and found.listener is not None:
            page = found.listener.feed(frame.data)
            if page is not None:
                return self._writer.data(found.data, page) + self._close(request, found)
        return b""

    def _opened(self, frame: spdy.Frame) -> bytes:
        """Accept a stream; with the second one of a request its port is looked for."""
        kind, port = frame.headers.get("streamtype"), frame.headers.get("port", "")
        if kind not in ("data", "error") or not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
            return self._writer.reset(frame.stream)
        request = frame.headers.get("requestid", "")
        found = self._by_request.setdefault(request, _Connection(int(port)))
        self._by_stream[frame.stream] = (request, found)
        if kind == "error":
            found.error = frame.stream
        else:
            found.data = frame.stream
        said = self._writer.reply(frame.stream)
        if not (found.error and found.data):
            return said
        if why := refusal(self._pod, found.port):
            return said + self._writer.data(found.error, why.encode()) + self._close(request, found)
        found.listener = Listener(self._pod, found.port)
        return said

    def _close(self, request: str, found: _Connection) -> bytes:
        """End both streams of a connection."""
        self._by_request.pop(request, None)
        for stream in (found.data, found.error):
            self._by_stream.pop(stream, None)
        ends = [self._writer.data(stream, b"", final=True) for stream in (found.data, found.error) if stream]
        return b"".join(ends)


async def run_tunnel(socket: web.WebSocketResponse, pod: Object) -> None:
    """Serve the connections of a client until it goes."""
    tunnel = _Tunnel(pod)
    async for message in socket:
        if message.type is not WSMsgType.BINARY:
            continue
        try:
            said = tunnel.answer(message.data)
        except ValueError:
            break
        if said:
            await socket.send_bytes(said)
    await socket.close(code=1000)
