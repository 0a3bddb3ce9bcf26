"""The transport over real sockets: what is sent, and what every failure becomes."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from aiohttp import web

from bakeryops import __version__
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.login import Login, Trust
from bakeryops.cluster.transport import Deadline, Transport
from bakeryops.errors import RefusedError, UnreachableError
from tests.support.fake_api import fake_api, raw_server, refused, started


async def test_says_who_it_is_and_asks_for_gzip_and_quotes_the_query() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/version", {"ok": True})
        await transport.get_bytes("/version", query=[("labelSelector", "a=b,c in (d e)"), ("x", "ü"), ("x", "2")])
    asked = api.asked[0]
    assert asked.query == [("labelSelector", "a=b,c in (d e)"), ("x", "ü"), ("x", "2")]
    assert asked.headers["User-Agent"] == f"bakeryops/{__version__}"
    assert asked.headers["Authorization"] == "Bearer fake-token"
    assert "gzip" in asked.headers["Accept-Encoding"]


async def test_a_quoted_path_arrives_as_it_was_given() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("*", "*", {})
        await transport.get_bytes("/api/v1/namespaces/a/configmaps/x%2Fy%3Az")
    assert api.asked[0].path == "/api/v1/namespaces/a/configmaps/x%2Fy%3Az"


async def test_a_server_address_with_a_path_keeps_it() -> None:
    async with fake_api() as api, started(api.target(url=f"{api.url}/k8s/clusters/c-1")) as transport:
        api.answer("*", "*", {})
        await transport.get_bytes("/version")
    assert api.paths() == ["/k8s/clusters/c-1/version"]


async def test_bodies_are_sent_as_they_are_with_their_own_content_type() -> None:
    """The library turns an object sent as a JSON patch into a strategic patch, and serialises bytes again."""
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("PATCH", "/x", {})
        await transport.send_json("PATCH", "/x", {"a": 1}, content_type="application/json-patch+json")
    assert api.asked[0].headers["Content-Type"] == "application/json-patch+json"
    assert json.loads(api.asked[0].body) == {"a": 1}


async def test_compressed_answers_are_read_and_counted() -> None:
    cost = Cost()
    body = b"x" * 10_000
    async with fake_api() as api, started(api.target(), cost=cost) as transport:
        api.answer("GET", "/x", (200, gzip.compress(body), {"Content-Encoding": "gzip"}))
        assert await transport.get_bytes("/x") == body
    assert cost.requests == 1
    assert cost.bytes_in == 10_000


async def test_the_password_in_netrc_is_not_sent(tmp_path, monkeypatch) -> None:
    """aiohttp with trust_env, as the library sets it, would send it to whichever host matches."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with fake_api() as api, started(api.target(login=Login(username=""))) as transport:
        api.answer("GET", "/version", {})
        await transport.get_bytes("/version")
    assert "Authorization" not in api.asked[0].headers


async def test_more_than_a_hundred_streams_at_once() -> None:
    """The library's pool ends at 100 connections; the 101st watch would wait without a word."""
    reached = asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        if len(api.asked) == 120:
            reached.set()
        await asyncio.Event().wait()
        return answer

    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/watch", hold)

        async def watch() -> None:
            async with transport.open("GET", "/watch", timeout=Deadline(total=None)) as response:
                await response.content.readany()

        tasks = [asyncio.create_task(watch()) for _ in range(120)]
        await asyncio.wait_for(reached.wait(), 30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_connection_serves_many_requests() -> None:
    ports = set()

    async def note(request: web.Request) -> web.StreamResponse:
        ports.add(request.get_extra_info("peername")[1])
        return web.json_response({}, status=404 if request.path == "/no" else 200)

    async with fake_api() as api, started(api.target()) as transport:
        api.answer("*", "*", note)
        for path in ("/a", "/no", "/b"):
            with suppress(KubeError):
                await transport.get_bytes(path)
    assert len(ports) == 1


async def test_leaving_early_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"line\n" * 100)
                await asyncio.sleep(0)
        finally:
            gone.set()

    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/log", endless)
        async with transport.open("GET", "/log", timeout=Deadline(total=None)) as response:
            assert await response.content.readany()
        await asyncio.wait_for(gone.wait(), 30)


async def test_a_stream_is_not_ended_by_a_total_deadline_but_by_silence() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"first\n")
        await asyncio.Event().wait()
        return answer

    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/watch", silent)

        async def read_on() -> None:
            async with transport.open("GET", "/watch", timeout=Deadline(total=None, idle=0.3)) as response:
                assert await response.content.readany() == b"first\n"
                await response.content.readany()

        with pytest.raises(KubeError) as caught:
            await read_on()
    assert caught.value.kind == "timeout"
    assert isinstance(caught.value, UnreachableError)


async def test_no_answer_in_time() -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/x", never)
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/x", timeout=Deadline(total=0.3))
    assert caught.value.kind == "timeout"
    assert caught.value.exit_code == 4


async def test_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with fake_api() as api, started(api.target(url=f"http://127.0.0.1:{port}")) as transport:
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/version")
    error = caught.value
    assert error.kind == "unreachable"
    assert error.message == f"nothing listens at 127.0.0.1:{port}: connection refused"
    assert "microk8s start" in error.hint


