"""Nodes and claims read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bakeryops.cluster.wire.metrics import NodeMetrics, StatsSummary
from bakeryops.model.health import Health
from bakeryops.model.node import NodeView
from bakeryops.read.nodes import node
from bakeryops.read.pods import pod
from bakeryops.read.volumes import measured, volume, volumes
from tests.support.reading import NOW, decode, raw_pod, stamp
from tests.support.recordings import final_list, needs_recordings


def raw_node(**conditions: str) -> dict[str, Any]:
    said = {"Ready": "True", "DiskPressure": "False", "MemoryPressure": "False", **conditions}
    return {
        "metadata": {"name": "bakery-vps", "uid": "n", "creationTimestamp": stamp(9000)},
        "status": {
            "capacity": {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "200Gi", "pods": "110"},
            "allocatable": {"cpu": "8", "memory": "15Gi", "pods": "110"},
            "conditions": [
                {"type": kind, "status": status, "message": f"{kind}!"} for kind, status in said.items()
            ],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}],
            "nodeInfo": {"kubeletVersion": "v1.33.1"},
        },
    }


def summary(used: int, total: int = 1000, images: int | None = None) -> StatsSummary:
    raw: dict[str, Any] = {
        "node": {
            "nodeName": "bakery-vps",
            "cpu": {"usageNanoCores": 1_500_000_000},
            "memory": {"workingSetBytes": 2**30},
            "fs": {"capacityBytes": total, "usedBytes": used, "availableBytes": total - used},
        },
        "pods": [
            {
                "podRef": {"name": "db-0", "namespace": "bakery-ia"},
                "volume": [{"name": "data", "pvcRef": {"name": "data-db-0", "namespace": "bakery-ia"},
                            "usedBytes": 90, "capacityBytes": 100}],
            }
        ],
    }  # fmt: skip
    if images is not None:
        raw["node"]["runtime"] = {
            "imageFs": {"capacityBytes": total, "usedBytes": 1, "availableBytes": total - images}
        }
    return msgspec.convert(raw, StatsSummary)


def read(raw: dict[str, Any], **more: Any) -> NodeView:
    return node(decode("nodes", raw), **more)


def test_a_node_that_is_fine() -> None:
    raw = raw_pod()
    raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500m", "memory": "1Gi"}}
    view = read(raw_node(), pods=[pod(decode("pods", raw), now=NOW)])
    assert (view.health, view.status) == (Health.FINE, "Ready")
    assert (view.cpu_total, view.cpu_requested, view.memory_requested, view.pods) == (8, 0.5, 2**30, 1)
    assert (view.cpu_used, view.disk_used, view.disk_total) == (None, None, 200 * 2**30)
    assert (view.version, view.address, view.pods_allowed) == ("v1.33.1", "10.0.0.2", 110)


@pytest.mark.parametrize(
    ("conditions", "health", "status"),
    [
        ({"Ready": "False"}, Health.BAD, "NotReady"),
        ({"Ready": "Unknown"}, Health.BAD, "Unknown"),
        ({"DiskPressure": "True"}, Health.BAD, "Pressure"),
        ({"MemoryPressure": "True"}, Health.BAD, "Pressure"),
    ],
)
def test_a_node_that_is_not(conditions: dict[str, str], health: Health, status: str) -> None:
    view = read(raw_node(**conditions))
    assert (view.health, view.status) == (health, status)
    assert view.reason


def test_a_node_that_says_nothing_is_unknown() -> None:
    assert read({"metadata": {"name": "n"}}).health is Health.UNKNOWN


def test_the_disk_is_judged_before_the_kubelet_evicts() -> None:
    assert read(raw_node(), stats=summary(700)).health is Health.FINE
    assert read(raw_node(), stats=summary(790)).health is Health.SOON
    view = read(raw_node(), stats=summary(860))
    assert (view.health, view.reason) == (Health.BAD, "disk 86% full: the kubelet evicts at 85%")
    assert read(raw_node(), stats=summary(100, images=900)).health is Health.BAD, (
        "the image file system counts too"
    )
    assert read(raw_node(), stats=summary(860), evicts_at=0.95).health is Health.FINE


def test_usage_from_metrics_or_from_the_kubelet() -> None:
    usage = msgspec.convert({"usage": {"cpu": "2", "memory": "8Gi"}}, NodeMetrics)
    view = read(raw_node(), usage=usage, stats=summary(1))
    assert (view.cpu_used, view.memory_used) == (2, 8 * 2**30)
    view = read(raw_node(), stats=summary(1))
    assert (view.cpu_used, view.memory_used) == (1.5, 2**30)
    full = msgspec.convert({"usage": {"cpu": "2", "memory": "14.9Gi"}}, NodeMetrics)
    assert read(raw_node(), usage=full).health is Health.SOON


def test_a_cordoned_node() -> None:
    raw = raw_node()
    raw["spec"] = {"unschedulable": True, "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}
    view = read(raw)
    assert (view.health, view.taints) == (Health.HELD, ("a=b:NoSchedule",))


@needs_recordings
def test_the_recorded_node() -> None:
    view = read(final_list("workload-node", "nodes")[0])
    assert (view.name, view.health, view.version) == ("rc-node", Health.FINE, "v1.36.2")
    assert view.memory_allocatable == 24581684 * 1024


def claim(phase: str | None, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "data-db-0", "namespace": "bakery-ia", "uid": "c", **more},
        "spec": {"storageClassName": "microk8s-hostpath", "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": phase, "capacity": {"storage": "1Gi"}},
    }


def test_claims() -> None:
    raw = raw_pod("db-0")
    raw["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "data-db-0"}}, {"emptyDir": {}}]
    mounting = [pod(decode("pods", raw), now=NOW)]
    bound = decode("persistentvolumeclaims", claim("Bound"))
    view = volume(bound, pods=mounting)
    assert (view.health, view.used, view.capacity, view.pods) == (Health.FINE, None, 2**30, ("bakery-ia/db-0",))
    pending = decode("persistentvolumeclaims", claim("Pending"))
    assert volume(pending).health is Health.WORKING
    assert volume(pending, pods=mounting).health is Health.BAD
    assert volume(decode("persistentvolumeclaims", claim("Lost"))).health is Health.BAD
    assert volume(decode("persistentvolumeclaims", claim(None))).health is Health.UNKNOWN
    going = decode("persistentvolumeclaims", claim("Bound", deletionTimestamp=stamp(5)))
    assert volume(going, pods=mounting).reason == "being deleted; it goes when no pod mounts it"
    (full,) = volumes([bound], mounting, measured([summary(1)]))
    assert (full.health, full.reason, full.used) == (Health.SOON, "90% full", 90)
