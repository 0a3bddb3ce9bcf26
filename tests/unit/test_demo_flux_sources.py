"""source-controller and notification-controller of the embedded cluster."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from bakeryops.demo.flux import SourceFault, webhook_path
from bakeryops.demo.flux.artifacts import Ignore, commit_of
from bakeryops.demo.flux.durations import go_text, seconds_of
from bakeryops.demo.flux.order import Identity, identities_of
from tests.support.flux import PLURALS, FluxStage

URL = "http://git.example/bakery/app.git"
Object = dict[str, Any]


def stage(**spec: Any) -> FluxStage:
    found = FluxStage()
    found.git.push(URL, "main", {"deploy/a.yaml": "a: 1", "services/x/main.py": "x"}, "first")
    found.create("GitRepository", "shop", {"interval": "1m", "url": URL, "ref": {"branch": "main"}, **spec})
    return found


def secret(found: FluxStage, name: str, **data: str) -> None:
    coded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    found.store.create(
        "secrets", {"metadata": {"name": name}, "data": coded}, manager="test", namespace="flux-system"
    )


def test_a_source_is_fetched_by_its_interval() -> None:
    found = stage()
    found.start()
    found.wait("GitRepository", "shop", "Succeeded")
    sha = found.git.push(URL, "main", {"deploy/a.yaml": "a: 2"}, "second")
    assert not found.get("GitRepository", "shop")["status"]["artifact"]["revision"].endswith(sha)
    found.clock.advance(61)
    assert found.get("GitRepository", "shop")["status"]["artifact"]["revision"] == f"main@sha1:{sha}"


def test_a_fetch_that_finds_nothing_leaves_no_trace_but_the_token() -> None:
    found = stage()
    found.start()
    found.wait("GitRepository", "shop", "Succeeded")
    before = found.get("GitRepository", "shop")
    asked = len(found.git.asked)
    found.clock.advance(200)
    assert len(found.git.asked) == asked + 3
    assert found.get("GitRepository", "shop") is before
    found.request("GitRepository", "shop", "please")
    found.clock.advance(2)
    status = found.get("GitRepository", "shop")["status"]
    assert status["lastHandledReconcileAt"] == "please"
    assert {name: value for name, value in status.items() if name != "lastHandledReconcileAt"} == before["status"]


def test_a_suspended_source_is_not_fetched_and_does_not_answer_requests() -> None:
    found = stage(suspend=True)
    found.start()
    found.clock.advance(5)
    found.request("GitRepository", "shop", "please")
    found.clock.advance(100)
    assert found.git.asked == []
    assert found.get("GitRepository", "shop")["status"] == {"observedGeneration": -1}


def test_credentials_come_from_the_secret_and_are_never_repeated() -> None:
    found = stage(secretRef={"name": "gitea"})
    found.git.logins[URL] = ("flux", "correct-horse")
    secret(found, "gitea", username="flux", password="wrong-horse")
    found.start()
    found.wait("GitRepository", "shop", "GitOperationFailed")
    message = found.condition("GitRepository", "shop")["message"]
    assert (
        message == f"failed to checkout and determine revision: unable to clone '{URL}': authentication required: "
    )
    coded = base64.b64encode(b"correct-horse").decode()
    found.store.mutate(
        "secrets",
        "flux-system",
        "gitea",
        lambda obj: {**obj, "data": {**obj["data"], "password": coded}},
        manager="t",
    )
    found.wait("GitRepository", "shop", "Succeeded")
    assert found.git.asked[-1] == (URL, "flux", "correct-horse")
    told = json.dumps([found.store.list("events"), found.get("GitRepository", "shop")])
    assert "horse" not in told
    assert found.condition("GitRepository", "shop", "FetchFailed") == {}


def test_a_source_that_has_an_artifact_keeps_it_while_fetching_fails() -> None:
    found = stage()
    found.start()
    found.wait("GitRepository", "shop", "Succeeded")
    found.clock.advance(1)
    artifact = found.get("GitRepository", "shop")["status"]["artifact"]
    found.git.faults[URL] = SourceFault.unknown_host(URL)
    found.request("GitRepository", "shop", "please")
    found.wait("GitRepository", "shop", "GitOperationFailed")
    status = found.get("GitRepository", "shop")["status"]
    assert status["artifact"] == artifact
    assert [each["type"] for each in status["conditions"]] == [
        "Reconciling",
        "Ready",
        "ArtifactInStorage",
        "FetchFailed",
    ]
    assert "dial tcp: lookup git.example: no such host" in found.condition("GitRepository", "shop")["message"]
    found.clock.advance(0.5)
    assert found.get("GitRepository", "shop")["status"]["lastHandledReconcileAt"] == "please"
    del found.git.faults[URL]
    found.wait("GitRepository", "shop", "Succeeded")
    assert ("Normal", "Succeeded", "stored artifact for commit 'first'") in found.events("shop")


def test_what_is_ignored_is_no_part_of_the_artifact() -> None:
    found = stage(ignore="/*\n!/deploy\n")
    found.start()
    found.wait("GitRepository", "shop", "Succeeded")
    found.clock.advance(1)
    status = found.get("GitRepository", "shop")["status"]
    found.git.push(URL, "main", {"services/x/main.py": "y"}, "elsewhere")
    found.request("GitRepository", "shop", "please")
    found.clock.advance(2)
    after = found.get("GitRepository", "shop")["status"]
    assert after["artifact"]["digest"] == status["artifact"]["digest"]
    assert after["artifact"]["revision"] != status["artifact"]["revision"]
    assert after["observedIgnore"] == "/*\n!/deploy\n"
    assert [each for each in found.events("shop") if each[1] == "NewArtifact"] == [
        ("Normal", "NewArtifact", "stored artifact for commit 'first'")
    ]


@pytest.mark.parametrize(
    ("rules", "kept", "dropped"),
    [
        (None, ["deploy/a.yaml", "x.txt"], [".github/w.yaml", "doc/cat.png", ".gitignore"]),
        ("/*\n!/infra/k8s", ["infra/k8s/a.yaml", "infra/k8s/base/b.yaml"], ["infra/a.tf", "README.md"]),
        ("*.md\n# a word\n!README.md", ["README.md", "a/b.py"], ["doc/x.md"]),
        ("build/\n**/tmp", ["a/builder.py"], ["build/x", "a/build/y", "b/tmp/c"]),
    ],
)
def test_ignore_rules(rules: str | None, kept: list[str], dropped: list[str]) -> None:
    ignore = Ignore(rules)
    assert [path for path in kept + dropped if ignore.keeps(path)] == kept


@pytest.mark.parametrize(
    ("rules", "folder"),
    [
        ("/*\n!/infra/k8s", "infra/k8s"),
        ("/*\n!/a\n!/b", ""),
        (None, ""),
        ("*.md", ""),
        ("/*\n!/infra\n!/infra/k8s", "infra"),
    ],
)
def test_the_one_folder_that_is_kept(rules: str | None, folder: str) -> None:
    assert Ignore(rules).folder() == folder


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0336, "33.6ms"),
        (5.058, "5.058s"),
        (60, "1m0s"),
        (600, "10m0s"),
        (3725.5, "1h2m5.5s"),
        (2e-6, "2µs"),
    ],
)
def test_durations_as_go_writes_them(seconds: float, text: str) -> None:
    assert go_text(seconds) == text
    assert seconds_of(text, -1.0) == pytest.approx(seconds)


def test_durations_that_are_none_give_the_default() -> None:
    assert [seconds_of(each, 9.0) for each in (None, "", "soon", "5", 5, "1m x")] == [9.0] * 6


def test_inventory_entries_name_objects() -> None:
    role = Identity("", "system:baker", "rbac.authorization.k8s.io", "ClusterRole", "v1")
    deployment = Identity("bakery", "web", "apps", "Deployment", "v1")
    assert role.entry["id"] == "_system__baker_rbac.authorization.k8s.io_ClusterRole"
    assert identities_of([role.entry, deployment.entry, {"id": "junk", "v": "v1"}, {}]) == [role, deployment]
    assert commit_of("main@sha1:abc") == commit_of("sha1:abc") == "abc"


class Hook:
    """A receiver of type `github` for the source `shop`."""

    def __init__(self, **spec: Any) -> None:
        self.stage = stage()
        secret(self.stage, "receiver-token", token="s3cret")
        resources = [{"kind": "GitRepository", "name": "shop"}]
        wanted = {
            "type": "github",
            "events": ["push"],
            "secretRef": {"name": "receiver-token"},
            "resources": resources,
        }
        self.stage.create("Receiver", "gitea", {**wanted, **spec})
        self.flux = self.stage.start()
        self.stage.clock.advance(5)
        self.path = webhook_path("s3cret", "gitea", "flux-system")

    def post(self, body: bytes = b"{}", *, token: str = "s3cret", event: str = "push", path: str = "") -> int:
        signature = hmac.new(token.encode(), body, "sha256").hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": event}
        return self.flux.receive(path or self.path, headers, body)


def test_a_receiver_says_its_path_and_wakes_the_source() -> None:
    hook = Hook()
    status = hook.stage.get("Receiver", "gitea")["status"]
    assert status["webhookPath"] == hook.path == "/hook/" + hashlib.sha256(b"s3cretgiteaflux-system").hexdigest()
    assert hook.stage.condition("Receiver", "gitea")["message"] == f"Receiver initialized for path: {hook.path}"
    sha = hook.stage.git.push(URL, "main", {"b": "1"}, "second")
    assert hook.post() == 200
    hook.stage.clock.advance(1)
    assert hook.stage.get("GitRepository", "shop")["status"]["artifact"]["revision"].endswith(sha)


def test_a_receiver_refuses_what_is_not_signed_not_wanted_or_not_its_own() -> None:
    hook = Hook()
    assert hook.post(token="wrong") == 400
    assert hook.post(event="issues") == 400
    assert hook.flux.receive(hook.path, {"X-GitHub-Event": "push"}, b"{}") == 400
    assert hook.post(path="/hook/nothing") == 404
    assert "annotations" not in hook.stage.get("GitRepository", "shop")["metadata"]
    hook.stage.change_spec("Receiver", "gitea", suspend=True)
    assert hook.post() == 503


def test_a_generic_receiver_asks_for_no_signature_and_reaches_all_by_label() -> None:
    hook = Hook(type="generic", resources=[{"kind": "GitRepository", "name": "*", "matchLabels": {"a": "b"}}])
    assert hook.flux.receive(hook.path, {}, b"") == 500
    hook.stage.create("GitRepository", "two", {"interval": "1m", "url": URL}, labels={"a": "b"})
    assert hook.flux.receive(hook.path, {}, b"") == 200
    assert "annotations" in hook.stage.get("GitRepository", "two")["metadata"]
    assert "annotations" not in hook.stage.get("GitRepository", "shop")["metadata"]


def test_a_receiver_without_its_secret_says_so_and_recovers() -> None:
    hook = Hook(secretRef={"name": "later"})
    assert hook.stage.condition("Receiver", "gitea")["reason"] == "TokenNotFound"
    secret(hook.stage, "later", token="s3cret")
    hook.stage.wait("Receiver", "gitea", "Succeeded")
    assert hook.post() == 200


def test_a_deleted_source_and_receiver_go() -> None:
    hook = Hook()
    for kind, name in (("GitRepository", "shop"), ("Receiver", "gitea")):
        hook.stage.store.delete(PLURALS[kind], "flux-system", name)
    hook.stage.clock.advance(1)
    assert hook.stage.store.get(PLURALS["GitRepository"], "flux-system", "shop") is None
    assert hook.stage.store.get(PLURALS["Receiver"], "flux-system", "gitea") is None
    assert hook.post() == 404
