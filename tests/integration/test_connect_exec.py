"""Commands in containers, over real websockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import WSMsgType, web

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.exec import run, stream
from bakeryops.cluster.login import Login
from bakeryops.cluster.transport import Transport
from bakeryops.errors import RefusedError
from tests.support.fake_api import FakeApi, fake_api, refused, started
from tests.support.recordings import exchanges

RECORDED = exchanges()
V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
PATH = "/api/v1/namespaces/orders/pods/web/exec"
SUCCESS = {"metadata": {}, "status": "Success"}
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


def _serve(api: FakeApi, talk: Talk, *protocols: str) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.json_response(refused(400, "BadRequest", "Upgrade request required")[1], status=400)
        socket = web.WebSocketResponse(protocols=protocols or (V5, V4))
        await socket.prepare(request)
        await talk(socket)
        return socket

    api.answer("GET", PATH, handle)


def _status(status: object) -> bytes:
    return b"\x03" + (status if isinstance(status, bytes) else json.dumps(status).encode())


def _says(*frames: bytes) -> Talk:
    async def talk(socket: web.WebSocketResponse) -> None:
        for frame in frames:
            await socket.send_bytes(frame)

    return talk


async def _run(transport: Transport, **options):
    return await run(transport, "orders", "web", ["sh", "-c", "x y"], timeout=30, **options)


async def test_output_and_exit_code() -> None:
    failed = {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": "command terminated with exit code 7",
        "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
    }
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _says(b"\x01", b"\x01out", b"\x02err", b"\x01more", _status(failed)))
        result = await _run(transport, container="main")
    assert (result.exit_code, result.stdout, result.stderr) == (7, b"outmore", b"err")
    assert api.asked[0].query == [
        ("command", "sh"),
        ("command", "-c"),
        ("command", "x y"),
        ("container", "main"),
        ("stdout", "true"),
        ("stderr", "true"),
    ]
    assert api.asked[0].headers["Sec-WebSocket-Protocol"].replace(" ", "") == f"{V5},{V4}"


async def test_characters_cut_between_frames_are_whole() -> None:
    """The library's client crashes on them."""
    text = "Crème brûlée ☕".encode()
    frames = [b"\x01" + text[at : at + 1] for at in range(len(text))]
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _says(*frames, b"\x01\xff", _status(SUCCESS)))
        result = await _run(transport)
    assert result.text == "Crème brûlée ☕\ufffd"


@pytest.mark.parametrize("ending", ["close", "cut", "nothing"])
async def test_a_stream_without_the_commands_end_is_an_error_never_a_success(ending: str) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x01half a dump")
        if ending == "close":
            await socket.close()
        elif ending == "cut":
            transport = socket._req.transport
            assert transport is not None
            transport.abort()

    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, talk)
        with pytest.raises(KubeError) as caught:
            await _run(transport)
    assert caught.value.kind == "protocol"
    assert "cut after" in caught.value.message
    assert caught.value.exit_code != 0


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}", b'{"status": "Perhaps"}', b"[" * 30_000])
async def test_an_end_that_is_not_understood_is_an_error(payload: bytes) -> None:
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _says(_status(payload)))
        with pytest.raises(KubeError) as caught:
            await _run(transport)
    assert caught.value.kind == "protocol"


async def test_a_command_that_cannot_be_started() -> None:
    message = 'Internal error occurred: exec: "bash": executable file not found in $PATH\x1b[2J'
    status = {"status": "Failure", "reason": "InternalError", "message": message, "code": 500}
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _says(_status(status)))
        with pytest.raises(KubeError) as caught:
            await _run(transport)
    assert caught.value.hint == "the container has no such program"
    assert caught.value.message.isprintable()


async def _echo(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        assert message.type is WSMsgType.BINARY
        if message.data == b"\xff\x00":
            break
        assert message.data[0] == 0
        await socket.send_bytes(b"\x01" + message.data[1:])
    await socket.send_bytes(_status(SUCCESS))


async def test_standard_input_is_sent_whole_and_closed() -> None:
    data = bytes(range(256)) * 1000
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _echo)
        result = await _run(transport, stdin=data)
    assert result.stdout == data
    assert ("stdin", "true") in api.asked[0].query


async def test_a_server_that_cannot_close_standard_input_is_told_of_not_waited_for() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _echo, V4)
        with pytest.raises(KubeError, match="cannot close"):
            await _run(transport, stdin=b"x")
        _serve(api, _says(b"\x01ok", _status(SUCCESS)), V4)
        assert (await _run(transport)).stdout == b"ok"


async def test_a_command_that_ends_before_it_read_everything() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_bytes(_status(SUCCESS))

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, talk)
        code = await stream(transport, "orders", "web", ["head"], on_stdout=lambda data: None, stdin=endless())
    assert code == 0


