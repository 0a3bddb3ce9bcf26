"""The embedded API over HTTP: what the recordings do not show."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bakeryops.demo.contracts import LogLine
from bakeryops.demo.faults import Fault
from bakeryops.demo.server import Providers
from bakeryops.demo.store import ObjectStore
from tests.support.demo import Client, served, static_store

PODS = "/api/v1/namespaces/orders/pods"
CONFIGS = "/api/v1/namespaces/orders/configmaps"


def store_of(count: int = 0) -> ObjectStore:
    store = static_store("orders", "default")
    for number in range(count):
        labels = {"n": str(number % 2)}
        body = {"metadata": {"name": f"c{number:02}", "labels": labels}, "data": {"n": str(number)}}
        store.create("configmaps", body, manager="test", namespace="orders")
    return store


def names(body: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


async def test_pages_show_one_moment() -> None:
    store = store_of(7)
    async with served(store) as server, Client(server) as client:
        first = (await client.get(f"{CONFIGS}?limit=3")).body
        assert first["metadata"]["remainingItemCount"] == 4
        store.delete("configmaps", "orders", "c04")
        store.create("configmaps", {"metadata": {"name": "c99"}}, manager="x", namespace="orders")
        found, token = names(first), first["metadata"]["continue"]
        while token:
            page = (await client.get(f"{CONFIGS}?limit=3&continue={token}")).body
            assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
            found += names(page)
            token = page["metadata"].get("continue")
        assert found == [f"c{number:02}" for number in range(7)]


async def test_a_page_of_a_compacted_moment_is_gone_but_can_go_on() -> None:
    store = store_of(7)
    async with served(store) as server, Client(server) as client:
        first = (await client.get(f"{CONFIGS}?limit=3")).body
        store.create("configmaps", {"metadata": {"name": "c99"}}, manager="x", namespace="orders")
        store.compact()
        gone = await client.get(f"{CONFIGS}?limit=3&continue={first['metadata']['continue']}")
        assert (gone.status, gone.body["reason"]) == (410, "Expired")
        rest = await client.get(f"{CONFIGS}?limit=9&continue={gone.body['metadata']['continue']}")
        assert names(rest.body) == ["c03", "c04", "c05", "c06", "c99"]


async def test_a_watch_goes_on_where_a_list_ended_and_sees_each_change_once() -> None:
    store = store_of(2)
    async with served(store) as server, Client(server) as client:
        version = (await client.get(CONFIGS)).body["metadata"]["resourceVersion"]
        store.delete("configmaps", "orders", "c00")
        async with client.stream(f"{CONFIGS}?watch=1&resourceVersion={version}") as stream:
            assert json.loads(await stream.content.readline())["type"] == "DELETED"
            store.create("configmaps", {"metadata": {"name": "new"}}, manager="x", namespace="orders")
            event = json.loads(await stream.content.readline())
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "new")


async def test_an_object_that_leaves_a_selection_is_deleted_for_its_watchers() -> None:
    store = store_of(2)

    def relabel(value: str) -> None:
        def change(obj: dict[str, Any]) -> dict[str, Any]:
            obj["metadata"]["labels"] = {"n": value}
            return obj

        store.mutate("configmaps", "orders", "c01", change, manager="x")

    async with served(store) as server, Client(server) as client:
        path = f"{CONFIGS}?watch=1&labelSelector=n%3D1&resourceVersion={store.revision}"
        async with client.stream(path) as stream:
            relabel("0")
            left = json.loads(await stream.content.readline())
            relabel("1")
            back = json.loads(await stream.content.readline())
        assert (left["type"], left["object"]["metadata"]["labels"]) == ("DELETED", {"n": "1"})
        assert back["type"] == "ADDED"


async def test_both_event_apis_show_the_same_events() -> None:
    store = store_of()
    event = {
        "metadata": {"name": "e1"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "orders"},
        "message": "hot", "reason": "Baked", "type": "Normal", "count": 3,
    }  # fmt: skip
    store.create("events", event, manager="x", namespace="orders")
    async with served(store) as server, Client(server) as client:
        shown = (await client.get("/apis/events.k8s.io/v1/namespaces/orders/events/e1")).body
        assert (shown["note"], shown["regarding"]["name"], shown["deprecatedCount"]) == ("hot", "p", 3)
        assert shown["apiVersion"] == "events.k8s.io/v1"
        found = await client.get("/api/v1/events?fieldSelector=involvedObject.name%3Dp,reason%3DBaked")
        assert names(found.body) == ["e1"]


async def test_discovery_is_the_same_until_the_kinds_change() -> None:
    store = store_of()
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    async with served(store) as server, Client(server) as client:
        first = await client.get("/apis", Accept=accept)
        etag = first.headers["ETag"]
        assert (await client.get("/apis", Accept=accept, If_None_Match=etag)).status == 304
        definition = {
            "metadata": {"name": "breads.bakery.example"},
            "spec": {
                "group": "bakery.example", "scope": "Namespaced", "names": {"plural": "breads", "kind": "Bread"},
                "versions": [{"name": name, "served": True, "storage": name == "v1",
                              "schema": {"openAPIV3Schema": {"type": "object",
                                         "x-kubernetes-preserve-unknown-fields": True}}}
                             for name in ("v1beta1", "v1")],
            },
        }  # fmt: skip
        store.create("customresourcedefinitions", definition, manager="x")
        assert (await client.get("/apis", Accept=accept, If_None_Match=etag)).headers["ETag"] != etag
        group = (await client.get("/apis/bakery.example")).body
        assert [each["version"] for each in group["versions"]] == ["v1", "v1beta1"]
        bread = {"apiVersion": "bakery.example/v1beta1", "kind": "Bread", "metadata": {"name": "rye"}}
        path = "/apis/bakery.example/{}/namespaces/orders/breads"
        assert (await client.call("POST", path.format("v1beta1"), bread)).status == 201
        assert (await client.get(f"{path.format('v1')}/rye")).body["apiVersion"] == "bakery.example/v1"
        store.delete("customresourcedefinitions", None, "breads.bakery.example")
        assert (await client.get(path.format("v1"))).status == 404


async def test_what_is_not_there_answers_like_a_real_server() -> None:
    async with served(store_of()) as server, Client(server) as client:
        for path, status in (
            ("/nope", 404),
            ("/apis/nope/v1/things", 404),
            ("/apis/metrics.k8s.io/v1beta1/pods", 404),
        ):
            answer = await client.get(path)
            assert (answer.status, answer.raw) == (status, b"404 page not found\n")
        assert (await client.call("POST", "/api/v1", {})).status == 405


async def test_an_administrator_may_act_as_another() -> None:
    async with served(store_of()) as server:
        async with Client(server) as client:
            answer = await client.get("/api/v1/secrets", Impersonate_User="viewer")
            assert answer.status == 403
            assert 'User "viewer" cannot list resource "secrets"' in answer.body["message"]
        async with Client(server, "viewer") as client:
            answer = await client.get("/api/v1/pods", Impersonate_User="admin")
            assert answer.body["message"] == (
                'users "admin" is forbidden: User "viewer" cannot impersonate resource "users" in API group "" at the '
                "cluster scope"
            )


async def test_clients_that_verify_strictly_trust_its_certificate() -> None:
    async with served(store_of(), tls=True) as server:
        context = ssl.create_default_context(cadata=server.authority)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{server.url}/version", ssl=context) as answer:
                assert answer.status == 200
            other = ssl.create_default_context()
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{server.url}/version", ssl=other)


async def test_tokens_are_not_shown() -> None:
    async with served(store_of()) as server:
        assert not any(token in repr(server) + repr(server._api) for token in server.tokens.values())


# ---- faults ----


async def test_faults_hit_what_they_are_about_and_no_more_often_than_asked() -> None:
    async with served(store_of()) as server, Client(server) as client:
        server.faults.add(Fault("status", status=429, retry_after=2, resource="pods", verb="list", count=2))
        for _ in range(2):
            answer = await client.get(PODS)
            assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        assert (await client.get(CONFIGS)).status == 200
        assert (await client.get(PODS)).status == 200
        assert server.faults.requests["list pods"] == 3


async def test_a_proxy_page_and_a_dropped_connection() -> None:
    async with served(store_of()) as server, Client(server) as client:
        server.faults.add(Fault("html", status=502, count=1))
        answer = await client.get(PODS)
        assert answer.status == 502
        assert answer.headers["Content-Type"].startswith("text/html")
        server.faults.add(Fault("drop"))
        with pytest.raises(aiohttp.ClientError):
            await client.get(PODS)


async def test_a_watch_is_cut_in_the_middle_of_a_line() -> None:
    async with served(store_of(3)) as server, Client(server) as client:
        server.faults.add(Fault("cut", verb="watch", after=1, count=1))
        async with client.stream(f"{CONFIGS}?watch=1") as stream:
            text = await stream.content.read()
        whole, broken = text.split(b"\n")
        assert json.loads(whole)["type"] == "ADDED"
        with pytest.raises(ValueError):
            json.loads(broken)


async def test_an_open_stream_falls_silent_and_a_paused_server_says_nothing() -> None:
    store = store_of()
    async with served(store) as server, Client(server) as client:
        async with client.stream(f"{CONFIGS}?watch=1") as stream:
            fault = server.faults.add(Fault("silent"))
            store.create("configmaps", {"metadata": {"name": "lost"}}, manager="x", namespace="orders")
            await client.get(CONFIGS)
            server.faults.remove(fault.id)
            store.create("configmaps", {"metadata": {"name": "seen"}}, manager="x", namespace="orders")
            assert json.loads(await stream.content.readline())["object"]["metadata"]["name"] == "seen"
        server.faults.pause()
        waiting = asyncio.ensure_future(client.get(CONFIGS))
        done, _ = await asyncio.wait((waiting,), timeout=0.2)
        assert not done
        server.faults.resume()
        assert (await waiting).status == 200


class SilentLogs:
    """A container that writes one line and then nothing; it tells when nobody follows it any more."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    def read(self, pod: Any, container: str, *, previous: bool) -> list[LogLine]:
        return [LogLine(1.0, b"one\n")]

    async def follow(self, pod: Any, container: str, start: int) -> AsyncIterator[LogLine]:
        try:
            await asyncio.Event().wait()
            yield LogLine(2.0, b"never\n")
        finally:
            self.left.set()


