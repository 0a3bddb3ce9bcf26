"""The official Python clients, unchanged, against the embedded cluster: `kubernetes` and `kubernetes.aio`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bakeryops.demo.contracts import LogLine
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.demo.store import ObjectStore
from tests.support.demo import served, static_store

aio = pytest.importorskip("kubernetes.aio")
sync = pytest.importorskip("kubernetes")


class Kubelet:
    """Two log lines, and `echo`."""

    def read(self, pod: Any, container: str, *, previous: bool) -> list[LogLine]:
        return [LogLine(1.0, b"warm\n"), LogLine(2.0, "brød\n".encode())]

    async def follow(self, pod: Any, container: str, start: int) -> Any:
        yield LogLine(3.0, b"done\n")

    async def run(self, pod: Any, container: str, command: list[str], *, tty: bool, streams: Any) -> int:
        await streams.stdout(" ".join(command[1:]).encode())
        return 0


def _cluster() -> tuple[ObjectStore, Providers]:
    store = static_store("orders", "default")
    pod = {
        "metadata": {"name": "oven", "labels": {"app": "oven"}},
        "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "x:1"}]},
        "status": {"phase": "Running"},
    }
    store.create("pods", pod, manager="test", namespace="orders")
    return store, Providers(logs=Kubelet(), execs=Kubelet())


def _configuration(library: Any, server: DemoServer) -> Any:
    configuration = library.client.Configuration()
    configuration.host = server.url
    configuration.api_key = {"authorization": f"Bearer {server.tokens['admin']}"}
    return configuration


def _deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "m", "image": "i:1"}]}},
        },
    }


async def test_the_asyncio_client_reads_writes_and_watches() -> None:
    store, providers = _cluster()
    async with served(store, providers) as server, aio.client.ApiClient(_configuration(aio, server)) as api:
        core, apps = aio.client.CoreV1Api(api), aio.client.AppsV1Api(api)
        assert [pod.metadata.name for pod in (await core.list_namespaced_pod("orders")).items] == ["oven"]
        made = await apps.create_namespaced_deployment("orders", _deployment())
        assert made.spec.replicas == 1
        patched = await apps.patch_namespaced_deployment("web", "orders", {"spec": {"replicas": 3}})
        assert patched.spec.replicas == 3
        scale = await apps.read_namespaced_deployment_scale("web", "orders")
        assert scale.spec.replicas == 3
        with pytest.raises(aio.client.ApiException) as missing:
            await core.read_namespaced_pod("absent", "orders")
        assert missing.value.status == 404
        assert await core.read_namespaced_pod_log("oven", "orders") == "warm\nbrød\n"
        watch = aio.watch.Watch()
        seen: list[str] = []
        async with asyncio.timeout(60):
            async for event in watch.stream(core.list_namespaced_pod, "orders", timeout_seconds=30):
                seen.append(event["type"])
                if len(seen) == 1:
                    store.delete("pods", "orders", "oven", grace=0)
                if seen[-1] == "DELETED":
                    break
        await watch.close()
        assert seen == ["ADDED", "DELETED"]


async def test_the_asyncio_client_runs_commands() -> None:
    store, providers = _cluster()
    async with served(store, providers) as server:
        async with aio.stream.WsApiClient(_configuration(aio, server)) as api:
            core = aio.client.CoreV1Api(api)
            said = await core.connect_get_namespaced_pod_exec(
                "oven", "orders", command=["echo", "hot"], stdout=True, stderr=True, stdin=False, tty=False
            )
        assert said == "hot"


def _use_sync_client(server: DemoServer) -> list[str]:
    with sync.client.ApiClient(_configuration(sync, server)) as api:
        core, apps = sync.client.CoreV1Api(api), sync.client.AppsV1Api(api)
        done = [pod.metadata.name for pod in core.list_pod_for_all_namespaces(limit=1).items]
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu"}, "data": {"a": "1"}}
        core.create_namespaced_config_map("orders", body)
        body["data"] = {"a": "2"}
        applied = sync.dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
        try:
            applied.server_side_apply(body, name="menu", namespace="orders", field_manager="baker")
        except sync.client.ApiException as conflict:
            done.append(str(conflict.status))
        applied.server_side_apply(
            body, name="menu", namespace="orders", field_manager="baker", force_conflicts=True
        )
        done.append(core.read_namespaced_config_map("menu", "orders").data["a"])
        apps.create_namespaced_deployment("orders", _deployment())
        apps.delete_namespaced_deployment("web", "orders")
        access = sync.client.AuthorizationV1Api(api).create_self_subject_access_review(
            {"spec": {"resourceAttributes": {"verb": "delete", "resource": "pods"}}}
        )
        done.append(str(access.status.allowed))
        events = sync.watch.Watch().stream(core.list_namespaced_config_map, "orders", timeout_seconds=1)
        done.extend(event["type"] for event in events)
        return done


async def test_the_blocking_client_works_too() -> None:
    store, providers = _cluster()
    async with served(store, providers) as server:
        done = await asyncio.to_thread(_use_sync_client, server)
    assert done == ["oven", "409", "2", "True", "ADDED"]
