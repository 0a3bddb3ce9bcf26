"""The catalogue of kinds holds together."""

from __future__ import annotations

import msgspec
import pytest

from bakeryops.cluster.collection import Collection
from bakeryops.cluster.kinds import KINDS, Kind, kind_of


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_can_be_read(kind: Kind) -> None:
    made = msgspec.json.decode(b'{"metadata": {"name": "x", "uid": "u"}}', type=kind.struct)
    assert made.metadata.name == "x"
    assert kind.versions
    assert kind.resource == kind.resource.lower()


def test_names_addresses_and_kinds_are_unique() -> None:
    whole = [kind for kind in KINDS.values() if not kind.only]
    assert len({(kind.group, kind.resource) for kind in whole}) == len(whole)
    assert len({(kind.group, kind.kind) for kind in whole}) == len(whole)
    assert all(name == kind.name for name, kind in KINDS.items())


def test_secrets_are_never_read_whole() -> None:
    assert KINDS["secrets"].metadata_only
    assert KINDS["configmaps"].metadata_only


def test_of_configmaps_the_holds_alone_are_read_whole() -> None:
    whole = [kind for kind in KINDS.values() if kind.resource == "configmaps" and not kind.metadata_only]
    assert [(kind.name, kind.only) for kind in whole] == [("holds", "bakery-holds")]
    assert kind_of("v1", "ConfigMap") is KINDS["configmaps"]
    holds = Collection(KINDS["holds"], "bakery-ci")
    only = ("fieldSelector", "metadata.name=bakery-holds")
    assert only in holds.list_query(500, "")
    assert only in holds.watch_query("7", 300)
    assert not Collection(KINDS["holds"]).whole
    assert ("fieldSelector", "metadata.name=bakery-holds") not in Collection(KINDS["configmaps"]).list_query(1, "")


def test_objects_are_recognised_in_any_version() -> None:
    assert kind_of("v1", "Pod") is KINDS["pods"]
    assert kind_of("tekton.dev/v1beta1", "PipelineRun") is KINDS["pipelineruns"]
    assert kind_of("metrics.k8s.io/v1beta1", "PodMetrics") is KINDS["podmetrics"]
    assert kind_of("example.com/v1", "Pod") is None
    assert KINDS["podmetrics"].qualified == "pods.metrics.k8s.io"
