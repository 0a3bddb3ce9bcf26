"""Build slots: a quota that counts the pods of one PriorityClass only."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.demo.status import StatusError
from tests.support.demo_world import SmallCluster, pod


def quota(**selector: Any) -> dict[str, Any]:
    rule = {"scopeName": "PriorityClass", "operator": "In", "values": ["ci-build"]} | selector
    spec = {"hard": {"pods": "2"}, "scopeSelector": {"matchExpressions": [rule]}}
    return {"metadata": {"name": "build-slots"}, "spec": spec}


def test_only_pods_of_the_class_take_a_slot() -> None:
    small = SmallCluster()
    small.create("resourcequotas", quota())
    for number in range(4):
        small.create("pods", pod(f"other-{number}"))
    for number in range(2):
        small.create("pods", pod(f"build-{number}", priorityClassName="ci-build"))
    with pytest.raises(StatusError, match=r"exceeded quota: build-slots, requested: pods=1, used: pods=2"):
        small.create("pods", pod("build-2", priorityClassName="ci-build"))
    small.clock.advance(2.0)
    assert small.get("resourcequotas", "build-slots")["status"]["used"] == {"pods": "2"}
    small.store.delete("pods", "shop", "build-0", grace=0)
    small.create("pods", pod("build-2", priorityClassName="ci-build"))


@pytest.mark.parametrize(
    ("operator", "counted"),
    [("NotIn", {"plain", "other"}), ("Exists", {"built", "other"}), ("DoesNotExist", {"plain"})],
)
def test_the_other_ways_to_choose_classes(operator: str, counted: set[str]) -> None:
    small = SmallCluster()
    small.create("resourcequotas", quota(operator=operator))
    small.create("pods", pod("plain"))
    small.create("pods", pod("built", priorityClassName="ci-build"))
    if operator != "DoesNotExist":
        small.create("pods", pod("other", priorityClassName="other"))
    small.clock.advance(2.0)
    assert small.get("resourcequotas", "build-slots")["status"]["used"] == {"pods": str(len(counted))}
