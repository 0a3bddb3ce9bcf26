"""Port-forward to pods of the embedded cluster, over real websockets."""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bakeryops.demo import spdy
from bakeryops.demo.faults import Fault
from bakeryops.demo.forwards_spdy import PROTOCOL
from bakeryops.demo.server import DemoServer
from tests.support.demo import Client, kubeconfig, place, served, static_store
from tests.support.spdy import Peer

PATH = "/api/v1/namespaces/orders/pods/web/portforward"
V4 = "v4.channel.k8s.io"


@asynccontextmanager
async def forwarding(
    *, state: str = "running", user: str = "operator", tls: bool = False
) -> AsyncIterator[tuple[DemoServer, Client]]:
    """Serve one pod with one container that listens on 8080."""
    store = static_store("orders")
    container = {
        "name": "main",
        "image": "web:1",
        "ports": [{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}],
    }
    status = {"phase": "Running", "containerStatuses": [{"name": "main", "state": {state: {}}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "orders", "uid": "u1"},
           "spec": {"nodeName": "n1", "containers": [container]}, "status": status}  # fmt: skip
    place(store, "pods", pod)
    async with served(store, tls=tls) as server, Client(server, user) as client:
        yield server, client


async def frames(server: DemoServer, ports: str, *sent: bytes, user: str = "operator") -> list[bytes]:
    """Send frames to a pod's ports and return all that comes back until the server closes."""
    headers = {"Authorization": f"Bearer {server.tokens[user]}"}
    url = f"{server.url}{PATH}?{ports}"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers, protocols=(V4,)) as socket,
    ):
        assert socket.protocol == V4
        for each in sent:
            await socket.send_bytes(each)
        return [message.data async for message in socket if message.type is aiohttp.WSMsgType.BINARY]


async def test_a_port_that_listens_answers_a_request() -> None:
    async with forwarding() as (server, _):
        found = await frames(server, "ports=8080", b"\x00GET /x HTTP/1.1\r\n", b"\x00Host: a\r\n\r\n")
    assert found[:2] == [b"\x00" + struct.pack("<H", 8080), b"\x01" + struct.pack("<H", 8080)]
    [answer] = found[2:]
    assert answer.startswith(b"\x00HTTP/1.1 200 OK\r\n")
    assert b"Pod orders/web of the embedded cluster, port 8080, path /x" in answer


async def test_a_port_that_nobody_listens_on_is_refused_as_a_kubelet_does() -> None:
    async with forwarding() as (server, _):
        found = await frames(server, "ports=9999")
        assert found[2].startswith(b"\x01error forwarding port 9999 to pod ")
        assert b"connect: connection refused" in found[2]
        assert (await frames(server, "ports=53"))[2].startswith(b"\x01error forwarding port 53")


async def test_a_container_that_does_not_run_has_no_ports() -> None:
    async with forwarding(state="waiting") as (server, _):
        assert b"failed to find sandbox" in (await frames(server, "ports=8080"))[2]


async def test_two_ports_share_a_socket() -> None:
    async with forwarding() as (server, _):
        found = await frames(server, "ports=9999&ports=8080", b"\x02HEAD / HTTP/1.1\r\n\r\n")
    assert [each[0] for each in found] == [0, 1, 1, 2, 3, 2]
    assert found[-1].endswith(b"\r\n\r\n")


async def test_what_is_no_request_is_a_bad_one() -> None:
    async with forwarding() as (server, _):
        assert b"400 Bad Request" in (await frames(server, "ports=8080", b"\x00hello\r\n\r\n"))[2]


async def test_requests_that_cannot_be_served() -> None:
    async with forwarding() as (_, client):
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        assert (await client.get(f"{PATH}?ports=8080")).body["message"] == "Upgrade request required"
        for query in ("", "?ports=0", "?ports=x", "?ports=70000"):
            assert (await client.get(PATH + query, **upgrade)).status == 400, query
        assert (await client.get(f"{PATH.replace('web', 'nosuch')}?ports=8080")).status == 404
    async with forwarding(user="viewer") as (_, client):
        assert (await client.get(f"{PATH}?ports=8080", **upgrade)).status == 403


async def test_a_fault_cuts_the_connection() -> None:
    async with forwarding() as (server, _):
        server.faults.add(Fault("truncate", resource="pods/portforward"))
        found = await frames(server, "ports=8080", b"\x00GET / HTTP/1.1\r\n\r\n")
    assert len(found) == 2


async def tunnelled(server: DemoServer, *sent: bytes, enough: int) -> list[spdy.Frame]:
    """Send bytes of SPDY within a WebSocket and return the first frames that come back."""
    headers = {"Authorization": f"Bearer {server.tokens['operator']}"}
    reader, found = spdy.Reader(), []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.url + PATH, headers=headers, protocols=(PROTOCOL,)) as socket,
    ):
        assert socket.protocol == PROTOCOL
        for each in sent:
            await socket.send_bytes(each)
        while len(found) < enough:
            found += list(reader.feed(await socket.receive_bytes()))
    return found


async def test_connections_are_tunnelled_one_after_the_other() -> None:
    peer = Peer()
    sent = b""
    for request, port in enumerate((8080, 9999)):
        for half, kind in enumerate(("error", "data"), start=1):
            stream = 4 * request + 2 * half - 1
            sent += peer.open(
                stream, final=kind == "error", streamtype=kind, port=str(port), requestid=str(request)
            )
    async with forwarding() as (server, _):
        request = b"GET /y HTTP/1.1\r\n\r\n"
        found = await tunnelled(server, sent, struct.pack(">II", 3, len(request)) + request, enough=10)
    assert [frame.stream for frame in found if frame.kind == spdy.SYN_REPLY] == [1, 3, 5, 7]
    texts = {frame.stream: frame.data for frame in found if frame.kind == 0 and frame.data}
    assert b"path /y" in texts[3]
    assert texts[5].startswith(b"error forwarding port 9999 to pod ")
    assert {frame.stream for frame in found if frame.final} == {1, 3, 5, 7}


async def test_streams_of_another_kind_are_reset_and_nonsense_ends_the_tunnel() -> None:
    async with forwarding() as (server, _):
        [reset] = await tunnelled(server, Peer().open(1, streamtype="stdin", port="8080"), enough=1)
        assert (reset.kind, reset.stream) == (spdy.RST_STREAM, 1)
        headers = {"Authorization": f"Bearer {server.tokens['operator']}"}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(server.url + PATH, headers=headers, protocols=(PROTOCOL,)) as socket,
        ):
            await socket.send_bytes(b"\x80\x02\x00\x06\x00\x00\x00\x04abcd")
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.slow
async def test_kubectl_forwards_a_port(tmp_path: Path) -> None:
    async with forwarding(tls=True) as (server, _):
        config = kubeconfig(server, tmp_path / "kubeconfig", "operator", "orders")
        child = await asyncio.create_subprocess_exec(
            "kubectl", "--kubeconfig", str(config), "port-forward", "--address=127.0.0.1", "pod/web", ":8080",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECTL_PORT_FORWARD_WEBSOCKETS": "true"},
        )  # fmt: skip
        try:
            assert child.stdout is not None
            line = (await child.stdout.readline()).decode()
            assert line.startswith("Forwarding from 127.0.0.1:"), line
            address = line.split()[2]
            async with aiohttp.ClientSession() as session:
                for path in ("/a", "/b"):
                    async with session.get(f"http://{address}{path}") as answer:
                        assert f"port 8080, path {path}" in await answer.text()
        finally:
            child.terminate()
            await child.wait()