async def test_a_follower_that_goes_leaves_nothing_behind() -> None:
    store, logs = store_of(), SilentLogs()
    pod = {"metadata": {"name": "oven"}, "spec": {"containers": [{"name": "main", "image": "x"}]}}
    store.create("pods", pod, manager="test", namespace="orders")
    async with served(store, Providers(logs=logs)) as server, Client(server) as client:
        async with client.stream(f"{PODS}/oven/log?follow=true") as response:
            assert await response.content.readline() == b"one\n"
        async with asyncio.timeout(30):
            await logs.left.wait()


async def test_the_control_api_is_for_administrators() -> None:
    async with served(store_of()) as server:
        async with Client(server, "viewer") as viewer:
            assert (await viewer.get("/_demo/faults")).status == 403
        async with Client(server) as client:
            rule = await client.call("POST", "/_demo/faults", {"action": "status", "status": 500})
            assert rule.status == 201
            assert (await client.get(PODS)).status == 500
            assert (await client.call("DELETE", f"/_demo/faults/{rule.body['id']}")).status == 200
            assert (await client.get(PODS)).status == 200
            assert (await client.get("/_demo/requests")).body["requests"]["list pods"] == 2
            assert (await client.call("POST", "/_demo/faults", {"action": "explode"})).status == 400
            assert (await client.call("POST", "/_demo/compact")).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "status", "status": "abc"},
        {"action": "html", "status": 99},
        {"action": "latency", "seconds": "x"},
        {"action": "drop", "count": "x"},
        {"action": "drop", "count": 0},
        {"action": "drop", "path": 7},
        {"action": "drop", "path": "("},
        {"action": "drop", "probability": 2},
        {"action": "drop", "nonsense": 1},
        ["drop"],
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_and_harms_nobody(wrong: Any) -> None:
    async with served(store_of()) as server, Client(server) as client:
        refused = await client.call("POST", "/_demo/faults", wrong)
        assert refused.status == 400
        assert "bad fault" in refused.body["message"]
        assert (await client.get("/_demo/faults")).body["faults"] == []
        assert (await client.get(PODS)).status == 200


async def test_the_server_comes_back_on_the_same_port_with_the_same_tokens() -> None:
    store = store_of(1)
    async with served(store) as server:
        port, tokens = int(server.url.rpartition(":")[2]), dict(server.tokens)
    async with served(store, port=port, tokens=tokens) as again, Client(again) as client:
        assert again.tokens == tokens
        assert names((await client.get(CONFIGS)).body) == ["c00"]
