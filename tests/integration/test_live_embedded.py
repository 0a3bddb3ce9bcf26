"""The live client layer against the embedded cluster: two independent readings of one API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bakeryops.cluster.login import Login
from bakeryops.cluster.session import Session
from bakeryops.cluster.target import Target
from bakeryops.cluster.timing import Timing
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.server import DemoServer
from bakeryops.demo.store import ObjectStore
from tests.support.waiting import until

QUICK = Timing(rewatch_jitter=0.01, wake_jitter=0.02, backoff_first=0.02, backoff_cap=0.2, absent_first=0.05,
               poll_without_watch=0.2, forbidden_retry=0.5, heartbeat=0.2, heartbeat_timeout=5.0,
               heartbeat_retry_cap=0.1)  # fmt: skip


class Cluster:
    """An embedded cluster in this process."""

    def __init__(self) -> None:
        self.store = ObjectStore(ManualClock())
        self.server = DemoServer(viewer_namespace="shop")
        self.tokens: dict[str, str] = {}
        self.port = 0

    async def start(self) -> None:
        await self.server.start(self.store, port=self.port, tokens=self.tokens)
        self.tokens = self.server.tokens
        self.port = int(self.server.url.rsplit(":", 1)[1])

    def session(self, user: str = "admin", timing: Timing = QUICK) -> Session:
        login = Login(token=self.tokens[user])
        return Session(Target(server=self.server.url, user=user, namespace="shop", login=login), timing=timing)

    def pod(self, number: int) -> dict[str, Any]:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{number}", "namespace": "shop", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "busybox:1"}]},
            "status": {"phase": "Running"},
        }
        return self.store.create("pods", pod, manager="test")

    def versions(self, plural: str = "pods") -> dict[str, str]:
        return {
            each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in self.store.list(plural, None)
        }


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    made = Cluster()
    made.store.create(
        "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, manager="test"
    )
    await made.start()
    try:
        yield made
    finally:
        await made.server.close()


def held(store: Any) -> dict[str, str]:
    return {uid: each.metadata.resourceVersion for uid, each in store.items.items()}


async def test_everything_the_console_watches_settles(cluster: Cluster) -> None:
    kinds = ["pods", "nodes", "namespaces", "events", "deployments", "replicasets", "statefulsets", "jobs",
             "cronjobs", "daemonsets", "persistentvolumeclaims", "resourcequotas", "configmaps", "secrets",
             "pipelineruns", "taskruns", "kustomizations", "gitrepositories"]  # fmt: skip
    cluster.pod(0)
    live = cluster.session()
    await live.start()
    feed = live.feed(kinds)
    assert await feed.settled(60)
    phases = {kind: feed.store(kind).state.phase for kind in kinds}
    absent = {"pipelineruns", "taskruns", "kustomizations", "gitrepositories"}
    assert {kind for kind, phase in phases.items() if phase == "absent"} == absent
    assert {phase for kind, phase in phases.items() if kind not in absent} == {"live"}
    assert live.link.live
    await until(lambda: live.link.server_version)
    await live.close()


async def test_changes_arrive_and_deletions_leave(cluster: Cluster) -> None:
    for number in range(20):
        cluster.pod(number)
    live = cluster.session()
    await live.start()
    store = live.feed(["pods"]).store("pods")
    await until(lambda: store.state.phase == "live" and held(store) == cluster.versions())

    def label(pod: dict[str, Any]) -> dict[str, Any]:
        pod["metadata"]["labels"]["app"] = "other"
        return pod

    cluster.store.mutate("pods", "shop", "pod-3", label, manager="test")
    cluster.store.delete("pods", "shop", "pod-4", grace=0)
    cluster.pod(99)
    await until(lambda: held(store) == cluster.versions())
    assert store.get("shop", "pod-3").metadata.labels == {"app": "other"}
    assert live.cost.relists == 0
    await live.close()


async def test_a_restart_on_the_same_port_is_survived(cluster: Cluster) -> None:
    for number in range(10):
        cluster.pod(number)
    live = cluster.session()
    await live.start()
    store = live.feed(["pods"]).store("pods")
    await until(lambda: store.state.phase == "live")
    await cluster.server.close()
    await until(lambda: live.link.phase == store.state.phase == "stale")
    cluster.store.delete("pods", "shop", "pod-1", grace=0)
    cluster.pod(77)
    cluster.server = DemoServer(viewer_namespace="shop")
    await cluster.start()
    await until(lambda: live.link.live and store.state.phase == "live" and held(store) == cluster.versions())
    await live.close()


async def test_the_namespace_viewer_is_told_to_choose_and_sees_his_namespace(cluster: Cluster) -> None:
    cluster.pod(0)
    live = cluster.session("nsviewer")
    await live.start()
    everywhere = live.feed(["pods"])
    assert await everywhere.settled(60)
    assert everywhere.store("pods").state.phase == "forbidden"
    assert "shop" in everywhere.store("pods").state.hint
    here = live.feed(["pods"], namespace="shop")
    assert await here.settled(60)
    assert here.store("pods").state.phase == "live"
    assert here.store("pods").state.count == 1
    await live.close()


async def test_a_bad_token_is_unauthorized_and_no_crash(cluster: Cluster) -> None:
    cluster.tokens = {**cluster.tokens, "admin": "wrong"}
    live = cluster.session()
    await live.start()
    feed = live.feed(["pods"])
    assert await feed.settled(60)
    assert feed.store("pods").state.phase == "unauthorized"
    assert live.link.phase == "unauthorized"
    await live.close()


@pytest.mark.slow
async def test_five_thousand_pods_come_in_pages_and_stay_equal(cluster: Cluster) -> None:
    for number in range(5000):
        cluster.pod(number)
    live = cluster.session(timing=Timing())
    await live.start()
    feed = live.feed(["pods"])
    store = feed.store("pods")
    counts: list[int] = []
    async for _ in feed.changes(max_hz=1000):
        counts.append(store.state.count)
        if store.state.phase == "live":
            break
    assert len(set(counts)) > 2, "rows show before the last page"
    assert held(store) == cluster.versions()
    for number in range(0, 5000, 10):
        cluster.store.delete("pods", "shop", f"pod-{number}", grace=0)
    await until(lambda: held(store) == cluster.versions())
    assert live.cost.lists == 1
    began = asyncio.get_running_loop().time()
    await live.close()
    assert asyncio.get_running_loop().time() - began < 5
