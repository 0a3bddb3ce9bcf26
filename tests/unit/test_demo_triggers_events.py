"""What becomes of an event at an EventListener: answered first, then checked, bound and turned into objects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from bakeryops.demo import crds
from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.logs import Logs
from bakeryops.demo.triggers import Listeners
from tests.support.demo_world import SHOP, SmallCluster

SECRET = b"horse battery"
FILTER = (
    "body.ref == 'refs/heads/main' && !body.after.matches('^0+$') && body.repository.full_name == 'a/b' && "
    "body.pusher.login != 'bakery-ci-bot' && !body.head_commit.message.contains('[skip ci]')"
)
Object = dict[str, Any]


def push(**more: Any) -> Object:
    return {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": "a" * 40,
        "repository": {"full_name": "a/b"},
        "pusher": {"login": "marta"},
        "head_commit": {"message": "Round prices half up\n"},
        "commits": [{"id": "c1"}, {"id": "c2"}],
        "total_commits": 2,
    } | more


class Shop:
    """A small cluster with one EventListener, its Trigger, binding and template."""

    def __init__(self) -> None:
        self.small = small = SmallCluster()
        crds.install(small.store)
        for definition in definitions():
            small.store.create("customresourcedefinitions", definition, manager="test")
        for name in ("github", "cel"):
            body: Object = {"metadata": {"name": name}, "spec": {"clientConfig": {}}}
            small.store.create("clusterinterceptors", body, manager="test")
        secret = {"metadata": {"name": "hook"}, "data": {"token": base64.b64encode(SECRET).decode()}}
        small.create("secrets", secret)
        self.binding({"revision": "$(body.after)", "pusher": "$(body.pusher.login)"})
        template: Object = {
            "params": [{"name": "revision"}, {"name": "pusher"}, {"name": "why", "default": "a push"}],
            "resourcetemplates": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"generateName": "run-", "labels": {"revision": "$(tt.params.revision)"}},
                    "data": {
                        "pusher": "$(tt.params.pusher)",
                        "why": "$(tt.params.why)",
                        "strange": "$(tt.params.other) $(params.revision)",
                        "uid": "$(uid)",
                    },
                }
            ],
        }
        small.create("triggertemplates", {"metadata": {"name": "run"}, "spec": template})
        self.trigger()
        listener = {"metadata": {"name": "gitea"}, "spec": {"triggers": [{"triggerRef": "push"}]}}
        small.create("eventlisteners", listener)
        self.listeners = Listeners(small.cluster)
        self.listeners.start()
        assert small.clock.run_until(lambda: self.listeners.is_up(SHOP, "gitea"), 120)

    def binding(self, params: dict[str, str]) -> None:
        spec = {"params": [{"name": name, "value": value} for name, value in params.items()]}
        self.small.store.delete("triggerbindings", SHOP, "push")
        self.small.create("triggerbindings", {"metadata": {"name": "push"}, "spec": spec})

    def trigger(self, *interceptors: Object, **more: Any) -> None:
        if not interceptors:
            reference = {"secretName": "hook", "secretKey": "token"}
            interceptors = (
                interceptor("github", secretRef=reference, eventTypes=["push"]),
                interceptor("cel", filter=FILTER),
            )
        spec = {"interceptors": list(interceptors), "bindings": [{"ref": "push"}], "template": {"ref": "run"}}
        self.small.store.delete("triggers", SHOP, "push")
        self.small.create("triggers", {"metadata": {"name": "push"}, "spec": spec | more})

    def send(self, body: Object | bytes, *, key: bytes = SECRET, **headers: str) -> tuple[int, Object]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "content-type": "application/json",
            "x-github-event": "push",
            "x-hub-signature-256": "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest(),
        } | {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self.listeners.receive(SHOP, "gitea", sent, raw)
        self.small.clock.advance(1.0)
        return answer

    def made(self) -> list[Object]:
        maps = self.small.store.list("configmaps", SHOP)
        return [each for each in maps if each["metadata"]["name"].startswith("run-")]

    def said(self) -> str:
        logs = Logs(self.small.store, self.small.clock, book=self.small.cluster.book)
        [pod] = [each for each in self.small.pods() if each["metadata"]["name"].startswith("el-gitea-")]
        return b"".join(line.data for line in logs.read(pod, "event-listener", previous=False)).decode()


def interceptor(name: str, **params: Any) -> Object:
    return {"ref": {"name": name}, "params": [{"name": key, "value": value} for key, value in params.items()]}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_push_becomes_an_object_with_the_labels_of_triggers(shop: Shop) -> None:
    status, answer = shop.send(push())
    [made] = shop.made()
    assert status == 202
    assert made["metadata"]["labels"] == {
        "revision": "a" * 40,
        "triggers.tekton.dev/eventlistener": "gitea",
        "triggers.tekton.dev/trigger": "push",
        "triggers.tekton.dev/triggers-eventid": answer["eventID"],
    }
    assert made["data"]["pusher"] == "marta"
    assert made["data"]["why"] == "a push"
    assert len(made["data"]["uid"]) == 36


def test_what_no_parameter_of_the_template_is_stays_as_it_stands(shop: Shop) -> None:
    shop.send(push())
    assert shop.made()[0]["data"]["strange"] == "$(tt.params.other) $(params.revision)"


def test_the_answer_is_given_before_anything_is_done_and_whatever_comes_of_it(shop: Shop) -> None:
    raw = json.dumps(push()).encode()
    status, answer = shop.listeners.receive(SHOP, "gitea", {}, raw)
    assert status == 202
    assert answer["eventListener"] == "gitea"
    assert not shop.made()
    shop.small.clock.advance(1.0)
    assert not shop.made()
    assert answer["eventID"] in shop.said()


@pytest.mark.parametrize(
    ("headers", "key", "why"),
    [
        ({}, b"guessed", "payload signature check failed"),
        ({"x_hub_signature_256": ""}, SECRET, "Must set X-Hub-Signature-256"),
        ({"x_hub_signature_256": "sha256="}, SECRET, "payload signature check failed"),
        ({"x_github_event": "create"}, SECRET, "event type create is not allowed"),
        ({"content_type": "application/x-www-form-urlencoded"}, SECRET, "form parameter encoding not supported"),
    ],
)
def test_what_the_github_interceptor_does_not_let_pass_is_said_in_the_log(
    shop: Shop, headers: dict[str, str], key: bytes, why: str
) -> None:
    status, _ = shop.send(push(), key=key, **headers)
    assert status == 202
    assert not shop.made()
    assert why in shop.said()


def test_the_signature_is_that_of_the_bytes_sent_not_of_the_json(shop: Shop) -> None:
    raw = json.dumps(push()).encode()
    signature = "sha256=" + hmac.new(SECRET, raw.replace(b" ", b""), hashlib.sha256).hexdigest()
    shop.send(raw, x_hub_signature_256=signature)
    assert not shop.made()


def test_an_old_signature_with_sha1_counts_too(shop: Shop) -> None:
    raw = json.dumps(push()).encode()
    shop.send(
        raw, x_hub_signature_256="", x_hub_signature="sha1=" + hmac.new(SECRET, raw, hashlib.sha1).hexdigest()
    )
    assert len(shop.made()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"ref": "refs/heads/feature"},
        {"ref": "refs/tags/v1"},
        {"after": "0" * 40, "head_commit": None},
        {"repository": {"full_name": "a/other"}},
        {"pusher": {"login": "bakery-ci-bot"}},
        {"head_commit": {"message": "Correct a word [skip ci]"}},
    ],
)
def test_the_filter_of_the_chain_keeps_out_what_is_not_to_be_built(shop: Shop, change: Object) -> None:
    shop.send(push(**change))
    assert not shop.made()
    assert "did not return true" in shop.said() or "check failed" in shop.said()


def test_a_filter_that_fails_says_so_in_one_line(shop: Shop) -> None:
    shop.trigger(interceptor("cel", filter="body.nothing.there == 'x'"))
    shop.send(push())
    assert not shop.made()
    *_, last = shop.said().splitlines()
    assert json.loads(last)["msg"].startswith("interceptor stopped trigger processing")


def test_overlays_are_there_for_bindings(shop: Shop) -> None:
    overlays = [{"key": "short.sha", "expression": "body.after.truncate(7)"},
                {"key": "count", "expression": "body.total_commits + 1.0"},
                {"key": "branch", "expression": "body.ref.split('/')[2]"}]  # fmt: skip
    shop.trigger(interceptor("cel", overlays=overlays))
    shop.binding({"revision": "$(extensions.short.sha)", "pusher": "$(extensions.branch) $(extensions.count)"})
    shop.send(push())
    [made] = shop.made()
    assert made["metadata"]["labels"]["revision"] == "aaaaaaa"
    assert made["data"]["pusher"] == "main 3"


def test_bindings_read_headers_elements_and_whole_parts(shop: Shop) -> None:
    shop.binding({"revision": "$(body.commits[1].id)", "pusher": "$(header.X-GitHub-Event) $(body.commits[*].id)",
                  "why": "$(body['pusher'])"})  # fmt: skip
    shop.send(push())
    [made] = shop.made()
    assert made["metadata"]["labels"]["revision"] == "c2"
    assert made["data"]["pusher"] == 'push ["c1","c2"]'
    assert json.loads(made["data"]["why"]) == {"login": "marta"}


def test_a_binding_that_finds_nothing_stops_the_trigger_unless_the_template_has_a_default(shop: Shop) -> None:
    shop.binding({"revision": "$(body.after)", "pusher": "x", "why": "$(body.absent)"})
    shop.send(push())
    assert shop.made()[0]["data"]["why"] == "a push"
    shop.binding({"revision": "$(body.absent)", "pusher": "x"})
    shop.send(push())
    assert len(shop.made()) == 1
    assert "failed to replace JSONPath value for param revision" in shop.said()


def test_a_body_that_is_no_json_object_is_refused_at_once(shop: Shop) -> None:
    assert shop.send(b"payload=%7B%7D")[0] == 400
    assert shop.send(b"[1]")[0] == 400
    assert "Invalid event body format" in shop.said()


def test_a_missing_template_and_a_missing_secret_are_said(shop: Shop) -> None:
    shop.trigger(template={"ref": "gone"})
    shop.send(push())
    assert 'error getting TriggerTemplate \\"gone\\"' in shop.said()
    shop.small.store.delete("secrets", SHOP, "hook")
    shop.send(push())
    assert 'secrets \\"hook\\" not found' in shop.said()


def test_text_from_outside_stays_text_within_the_object(shop: Shop) -> None:
    name = '"}], "evil": "$(tt.params.revision) $(body.after)'
    shop.send(push(pusher={"login": name}))
    assert shop.made()[0]["data"]["pusher"] == name


def test_the_listener_tells_its_address_and_that_it_is_ready(shop: Shop) -> None:
    shop.small.clock.advance(5.0)
    status = shop.small.get("eventlisteners", "gitea")["status"]
    assert status["address"]["url"] == "http://el-gitea.shop.svc.cluster.local:8080"
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert conditions["Ready"] == conditions["Available"] == conditions["Service"] == "True"


def test_a_listener_without_pods_is_not_ready(shop: Shop) -> None:
    shop.small.change("deployments.apps", "el-gitea", ("spec", "replicas"), 0)
    assert shop.small.clock.run_until(lambda: not shop.listeners.is_up(SHOP, "gitea"), 120)
