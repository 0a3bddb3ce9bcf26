"""Slots, queue and room before a build: the numbers, and what is not known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bakeryops.actions.build_notes import held
from bakeryops.actions.headroom import DEFAULTS, Needs, NodeRoom, Threshold, judge, thresholds_in
from bakeryops.actions.slots import BuildSlots, Quota, Waiting, quota_in, slot_notes, waiting_in
from bakeryops.cluster.wire.tekton import TaskRun
from bakeryops.model.plan import Note

NOW = 1_795_000_000.0
GIB = float(1 << 30)


def quota(name: str, hard: dict[str, str], used: dict[str, str] | None = None, *classes: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"hard": hard}
    if classes:
        match = {"scopeName": "PriorityClass", "operator": "In", "values": list(classes)}
        spec["scopeSelector"] = {"matchExpressions": [match]}
    return {"metadata": {"name": name}, "spec": spec, "status": {"used": used or {}}}


def waiting_task(run: str, service: str, second: int, reason: str = "ExceededResourceQuota") -> TaskRun:
    body = {
        "metadata": {
            "name": f"{run}-build-0", "namespace": "bakery-ci",
            "creationTimestamp": f"2026-11-18T11:00:{second:02d}Z",
            "labels": {"tekton.dev/pipelineRun": run, "tekton.dev/pipelineTask": "build"},
        },
        "spec": {"params": [{"name": "service", "value": service}]},
        "status": {"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": reason}]},
    }  # fmt: skip
    return msgspec.json.decode(msgspec.json.encode(body), type=TaskRun)


# ---- slots ----------------------------------------------------------------------------------------------------------


def test_the_quota_of_a_priority_class_counts_before_one_of_all_pods() -> None:
    all_pods = quota("all", {"pods": "50"}, {"pods": "3"})
    slots = quota("build-slots", {"pods": "2"}, {"pods": "1"}, "ci-build")
    memory = quota("memory", {"requests.memory": "8Gi"})
    assert quota_in([memory, all_pods, slots]) == Quota("build-slots", 2, 1, ("ci-build",))
    assert quota_in([memory, all_pods]) == Quota("all", 50, 3)
    assert quota_in([memory]) is None
    assert quota_in([quota("new", {"pods": "2"})]) == Quota("new", 2, None)


def test_what_waits_waits_in_the_order_in_which_it_came() -> None:
    tasks = [
        waiting_task("ci-b", "tenant", 9),
        waiting_task("ci-a", "auth", 3),
        waiting_task("ci-c", "orders", 1, "Running"),
    ]
    found = waiting_in([], tasks)
    assert [(each.run, each.title) for each in found] == [("ci-a", "build auth"), ("ci-b", "build tenant")]
    slots = BuildSlots("bakery-ci", Quota("build-slots", 2, 2), found)
    assert (slots.place("ci-b"), slots.place("ci-c"), slots.free) == (2, None, 0)


@pytest.mark.parametrize(
    ("slots", "tone", "text"),
    [
        (BuildSlots("ci", Quota("q", 2, 0)), "fine", "2 of 2 build slots are free (q). 3 services are built 2 at a time."),
        (BuildSlots("ci", Quota("q", 2, 1)), "fine", "1 of 2 build slots is free (q). 3 services are built 2 at a time."),
        (
            BuildSlots("ci", Quota("q", 2, 2), running=("ci-a",)),
            "soon",
            "All 2 build slots are taken by ci-a: it waits. Nothing waits before it.",
        ),
        (
            BuildSlots("ci", Quota("q", 2, 2), (Waiting("ci-b", "build auth", NOW - 72),), ("ci-a",)),
            "soon",
            "All 2 build slots are taken by ci-a: it waits. 1 waits before it, first build auth of ci-b for 1m12.",
        ),
        (BuildSlots("ci", Quota("q", 2, None)), "unknown", "The ResourceQuota q does not say yet how many slots are in use."),
        (BuildSlots("ci", None), "soon", "Nothing limits how many builds run at a time in ci (no ResourceQuota counts pods)."),
        (BuildSlots("ci", None, problem="forbidden"), "unknown", "How many build slots are free is not known: forbidden."),
    ],
)  # fmt: skip
def test_slots_are_told_in_a_sentence(slots: BuildSlots, tone: str, text: str) -> None:
    assert slot_notes(slots, 3, NOW) == [Note(tone, text)]


# ---- room -----------------------------------------------------------------------------------------------------------


def room(**changed: Any) -> NodeRoom:
    whole = NodeRoom("vps", 8 * GIB, 6 * GIB, 60 * GIB, 200 * GIB, 60 * GIB, 200 * GIB)
    return msgspec.structs.replace(whole, **changed)


NEEDS = Needs(GIB, 3 * GIB)


@pytest.mark.parametrize(
    ("changed", "verdict", "sentence"),
    [
        ({}, "fits", "Memory to promise on vps: 8.0G; 2 builds at once ask for 2.0G."),
        (
            {"memory_unpromised": GIB},
            "waits",
            "Memory to promise on vps: only 1.0G; 2 builds at once ask for 2.0G: pods wait until others end.",
        ),
        (
            {"memory_free": 2 * GIB},
            "would evict",
            "Free memory: 2.0G; the kubelet evicts below 100M, and 2 builds at once would bring it there.",
        ),
        (
            {"disk_free": 22 * GIB},
            "would evict",
            "Disk: 22.0G (11%) free; the kubelet evicts below 10%, 2.0G away, and 2 builds at once are reckoned at "
            "4.0G.",
        ),
        (
            {"images_free": 20 * GIB},
            "would evict",
            "Image disk: 20.0G (10%) free; the kubelet evicts below 15%: it is there already.",
        ),
        ({"images_free": None}, "unknown", "Image disk: how much is free is not known."),
        ({"memory_unpromised": None}, "unknown", "How much memory of vps is not promised yet is not known."),
        ({"memory_unpromised": None, "disk_free": GIB}, "would evict", "How much memory of vps is not promised yet is not known."),
    ],
)  # fmt: skip
def test_each_measure_is_judged_with_its_numbers(changed: dict[str, Any], verdict: str, sentence: str) -> None:
    found = judge(room(**changed), NEEDS, 2)
    assert found.verdict == verdict
    assert sentence in [each.text for each in found.notes]
    assert "The kubelet's own thresholds could not be read: its defaults are taken." in [
        each.text for each in found.notes
    ]


def test_a_build_may_use_more_than_it_asks_for() -> None:
    texts = [each.text for each in judge(room(), NEEDS, 2).notes]
    assert "Free memory: 6.0G; the kubelet evicts below 100M. 2 builds at once may use up to 6.0G." in texts


def test_the_kubelets_own_thresholds_replace_its_defaults() -> None:
    answer = {"kubeletconfig": {"evictionHard": {"memory.available": "500Mi", "nodefs.available": "1Gi"}}}
    found = thresholds_in(answer)
    assert found.own
    assert found.memory == Threshold(size=500 * (1 << 20))
    assert (found.disk.of(200 * GIB), found.images.of(200 * GIB)) == (GIB, 0.0)
    assert thresholds_in({"kubeletconfig": {}}).disk == DEFAULTS.disk
    assert thresholds_in({"kubeletconfig": {"evictionHard": {"imagefs.available": "5%"}}}).images == Threshold(
        0.05
    )
    assert thresholds_in("no JSON object") is DEFAULTS
    texts = [each.text for each in judge(room(limits=found, images_free=GIB / 2), NEEDS, 1).notes]
    assert "Disk: 60.0G (30%) free; the kubelet evicts below 1.0G; a build is reckoned at 2.0G." in texts
    assert not any("defaults" in text for text in texts)


# ---- holds ----------------------------------------------------------------------------------------------------------


def test_holds_that_are_over_or_cannot_be_read() -> None:
    data = {
        "auth": '{"owner": "dev-two", "reason": "migration", "until": ""}',
        "orders": '{"owner": "dev-two", "reason": "old", "until": "2001-01-01T00:00:00Z"}',
        "pos": "not JSON",
    }
    assert held(data, NOW) == {
        "auth": "by dev-two until it is lifted (migration)",
        "pos": "by somebody until it is lifted",
    }
