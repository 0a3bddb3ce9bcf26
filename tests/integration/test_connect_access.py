"""Rights, asked before trying."""

from __future__ import annotations

import asyncio
import json

import pytest

from bakeryops.cluster.access import Access
from tests.support.fake_api import fake_api, refused, started
from tests.support.recordings import exchanges

RECORDED = exchanges()
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
SINGLE = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def _rules(*rules: dict, incomplete: bool = False) -> dict:
    return {"status": {"resourceRules": list(rules), "nonResourceRules": [], "incomplete": incomplete}}


def _rule(verbs: str, groups: str, resources: str, names: str = "") -> dict:
    rule = {
        "verbs": verbs.split(),
        "apiGroups": [""] if not groups else groups.split(),
        "resources": resources.split(),
    }
    return {**rule, "resourceNames": names.split()} if names else rule


@pytest.mark.skipif(not RECORDED, reason="the folder of recordings is not beside the project")
async def test_the_recorded_reader_of_one_namespace() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        recorded = json.loads(RECORDED["nsviewer-selfsubjectrulesreview"].read_text("utf-8"))["response"]["body"]
        api.answer("POST", RULES, (201, recorded))
        access = Access(transport)
        assert (await access.can("list", "", "pods", "rc-demo")).allowed
        assert (await access.can("get", "", "pods", "rc-demo", "x", "log")).allowed
        assert (await access.can("watch", "apps", "deployments", "rc-demo")).allowed
        denied = await access.can("delete", "", "pods", "rc-demo")
        assert not denied.allowed
        assert denied.reason == "you lack the right delete on pods in rc-demo"
        exec_ = await access.can("create", "", "pods", "rc-demo", None, "exec")
        assert exec_.reason == "you lack the right create on pods/exec in rc-demo"
        assert not (await access.can("list", "", "secrets", "rc-demo")).allowed
        scale = await access.can("patch", "apps", "deployments", "rc-demo", None, "scale")
        assert scale.reason == "you lack the right patch on deployments/scale (apps) in rc-demo"
    assert len(api.asked) == 1
    assert json.loads(api.asked[0].body)["spec"] == {"namespace": "rc-demo"}


@pytest.mark.parametrize(
    ("rule", "asked", "allowed"),
    [
        (_rule("*", "*", "*"), ("delete", "x", "y", None, "z"), True),
        (_rule("get", "", "pods"), ("get", "", "pods", None, "log"), False),
        (_rule("get", "", "*"), ("get", "", "pods", None, "log"), True),
        (_rule("update", "*", "*/scale"), ("update", "apps", "deployments", None, "scale"), True),
        (_rule("update", "*", "*/scale"), ("update", "apps", "deployments", None, None), False),
        (_rule("get", "", "configmaps", "a b"), ("get", "", "configmaps", "b", None), True),
        (_rule("get", "", "configmaps", "a b"), ("get", "", "configmaps", "c", None), False),
        (_rule("list", "", "configmaps", "a b"), ("list", "", "configmaps", None, None), False),
        (_rule("get", "apps", "deployments"), ("get", "", "deployments", None, None), False),
    ],
)
async def test_how_rules_are_read(rule: dict, asked: tuple, allowed: bool) -> None:
    verb, group, resource, name, subresource = asked
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("POST", RULES, (201, _rules(rule)))
        verdict = await Access(transport).can(verb, group, resource, "ns", name, subresource)
    assert (verdict.allowed, verdict.known) == (allowed, True)


async def test_many_questions_at_once_are_one_request_and_hold_for_a_minute() -> None:
    now = [0.0]
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("POST", RULES, (201, _rules(_rule("get", "", "pods"))))
        access = Access(transport, clock=lambda: now[0])
        await asyncio.gather(*(access.can("get", "", "pods", "ns") for _ in range(20)))
        assert len(api.asked) == 1
        now[0] += 59
        await access.can("get", "", "pods", "ns")
        assert len(api.asked) == 1
        now[0] += 2
        await access.can("get", "", "pods", "ns")
        assert len(api.asked) == 2
        access.forget()
        await access.can("get", "", "pods", "ns")
        assert len(api.asked) == 3


async def test_incomplete_rules_are_completed_by_single_reviews() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("POST", RULES, (201, _rules(_rule("get", "", "pods"), incomplete=True)))
        api.answer("POST", SINGLE, (201, {"status": {"allowed": False, "reason": "webhook says\x1b[2J no"}}))
        access = Access(transport)
        assert (await access.can("get", "", "pods", "ns")).allowed
        assert len(api.asked) == 1
        for _ in range(3):
            verdict = await access.can("delete", "", "pods", "ns", "web-1")
        assert verdict.reason == "you lack the right delete on pods in ns (webhook says no)"
    assert len(api.asked) == 2
    assert json.loads(api.asked[1].body)["spec"]["resourceAttributes"] == {
        "verb": "delete",
        "resource": "pods",
        "namespace": "ns",
        "name": "web-1",
    }


async def test_the_whole_cluster_is_asked_for_singly() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("POST", SINGLE, (201, {"status": {"allowed": True}}), (201, {"status": {"allowed": False}}))
        access = Access(transport)
        assert (await access.can("list", "", "pods")).allowed
        denied = await access.can("list", "", "nodes")
    assert denied.reason == "you lack the right list on nodes in the whole cluster"


@pytest.mark.parametrize("answer", [refused(500, "InternalError", "no"), (201, {}), (201, "x"), (201, "[]")])
async def test_a_cluster_that_cannot_be_asked_forbids_nothing(answer) -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("*", "*", answer)
        verdict = await Access(transport).can("get", "", "pods", "ns")
    assert verdict.allowed
    assert not verdict.known
    assert verdict.reason.startswith("not known: ")
