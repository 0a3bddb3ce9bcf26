"""The catalogue of kinds holds together."""

from __future__ import annotations

import msgspec
import pytest

from bakeryops.cluster.kinds import KINDS, Kind, kind_of


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_can_be_read(kind: Kind) -> None:
    made = msgspec.json.decode(b'{"metadata": {"name": "x", "uid": "u"}}', type=kind.struct)
    assert made.metadata.name == "x"
    assert kind.versions
    assert kind.resource == kind.resource.lower()


def test_names_addresses_and_kinds_are_unique() -> None:
    assert len({(kind.group, kind.resource) for kind in KINDS.values()}) == len(KINDS)
    assert len({(kind.group, kind.kind) for kind in KINDS.values()}) == len(KINDS)
    assert all(name == kind.name for name, kind in KINDS.items())


def test_secrets_are_never_read_whole() -> None:
    assert KINDS["secrets"].metadata_only
    assert KINDS["configmaps"].metadata_only


def test_objects_are_recognised_in_any_version() -> None:
    assert kind_of("v1", "Pod") is KINDS["pods"]
    assert kind_of("tekton.dev/v1beta1", "PipelineRun") is KINDS["pipelineruns"]
    assert kind_of("metrics.k8s.io/v1beta1", "PodMetrics") is KINDS["podmetrics"]
    assert kind_of("example.com/v1", "Pod") is None
    assert KINDS["podmetrics"].qualified == "pods.metrics.k8s.io"