async def test_a_name_that_nobody_knows() -> None:
    async with fake_api() as api, started(api.target(url="http://cluster.invalid:6443")) as transport:
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/version")
    assert caught.value.kind == "unreachable"
    assert "cluster.invalid" in caught.value.message


async def _half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()


async def _nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readline()


async def _gibberish(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\x1b]52;c;aGk=\x07\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("talk", "kind"), [(_half, "unreachable"), (_nothing, "unreachable"), (_gibberish, "protocol")]
)
async def test_answers_that_are_cut_or_are_not_http(talk, kind) -> None:
    async with raw_server(talk) as url, fake_api() as api, started(api.target(url=url)) as transport:
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/version")
    assert caught.value.kind == kind
    assert all(line.isprintable() for line in caught.value.lines())


@pytest.mark.parametrize("status", [200, 401, 403, 404, 502, 503])
async def test_a_web_page_of_a_proxy_is_called_one(status) -> None:
    """The library's Watch hands such lines on as events."""
    page = "<html><head><title>Bad gateway \x1b[31m</title></head><body><p>sorry</p></body></html>"
    async with fake_api() as api, started(api.target()) as transport:
        api.answer(
            "GET", "/x", (status, page, {"Content-Type": "text/html", "Server": "nginx", "Retry-After": "7"})
        )
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/x")
    error = caught.value
    assert (error.kind, error.status) == ("protocol", status)
    assert "web page" in error.message
    assert "nginx" in error.why
    assert "Bad gateway" in error.why
    assert "\x1b" not in "".join(error.lines())


async def test_redirects_are_not_followed() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/x", (302, "", {"Location": f"{api.url}/login"}))
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/x")
        assert api.paths() == ["/x"]
    assert caught.value.kind == "protocol"
    assert "/login" in caught.value.why


async def test_retry_after_is_told_in_seconds() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        answer = refused(429, "TooManyRequests", "slow down")
        api.answer("GET", "/x", (*answer, {"Retry-After": "3"}))
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/x")
    assert (caught.value.kind, caught.value.retry_after) == ("throttled", 3.0)


async def test_hostile_words_of_the_server_are_cleaned_and_short() -> None:
    message = "no \x1b]52;c;aGk=\x07\u202e" + "x" * 1_000_000
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/x", refused(403, "Forbidden", message))
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/x")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) <= 2000
    assert isinstance(caught.value, RefusedError)
    assert caught.value.exit_code == 5


async def test_only_reads_questions_and_dry_runs_pass_when_read_only() -> None:
    async with fake_api() as api, started(api.target(), read_only=True) as transport:
        api.answer("*", "*", {})
        await transport.get_bytes("/x")
        await transport.send_json("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {})
        await transport.send_json("PATCH", "/x", {}, query=[("dryRun", "All")])
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with pytest.raises(RefusedError):
                await transport.send_json(method, "/x", {})
        with pytest.raises(RefusedError):
            async with transport.websocket("/api/v1/namespaces/a/pods/b/exec", [("command", "true")]):
                pass
        assert len(api.asked) == 3


async def test_requests_go_through_the_proxy_of_the_kubeconfig() -> None:
    async with fake_api() as proxy:
        proxy.answer("*", "*", {"by": "proxy"})
        target = proxy.target(url="http://cluster.invalid:8080", trust=Trust(proxy=proxy.url))
        async with started(target) as transport:
            assert await transport.get_bytes("/version") == b'{"by": "proxy"}'
    assert proxy.asked[0].headers["Host"] == "cluster.invalid:8080"


async def test_a_proxy_that_is_down_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with fake_api() as api:
        trust = Trust(proxy=f"http://127.0.0.1:{port}")
        async with started(api.target(url="http://cluster.invalid", trust=trust)) as transport:
            with pytest.raises(KubeError) as caught:
                await transport.get_bytes("/version")
    assert f"the proxy 127.0.0.1:{port}" in caught.value.message


async def test_a_transport_that_is_not_open_says_so() -> None:
    async with fake_api() as api:
        transport = Transport(api.target())
        for _ in range(2):
            with pytest.raises(KubeError) as caught:
                await transport.get_bytes("/x")
            assert caught.value.kind == "unreachable"
            await transport.start()
            await transport.close()
            await transport.close()


async def test_a_request_that_is_cancelled_leaves_the_transport_usable() -> None:
    arrived = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/slow", never)
        api.answer("GET", "/fast", {})
        task = asyncio.create_task(transport.get_bytes("/slow"))
        await asyncio.wait_for(arrived.wait(), 30)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert await transport.get_bytes("/fast") == b"{}"


def test_importing_the_client_layer_loads_no_http_library() -> None:
    code = (
        "import sys, bakeryops.cluster.transport, bakeryops.cluster.discovery, bakeryops.cluster.writes,"
        "bakeryops.cluster.exec, bakeryops.cluster.access, bakeryops.cluster.outage;"
        "print(sorted({'aiohttp', 'kubernetes', 'pydantic'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "[]"


async def test_what_the_library_refuses_to_send_is_an_error_with_words() -> None:
    """It raises a bare ValueError for a header with a line break."""
    async with fake_api() as api, started(api.target()) as transport:
        with pytest.raises(KubeError) as caught:
            async with transport.open("GET", "/version", headers={"X": "a\r\nb: c"}):
                pass
    assert caught.value.kind == "protocol"
    assert api.asked == []
