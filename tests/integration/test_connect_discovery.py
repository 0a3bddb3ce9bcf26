"""What a cluster serves, told at once or group by group."""

from __future__ import annotations

import json

import pytest

from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from tests.support.fake_api import FakeApi, fake_api, refused, started
from tests.support.recordings import exchanges

RECORDED = exchanges()
needs_recordings = pytest.mark.skipif(not RECORDED, reason="the folder of recordings is not beside the project")


def _body(name: str):
    return json.loads(RECORDED[name].read_text("utf-8"))["response"]["body"]


def _resource(plural: str, kind: str, scope: str = "Namespaced", **more) -> dict:
    return {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["get", "list"], **more}


def _aggregated(groups: dict[str, dict[str, list[dict]]]) -> dict:
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [{"version": version, "resources": found} for version, found in versions.items()],
        }
        for group, versions in groups.items()
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}


CORE = _aggregated(
    {"": {"v1": [_resource("pods", "Pod", shortNames=["po"]), _resource("nodes", "Node", "Cluster")]}}
)


def _serve(api: FakeApi, groups: dict, **headers: str) -> None:
    api.answer("GET", "/api", (200, CORE))
    api.answer("GET", "/apis", (200, _aggregated(groups), headers))


@needs_recordings
async def test_the_recorded_cluster_told_at_once() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("GET", "/api", _body("discovery-aggregated-api"))
        api.answer("GET", "/apis", _body("discovery-aggregated-apis"))
        discovery = Discovery(transport)
        assert await discovery.path("pods") == "/api/v1/pods"
        assert await discovery.path("pods", "orders") == "/api/v1/namespaces/orders/pods"
        assert await discovery.path("nodes", "orders") == "/api/v1/nodes"
        assert await discovery.path("pipelineruns", "ci") == "/apis/tekton.dev/v1/namespaces/ci/pipelineruns"
        assert await discovery.path("kustomizations") == "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"
        assert await discovery.object_path("deployments", "a", "b", "scale") == (
            "/apis/apps/v1/namespaces/b/deployments/a/scale"
        )
        assert await discovery.path("po") == "/api/v1/pods"
        assert await discovery.path("Deployment") == "/apis/apps/v1/deployments"
        assert await discovery.path("deployments.apps") == "/apis/apps/v1/deployments"
        with pytest.raises(KubeError) as caught:
            await discovery.path("podmetrics")
        assert len(api.asked) == 2
        found = await discovery.resources()
    assert caught.value.kind == "absent"
    assert "metrics-server" in caught.value.hint
    pods = next(each for each in found if each.name == "pods" and not each.group)
    assert {"log", "exec", "eviction"} <= pods.subresources
    assert "watch" in pods.verbs


@needs_recordings
async def test_a_cluster_that_tells_group_by_group() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        apis = _body("discovery-apis")
        wanted = {"apps": "discovery-apps", "batch": "discovery-batch", "tekton.dev": "discovery-tekton"}
        apis["groups"] = [group for group in apis["groups"] if group["name"] in wanted]
        api.answer("GET", "/api", _body("discovery-api"))
        api.answer("GET", "/api/v1", _body("discovery-core"))
        api.answer("GET", "/apis", apis)
        api.answer("GET", "/apis/apps/v1", _body("discovery-apps"))
        api.answer("GET", "/apis/batch/v1", refused(503, "ServiceUnavailable", "no"))
        api.answer("GET", "/apis/tekton.dev/v1", _body("discovery-tekton"))
        api.answer("GET", "/apis/tekton.dev/v1beta1", _body("discovery-tekton-v1beta1"))
        discovery = Discovery(transport)
        assert await discovery.path("taskruns") == "/apis/tekton.dev/v1/taskruns"
        assert await discovery.path("customruns") == "/apis/tekton.dev/v1beta1/customruns"
        assert await discovery.path("deployments") == "/apis/apps/v1/deployments"
        pods = await discovery.resource("pods")
        with pytest.raises(KubeError) as caught:
            await discovery.path("jobs")
    assert "log" in pods.subresources
    assert caught.value.kind == "absent"


