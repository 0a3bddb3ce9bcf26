"""Every recorded object decodes, as does every object with any value null or missing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.cluster.wire import apps, batch, core, flux, metrics, tekton
from tests.support.recordings import events, needs_recordings, scenarios

STRUCTS: dict[str, type] = {
    "pods": core.Pod,
    "nodes": core.Node,
    "namespaces": core.Namespace,
    "events": core.Event,
    "persistentvolumeclaims": core.PersistentVolumeClaim,
    "services": core.Service,
    "resourcequotas": core.ResourceQuota,
    "configmaps": core.PartialObject,
    "deployments": apps.Deployment,
    "replicasets": apps.ReplicaSet,
    "statefulsets": apps.StatefulSet,
    "daemonsets": apps.DaemonSet,
    "jobs": batch.Job,
    "cronjobs": batch.CronJob,
    "pipelineruns": tekton.PipelineRun,
    "taskruns": tekton.TaskRun,
    "kustomizations": flux.Kustomization,
    "gitrepositories": flux.Source,
    "podmetrics": metrics.PodMetrics,
    "nodemetrics": metrics.NodeMetrics,
}


@needs_recordings
@pytest.mark.parametrize(
    "scenario", [*scenarios("workload-"), *scenarios("flux-"), *scenarios("namespace-"), *scenarios("tekton-")]
)
def test_recorded_objects_decode(scenario: str) -> None:
    for _, plural, _, raw in (
        events(scenario) if scenario not in ("workload-node", "tekton-namespace-after") else ()
    ):
        decoded: Any = msgspec.json.decode(json.dumps(raw), type=STRUCTS[plural])
        assert decoded.metadata.uid == raw["metadata"]["uid"]
        assert decoded.metadata.name == raw["metadata"]["name"]


@pytest.mark.parametrize("struct", [*STRUCTS.values(), metrics.StatsSummary])
def test_an_empty_object_decodes(struct: type) -> None:
    assert msgspec.json.decode(b"{}", type=struct) is not None


def _nulled(struct: type, depth: int = 0) -> dict[str, Any]:
    """Return an object with every nullable field null, and every list holding one such object."""
    built: dict[str, Any] = {}
    for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[attr-defined]
        built[field.encode_name] = _null_value(field.type, depth)
    return {key: value for key, value in built.items() if value is not _ABSENT}


_ABSENT: Any = object()


def _null_value(kind: Any, depth: int) -> Any:
    if isinstance(kind, msgspec.inspect.UnionType):
        inner = [part for part in kind.types if isinstance(part, msgspec.inspect.ListType)]
        if depth % 2 == 0 or not inner:
            assert kind.includes_none, "a union that Go may send as null"
            return None
        return _null_value(inner[0], depth)
    if isinstance(kind, msgspec.inspect.StructType):
        return _nulled(kind.cls, depth)
    if isinstance(kind, msgspec.inspect.ListType):
        item = kind.item_type
        return [_nulled(item.cls, depth)] if isinstance(item, msgspec.inspect.StructType) else []
    return _ABSENT


@pytest.mark.parametrize("struct", [*STRUCTS.values(), metrics.StatsSummary])
@pytest.mark.parametrize("depth", [0, 1])
def test_nulls_decode(struct: type, depth: int) -> None:
    raw = json.dumps(_nulled(struct, depth))
    assert msgspec.json.decode(raw, type=struct) is not None


@pytest.mark.parametrize("struct", [*STRUCTS.values(), metrics.StatsSummary])
def test_nothing_is_tracked_by_the_garbage_collector(struct: type) -> None:
    seen: set[type] = set()

    def walk(kind: Any) -> None:
        if isinstance(kind, msgspec.inspect.StructType) and kind.cls not in seen:
            seen.add(kind.cls)
            assert kind.cls.__struct_config__.gc is False, kind.cls
            for field in kind.fields:
                walk(field.type)
        for part in getattr(kind, "types", ()):
            walk(part)
        if isinstance(kind, msgspec.inspect.ListType):
            walk(kind.item_type)

    walk(msgspec.inspect.type_info(struct))
    assert seen


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=5) | st.none(), max_size=5))
def test_unknown_fields_are_ignored(extra: dict[str, Any]) -> None:
    raw = {**{f"x{key}": value for key, value in extra.items()}, "metadata": {"name": "a", "uid": "u"}}
    for struct in STRUCTS.values():
        decoded: Any = msgspec.json.decode(json.dumps(raw), type=struct)
        assert decoded.metadata.name == "a"


def test_equal_texts_of_two_pods_are_one_object() -> None:
    raw = b'{"metadata":{"namespace":"shop-of-bread"},"spec":{"nodeName":"the-node","containers":[{"image":"r/a:1"}]}}'
    one, two = (msgspec.json.decode(raw, type=core.Pod) for _ in range(2))
    assert one.metadata.namespace is two.metadata.namespace
    assert one.spec is not None
    assert two.spec is not None
    assert one.spec.nodeName is two.spec.nodeName
