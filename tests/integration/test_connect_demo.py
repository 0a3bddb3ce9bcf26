"""The client's connection, discovery, rights, writes and commands against the embedded cluster."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bakeryops.cluster.access import Access
from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.exec import run
from bakeryops.cluster.login import Login
from bakeryops.cluster.target import Target
from bakeryops.cluster.transport import Transport
from bakeryops.cluster.writes import Conflict, Writer, conflicts
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.contracts import ExecStreams, Object
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.demo.store import ObjectStore
from bakeryops.errors import CredentialError, RefusedError


class Shell:
    """Runs three commands."""

    async def run(
        self, pod: Object, container: str, command: list[str], *, tty: bool, streams: ExecStreams
    ) -> int:
        if command[0] == "cat":
            while (data := await streams.stdin()) is not None:
                await streams.stdout(data)
            return 0
        await streams.stdout("brød".encode())
        await streams.stderr(b"warned")
        return int(command[1])


@asynccontextmanager
async def cluster(user: str = "admin") -> AsyncIterator[tuple[Transport, ObjectStore]]:
    store = ObjectStore(ManualClock())
    server = DemoServer()
    for name in ("bakery-ia", "orders"):
        store.create("namespaces", {"metadata": {"name": name}}, manager="test")
    await server.start(store, Providers(execs=Shell()))
    token = server.tokens.get(user, user)
    transport = Transport(Target(server.url, namespace="orders", source="test", login=Login(token=token)))
    await transport.start()
    try:
        yield transport, store
    finally:
        await transport.close()
        await server.close()


def _menu(**data: str) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "menu", "namespace": "orders"},
        "data": data,
    }


async def test_it_is_discovered() -> None:
    async with cluster() as (transport, _):
        discovery = Discovery(transport)
        assert await discovery.path("deployments", "orders") == "/apis/apps/v1/namespaces/orders/deployments"
        assert (await discovery.resource("po")).kind == "Pod"
        await discovery.refresh()
        assert {"pods", "nodes", "jobs"} <= {each.name for each in await discovery.resources()}
        with pytest.raises(KubeError) as caught:
            await discovery.path("nonsense.example.com")
    assert caught.value.kind == "absent"


async def test_who_we_are_decides() -> None:
    async with cluster("not a token") as (transport, _):
        with pytest.raises(CredentialError):
            await transport.get_bytes("/api/v1/namespaces")
    async with cluster("viewer") as (transport, _):
        access = Access(transport)
        assert (await access.can("list", "", "pods", "orders")).allowed
        verdict = await access.can("delete", "", "pods", "orders")
        assert (verdict.allowed, verdict.known) == (False, True)
        assert not (await access.can("delete", "", "nodes")).allowed
        with pytest.raises(RefusedError) as caught:
            await Writer(transport, Discovery(transport)).delete("pods", "web", "orders")
    assert isinstance(caught.value, KubeError)
    assert caught.value.kind == "forbidden"
    async with cluster("nsviewer") as (transport, _):
        with pytest.raises(RefusedError):
            await transport.get_bytes("/api/v1/pods")
        assert b"PodList" in await transport.get_bytes("/api/v1/namespaces/bakery-ia/pods")


async def test_apply_conflict_force_patch_and_delete() -> None:
    async with cluster() as (transport, store):
        discovery = Discovery(transport)
        ours, theirs = Writer(transport, discovery), Writer(transport, discovery, field_manager="somebody")
        tried = await ours.apply(_menu(a="1"), dry_run=True)
        assert tried.object["data"] == {"a": "1"}
        assert store.get("configmaps", "orders", "menu") is None
        made = (await ours.apply(_menu(a="1"))).object
        with pytest.raises(KubeError) as caught:
            await theirs.apply(_menu(a="2"))
        assert conflicts(caught.value) == [Conflict("bakeryops", ".data.a")]
        assert (await theirs.apply(_menu(a="2"), force=True)).object["data"] == {"a": "2"}
        with pytest.raises(KubeError) as caught:
            await ours.create(_menu())
        assert caught.value.kind == "exists"
        stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"a": "3"}}
        with pytest.raises(KubeError) as caught:
            await ours.patch("configmaps", "menu", "orders", stale)
        assert caught.value.kind == "conflict"
        patch = [{"op": "add", "path": "/data/b", "value": "4"}]
        assert (await ours.patch("configmaps", "menu", "orders", patch, patch_type="json")).object["data"][
            "b"
        ] == "4"
        with pytest.raises(KubeError) as caught:
            await ours.apply({**_menu(), "date": {}})
        assert caught.value.kind == "invalid"
        with pytest.raises(KubeError) as caught:
            await ours.delete("configmaps", "menu", "orders", uid="another")
        assert caught.value.kind == "conflict"
        await ours.delete("configmaps", "menu", "orders", uid=made["metadata"]["uid"])
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes(await discovery.object_path("configmaps", "menu", "orders"))
        assert caught.value.kind == "not_found"
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/apis/example.com/v1/loaves")
        assert caught.value.kind == "absent"


def _deployment() -> dict:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


async def test_scale_and_evict() -> None:
    async with cluster() as (transport, store):
        writer = Writer(transport, Discovery(transport))
        await writer.create(_deployment())
        assert (await writer.scale("deployments", "web", "orders", 5, dry_run=True)).object["spec"][
            "replicas"
        ] == 5
        assert (await writer.scale("deployments", "web", "orders", 3)).object["kind"] == "Scale"
        deployment = store.get("deployments", "orders", "web")
        assert deployment is not None
        assert deployment["spec"]["replicas"] == 3
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": _deployment()["spec"]["template"]["spec"],
        }
        await writer.create(pod)
        await writer.evict("p", "orders", grace_seconds=0)
        with pytest.raises(KubeError) as caught:
            await writer.evict("absent", "orders")
    assert caught.value.kind == "not_found"


async def test_commands() -> None:
    async with cluster() as (transport, store):
        writer = Writer(transport, Discovery(transport))
        spec = {"containers": [{"name": "main", "image": "x"}]}
        await writer.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec})

        def running(pod: dict) -> dict:
            state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
            status = {"name": "main", "ready": True, "state": state, "containerID": "containerd://x"}
            return {**pod, "status": {"phase": "Running", "containerStatuses": [status]}}

        store.mutate("pods", "orders", "web", running, manager="kubelet", subresource="status")
        result = await run(transport, "orders", "web", ["sh", "3"])
        assert (result.exit_code, result.text, result.stderr) == (3, "brød", b"warned")
        big = json.dumps(list(range(50_000))).encode()
        assert (await run(transport, "orders", "web", ["cat"], stdin=big)).stdout == big
        with pytest.raises(KubeError) as caught:
            await run(transport, "orders", "absent", ["true"])
        assert caught.value.kind == "not_found"
        with pytest.raises(KubeError) as caught:
            await run(transport, "orders", "web", ["true"], container="nope")
        assert "nope" in caught.value.message
