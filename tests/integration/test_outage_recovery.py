"""Outages of every sort: how soon they show, how soon they are over, what is left, what they cost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bakeryops.cluster.feed import Feed
from bakeryops.cluster.session import Session
from bakeryops.cluster.timing import Timing
from tests.support.faulty_api import FaultyApi, faulty_api, status
from tests.support.waiting import until

QUICK = Timing(
    answer=1.0,
    trusted=0.3,
    rewatch_jitter=0.01,
    wake_jitter=0.05,
    backoff_first=0.02,
    backoff_cap=0.2,
    heartbeat=0.1,
    heartbeat_timeout=1.0,
    heartbeat_patience=2.0,
    heartbeat_retry_cap=0.1,
)
_LOG = logging.getLogger(__name__)
KINDS = ("pods", "deployments", "nodes")


@pytest.fixture
async def api() -> AsyncIterator[FaultyApi]:
    async with faulty_api() as made:
        for number in range(20):
            made.put("pods", f"pods-{number}", "shop", status={"phase": "Running"})
        made.put("deployments", "web", "shop")
        made.put("nodes", "one")
        yield made


@pytest.fixture
async def live(api: FaultyApi) -> AsyncIterator[Session]:
    made = Session(api.target(), timing=QUICK)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def current(api: FaultyApi, feed: Feed) -> bool:
    """Whether every store is live and holds exactly what the server does."""
    return all(
        feed.store(kind).state.phase == "live"
        and {uid: each.metadata.resourceVersion for uid, each in feed.store(kind).items.items()}
        == {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in api.objects[kind].values()}
        for kind in feed.kinds
    )


def stale(live: Session, feed: Feed) -> bool:
    """Whether the link and every kind say that what they show is old."""
    states = [feed.store(kind).state for kind in feed.kinds]
    return live.link.phase == "stale" and all(state.phase == "stale" and state.reason for state in states)


async def watched(api: FaultyApi, live: Session) -> Feed:
    feed = live.feed(KINDS)
    await until(lambda: current(api, feed) and live.link.live and api.open_watches == len(KINDS))
    return feed


def change_everything(api: FaultyApi) -> None:
    """What happened while nobody looked: one gone, one new, one different, one replaced under its name."""
    api.delete("pods", "pods-3", "shop")
    api.put("pods", "newcomer", "shop")
    api.put("pods", "pods-5", "shop", status={"phase": "Failed"})
    api.delete("pods", "pods-6", "shop")
    api.put("pods", "pods-6", "shop")


@pytest.mark.parametrize("forgets", [False, True], ids=["history kept", "history compacted"])
async def test_a_killed_server_shows_at_once_and_nothing_old_stays(
    api: FaultyApi, live: Session, forgets: bool
) -> None:
    feed = await watched(api, live)
    await api.kill()
    await until(lambda: stale(live, feed))
    assert feed.store("pods").state.count == 20
    assert live.link.reason
    assert live.link.hint
    await until(lambda: live.link.next_try is not None)
    change_everything(api)
    if forgets:
        api.compact()
    await api.start()
    await until(lambda: current(api, feed))
    assert live.link.live
    assert feed.store("pods").get("shop", "pods-3") is None
    assert live.cost.relists == (3 if forgets else 0)


async def test_a_frozen_server_shows_and_thaws(api: FaultyApi, live: Session) -> None:
    feed = await watched(api, live)
    api.freeze()
    await until(lambda: stale(live, feed))
    change_everything(api)
    api.thaw()
    await until(lambda: current(api, feed) and live.link.live)


async def test_streams_that_died_without_a_word_are_opened_again(api: FaultyApi, live: Session) -> None:
    feed = await watched(api, live)
    api.freeze()
    await until(lambda: stale(live, feed))
    change_everything(api)
    api.thaw_but_forget()
    await until(lambda: current(api, feed) and live.link.live)


async def test_a_black_hole_at_the_start_is_waited_out(api: FaultyApi, live: Session) -> None:
    api.freeze()
    feed = live.feed(KINDS)
    await until(lambda: live.link.reason)
    assert live.link.phase == "connecting"
    assert feed.store("pods").state.phase == "waiting"
    api.thaw_but_forget()
    await until(lambda: current(api, feed) and live.link.live)


async def test_a_server_that_is_not_there_yet_is_found_when_it_comes(api: FaultyApi, live: Session) -> None:
    await api.kill()
    feed = live.feed(KINDS)
    await until(lambda: live.link.reason and live.link.next_try)
    assert live.link.phase == "connecting"
    await api.start()
    await until(lambda: current(api, feed) and live.link.live)


async def test_a_proxy_that_answers_instead_is_loss(api: FaultyApi, live: Session) -> None:
    feed = await watched(api, live)
    api.fault("*", "*", status=502, body="<html>bad gateway</html>", content_type="text/html")
    await api.cut_streams()
    await until(lambda: stale(live, feed))
    api.mend()
    await until(lambda: current(api, feed) and live.link.live)


async def test_one_kind_in_trouble_leaves_the_others_alone(api: FaultyApi, live: Session) -> None:
    feed = await watched(api, live)
    api.fault("pods", "watch", status=500, body=status(500, "InternalError", "boom"))
    await api.cut_streams()
    await until(lambda: feed.store("pods").state.phase == "stale")
    await until(lambda: feed.store("deployments").state.phase == feed.store("nodes").state.phase == "live")
    await until(lambda: live.link.live)
    api.mend()
    await until(lambda: current(api, feed))


async def test_flapping_leaves_no_ghosts(api: FaultyApi, live: Session) -> None:
    feed = await watched(api, live)
    for number in range(5):
        await api.kill()
        api.put("pods", f"flap-{number}", "shop")
        api.delete("pods", f"pods-{number}", "shop")
        if number % 2:
            api.compact()
        await api.start()
        if number % 3 == 0:
            await until(lambda: live.link.live and feed.store("pods").state.phase == "live")
    await until(lambda: current(api, feed))


async def test_a_log_and_a_watch_share_the_news(api: FaultyApi, live: Session) -> None:
    feed = await watched(api, live)
    batches: list[Any] = []

    async def read() -> None:
        async for batch in feed.changes(max_hz=1000):
            now = live.link.phase, feed.store("pods").state.phase, batch
            batches.append(now)

    reader = asyncio.create_task(read())
    await api.kill()
    await until(lambda: any(link == kind == "stale" for link, kind, _ in batches))
    await api.start()
    await until(lambda: batches[-1][0] == batches[-1][1] == "live")
    assert not any(batch.by_kind for _, _, batch in batches[1:])
    feed.close()
    await reader


FAULTS: dict[str, dict[str, Any]] = {
    "500": {"verb": "*", "status": 500, "body": status(500, "InternalError", "etcd")},
    "html": {"verb": "*", "status": 502, "body": "<html></html>", "content_type": "text/html"},
    "ends at once": {"verb": "watch", "end_at_once": True},
    "410 event": {"verb": "watch", "error_event": {"kind": "Status", "code": 410, "reason": "Expired"}},
    "410": {"verb": "watch", "status": 410, "body": status(410, "Expired", "too old")},
    "half line": {"verb": "watch", "half_line": True},
    "watch forbidden": {"verb": "watch", "status": 403, "body": status(403, "Forbidden", "no")},
    "forbidden": {"verb": "*", "status": 403, "body": status(403, "Forbidden", "no")},
    "401": {"verb": "*", "status": 401, "body": status(401, "Unauthorized", "Unauthorized")},
}


@pytest.mark.slow
async def test_with_the_real_times_everything_stays_within_its_promise() -> None:
    """Ten seconds of each failure side by side, each on a server of its own, with the product's own times."""

    async def fail(name: str, fault: dict[str, Any]) -> tuple[str, int]:
        async with faulty_api() as api:
            api.put("pods", "web", "shop")
            made = Session(api.target())
            await made.start()
            feed = made.feed(["pods"])
            await until(lambda: current(api, feed) and api.open_watches)
            api.fault("pods", **fault)
            began = time.monotonic()
            await api.cut_streams()
            await asyncio.sleep(10)
            asked = api.count("pods", since=began)
            phase = feed.store("pods").state.phase
            await made.close()
            assert phase != "live", name
            return name, asked

    counted = dict(await asyncio.gather(*(fail(name, fault) for name, fault in FAULTS.items())))
    _LOG.info("requests in 10 s: %s", counted)
    assert {name: count for name, count in counted.items() if count > 10} == {}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "frozen", "forgotten"])
