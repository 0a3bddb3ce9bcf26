"""Port-forward over WebSocket: two channels for each port, one connection a port (v4.channel.k8s.io).

A client that offers it gets SPDY within the WebSocket instead (see `forwards_spdy`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from bakeryops.demo.api import Call
from bakeryops.demo.contracts import Object
from bakeryops.demo.faults import STREAM_ACTIONS
from bakeryops.demo.forwards import Listener, refusal
from bakeryops.demo.forwards_spdy import PROTOCOL, run_tunnel
from bakeryops.demo.status import bad_request

__all__ = ["run_forward"]

_PROTOCOL = "v4.channel.k8s.io"
_CLOSE_SECONDS = 2.0


@dataclass
class _Pair:
    """The channels of one port."""

    data: int
    port: int
    listener: Listener | None
    done: bool = False


async def run_forward(call: Call, pod: Object) -> web.StreamResponse:
    """Serve the ports that a client asks for with `ports`; raises `StatusError` 400 for none or bad ones."""
    offered = call.request.headers.get("Sec-WebSocket-Protocol", "")
    if PROTOCOL in (each.strip() for each in offered.split(",")):
        tunnel = web.WebSocketResponse(protocols=(PROTOCOL,), timeout=_CLOSE_SECONDS)
        await tunnel.prepare(call.request)
        await run_tunnel(tunnel, pod)
        return tunnel
    ports = _ports(call)
    socket = web.WebSocketResponse(protocols=(_PROTOCOL,), timeout=_CLOSE_SECONDS)
    await socket.prepare(call.request)
    hit = call.api.faults.pick(STREAM_ACTIONS, call.request.path, "pods/portforward", "create", call.user.name)
    cut = next((fault for fault in hit if fault.action == "truncate"), None)
    pairs = []
    for place, port in enumerate(ports):
        why = refusal(pod, port)
        pair = _Pair(2 * place, port, None if why else Listener(pod, port), done=bool(why))
        pairs.append(pair)
        for channel in (pair.data, pair.data + 1):
            await socket.send_bytes(bytes([channel]) + struct.pack("<H", port))
        if why:
            await socket.send_bytes(bytes([pair.data + 1]) + why.encode())
    left = None if cut is None else cut.after
    while not all(pair.done for pair in pairs):
        message = await socket.receive()
        if message.type is not WSMsgType.BINARY:
            if message.type in (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG):
                continue
            break
        if left is not None and left <= 0:
            if call.request.transport is not None:
                call.request.transport.abort()
            return socket
        left = None if left is None else left - 1
        await _take(socket, pairs, message.data)
    await socket.close(code=1000)
    return socket


async def _take(socket: web.WebSocketResponse, pairs: list[_Pair], frame: bytes) -> None:
    """Hand a frame of the client on to the port that it is for."""
    pair = next((each for each in pairs if frame and each.data == frame[0]), None)
    if pair is None or pair.done or pair.listener is None:
        return
    answer = pair.listener.feed(frame[1:])
    if answer is not None:
        await socket.send_bytes(bytes([pair.data]) + answer)
        pair.done = True


def _ports(call: Call) -> list[int]:
    query = call.request.query
    texts = [*query.getall("ports", []), *query.getall("port", [])]
    given = [part for text in texts for part in text.split(",")]
    if not given:
        raise bad_request('query parameter "port" is required')
    ports = []
    for each in given:
        if not each.isascii() or not each.isdigit() or not 1 <= int(each) <= 65535:
            raise bad_request(f"unable to parse {each!r} as a port")
        ports.append(int(each))
    return ports
