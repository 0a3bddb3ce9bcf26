"""The holds are one watch of one ConfigMap, in the namespace of the builds, whatever namespace is looked at."""

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
from bakeryops.read.holds import holds_of
from screens.overview import OverviewScreen
from screens.picture import KEPT
from screens.service import ServiceScreen
from tests.support.waiting import until

CI = "bakery-ci"
QUICK = Timing(rewatch_jitter=0.01, wake_jitter=0.02, backoff_first=0.02, backoff_cap=0.2, linger=60.0)


class Cluster:
    """An embedded cluster in this process, with ConfigMaps of which one keeps the holds."""

    def __init__(self) -> None:
        self.store = ObjectStore(ManualClock())
        self.server = DemoServer()

    async def start(self) -> None:
        await self.server.start(self.store)
        for namespace in (CI, "shop"):
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            self.store.create("namespaces", space, manager="test")
            self.put("settings", namespace, colour="red")
            self.put(
                "bakery-holds", namespace, auth='{"owner": "ops"}' if namespace == CI else '{"owner": "mallory"}'
            )

    def put(self, name: str, namespace: str, **data: str) -> None:
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        self.store.create("configmaps", body, manager="test")

    def session(self) -> Session:
        login = Login(token=self.server.tokens["admin"])
        target = Target(server=self.server.url, user="admin", namespace="shop", login=login)
        return Session(target, timing=QUICK, places={"holds": CI})


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    made = Cluster()
    await made.start()
    try:
        yield made
    finally:
        await made.server.close()


@pytest.fixture
async def live(cluster: Cluster) -> AsyncIterator[Session]:
    session = cluster.session()
    await session.start()
    try:
        yield session
    finally:
        await session.close()


async def test_the_one_config_map_is_followed_and_no_other(cluster: Cluster, live: Session) -> None:
    store = live.feed(["holds"], namespace="shop").store("holds")
    await until(lambda: store.state.phase == "live")
    assert [(each.metadata.namespace, each.metadata.name) for each in store.items.values()] == [
        (CI, "bakery-holds")
    ]
    assert holds_of(store.items.values())["auth"].owner == "ops"

    def more(found: dict[str, Any]) -> dict[str, Any]:
        found["data"] = {"tenant": '{"owner": "lucia"}'}
        return found

    events = live.cost.events
    cluster.store.mutate("configmaps", CI, "settings", more, manager="test")
    cluster.store.mutate("configmaps", CI, "bakery-holds", more, manager="test")
    await until(lambda: list(holds_of(store.items.values())) == ["tenant"])
    assert live.cost.events == events + 1
    cluster.store.delete("configmaps", CI, "bakery-holds", grace=0)
    await until(lambda: not store.items)
    cluster.put("bakery-holds", CI, auth="{}")
    await until(lambda: list(holds_of(store.items.values())) == ["auth"])


async def test_a_snapshot_lists_it_alone(live: Session) -> None:
    feed = await live.snapshot(["holds", "configmaps"], namespace="shop")
    assert [each.metadata.namespace for each in feed.store("holds").items.values()] == [CI]
    assert {each.metadata.namespace for each in feed.store("configmaps").items.values()} == {"shop"}


async def test_all_screens_together_cost_one_list_and_one_watch_more(cluster: Cluster) -> None:
    async def spent(kinds: tuple[tuple[str, ...], ...]) -> tuple[int, int, int]:
        session = cluster.session()
        await session.start()
        feeds = [session.feed(each) for each in kinds]
        for feed in feeds:
            assert await feed.settled(60)
        polled = ("podmetrics", "nodemetrics", "nodestats")
        watched = {kind for each in kinds for kind in each if kind not in polled}
        absent = {k for feed in feeds for k in feed.kinds if feed.store(k).state.phase == "absent"}
        await until(lambda: session.cost.open_watches >= len(watched - absent))
        found = session.cost.lists, session.cost.open_watches, len(session._watches)
        await session.close()
        return found

    screens = (KEPT, OverviewScreen.KINDS, ServiceScreen.KINDS)
    without = await spent(tuple(tuple(kind for kind in kinds if kind != "holds") for kinds in screens))
    assert await spent(screens) == tuple(count + 1 for count in without)
