"""Backoff, counters, states and usage histories."""

from __future__ import annotations

import pytest

from bakeryops.cluster.backoff import LONGEST_RETRY_AFTER, Backoff
from bakeryops.cluster.cost import Cost, Rate
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.state import KindState, reason_of
from bakeryops.cluster.store import Store
from bakeryops.cluster.usage import SAMPLES, UsageHistory
from bakeryops.cluster.wire.meta import Meta
from bakeryops.cluster.wire.metrics import (
    ContainerMetrics,
    NodeMetrics,
    PodMetrics,
)


def test_pauses_double_to_the_cap_for_ever() -> None:
    longest = Backoff(0.5, 8.0, rng=lambda: 1.0)
    assert [longest.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 8, 8]
    for _ in range(5000):
        assert longest.next() == 8
    longest.reset()
    assert longest.next() == 0.5


def test_pauses_are_spread_down_to_a_half() -> None:
    assert Backoff(2.0, 8.0, rng=lambda: 0.0).next() == 1.0


def test_retry_after_wins_within_reason() -> None:
    backoff = Backoff(rng=lambda: 0.0)
    assert backoff.next(20) == 20
    assert backoff.next(1e9) == LONGEST_RETRY_AFTER
    assert backoff.next(-5) == 1.0


def test_a_costly_failure_counts_more() -> None:
    backoff = Backoff(0.5, 8.0, rng=lambda: 1.0)
    assert [backoff.next(steps=2) for _ in range(3)] == [1, 4, 8]


@pytest.mark.parametrize(
    ("kind", "requests"),
    [("a plain failure", 1), ("410 on every watch: a list and a watch", 2)],
)
def test_ten_seconds_of_failure_cost_at_most_ten_requests(kind: str, requests: int) -> None:
    backoff = Backoff(0.5, 8.0, rng=lambda: 0.0)
    now, sent = 0.0, 0
    while now < 10:
        sent += requests
        now += backoff.next(steps=requests)
    assert sent <= 10, kind


def test_a_rate_forgets_what_is_older_than_its_window() -> None:
    now = 1000.0
    rate = Rate(60, clock=lambda: now)
    rate.add(5)
    now += 30
    rate.add(2)
    assert rate.total() == 7
    now += 31
    assert rate.total() == 2
    now += 100_000
    assert rate.total() == 0


def test_costs_are_counted_by_minute_and_kind() -> None:
    now = 0.0
    cost = Cost(clock=lambda: now)
    for _ in range(3):
        cost.request()
    cost.received(1000)
    cost.event("pods", 20)
    now = 5.0
    assert (cost.requests, cost.requests_per_minute(), cost.bytes_in, cost.events) == (3, 3, 1000, 20)
    assert cost.events_per_second() == {"pods": 2.0}
    assert cost.bytes_per_second() == 100
    now = 70.0
    assert cost.requests_per_minute() == 0
    assert cost.requests == 3
    assert cost.events_per_second() == {}


def test_since_moves_with_the_phase_and_not_with_the_reason() -> None:
    told: list[str] = []
    state = KindState(lambda: told.append(state.phase))
    since = state.since
    state.enter("waiting", "refused")
    assert state.since == since
    state.enter("stale", "refused", hint="wait", next_try=5.0)
    assert state.since >= since
    assert (state.reason, state.hint, state.next_try) == ("refused", "wait", 5.0)
    state.enter("stale", "refused", hint="wait", next_try=5.0)
    assert told == ["waiting", "stale"]
    state.enter("live")
    assert (state.reason, state.hint, state.next_try) == ("", "", None)


def test_a_note_on_single_objects_outlives_the_phases() -> None:
    state = KindState()
    state.note("1 of these objects could not be read: shop/web")
    state.enter("live")
    assert "shop/web" in state.reason
    state.enter("stale", "refused")
    assert state.reason == "refused; 1 of these objects could not be read: shop/web"
    state.note("")
    assert state.reason == "refused"


def test_settled_phases() -> None:
    state = KindState()
    settled = []
    for phase in ("waiting", "syncing", "live", "polling", "stale", "forbidden", "absent", "unauthorized"):
        state.enter(phase)  # type: ignore[arg-type]
        if state.settled:
            settled.append(phase)
    assert settled == ["live", "polling", "forbidden", "absent", "unauthorized"]