async def test_with_the_real_times_loss_and_return_are_seen_in_time(how: str) -> None:
    """Stale within 3 s, live within 5 s, under 2 % of a core in between; the bounds allow for a busy machine."""
    async with faulty_api() as api:
        for number in range(50):
            api.put("pods", f"pods-{number}", "shop")
        made = Session(api.target())
        await made.start()
        feed = made.feed(["pods", "deployments", "nodes", "namespaces", "configmaps"])
        await until(lambda: current(api, feed) and made.link.live)
        before = api.count("/version")
        await asyncio.sleep(5)
        idle = api.count("/version") - before
        assert idle < 5 + 1
        began = time.monotonic()
        if how == "killed":
            await api.kill()
        else:
            api.freeze()
        await until(lambda: stale(made, feed))
        shown = time.monotonic() - began
        cpu = time.process_time()
        await asyncio.sleep(8)
        cpu = (time.process_time() - cpu) / 8
        api.delete("pods", "pods-7", "shop")
        back = time.monotonic()
        if how == "killed":
            await api.start()
        elif how == "frozen":
            api.thaw()
        else:
            api.thaw_but_forget()
        await until(lambda: current(api, feed) and made.link.live)
        recovered = time.monotonic() - back
        await made.close()
        _LOG.info("%s: stale %.2f s, live %.2f s, idle %d, cpu %.2f %%", how, shown, recovered, idle, cpu * 100)
        assert shown < 3 + 3
        assert recovered < 5 + 5
        assert cpu < 0.2
