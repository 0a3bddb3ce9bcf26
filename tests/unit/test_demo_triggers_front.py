"""The sockets of EventListeners."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bakeryops.demo.triggers import Front
from tests.support.demo_world import SHOP
from tests.support.waiting import until
from tests.unit.test_demo_triggers_events import Shop, push


class Names(dict[str, str]):
    def add(self, host: str, url: str) -> None:
        self[host] = url

    def remove(self, host: str) -> None:
        del self[host]


async def test_a_listener_answers_at_its_address_while_it_has_a_pod() -> None:
    shop, names = Shop(), Names()
    front = Front(shop.small.cluster, shop.listeners, names)
    await front.start()
    try:
        url = names["el-gitea.shop.svc.cluster.local:8080"]
        async with aiohttp.ClientSession() as session:
            async with session.post(url, json=push()) as response:
                assert response.status == 202
                assert (await response.json())["namespace"] == SHOP
            shop.small.change("deployments.apps", "el-gitea", ("spec", "replicas"), 0)
            shop.small.clock.advance(60)
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.post(url, json=push())
    finally:
        await front.close()


async def test_listeners_that_come_and_go_open_and_close_their_sockets() -> None:
    shop, names = Shop(), Names()
    front = Front(shop.small.cluster, shop.listeners, names)
    await front.start()
    try:
        shop.small.create("eventlisteners", {"metadata": {"name": "other"}, "spec": {"triggers": []}})
        await until(lambda: front.url(SHOP, "other"))
        host, port = front.url(SHOP, "other").removeprefix("http://").split(":")
        shop.small.store.delete("eventlisteners", SHOP, "other")
        await until(lambda: not front.url(SHOP, "other"))
        assert list(names) == ["el-gitea.shop.svc.cluster.local:8080"]
        with pytest.raises(OSError):
            await asyncio.open_connection(host, int(port))
    finally:
        await front.close()
