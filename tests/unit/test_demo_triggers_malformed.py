"""Malformed Triggers and events of the embedded cluster: refused, or said in the log, and in nobody's way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakeryops.demo.status import StatusError
from tests.support.demo_world import SHOP
from tests.unit.test_demo_triggers_events import Shop, interceptor, push

Object = dict[str, Any]
GOOD: Object = {"name": "good", "bindings": [{"ref": "push"}], "template": {"ref": "run"}}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def with_neighbour(shop: Shop, broken: Object) -> None:
    """Let the EventListener have a broken Trigger before a good one."""

    def change(listener: Object) -> Object:
        listener["spec"]["triggers"] = [{"name": "broken", **broken}, GOOD]
        return listener

    shop.small.store.mutate("eventlisteners", SHOP, "gitea", change, manager="test")


@pytest.mark.parametrize(
    "params",
    [
        {"secretRef": "hook"},
        {"eventTypes": 5},
        {"eventTypes": [None]},
        {"filter": ["true"]},
        {"overlays": "x"},
        {"overlays": ["x"]},
        {"overlays": [{"key": "a", "expression": "'x'"}, {"key": "a.b", "expression": "'y'"}]},
    ],
)
@pytest.mark.parametrize("name", ["github", "cel"])
def test_params_of_another_form_stop_their_own_trigger_only(shop: Shop, name: str, params: Object) -> None:
    with_neighbour(shop, GOOD | {"name": "broken", "interceptors": [interceptor(name, **params)]})
    shop.send(push())
    made = [each["metadata"]["labels"]["triggers.tekton.dev/trigger"] for each in shop.made()]
    assert "good" in made
    if "overlays" not in params or name == "cel":
        assert made == ["good"]
        assert "interceptor stopped trigger processing" in shop.said()


@pytest.mark.parametrize(
    "resource",
    [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": "x"},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "run-", "labels": "x"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "run-"}, "data": ["x"]},
        {"apiVersion": 5, "kind": [], "metadata": {}},
    ],
)
def test_a_template_of_something_else_than_objects_stops_its_own_trigger_only(
    shop: Shop, resource: Object
) -> None:
    with_neighbour(shop, {"template": {"spec": {"resourcetemplates": [resource]}}})
    shop.send(push())
    assert [each["metadata"]["labels"]["triggers.tekton.dev/trigger"] for each in shop.made()] == ["good"]
    assert "problem creating object" in shop.said()


def test_numbers_that_no_double_holds_are_numbers_all_the_same(shop: Shop) -> None:
    shop.trigger(interceptor("cel", filter="body.total_commits > 1.0"))
    shop.send(
        json.dumps(push(total_commits=1)).replace('"total_commits": 1', f'"total_commits": 1{"0" * 400}').encode()
    )
    assert len(shop.made()) == 1


@pytest.mark.parametrize(
    ("plural", "spec"),
    [
        ("eventlisteners", None),
        ("eventlisteners", {"triggers": 5}),
        ("eventlisteners", {"triggers": ["push"]}),
        ("eventlisteners", {"triggers": [{"bindings": [{"ref": 5}]}]}),
        ("triggers", {"bindings": []}),
        ("triggers", {"template": "run"}),
        ("triggers", {"template": {"ref": "run"}, "interceptors": [{"params": "x"}]}),
        ("triggerbindings", {"params": [{"name": "a", "value": 5}]}),
        ("triggertemplates", {"resourcetemplates": ["x"]}),
    ],
)
def test_what_no_eventlistener_could_read_is_refused(shop: Shop, plural: str, spec: Object | None) -> None:
    body: Object = {"metadata": {"name": "odd"}} | ({} if spec is None else {"spec": spec})
    with pytest.raises(StatusError) as refused:
        shop.small.create(plural, body)
    assert refused.value.code == 422