def test_reasons_leave_out_the_libraries_words() -> None:
    cut = KubeError("the connection was cut", kind="unreachable", why="TransferEncodingError: 400")
    assert reason_of(cut) == "the connection was cut"
    told = KubeError("denied", kind="forbidden", status=403, why="quota")
    assert reason_of(told) == "denied: quota"


def measured(name: str, second: int, *cpu: str, namespace: str = "shop") -> PodMetrics:
    containers = [ContainerMetrics(f"c{n}", {"cpu": each, "memory": "10Mi"}) for n, each in enumerate(cpu)]
    return PodMetrics(
        metadata=Meta(name=name, namespace=namespace),
        timestamp=f"2026-11-22T12:00:{second:02d}Z",
        containers=containers,
    )


def test_usage_is_kept_by_pod_container_and_namespace() -> None:
    usage = UsageHistory()
    usage.take_pods([measured("web", 1, "100m", "50m"), measured("db", 1, "1")])
    usage.take_pods([measured("web", 16, "200m", "50m"), measured("db", 16, "2")])
    assert list(usage.pod("shop", "web").cpu) == pytest.approx([0.15, 0.25])
    assert usage.pod("shop", "web").memory_now == 20 * 2**20
    assert list(usage.container("shop", "web", "c0").cpu) == pytest.approx([0.1, 0.2])
    assert usage.container("shop", "db", "c0").cpu_now == 2
    assert list(usage.namespace("shop").cpu) == pytest.approx([1.15, 2.25])
    assert usage.pod("shop", "gone").cpu_now is None
    assert len(usage.namespace("nowhere")) == 0


def test_a_sample_measured_at_the_same_moment_is_the_same_sample() -> None:
    usage = UsageHistory()
    usage.take_pods([measured("web", 1, "100m")])
    usage.take_pods([measured("web", 1, "100m")])
    assert len(usage.pod("shop", "web")) == 1


def test_a_clock_that_is_set_back_does_not_freeze_the_numbers() -> None:
    usage = UsageHistory()
    ahead = measured("web", 1, "100m")
    ahead.timestamp = "2026-11-22T13:00:00Z"
    usage.take_pods([ahead])
    usage.take_pods([measured("web", 1, "200m")])
    usage.take_pods([measured("web", 16, "300m")])
    assert list(usage.pod("shop", "web").cpu) == pytest.approx([0.1, 0.2, 0.3])
    usage.take_pods([measured("web", 1, "200m")])
    assert usage.pod("shop", "web").cpu_now == pytest.approx(0.3)


def test_histories_are_bounded_and_those_of_gone_pods_are_dropped() -> None:
    usage = UsageHistory()
    for second in range(SAMPLES + 30):
        stamp = f"2026-11-22T12:{second // 60:02d}:{second % 60:02d}Z"
        kept = measured("web", 0, f"{second}m")
        kept.timestamp = stamp
        usage.take_pods([kept] if second > 5 else [kept, measured("brief", second, "1m", "1m")])
    assert len(usage.pod("shop", "web")) == SAMPLES
    assert usage.pod("shop", "web").cpu_now == pytest.approx((SAMPLES + 29) / 1000)
    assert len(usage.pod("shop", "brief")) == 0
    assert len(usage.container("shop", "brief", "c0")) == 0


def test_nodes_and_nonsense_quantities() -> None:
    usage = UsageHistory()
    odd = {"cpu": "many", "memory": "1Gi"}
    usage.take_nodes([NodeMetrics(metadata=Meta(name="one"), timestamp="2026-11-22T12:00:00Z", usage=odd)])
    assert (usage.node("one").cpu_now, usage.node("one").memory_now) == (0.0, 2**30)


def test_usage_says_why_there_is_none() -> None:
    usage = UsageHistory()
    store: Store[PodMetrics] = Store("podmetrics")
    usage.follow("podmetrics", store)
    assert usage.absent == ""
    store.state.enter("absent", "metrics-server is not installed")
    assert usage.absent == "metrics-server is not installed"


def test_what_was_measured_before_is_not_shown_as_now() -> None:
    usage = UsageHistory()
    store: Store[PodMetrics] = Store("podmetrics")
    usage.follow("podmetrics", store)
    usage.take_pods([measured("web", 1, "100m", "50m")])
    store.state.enter("absent", "metrics-server does not answer")
    for series in (usage.pod("shop", "web"), usage.container("shop", "web", "c0"), usage.namespace("shop")):
        assert series.cpu_now is None
    store.state.enter("polling")
    assert usage.pod("shop", "web").cpu_now == pytest.approx(0.15)
