"""Changes as they go over the wire, and what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.transport import Transport
from bakeryops.cluster.writes import Conflict, Writer, conflicts
from bakeryops.errors import UsageError
from tests.support.fake_api import FakeApi, fake_api, refused, started
from tests.support.recordings import exchanges

RECORDED = exchanges()
MENU = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu"}, "data": {"a": "1"}}
DEPLOYMENT = "/apis/apps/v1/namespaces/orders/deployments/web"


def _resource(plural: str, kind: str, scope: str = "Namespaced") -> dict[str, Any]:
    return {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["get"]}


def _discovery(*groups: tuple[str, str, list[dict[str, Any]]]) -> dict[str, Any]:
    items = [{"metadata": {"name": g}, "versions": [{"version": v, "resources": r}]} for g, v, r in groups]
    return {"kind": "APIGroupDiscoveryList", "items": items}


def _writer(api: FakeApi, transport: Transport) -> Writer:
    core = [
        _resource("pods", "Pod"),
        _resource("configmaps", "ConfigMap"),
        _resource("namespaces", "Namespace", "Cluster"),
    ]
    api.answer("GET", "/api", _discovery(("", "v1", core)))
    api.answer("GET", "/apis", _discovery(("apps", "v1", [_resource("deployments", "Deployment")])))
    return Writer(transport, Discovery(transport))


async def test_server_side_apply() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        path = "/api/v1/namespaces/orders/configmaps/menu"
        warning = {"Warning": '299 - "unknown field \\"spec.\x1bx\\""'.replace("\x1b", "")}
        api.answer("PATCH", path, (201, {**MENU, "metadata": {"uid": "u"}}, warning))
        written = await writer.apply(MENU)
        await writer.apply(MENU, force=True, dry_run=True)
    first, second = api.asked[2:]
    assert first.headers["Content-Type"] == "application/apply-patch+yaml"
    assert json.loads(first.body) == MENU
    assert dict(first.query) == {"fieldManager": "bakeryops", "fieldValidation": "Strict", "force": "false"}
    assert (dict(second.query)["force"], dict(second.query)["dryRun"]) == ("true", "All")
    assert written.object["metadata"]["uid"] == "u"
    assert written.warnings == ['unknown field "spec.x"']


async def test_conflicts_name_manager_and_field() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "kustomize-controller"', "field": ".data.a"},
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "a \\"b\\"" with subresource "status" using apps/v1',
            "field": ".spec.replicas",
        },
        {"reason": "Other", "message": "no", "field": "x"},
    ]
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        answer = refused(409, "Conflict", "Apply failed with 2 conflicts", details={"causes": causes})
        api.answer("PATCH", "/api/v1/namespaces/orders/configmaps/menu", answer)
        with pytest.raises(KubeError) as caught:
            await writer.apply(MENU)
    assert caught.value.kind == "conflict"
    assert conflicts(caught.value) == [
        Conflict("kustomize-controller", ".data.a"),
        Conflict('a "b"', ".spec.replicas"),
    ]
    assert conflicts(KubeError("other", kind="conflict")) == []


@pytest.mark.skipif(not RECORDED, reason="the folder of recordings is not beside the project")
async def test_the_recorded_conflict() -> None:
    recorded = json.loads(RECORDED["apply-conflict"].read_text("utf-8"))["response"]
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        api.answer("PATCH", "/api/v1/namespaces/orders/configmaps/menu", (recorded["status"], recorded["body"]))
        with pytest.raises(KubeError) as caught:
            await writer.apply(MENU)
    assert conflicts(caught.value) == [Conflict("console", ".data.a")]


@pytest.mark.parametrize(
    ("patch_type", "change", "content_type"),
    [
        ("json", [{"op": "remove", "path": "/data/a"}], "application/json-patch+json"),
        ("merge", {"data": {"a": None}}, "application/merge-patch+json"),
        ("strategic", {"data": {"a": "2"}}, "application/strategic-merge-patch+json"),
    ],
)
async def test_patches_keep_their_type(patch_type, change, content_type) -> None:
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        api.answer("PATCH", f"{DEPLOYMENT}/status", {})
        await writer.patch("deployments", "web", "orders", change, patch_type=patch_type, subresource="status")
    assert api.asked[-1].headers["Content-Type"] == content_type
    assert json.loads(api.asked[-1].body) == change
    assert api.asked[-1].query == [("fieldManager", "bakeryops")]


async def test_a_patch_of_the_wrong_shape_is_not_sent() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        with pytest.raises(UsageError):
            await writer.patch("pods", "a", "b", {"op": "add"}, patch_type="json")
        with pytest.raises(UsageError):
            await writer.patch("pods", "a", "b", [{"op": "add"}])
    assert api.asked == []


async def test_create() -> None:
    generated = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-", "namespace": "elsewhere"}}
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        api.answer("*", "*", (201, {"kind": "Pod"}))
        await writer.create(generated)
        await writer.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}, dry_run=True)
        with pytest.raises(UsageError):
            await writer.create({"apiVersion": "v1", "kind": "Pod", "metadata": {}})
        with pytest.raises(KubeError) as caught:
            await writer.create({"apiVersion": "v9", "kind": "Pod", "metadata": {"name": "x"}})
    pod, namespace = api.asked[2:]
    assert pod.path == "/api/v1/namespaces/elsewhere/pods"
    assert pod.headers["Content-Type"] == "application/json"
    assert namespace.path == "/api/v1/namespaces"
    assert ("dryRun", "All") in namespace.query
    assert caught.value.kind == "absent"


async def test_delete_with_preconditions() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        api.answer("DELETE", DEPLOYMENT, {"kind": "Status", "status": "Success"})
        deleted = await writer.delete(
            "deployments",
            "web",
            "orders",
            uid="u",
            resource_version="7",
            propagation="Foreground",
            grace_seconds=0,
            dry_run=True,
        )
    assert json.loads(api.asked[-1].body) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u", "resourceVersion": "7"},
        "gracePeriodSeconds": 0,
    }
    assert api.asked[-1].query == [("dryRun", "All")]
    assert deleted.object["status"] == "Success"


async def test_scale_goes_through_its_subresource() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        api.answer("PATCH", f"{DEPLOYMENT}/scale", {"kind": "Scale"})
        await writer.scale("deployments", "web", "orders", 0)
    assert json.loads(api.asked[-1].body) == {"spec": {"replicas": 0}}
    assert api.asked[-1].headers["Content-Type"] == "application/merge-patch+json"


async def test_evict_and_the_budget_in_its_way() -> None:
    path = "/api/v1/namespaces/orders/pods/web-1/eviction"
    causes = [
        {"reason": "DisruptionBudget", "message": "The disruption budget web needs 2 healthy pods and has 2"}
    ]
    blocked = refused(429, "TooManyRequests", "Cannot evict pod", details={"causes": causes})
    async with fake_api() as api, started(api.target()) as transport:
        writer = _writer(api, transport)
        api.answer("POST", path, (201, {"kind": "Status"}), blocked)
        await writer.evict("web-1", "orders", grace_seconds=5)
        with pytest.raises(KubeError) as caught:
            await writer.evict("web-1", "orders")
    assert json.loads(api.asked[2].body)["deleteOptions"] == {"gracePeriodSeconds": 5}
    assert caught.value.kind == "throttled"
    assert "disruption budget web" in caught.value.why
    assert "wait until" in caught.value.hint