async def test_the_version_we_read_best_is_chosen() -> None:
    runs = [_resource("pipelineruns", "PipelineRun")]
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, {"tekton.dev": {"v1beta1": runs, "v1": runs}, "triggers.tekton.dev": {}})
        assert await Discovery(transport).path("pipelineruns") == "/apis/tekton.dev/v1/pipelineruns"
        _serve(api, {"tekton.dev": {"v1beta1": runs}})
        assert await Discovery(transport).path("pipelineruns") == "/apis/tekton.dev/v1beta1/pipelineruns"
        _serve(api, {"tekton.dev": {"v7": runs}})
        with pytest.raises(KubeError) as caught:
            await Discovery(transport).path("pipelineruns")
    assert caught.value.kind == "absent"
    assert caught.value.why == "served: v7; read: v1, v1beta1"


async def test_a_kind_that_appears_later_is_found_and_asking_again_is_cheap() -> None:
    now = [100.0]
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, {}, Etag='"one"')
        discovery = Discovery(transport, clock=lambda: now[0])
        with pytest.raises(KubeError):
            await discovery.path("pipelineruns")
        with pytest.raises(KubeError):
            await discovery.path("taskruns")
        assert len(api.asked) == 2
        now[0] += 10
        api.answer("GET", "/apis", (304, ""))
        with pytest.raises(KubeError):
            await discovery.path("pipelineruns")
        assert api.asked[-1].headers.get("If-None-Match") == '"one"' or api.asked[-2].headers.get("If-None-Match")
        _serve(api, {"tekton.dev": {"v1": [_resource("pipelineruns", "PipelineRun")]}})
        await discovery.refresh()
        assert await discovery.path("pipelineruns") == "/apis/tekton.dev/v1/pipelineruns"


async def test_while_there_is_no_answer_many_missing_kinds_ask_once() -> None:
    now = [100.0]
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, {})
        discovery = Discovery(transport, clock=lambda: now[0])
        assert await discovery.path("pods")
        now[0] += 10
        before = len(api.asked)
        api.answer("GET", "/apis", refused(500, "InternalError", "no"))
        for kind in ("pipelineruns", "taskruns", "kustomizations", "gitrepositories"):
            with pytest.raises(KubeError) as caught:
                await discovery.path(kind)
            assert caught.value.kind == "server"
        assert len(api.asked) - before <= 2
        now[0] += 10
        _serve(api, {"tekton.dev": {"v1": [_resource("pipelineruns", "PipelineRun")]}})
        assert await discovery.path("pipelineruns") == "/apis/tekton.dev/v1/pipelineruns"


async def test_what_was_known_stays_when_asking_again_fails() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, {})
        discovery = Discovery(transport)
        assert await discovery.path("pods")
        api.answer("GET", "/apis", refused(500, "InternalError", "no"))
        with pytest.raises(KubeError):
            await discovery.refresh()
        assert await discovery.path("pods") == "/api/v1/pods"


async def test_who_may_not_ask_gets_the_preferred_versions() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("*", "*", refused(403, "Forbidden", "no"))
        discovery = Discovery(transport)
        assert await discovery.path("pipelineruns", "ci") == "/apis/tekton.dev/v1/namespaces/ci/pipelineruns"
        assert (await discovery.of_object("apps/v1", "Deployment")).name == "deployments"


async def test_names_are_quoted() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        _serve(api, {})
        path = await Discovery(transport).object_path("pods", "../../x?y", "a/b", "log")
    assert path == "/api/v1/namespaces/a%2Fb/pods/..%2F..%2Fx%3Fy/log"


@pytest.mark.parametrize("body", ["[]", "{", '{"kind": "APIGroupDiscoveryList", "items": [1, {"versions": 3}]}'])
async def test_odd_answers_end_in_an_error_for_people(body: str) -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("*", "*", (200, body))
        with pytest.raises(KubeError) as caught:
            await Discovery(transport).path("pods")
    assert caught.value.kind in ("protocol", "absent")
