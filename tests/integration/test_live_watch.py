"""List and watch over real sockets, against a server that fails on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.login import Login
from bakeryops.cluster.session import Session
from bakeryops.cluster.timing import Timing
from bakeryops.read.volumes import measured
from tests.support.faulty_api import FaultyApi, faulty_api, status
from tests.support.waiting import until

QUICK = Timing(
    page_limit=10,
    watch_timeout=(600.0, 600.0),
    answer=5.0,
    trusted=0.3,
    rewatch_jitter=0.01,
    wake_jitter=0.02,
    backoff_first=0.02,
    backoff_cap=0.2,
    forbidden_retry=0.3,
    unauthorized_retry=0.1,
    poll_without_watch=0.1,
    absent_retry=0.2,
    absent_first=0.05,
    linger=0.1,
    heartbeat=0.2,
    heartbeat_timeout=2.0,
    heartbeat_retry_cap=0.1,
)


@pytest.fixture
async def api() -> AsyncIterator[FaultyApi]:
    async with faulty_api() as made:
        yield made


@asynccontextmanager
async def session(api: FaultyApi, timing: Timing = QUICK, **changes: Any) -> AsyncIterator[Session]:
    made = Session(api.target(**changes), timing=timing)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def fill(api: FaultyApi, count: int, plural: str = "pods", namespace: str = "shop") -> None:
    for number in range(count):
        api.put(plural, f"{plural}-{number}", namespace, status={"phase": "Running"})


def same(api: FaultyApi, store: Any, plural: str = "pods") -> bool:
    """Whether the store holds exactly what the server does, at the same versions."""
    ours = {uid: each.metadata.resourceVersion for uid, each in store.items.items()}
    theirs = {
        each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in api.objects[plural].values()
    }
    return ours == theirs


async def test_pages_then_events_keep_the_store_equal(api: FaultyApi) -> None:
    fill(api, 35)
    async with session(api) as live:
        feed = live.feed(["pods"])
        assert await feed.settled(30)
        store = feed.store("pods")
        assert store.state.phase == "live"
        assert same(api, store)
        assert api.count("pods", "list") == 4
        api.put("pods", "late", "shop")
        api.delete("pods", "pods-3", "shop")
        api.put("pods", "pods-4", "shop", status={"phase": "Failed"})
        await until(lambda: same(api, store))
        assert store.get("shop", "pods-4").status.phase == "Failed"
        assert store.get("shop", "pods-3") is None
        assert live.cost.open_watches == 1
        assert live.cost.events == 3
        assert api.count("pods", "list") == 4


async def test_requests_are_as_they_should_be(api: FaultyApi) -> None:
    fill(api, 1)
    async with session(api) as live:
        feed = live.feed(["pods", "configmaps"])
        await until(lambda: api.open_watches == 2)
        assert feed.store("configmaps").state.phase == "live"
        listed = next(each for each in api.asked if (each.what, each.verb) == ("pods", "list"))
        watched = next(each for each in api.asked if (each.what, each.verb) == ("pods", "watch"))
        assert listed.query == {"limit": "10"}
        assert "gzip" in listed.headers["Accept-Encoding"]
        assert watched.query["allowWatchBookmarks"] == "true"
        assert watched.query["timeoutSeconds"] == "600"
        assert watched.query["resourceVersion"] == "1001"
        light = next(each for each in api.asked if each.what == "configmaps")
        assert light.headers["Accept"].startswith("application/json;as=PartialObjectMetadataList")


async def test_rows_show_before_the_last_page_has_come(api: FaultyApi) -> None:
    fill(api, 15)
    api.hang_second_page = True
    async with session(api) as live:
        feed = live.feed(["pods"])
        store = feed.store("pods")
        await until(lambda: store.state.count == 10)
        assert store.state.phase == "syncing"


async def test_a_namespace_is_watched_by_itself(api: FaultyApi) -> None:
    fill(api, 3)
    fill(api, 2, namespace="bank")
    async with session(api) as live:
        feed = live.feed(["pods", "nodes"], namespace="bank")
        assert await feed.settled(30)
        assert feed.store("pods").state.count == 2
        assert any(each.what == "nodes" for each in api.asked)
        api.put("pods", "other", "shop")
        mine = api.put("pods", "mine", "bank")
        await until(lambda: mine["metadata"]["uid"] in feed.store("pods").items)
        assert feed.store("pods").state.count == 3


async def test_watches_are_shared_and_linger(api: FaultyApi) -> None:
    async with session(api) as live:
        first, second = live.feed(["pods"]), live.feed(["pods", "deployments"])
        assert await second.settled(30)
        assert first.store("pods") is second.store("pods")
        await until(lambda: api.open_watches == 2)
        second.close()
        await until(lambda: api.open_watches == 1)
        first.close()
        again = live.feed(["pods"])
        assert again.store("pods").state.phase == "live"
        await until(lambda: api.open_watches == 1)
        assert api.count("pods", "list") == 1
        again.close()
        await until(lambda: api.open_watches == 0)
        assert live.cost.open_watches == 0


async def test_the_others_list_three_at_a_time(api: FaultyApi) -> None:
    kinds = ["namespaces", "nodes", "configmaps", "deployments", "pipelineruns"]
    async with session(api) as live:
        assert await live.feed(["pods"]).settled(30)
        api.fault("*", "list", hang=True)
        live.feed(kinds)
        await until(lambda: sum(api.count(kind, "list") for kind in kinds) >= 3)
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert sum(api.count(kind, "list") for kind in kinds) == 3


async def test_bookmarks_move_the_version_that_a_new_watch_begins_at(api: FaultyApi) -> None:
    fill(api, 2)
    async with session(api) as live:
        feed = live.feed(["pods"])
        assert await feed.settled(30)
        api.put("deployments", "elsewhere", "shop")
        api.bookmarks = True
        api.poke("pods")
        await until(lambda: live.cost.bytes_in > 0 and api.version == 1003)
        api.put("pods", "one", "shop")
        await until(lambda: same(api, feed.store("pods")))
        api.put("deployments", "elsewhere", "shop")
        api.poke("pods")
        await until(lambda: live._watches._entries["pods", None, ""].watcher._version == str(api.version))  # type: ignore[union-attr]
        api.compact()
        await api.cut_streams()
        await until(lambda: api.opened >= 2 and feed.store("pods").state.phase == "live")
        assert api.count("pods", "list") == 1


async def test_a_regular_end_is_followed_by_the_next_watch_without_a_list(api: FaultyApi) -> None:
    fill(api, 2)
    timing = Timing(watch_timeout=(1.0, 1.0), trusted=0.2, rewatch_jitter=0.01)
    phases: set[str] = set()
    async with session(api, timing) as live:
        feed = live.feed(["pods"])
        assert await feed.settled(30)
        await until(lambda: phases.add(feed.store("pods").state.phase) or api.opened >= 3)  # type: ignore[func-returns-value]
        assert api.count("pods", "list") == 1
        assert phases == {"live"}


async def test_a_silent_stream_is_opened_again_and_stays_live(api: FaultyApi) -> None:
    fill(api, 2)
    phases: set[str] = set()
    async with session(api, Timing(watch_idle=0.2, rewatch_jitter=0.01)) as live:
        feed = live.feed(["pods"])
        assert await feed.settled(30)
        await until(lambda: phases.add(feed.store("pods").state.phase) or api.opened >= 2)  # type: ignore[func-returns-value]
        assert phases == {"live"}
        assert api.count("pods", "list") == 1


async def test_a_watch_that_goes_on_bringing_nothing_is_not_believed(api: FaultyApi) -> None:
    """A server restored from a backup filters out all that is not newer than the version asked for."""
    fill(api, 3)
    async with session(api, Timing(watch_idle=0.2, rewatch_jitter=0.01)) as live:
        feed = live.feed(["pods"])
        assert await feed.settled(30)
        api.version = 500
        api.delete("pods", "pods-0", "shop")
        api.put("pods", "restored", "shop")
        await until(lambda: same(api, feed.store("pods")))
        api.put("pods", "another", "shop")
        await until(lambda: same(api, feed.store("pods")))


async def test_a_watch_that_is_never_answered_is_said(api: FaultyApi) -> None:
    fill(api, 2)
    api.fault("pods", "watch", hang=True)
    async with session(api, Timing(answer=0.2, backoff_first=0.05, heartbeat_timeout=5.0)) as live:
        feed = live.feed(["pods"])
        state = feed.store("pods").state
        await until(lambda: state.phase == "stale")
        assert "did not answer" in state.reason
        assert state.count == 2
        api.mend()
        await until(lambda: state.phase == "live")
        assert api.count("pods", "list") == 1


async def test_a_person_may_give_up_on_a_request_that_hangs(api: FaultyApi) -> None:
    fill(api, 2)
    api.fault("pods", "list", hang=True)
    async with session(api) as live:
        state = live.feed(["pods"]).store("pods").state
        await until(lambda: api.count("pods", "list") == 1)
        api.mend()
        await until(lambda: live.wake() or state.phase == "live")  # type: ignore[func-returns-value]


async def test_streams_that_end_at_once_are_said_and_backed_off(api: FaultyApi) -> None:
    fill(api, 2)
    api.fault("pods", "watch", end_at_once=True)
    async with session(api) as live:
        feed = live.feed(["pods"])
        state = feed.store("pods").state
        await until(lambda: state.phase == "stale")
        assert "ends the watch at once" in state.reason
        assert state.next_try is not None
        api.mend()
        await until(lambda: state.phase == "live")
        assert state.reason == ""
        assert api.count("pods", "list") == 1


@pytest.mark.parametrize("form", ["event", "http"])
async def test_410_lists_again_without_ghosts_and_without_noise(api: FaultyApi, form: str) -> None:
    fill(api, 30)
    async with session(api) as live:
        feed = live.feed(["pods"])
        store = feed.store("pods")
        assert await feed.settled(30)
        api.fault("pods", "watch", hang=True)
        await api.cut_streams()
        await until(lambda: api.count("pods", "watch") >= 2)
        api.delete("pods", "pods-7", "shop")
        new = api.put("pods", "born-meanwhile", "shop")
        changed = api.put("pods", "pods-9", "shop", status={"phase": "Failed"})
        api.compact()
        feed.take()
        api.mend()
        if form == "http":
            api.fault("pods", "watch", status=410, body=status(410, "Expired", "too old"), times=1)
        await api.cut_streams()
        await until(lambda: same(api, store) and store.state.phase == "live")
        batch = feed.take().by_kind["pods"]
        assert batch.changed == {new["metadata"]["uid"], changed["metadata"]["uid"]}
        assert len(batch.removed) == 1
        assert store.get("shop", "pods-7") is None
        assert live.cost.relists == 1


async def test_410_on_every_watch_is_not_a_storm(api: FaultyApi) -> None:
    fill(api, 2)
    api.fault(
        "pods", "watch", error_event={"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    )
    timing = Timing(trusted=60.0, backoff_first=0.05, backoff_cap=0.8)
    async with session(api, timing) as live:
        feed = live.feed(["pods"])
        state = feed.store("pods").state
        await until(lambda: state.phase == "stale" and "listing again" in state.reason)
        assert feed.store("pods").state.count == 2
        await until(lambda: api.count("pods", "watch") >= 4)
        assert api.count("pods") <= 10
        api.mend()
        await until(lambda: state.phase == "live")


async def test_an_expired_continue_token_begins_the_list_anew(api: FaultyApi) -> None:
    fill(api, 35)
    api.expire_continue = 1
    async with session(api) as live:
        feed = live.feed(["pods"])
        assert await feed.settled(30)
        assert same(api, feed.store("pods"))


async def test_tokens_that_always_expire_lead_to_one_large_page(api: FaultyApi) -> None:
    fill(api, 35)
    api.expire_continue = 10**6
    async with session(api) as live:
        feed = live.feed(["pods"])
        await until(lambda: feed.store("pods").state.phase == "live")
        assert same(api, feed.store("pods"))
        assert api.count("pods", "list") == 5


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "body": status(500, "InternalError", "etcd is away")},
        {"status": 502, "body": "<html>bad gateway</html>", "content_type": "text/html"},
        {"status": 200, "body": "<html>log in</html>", "content_type": "text/html"},
        {"status": 200, "body": '{"kind":"PodList","items":[{"metadata":{"na'},
        {"status": 429, "body": status(429, "TooManyRequests", "slow down"), "headers": {"Retry-After": "1"}},
    ],
    ids=["500", "502-html", "200-html", "half-json", "429"],
)
async def test_a_failing_list_is_told_and_tried_again(api: FaultyApi, fault: dict[str, Any]) -> None:
    fill(api, 3)
    api.fault("pods", "list", **fault)
    async with session(api) as live:
        feed = live.feed(["pods", "deployments"])
        state = feed.store("pods").state
        await until(lambda: state.reason)
        assert state.phase == "waiting"
        await until(lambda: feed.store("deployments").state.phase == "live")
        api.mend()
        await until(lambda: state.phase == "live")
        assert same(api, feed.store("pods"))


async def test_retry_after_is_honoured(api: FaultyApi) -> None:
    api.fault(
        "pods", "list", status=429, body=status(429, "TooManyRequests", "slow"), headers={"Retry-After": "60"}
    )
    async with session(api) as live:
        state = live.feed(["pods"]).store("pods").state
        await until(lambda: state.next_try is not None)
        assert state.next_try is not None
        assert state.next_try - state.since > 50
        assert api.count("pods") == 1
        api.mend()
        live.wake()
        await until(lambda: state.phase == "live")


@pytest.mark.parametrize(
    "fault",
    [
        {"half_line": True},
        {"raw_lines": [b"<html>502 Bad Gateway</html>\n"], "end_at_once": True},
        {"raw_lines": [b'{"kind":"Status","code":500}\n'], "end_at_once": True},
        {"error_event": {"kind": "Status", "code": 500, "reason": "InternalError", "message": "watch cache"}},
    ],
    ids=["half-line", "html-line", "status-line", "error-event"],
)
async def test_a_spoilt_stream_goes_stale_keeps_its_rows_and_recovers(
    api: FaultyApi, fault: dict[str, Any]
) -> None:
    fill(api, 3)
    async with session(api) as live:
        feed = live.feed(["pods"])
        store = feed.store("pods")
        assert await feed.settled(30)
        api.fault("pods", "stream", **fault)
        api.fault("pods", "watch", **fault)
        api.poke("pods")
        await until(lambda: store.state.phase == "stale")
        assert store.state.count == 3
        assert store.state.reason
        api.mend()
        api.put("pods", "late", "shop")
        await until(lambda: same(api, store) and store.state.phase == "live")
        assert api.count("pods", "list") == 1


async def test_forbidden_is_final_until_it_is_not(api: FaultyApi) -> None:
    message = 'pods is forbidden: User "viewer" cannot list resource "pods" at the cluster scope'
    api.fault("pods", "list", status=403, body=status(403, "Forbidden", message))
    async with session(api, namespace="shop") as live:
        feed = live.feed(["pods", "deployments"])
        assert await feed.settled(30)
        state = feed.store("pods").state
        assert (state.phase, state.reason) == ("forbidden", message)
        assert "choose a namespace" in state.hint
        assert "shop" in state.hint
        assert feed.store("deployments").state.phase == "live"
        assert live.link.live
        api.mend()
        await until(lambda: state.phase == "live")


async def test_list_without_watch_is_polled_and_says_so(api: FaultyApi) -> None:
    fill(api, 3)
    api.fault("pods", "watch", status=403, body=status(403, "Forbidden", "cannot watch pods"))
    async with session(api) as live:
        feed = live.feed(["pods"])
        store = feed.store("pods")
        await until(lambda: store.state.phase == "polling")
        assert "instead of watched" in store.state.reason
        assert "cannot watch pods" in store.state.reason
        api.put("pods", "late", "shop")
        api.delete("pods", "pods-1", "shop")
        await until(lambda: same(api, store))
        assert store.state.phase == "polling"
        assert "instead of watched" in store.state.reason
        api.mend()
        await until(lambda: store.state.phase == "live")
        assert store.state.reason == ""


async def test_unauthorized_shows_and_recovers(api: FaultyApi) -> None:
    fill(api, 1)
    api.tokens = {"other"}
    async with session(api, login=Login(token="mine")) as live:
        feed = live.feed(["pods"])
        state = feed.store("pods").state
        await until(lambda: state.phase == "unauthorized" and live.link.phase == "unauthorized")
        assert state.hint or state.reason
        api.tokens = {"mine"}
        await until(lambda: state.phase == "live" and live.link.live)


async def test_a_kind_that_is_not_served_is_absent_and_comes_when_its_crd_does(api: FaultyApi) -> None:
    api.served -= {"pipelineruns"}
    timing = Timing(absent_retry=3600.0, absent_first=0.05, linger=0.1, rewatch_jitter=0.01)
    async with session(api, timing) as live:
        feed = live.feed(["pipelineruns", "pods"])
        assert await feed.settled(30)
        state = feed.store("pipelineruns").state
        assert state.phase == "absent"
        assert "pipelineruns.tekton.dev" in state.reason
        await until(lambda: api.count("customresourcedefinitions", "watch") == 1)
        api.put("customresourcedefinitions", "pipelineruns.tekton.dev")
        await until(lambda: api.count("/apis", "list") >= 3)
        api.served.add("pipelineruns")
        api.put("pipelineruns", "run-1", "shop")
        await until(lambda: state.phase == "live")
        assert same(api, feed.store("pipelineruns"), "pipelineruns")
        await until(lambda: api.open_watches == 2)


async def test_discovery_is_polled_where_crds_may_not_be_watched(api: FaultyApi) -> None:
    api.served -= {"pipelineruns"}
    forbidden = status(403, "Forbidden", "cannot list customresourcedefinitions")
    api.fault("customresourcedefinitions", "*", status=403, body=forbidden)
    async with session(api) as live:
        state = live.feed(["pipelineruns"]).store("pipelineruns").state
        await until(lambda: state.phase == "absent")
        api.served.add("pipelineruns")
        await until(lambda: state.phase == "live")


async def test_a_deleted_crd_takes_its_rows_with_it(api: FaultyApi) -> None:
    fill(api, 3, "pipelineruns")
    async with session(api) as live:
        feed = live.feed(["pipelineruns"])
        store = feed.store("pipelineruns")
        await until(lambda: store.state.count == 3 and api.open_watches)
        api.served.discard("pipelineruns")
        await api.cut_streams()
        await until(lambda: store.state.phase == "absent")
        assert not store.items
        api.served.add("pipelineruns")
        await until(lambda: store.state.phase == "live" and same(api, store, "pipelineruns"))


async def test_metrics_are_polled_into_a_history(api: FaultyApi) -> None:
    api.put("podmetrics", "web", "shop", timestamp="2026-11-22T12:00:00Z",
            containers=[{"name": "main", "usage": {"cpu": "250m", "memory": "64Mi"}}])  # fmt: skip
    async with session(api) as live:
        feed = live.feed(["podmetrics"])
        assert await feed.settled(30)
        assert feed.store("podmetrics").state.phase == "polling"
        assert live.usage.pod("shop", "web").cpu_now == pytest.approx(0.25)
        assert api.count("podmetrics", "watch") == 0


@pytest.mark.parametrize("how", ["not served", "unavailable"])
async def test_absent_metrics_say_so(api: FaultyApi, how: str) -> None:
    if how == "not served":
        api.served -= {"podmetrics", "nodemetrics"}
    else:
        api.fault("podmetrics", "list", status=503, body=status(503, "ServiceUnavailable", "no endpoints"))
    async with session(api) as live:
        feed = live.feed(["podmetrics"])
        assert await feed.settled(30)
        state = feed.store("podmetrics").state
        assert state.phase == "absent"
        assert "metrics-server" in state.reason
        assert live.usage.absent == state.reason
        api.mend()
        api.served |= {"podmetrics"}


async def test_one_bad_object_is_a_row_and_a_word_and_no_dead_view(api: FaultyApi) -> None:
    fill(api, 3)
    api.put("pods", "odd", "shop", spec="a string", status=5)
    async with session(api) as live:
        feed = live.feed(["pods"])
        store = feed.store("pods")
        assert await feed.settled(30)
        assert store.state.phase == "live"
        assert store.state.count == 4
        assert store.state.reason == "1 of these objects could not be read: shop/odd"
        assert store.get("shop", "odd").status is None
        api.put("pods", "odder", "shop", spec=7)
        await until(lambda: "2 of these" in store.state.reason)
        api.put("pods", "odd", "shop")
        api.put("pods", "odder", "shop")
        await until(lambda: store.state.reason == "")


async def test_a_fault_of_ours_is_told_where_its_rows_are(api: FaultyApi) -> None:
    fill(api, 2)
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))

    class Faulty:
        def changed(self, _: str) -> None:
            raise ZeroDivisionError

        def state_changed(self) -> None:
            """Take it calmly."""

    async with session(api) as live:
        store = live.feed(["pods"]).store("pods")
        await until(lambda: store.state.phase == "live")
        store.connect(Faulty())  # type: ignore[arg-type]
        api.put("pods", "one", "shop")
        await until(lambda: store.state.phase == "stale")
        assert "ZeroDivisionError" in store.state.reason
    assert [type(each["exception"]) for each in told] == [ZeroDivisionError]


async def test_bookmarks_and_nulls_of_go_do_not_hurt(api: FaultyApi) -> None:
    nulls = {
        "spec": {"containers": None, "volumes": None},
        "status": {"conditions": None, "containerStatuses": None},
    }
    api.bookmarks = True
    api.put("pods", "web", "shop", metadata={"labels": None, "ownerReferences": None, "finalizers": None}, **nulls)
    async with session(api) as live:
        feed = live.feed(["pods"])
        assert await feed.settled(30)
        api.put("pods", "web", "shop", metadata={"labels": None}, **nulls)
        await until(lambda: same(api, feed.store("pods")))
        assert feed.store("pods").state.reason == ""


_SUMMARY = "/api/v1/nodes/one/proxy/stats/summary"


@pytest.mark.parametrize("kinds", [["nodestats"], ["nodes", "nodestats"]])
async def test_node_summaries_are_polled(api: FaultyApi, kinds: list[str]) -> None:
    api.put("nodes", "one")
    claim = {
        "name": "data",
        "usedBytes": 40,
        "capacityBytes": 100,
        "pvcRef": {"name": "data-db-0", "namespace": "shop"},
    }
    pods = [{"podRef": {"name": "db-0", "namespace": "shop"}, "volume": [claim]}]
    api.answers[_SUMMARY] = 200, json.dumps({"node": {"nodeName": "one", "fs": {"usedBytes": 7}}, "pods": pods})
    async with session(api) as live:
        feed = live.feed(kinds)
        assert await feed.settled(30)
        store = feed.store("nodestats")
        assert store.state.phase == "polling"
        assert store.get(None, "one").stats.node.fs.usedBytes == 7
        assert measured(each.stats for each in store.items.values())["shop", "data-db-0"].usedBytes == 40


async def test_forbidden_node_summaries_are_a_state_and_no_more(api: FaultyApi) -> None:
    api.put("nodes", "one")
    api.answers[_SUMMARY] = 403, status(403, "Forbidden", "cannot get nodes/proxy")
    async with session(api) as live:
        feed = live.feed(["nodestats", "nodes"])
        assert await feed.settled(30)
        assert feed.store("nodestats").state.phase == "forbidden"
        assert "nodes/proxy" in feed.store("nodestats").state.reason
        assert feed.store("nodes").state.phase == "live"
        assert live.link.live


async def test_a_snapshot_lists_once_and_watches_nothing(api: FaultyApi) -> None:
    fill(api, 25)
    api.served -= {"pipelineruns"}
    api.fault("deployments", "list", status=403, body=status(403, "Forbidden", "no deployments for you"))
    async with session(api) as live:
        feed = await live.snapshot(["pods", "pipelineruns", "deployments"])
        assert same(api, feed.store("pods"))
        phases = [feed.store(kind).state.phase for kind in ("pods", "pipelineruns", "deployments")]
        assert phases == ["live", "absent", "forbidden"]
        assert api.opened == 0
        assert api.count("/version") == 0
        whole = await live.get("pods", "pods-3", "shop")
        assert whole["metadata"]["name"] == "pods-3"


async def test_a_snapshot_of_a_dead_server_raises(api: FaultyApi) -> None:
    await api.kill()
    async with session(api) as live:
        with pytest.raises(KubeError) as caught:
            await live.snapshot(["pods", "deployments"])
    assert caught.value.kind == "unreachable"
    assert caught.value.exit_code == 4


async def test_closing_is_quick_whatever_goes_on(api: FaultyApi) -> None:
    fill(api, 30)
    live = Session(api.target(), timing=QUICK)
    await live.start()
    live.feed(["pods", "deployments", "nodes"])
    await until(lambda: api.open_watches == 3)
    api.freeze()
    live.wake()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await live.close()
    await live.close()
    assert loop.time() - began < 5
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("watch ")]


async def test_a_session_closed_while_it_starts_leaves_nothing_open(api: FaultyApi) -> None:
    made = Session(api.target(), timing=QUICK)
    made.feed(["pods"])
    starting = asyncio.create_task(made.start())
    await asyncio.sleep(0)
    await made.close()
    await starting
    assert made._tasks == set()
    with pytest.raises(KubeError, match="closed"):
        await made.get("pods", "web", "shop")


async def test_json_that_is_no_object_is_an_error_of_the_protocol(api: FaultyApi) -> None:
    api.fault("pods", "get", status=200, body=json.dumps([1]))
    async with session(api) as live:
        with pytest.raises(KubeError) as caught:
            await live.get("pods", "web", "shop")
    assert caught.value.kind == "protocol"
