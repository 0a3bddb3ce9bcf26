"""Ports of pods carried over real websockets: bytes both ways, errors in the kubelet's words, ends of either side."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from bakeryops.cluster import portforward
from bakeryops.cluster.portforward import Forward, forwarding
from bakeryops.errors import BakeryopsError
from tests.support.fake_api import fake_api, refused, started
from tests.support.waiting import until

PATH = "/api/v1/namespaces/orders/pods/web/portforward"
PORT = struct.pack("<H", 8000)
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portforward, "_LINGER", 0.6)


@asynccontextmanager
async def forwarded(talk: Talk, said: list[str] | None = None) -> AsyncIterator[tuple[Forward, list[str]]]:
    """Serve a pod's port that behaves so, and forward to it; also yields the queries that came."""
    queries: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.json_response(refused(400, "BadRequest", "Upgrade request required")[1], status=400)
        queries.append(request.query_string)
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + PORT)
        await talk(socket)
        return socket

    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", PATH, handle)
        say = said.append if said is not None else print
        async with forwarding(transport, "orders", "web", 8000, say=say) as forward:
            yield forward, queries


async def echo(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        if message.type is WSMsgType.BINARY and message.data[0] == 0:
            await socket.send_bytes(b"\x00" + message.data[1:].upper())


async def ask(forward: Forward, data: bytes, count: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", forward.local)
    writer.write(data)
    await writer.drain()
    answer = await reader.readexactly(count)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_bytes_go_both_ways_and_each_connection_has_its_own_socket() -> None:
    async with forwarded(echo) as (forward, queries):
        answers = await asyncio.gather(ask(forward, b"hello", 5), ask(forward, b"x" * 300_000, 300_000))
        assert list(answers) == [b"HELLO", b"X" * 300_000]
        assert queries == ["ports=8000", "ports=8000"]
        await until(lambda: forward.open == 0)
        assert forward.opened == 2


async def test_the_port_is_open_on_loopback_only_and_closed_afterwards() -> None:
    async with forwarded(echo) as (forward, _):
        local = forward.local
        assert local
        with pytest.raises(BakeryopsError, match=f"port {local} of this machine cannot be used"):
            async with forwarding(None, "orders", "web", 8000, local=local):  # type: ignore[arg-type]
                pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", local)


async def test_what_the_kubelet_says_of_a_port_that_does_not_listen_is_told_and_the_rest_goes_on() -> None:
    async def deaf(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x01error forwarding port 8000: connection \x1b[31mrefused")
        await socket.close()

    said: list[str] = []
    async with forwarded(deaf, said) as (forward, _):
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", forward.local)
            assert await reader.read() == b""
            writer.close()
        await until(lambda: len(said) == 2)
        assert said[0] == "connection 1: error forwarding port 8000: connection refused"
        assert said[1].startswith("connection 2: ")


async def test_a_client_that_has_said_its_last_still_hears_the_answer() -> None:
    async def slow(socket: web.WebSocketResponse) -> None:
        message = await socket.receive()
        assert message.data == b"\x00question"
        await asyncio.sleep(0.2)
        await socket.send_bytes(b"\x00answer")
        await socket.close()

    async with forwarded(slow) as (forward, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", forward.local)
        writer.write(b"question")
        writer.write_eof()
        async with asyncio.timeout(5):
            assert await reader.read() == b"answer"
        writer.close()


async def test_a_pod_that_hangs_up_ends_the_connection() -> None:
    async def brief(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x00bye")
        await socket.close()

    async with forwarded(brief) as (forward, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", forward.local)
        async with asyncio.timeout(5):
            assert await reader.read() == b"bye"
        writer.close()


async def test_ending_it_cuts_what_is_open() -> None:
    async with forwarded(echo) as (forward, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", forward.local)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"A"
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
