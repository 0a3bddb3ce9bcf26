"""What the embedded API decodes: forms of metadata count for every kind, those of the rest where they are known."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.demo import crds, strict
from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.status import StatusError
from bakeryops.demo.store import ObjectStore


@pytest.fixture(scope="module")
def store() -> ObjectStore:
    made = ObjectStore(ManualClock())
    crds.install(made)
    for definition in definitions():
        made.create("customresourcedefinitions", definition, manager="test")
    return made


@pytest.mark.parametrize("plural", ["configmaps", "kustomizations", "pipelineruns"])
@pytest.mark.parametrize(
    "metadata",
    [
        "x",
        {"labels": "x"},
        {"labels": ["x"]},
        {"labels": {"a": 5}},
        {"annotations": True},
        {"ownerReferences": {"a": 5}},
        {"ownerReferences": ["x"]},
        {"finalizers": {"a": {}}},
        {"finalizers": [5]},
        {"name": ["x"]},
    ],
)
def test_metadata_of_another_form_is_refused(store: ObjectStore, plural: str, metadata: Any) -> None:
    with pytest.raises(StatusError) as refused:
        strict.check(store.registry.storage(plural), "v1", {"metadata": metadata}, "Ignore")
    assert refused.value.code == 400
    assert "json: cannot unmarshal" in refused.value.message


@pytest.mark.parametrize("plural", ["configmaps", "kustomizations"])
def test_metadata_as_it_should_be_passes(store: ObjectStore, plural: str) -> None:
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "1", "controller": True}
    metadata = {"name": "a", "labels": {"a": "b"}, "finalizers": ["a/b"], "ownerReferences": [owner]}
    assert strict.check(store.registry.storage(plural), "v1", {"metadata": metadata}, "Strict") == []
