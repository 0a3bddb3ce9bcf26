"""Events grouped, counted, and kept when the cluster has let them go."""

from __future__ import annotations

from typing import Any

from bakeryops.read.events import EventKeeper, across, group
from tests.support.reading import NOW, STRUCTS, Fold, Held, decode, stamp
from tests.support.recordings import needs_recordings


def raw_event(uid: str, *, ago: float = 10, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": uid, "namespace": "bakery-ia", "uid": uid, "creationTimestamp": stamp(ago)},
        "involvedObject": {"kind": "Pod", "namespace": "bakery-ia", "name": "auth-1", "uid": "pod-1"},
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "count": 1,
        "firstTimestamp": stamp(ago),
        "lastTimestamp": stamp(ago),
        **more,
    }


def feed(keeper: EventKeeper, *raws: dict[str, Any]) -> set[str]:
    store = Held({raw["metadata"]["uid"]: decode("events", raw) for raw in raws})
    return keeper.update(store.items, set(store.items), set())


def test_repetitions_are_one_group() -> None:
    found = group(
        [
            decode("events", raw_event("a", ago=50, count=3, message="Back-off 10s restarting failed container")),
            decode("events", raw_event("b", ago=10, count=2, message="Back-off 20s restarting failed container")),
            decode("events", raw_event("c", ago=5, reason="Killing", type="Normal", message="Stopping container")),
        ]
    )
    assert [(view.reason, view.count, view.warning) for view in found] == [
        ("Killing", 1, False),
        ("BackOff", 5, True),
    ]
    assert found[1].message == "Back-off 20s restarting failed container"
    assert (found[1].first, found[1].last) == (NOW - 50, NOW - 10)


def test_what_the_cluster_forgets_is_kept_and_said_to_be_gone() -> None:
    keeper = EventKeeper()
    feed(keeper, raw_event("a", count=4))
    (key,) = keeper.update({}, set(), {"a"})
    kept = keeper.get(key)
    assert kept is not None
    assert (kept.gone, kept.count) == (True, 4)
    feed(keeper, raw_event("b", ago=0, count=2))
    kept = keeper.get(key)
    assert kept is not None
    assert (kept.gone, kept.count) == (False, 6)


def test_a_count_that_grows_is_not_added_up() -> None:
    keeper = EventKeeper()
    for count in (1, 2, 9):
        feed(keeper, raw_event("a", count=count))
    assert keeper.groups()[0].count == 9


def test_the_series_form_and_missing_parts() -> None:
    raw = raw_event("a", firstTimestamp=None, lastTimestamp=None, count=None, eventTime=stamp(60), message=None)
    raw["series"] = {"count": 12, "lastObservedTime": stamp(3)}
    raw["reportingComponent"] = "kubelet"
    raw["involvedObject"]["fieldPath"] = "spec.initContainers{migrate}"
    view = group([decode("events", raw)])[0]
    assert (view.count, view.first, view.last, view.message) == (12, NOW - 60, NOW - 3, "")
    assert (view.container, view.source) == ("migrate", "kubelet")
    bare = group([decode("events", {"metadata": {"uid": "x"}})])[0]
    assert (bare.reason, bare.kind, bare.last, bare.warning) == ("", "", None, False)


def test_an_unknown_type_is_a_warning() -> None:
    assert group([decode("events", raw_event("a", type="Alarm"))])[0].warning


def test_it_stays_bounded_and_ordinary_events_go_first() -> None:
    keeper = EventKeeper(most=10, keep_seconds=1000)
    for place in range(30):
        kind = "Warning" if place < 10 else "Normal"
        raw = raw_event(f"e{place}", type=kind)
        raw["involvedObject"] |= {"uid": f"p{place}", "name": f"p{place}"}
        feed(keeper, raw)
    assert len(keeper) <= 20
    keeper.prune(NOW)
    assert len(keeper) == 10
    assert all(view.warning for view in keeper.groups())
    keeper.update({}, set(), {f"e{place}" for place in range(30)})
    keeper.prune(NOW + 2000)
    assert len(keeper) == 0


def test_events_of_one_object() -> None:
    keeper = EventKeeper()
    other = raw_event("b")
    other["involvedObject"] = {"kind": "Node", "name": "vps", "uid": ""}
    feed(keeper, raw_event("a"), other)
    assert [view.name for view in keeper.about(uid="pod-1")] == ["auth-1"]
    assert [view.name for view in keeper.about(kind="Pod", namespace="bakery-ia", name="auth-1")] == ["auth-1"]


def test_the_same_of_several_pods_is_joined() -> None:
    events = []
    for place in range(3):
        raw = raw_event(f"e{place}", ago=place, message=f"Back-off restarting container in pod auth-{place}")
        raw["involvedObject"] |= {"name": f"auth-{place}", "uid": f"p{place}"}
        events.append(decode("events", raw))
    joined = across(group(events), lambda view: ("Deployment", view.namespace, "auth"))
    assert [(view.kind, view.name, view.count, view.objects) for view in joined] == [("Deployment", "auth", 3, 3)]
    assert len(across(group(events), lambda view: None)) == 3


def test_hostile_messages_come_out_clean() -> None:
    view = group(
        [decode("events", raw_event("a", message="x\x1b[2J\u202ey\n" + "z" * 1_000_000, reason="\x1b]0;t\x07R"))]
    )[0]
    assert view.message.isprintable()
    assert len(view.message) < 5000
    assert view.reason == "R"


@needs_recordings
def test_recorded_events_are_counted_as_the_cluster_counts_them() -> None:
    assert "events" in STRUCTS
    keeper = EventKeeper()
    fold = Fold("workload-crashloop")
    for plural in fold:
        if plural == "events":
            keeper.update(fold.stores["events"].items, set(fold.stores["events"].items), set())
    restarts = next(view for view in keeper.groups() if view.reason == "BackOff")
    assert restarts.count >= 4
    assert restarts.container == "oven"
    started = next(view for view in keeper.groups() if view.reason == "Started" and view.container == "oven")
    assert started.count == 5