async def test_a_source_or_sink_that_fails_is_heard() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise OSError(5, "Input/output error")

    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async def hold(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x01x")
        await socket.receive()
        await socket.receive()

    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, hold)
        with pytest.raises(OSError, match="Input/output"):
            await stream(transport, "orders", "web", ["cat"], on_stdout=lambda data: None, stdin=broken())
        with pytest.raises(OSError, match="No space"):
            await stream(transport, "orders", "web", ["cat"], on_stdout=full)


async def test_a_slow_sink_slows_the_stream_and_loses_nothing() -> None:
    got = bytearray()

    async def slow(data: bytes) -> None:
        await asyncio.sleep(0)
        got.extend(data)

    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _says(*[b"\x01" + bytes([n]) * 10_000 for n in range(200)], _status(SUCCESS)))
        assert await stream(transport, "orders", "web", ["dump"], on_stdout=slow) == 0
    assert bytes(got) == b"".join(bytes([n]) * 10_000 for n in range(200))


async def test_a_terminal_and_its_size() -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        message = await socket.receive()
        assert message.data[:1] == b"\x04"
        await socket.send_bytes(b"\x01" + message.data[1:])
        await socket.send_bytes(_status(SUCCESS))

    async def sizes() -> AsyncIterator[tuple[int, int]]:
        yield (100, 30)

    got = bytearray()
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, talk)
        await stream(transport, "orders", "web", ["sh"], on_stdout=got.extend, tty=True, sizes=sizes())
    assert json.loads(got) == {"Width": 100, "Height": 30}
    assert ("tty", "true") in api.asked[0].query


async def test_too_much_output_and_too_much_time() -> None:
    async def hold(socket: web.WebSocketResponse) -> None:
        await socket.receive()

    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, _says(b"\x01" + b"x" * 2000, _status(SUCCESS)))
        with pytest.raises(KubeError, match="more than 1000 bytes"):
            await _run(transport, largest=1000)
        _serve(api, hold)
        with pytest.raises(KubeError) as caught:
            await run(transport, "orders", "web", ["sleep", "SECRET"], timeout=0.3)
    assert caught.value.kind == "timeout"
    assert "SECRET" not in " ".join(caught.value.lines())


async def test_a_refusal_has_the_servers_words() -> None:
    """The library's client gives 'Invalid response status' and nothing else."""
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", PATH, refused(403, "Forbidden", 'pods "web" is forbidden: User "v" cannot create exec'))
        with pytest.raises(RefusedError, match="cannot create exec"):
            await _run(transport)
        api.answer("GET", PATH, refused(404, "NotFound", 'pods "web" not found', details={"name": "web"}))
        with pytest.raises(KubeError) as caught:
            await _run(transport)
    assert (caught.value.kind, caught.value.message) == ("not_found", 'pods "web" not found')


async def test_a_401_is_mended_by_one_renewal(tmp_path) -> None:
    file = tmp_path / "token"
    file.write_text("old")

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] != "Bearer new":
            file.write_text("new")
            return web.json_response({}, status=401)
        socket = web.WebSocketResponse(protocols=(V5,))
        await socket.prepare(request)
        await socket.send_bytes(_status(SUCCESS))
        return socket

    async with fake_api() as api, started(api.target(login=Login(token_file=file))) as transport:
        api.answer("GET", PATH, handle)
        assert (await _run(transport)).exit_code == 0
    assert len(api.asked) == 2


def _frames(name: str) -> list[dict]:
    return json.loads(RECORDED[name].read_text("utf-8"))["frames"] if RECORDED else []


@pytest.mark.skipif(not RECORDED, reason="the folder of recordings is not beside the project")
@pytest.mark.parametrize(
    ("name", "code", "output"),
    [
        ("exec-ok", 0, None),
        ("exec-exit-7", 7, b"failing\n"),
        ("exec-v4", 0, b""),
        ("exec-stdin-close", 0, b"to cat\n"),
    ],
)
async def test_recorded_commands(name: str, code: int, output: bytes | None) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        for frame in _frames(name):
            if frame["dir"] == "client":
                await socket.receive()
            elif "channel" in frame:
                data = frame["data"]
                body = json.dumps(data).encode() if isinstance(data, dict) else data.encode()
                await socket.send_bytes(bytes([frame["channel"]]) + body)

    protocol = json.loads(RECORDED[name].read_text("utf-8"))["response"]["protocol"]
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, talk, protocol)
        result = await _run(transport, stdin=b"to cat\n" if "stdin" in name else None)
    assert result.exit_code == code
    if output is not None:
        assert result.stdout == output
