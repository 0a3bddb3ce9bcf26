"""Feeds: coalescing, pace, settling and closing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from bakeryops.cluster.feed import Changes, Feed
from bakeryops.cluster.store import Store
from bakeryops.cluster.wire.core import Pod
from bakeryops.cluster.wire.meta import Meta


def put(store: Store[Pod], name: str, version: int) -> None:
    each = Pod(metadata=Meta(name=name, namespace="shop", uid=f"u-{name}", resourceVersion=str(version)))
    store.put(each, each.metadata)


async def test_the_first_batch_comes_at_once_with_all_that_is_there() -> None:
    store: Store[Pod] = Store("pods")
    put(store, "a", 1)
    feed = Feed({"pods": store})
    async with aclosing(feed.changes()) as changes:
        first = await anext(changes)
    assert first.by_kind["pods"].changed == {"u-a"}
    assert first.states


async def test_the_first_batch_comes_even_when_there_is_nothing() -> None:
    feed = Feed({"pods": Store("pods")})
    async with aclosing(feed.changes()) as changes:
        first = await anext(changes)
    assert first == Changes(by_kind={}, states=True)


async def test_many_events_on_one_object_are_one_change() -> None:
    store: Store[Pod] = Store("pods")
    feed = Feed({"pods": store})
    feed.take()
    for version in range(1000):
        put(store, "a", version)
    batch = feed.take()
    assert batch.by_kind["pods"].changed == {"u-a"}
    assert not batch.states
    assert not feed.take()


async def test_a_key_is_either_changed_or_removed() -> None:
    store: Store[Pod] = Store("pods")
    feed = Feed({"pods": store})
    put(store, "a", 1)
    put(store, "b", 1)
    store.remove("u-a")
    put(store, "c", 1)
    store.remove("u-c")
    put(store, "c", 2)
    found = feed.take().by_kind["pods"]
    assert found.changed == {"u-b", "u-c"}
    assert found.removed == {"u-a"}


async def test_a_state_change_is_told_without_objects() -> None:
    store: Store[Pod] = Store("pods")
    feed = Feed({"pods": store})
    feed.take()
    store.state.enter("live")
    assert feed.take() == Changes(by_kind={}, states=True)
    store.state.enter("live")
    assert not feed.take()


class Sleeps:
    """Stands for `asyncio.sleep`: notes what was asked for and lets the loop's time jump."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[float] = []
        self.now = 100.0
        loop = asyncio.get_running_loop()
        real = asyncio.sleep

        async def sleep(seconds: float) -> None:
            self.asked.append(seconds)
            self.now += seconds
            await real(0)

        monkeypatch.setattr("bakeryops.cluster.feed.asyncio.sleep", sleep)
        monkeypatch.setattr(loop, "time", lambda: self.now)


async def test_a_change_after_a_quiet_time_is_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps = Sleeps(monkeypatch)
    store: Store[Pod] = Store("pods")
    feed = Feed({"pods": store})
    async with aclosing(feed.changes(max_hz=10)) as changes:
        await anext(changes)
        put(store, "a", 1)
        await anext(changes)
        assert sleeps.asked == []
        sleeps.now += 5
        put(store, "a", 2)
        await anext(changes)
        assert sleeps.asked == []


async def test_changes_that_follow_each_other_are_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps = Sleeps(monkeypatch)
    store: Store[Pod] = Store("pods")
    feed = Feed({"pods": store})
    async with aclosing(feed.changes(max_hz=10)) as changes:
        await anext(changes)
        for version in range(1, 5):
            put(store, "a", version)
            await anext(changes)
    assert sleeps.asked == pytest.approx([0.1, 0.1, 0.1])


async def test_the_word_that_a_list_has_begun_does_not_hold_back_its_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleeps = Sleeps(monkeypatch)
    store: Store[Pod] = Store("pods")
    feed = Feed({"pods": store})
    async with aclosing(feed.changes(max_hz=10)) as changes:
        await anext(changes)
        store.state.enter("syncing")
        assert (await anext(changes)).by_kind == {}
        put(store, "a", 1)
        assert "pods" in (await anext(changes)).by_kind
        assert sleeps.asked == []
        put(store, "a", 2)
        await anext(changes)
    assert sleeps.asked == pytest.approx([0.1])


async def test_closing_ends_the_iteration_and_tells_once() -> None:
    store: Store[Pod] = Store("pods")
    told: list[Feed] = []
    feed = Feed({"pods": store}, closed=told.append)

    async def read() -> int:
        return len([batch async for batch in feed.changes()])

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    feed.close()
    feed.close()
    assert await asyncio.wait_for(reader, 5) <= 1
    assert told == [feed]
    put(store, "a", 1)
    assert not feed.take().by_kind


async def test_settled_waits_for_every_kind_and_gives_up() -> None:
    pods: Store[Pod] = Store("pods")
    jobs: Store[Pod] = Store("jobs")
    feed = Feed({"pods": pods, "jobs": jobs})
    assert not await feed.settled(0.01)
    waiting = asyncio.create_task(feed.settled(30))
    await asyncio.sleep(0)
    pods.state.enter("live")
    await asyncio.sleep(0)
    assert not waiting.done()
    jobs.state.enter("forbidden", "no")
    assert await waiting
    assert await feed.settled(0)
