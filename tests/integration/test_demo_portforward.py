"""Port-forward to pods of the embedded cluster, over real websockets."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from bakeryops.demo.faults import Fault
from bakeryops.demo.server import DemoServer
from tests.support.demo import Client, place, served, static_store

PATH = "/api/v1/namespaces/orders/pods/web/portforward"
V4 = "v4.channel.k8s.io"


@asynccontextmanager
async def forwarding(
    *, state: str = "running", user: str = "operator"
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
    async with served(store) as server, Client(server, user) as client:
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
