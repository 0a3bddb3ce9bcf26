"""Objects with any field missing, null or odd are read without raising, and are not called fine for it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.cluster.wire import core
from bakeryops.cluster.wire.metrics import NodeMetrics, StatsSummary
from bakeryops.model.health import Health
from bakeryops.read.events import across, group
from bakeryops.read.index import WorkloadIndex
from bakeryops.read.nodes import node
from bakeryops.read.overview import Sources, overview
from bakeryops.read.pods import pod
from bakeryops.read.volumes import measured, volumes
from bakeryops.text import clean
from tests.support.reading import NOW, STRUCTS, Held, Uids, stamp

TEXTS = st.sampled_from(
    [
        "", "True", "False", "Unknown", "Ready", "Running", "Pending", "Failed", "Succeeded", "CrashLoopBackOff",
        "ErrImagePull", "Progressing", "PodScheduled", "Complete", "Always", "Never", "Unschedulable", "a", "b",
        "1", "100m", "64Mi", "-5", "nonsense", stamp(5), stamp(5000), stamp(-500), "9999-99-99T99:99:99Z",
        "0001-01-01T00:00:00Z", "\x1b[2J\u202e", "ReplicaSet", "CronJob", "pod-template-hash",
    ]
)  # fmt: skip


def objects_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return raw values that msgspec takes for a type, every optional part missing, null or there."""
    inspect = msgspec.inspect
    if isinstance(kind, inspect.StructType):
        return st.fixed_dictionaries(
            {}, optional={field.encode_name: objects_of(field.type) for field in kind.fields}
        )
    if isinstance(kind, inspect.UnionType):
        return st.one_of(*(objects_of(part) for part in kind.types))
    if isinstance(kind, inspect.ListType):
        return st.lists(objects_of(kind.item_type), max_size=3)
    if isinstance(kind, inspect.DictType):
        return st.dictionaries(TEXTS, objects_of(kind.value_type), max_size=3)
    if isinstance(kind, inspect.NoneType):
        return st.none()
    if isinstance(kind, inspect.IntType):
        return st.integers(-2, 5) | st.integers(-(2**53), 2**53)
    if isinstance(kind, inspect.BoolType):
        return st.booleans()
    return TEXTS


def any_of(struct: type) -> st.SearchStrategy[Any]:
    return objects_of(msgspec.inspect.type_info(struct)).map(lambda raw: msgspec.convert(raw, struct))


def harmless(*texts: str) -> bool:
    return all(clean(text) == text for text in texts)


@settings(max_examples=400, deadline=None)
@given(any_of(core.Pod), st.floats(-1e12, 1e12))
def test_any_pod(raw: core.Pod, now: float) -> None:
    view = pod(raw, now=now)
    assert harmless(view.key, view.status, view.reason, view.node, view.service, view.ip, *view.claims)
    if view.health is Health.FINE:
        assert raw.metadata.deletionTimestamp in (None, "")
        assert raw.status is not None
        assert raw.status.phase in ("Running", "Succeeded")
        assert raw.status.phase == "Succeeded" or all(
            each.ready for each in view.containers if each.role != "init"
        )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mixture_of_workloads(data: st.DataObject) -> None:
    stores = {
        plural: Held({f"u{place}": each for place, each in enumerate(data.draw(st.lists(any_of(STRUCTS[plural]), max_size=3)))})
        for plural in ("deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "pods", "podmetrics")
    }  # fmt: skip
    now = NOW
    index = WorkloadIndex(clock=lambda: now)
    index.load(stores)
    for view in index.workloads.values():
        assert harmless(view.key, view.status, view.reason, view.service, view.image, view.schedule, view.revision)
    now += 10_000
    index.tick()
    sources = Sources(
        nodes=data.draw(st.lists(any_of(core.Node), max_size=2)),
        node_metrics=data.draw(st.lists(any_of(NodeMetrics), max_size=2)),
        claims=data.draw(st.lists(any_of(core.PersistentVolumeClaim), max_size=2)),
        namespaces=data.draw(st.lists(any_of(core.Namespace), max_size=2)),
    )
    assert overview(index, sources, now=now).health in Health
    index.update(stores, {plural: Uids(removed=set(store.items)) for plural, store in stores.items()})
    assert not index.pods


@settings(max_examples=150, deadline=None)
@given(any_of(core.Node), st.none() | any_of(NodeMetrics), st.none() | any_of(StatsSummary))
def test_any_node(raw: core.Node, usage: NodeMetrics | None, stats: StatsSummary | None) -> None:
    view = node(raw, usage=usage, stats=stats)
    assert harmless(view.name, view.reason, *view.taints)
    assert view.health is not Health.FINE or any(
        each.type == "Ready" and each.status == "True" for each in (raw.status and raw.status.conditions) or ()
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(any_of(core.Event), max_size=5))
def test_any_events(raws: list[core.Event]) -> None:
    groups = group(raws)
    assert sum(view.count for view in groups) >= len(groups)
    across(groups, lambda view: (view.kind, view.namespace, "x"))
    assert all(harmless(view.message, view.reason, view.name, view.source) for view in groups)


@settings(max_examples=100, deadline=None)
@given(st.lists(any_of(core.PersistentVolumeClaim), max_size=3), st.lists(any_of(StatsSummary), max_size=2))
def test_any_claims(raws: list[core.PersistentVolumeClaim], stats: list[StatsSummary]) -> None:
    for view in volumes(raws, (), measured(stats)):
        assert harmless(view.key, view.status, view.reason)


@pytest.mark.parametrize("struct", list(STRUCTS.values()))
def test_every_struct_can_be_made_up(struct: type) -> None:
    objects_of(msgspec.inspect.type_info(struct)).validate()
