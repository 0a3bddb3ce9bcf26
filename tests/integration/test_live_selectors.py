"""Feeds narrowed by a label selector, against the embedded cluster."""

from __future__ import annotations

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

QUICK = Timing(rewatch_jitter=0.01, wake_jitter=0.02, backoff_first=0.02, backoff_cap=0.2, heartbeat=0.2,
               heartbeat_timeout=5.0, heartbeat_retry_cap=0.1, linger=60.0)  # fmt: skip
RUN = {"pods": "tekton.dev/pipelineRun=one"}


class Cluster:
    """An embedded cluster in this process, with pods of two builds."""

    def __init__(self) -> None:
        self.store = ObjectStore(ManualClock())
        self.server = DemoServer()
        self.tokens: dict[str, str] = {}
        self.port = 0

    async def start(self) -> None:
        await self.server.start(self.store, port=self.port, tokens=self.tokens)
        self.tokens = self.server.tokens
        self.port = int(self.server.url.rsplit(":", 1)[1])

    def pod(self, name: str, run: str, namespace: str = "shop") -> None:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"tekton.dev/pipelineRun": run}},
            "spec": {"containers": [{"name": "main", "image": "busybox:1"}]},
        }
        self.store.create("pods", pod, manager="test")

    def relabel(self, name: str, run: str) -> None:
        def change(pod: dict[str, Any]) -> dict[str, Any]:
            pod["metadata"]["labels"]["tekton.dev/pipelineRun"] = run
            return pod

        self.store.mutate("pods", "shop", name, change, manager="test")


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    made = Cluster()
    for name in ("shop", "mill"):
        made.store.create(
            "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, manager="test"
        )
    for number in range(3):
        made.pod(f"one-{number}", "one")
        made.pod(f"two-{number}", "two")
    made.pod("one-elsewhere", "one", "mill")
    await made.start()
    try:
        yield made
    finally:
        await made.server.close()


@pytest.fixture
async def live(cluster: Cluster) -> AsyncIterator[Session]:
    login = Login(token=cluster.tokens["admin"])
    session = Session(Target(server=cluster.server.url, user="admin", namespace="shop", login=login), timing=QUICK)
    await session.start()
    try:
        yield session
    finally:
        await session.close()


def names(store: Any) -> set[str]:
    return {each.metadata.name for each in store.items.values()}


async def test_only_what_is_selected_is_listed_and_watched(cluster: Cluster, live: Session) -> None:
    feed = live.feed(["pods", "namespaces"], namespace="shop", selectors=RUN)
    assert await feed.settled(30)
    assert names(feed.store("pods")) == {"one-0", "one-1", "one-2"}
    assert names(feed.store("namespaces")) >= {"shop", "mill"}
    cluster.pod("two-3", "two")
    cluster.pod("one-3", "one")
    await until(lambda: "one-3" in names(feed.store("pods")))
    assert names(feed.store("pods")) == {"one-0", "one-1", "one-2", "one-3"}
    assert live.cost.relists == 0


async def test_what_leaves_the_selection_leaves_the_store_and_may_come_back(
    cluster: Cluster, live: Session
) -> None:
    feed = live.feed(["pods"], namespace="shop", selectors=RUN)
    assert await feed.settled(30)
    feed.take()
    uid = feed.store("pods").get("shop", "one-1").metadata.uid
    cluster.relabel("one-1", "two")
    await until(lambda: "one-1" not in names(feed.store("pods")))
    assert feed.take().by_kind["pods"].removed == {uid}
    cluster.relabel("one-1", "one")
    await until(lambda: "one-1" in names(feed.store("pods")))
    assert feed.take().by_kind["pods"].changed == {uid}


async def test_watches_are_shared_by_selector_too(cluster: Cluster, live: Session) -> None:
    first = live.feed(["pods"], namespace="shop", selectors=RUN)
    same = live.feed(["pods"], namespace="shop", selectors=RUN)
    other = live.feed(["pods"], namespace="shop", selectors={"pods": "tekton.dev/pipelineRun=two"})
    whole = live.feed(["pods"], namespace="shop")
    assert first.store("pods") is same.store("pods")
    assert len({id(each.store("pods")) for each in (first, other, whole)}) == 3
    for feed in (first, other, whole):
        assert await feed.settled(30)
    assert names(other.store("pods")) == {"two-0", "two-1", "two-2"}
    assert names(whole.store("pods")) == names(first.store("pods")) | names(other.store("pods"))
    assert live.cost.lists == 3


async def test_a_version_that_is_forgotten_lists_again_under_the_selector(cluster: Cluster, live: Session) -> None:
    feed = live.feed(["pods"], namespace="shop", selectors=RUN)
    store = feed.store("pods")
    assert await feed.settled(30)
    await cluster.server.close()
    await until(lambda: store.state.phase == "stale")
    cluster.store.delete("pods", "shop", "one-0", grace=0)
    cluster.relabel("one-1", "two")
    cluster.pod("one-new", "one")
    cluster.store.compact()
    cluster.server = DemoServer()
    await cluster.start()
    await until(lambda: store.state.phase == "live" and names(store) == {"one-2", "one-new"})
    assert live.cost.relists >= 1


async def test_a_snapshot_is_narrowed_too(live: Session) -> None:
    feed = await live.snapshot(["pods"], namespace="shop", selectors=RUN)
    assert names(feed.store("pods")) == {"one-0", "one-1", "one-2"}
    everywhere = await live.snapshot(["pods"], selectors=RUN)
    assert names(everywhere.store("pods")) == {"one-0", "one-1", "one-2", "one-elsewhere"}


async def test_a_selector_that_the_server_refuses_is_told(live: Session) -> None:
    feed = live.feed(["pods"], namespace="shop", selectors={"pods": "not a selector!"})
    state = feed.store("pods").state
    await until(lambda: state.reason)
    assert state.phase == "waiting"
