"""What the answers of a real server become."""

from __future__ import annotations

import json

import pytest

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.failures import from_response, from_status
from bakeryops.cluster.target import Target
from bakeryops.errors import BakeryopsError, CredentialError, RefusedError, UnreachableError
from tests.support.recordings import exchanges

TARGET = Target("https://10.0.0.1:16443", source="~/.kube/config")
RECORDED = exchanges()
EXPECTED = {
    "401-bad-token": "unauthorized",
    "403-anonymous": "forbidden",
    "403-log-nsviewer": "forbidden",
    "404-object": "not_found",
    "404-namespace": "not_found",
    "404-log-pod-gone": "not_found",
    "404-eviction-pod-absent": "not_found",
    "405-post-on-object": "invalid",
    "406-accept": "invalid",
    "409-already-exists": "exists",
    "409-conflict-stale-put": "conflict",
    "409-delete-wrong-uid": "conflict",
    "410-list-continue-expired": "gone",
    "410-list-exact-old-resourceversion": "gone",
    "410-continue-of-compacted-revision": "gone",
    "415-strategic-patch-on-custom-resource": "invalid",
    "422-invalid-deployment-several-causes": "invalid",
    "429-eviction-blocked-by-budget": "throttled",
    "504-future-resourceversion": "timeout",
    "apply-conflict": "conflict",
    "group-not-served": "absent",
    "metrics-absent": "absent",
    "old-version-not-served": "absent",
    "quota-denies-pod": "forbidden",
    "webhook-denies-empty-pipeline": "invalid",
    "exec-plain-get-without-upgrade": "invalid",
}


def _error(name: str) -> KubeError:
    recorded = json.loads(RECORDED[name].read_text("utf-8"))
    response = recorded["response"]
    body = response["body"]
    return from_response(
        recorded["request"]["method"],
        recorded["request"]["path"],
        response["status"],
        response["headers"],
        body.encode() if isinstance(body, str) else json.dumps(body).encode(),
        TARGET,
    )


@pytest.mark.skipif(not RECORDED, reason="the folder of recordings is not beside the project")
@pytest.mark.parametrize(("name", "kind"), EXPECTED.items())
def test_recorded_answers(name: str, kind: str) -> None:
    error = _error(name)
    assert error.kind == kind
    assert error.message
    assert all(line.isprintable() for line in error.lines())


@pytest.mark.skipif(not RECORDED, reason="the folder of recordings is not beside the project")
def test_every_recorded_refusal_has_the_servers_own_words() -> None:
    count = 0
    for name, path in RECORDED.items():
        response = json.loads(path.read_text("utf-8"))["response"]
        body = response.get("body")
        if response["status"] < 400 or not isinstance(body, dict) or "headers" not in response:
            continue
        count += 1
        said = body["message"].replace("\n", " ")
        assert _error(name).message[:150] in said, name
    assert count > 50


@pytest.mark.skipif(not RECORDED, reason="the folder of recordings is not beside the project")
def test_what_else_the_recordings_tell() -> None:
    assert _error("410-list-continue-expired").details["continue"].startswith("eyJ2")
    assert "The disruption budget griddle needs 2" in _error("429-eviction-blocked-by-budget").why
    assert "took us for nobody" in _error("403-anonymous").why
    several = _error("422-invalid-deployment-several-causes")
    assert several.reason == "Invalid"
    assert "; " in several.why


@pytest.mark.parametrize(
    ("kind", "parent", "code"),
    [
        ("unreachable", UnreachableError, 4),
        ("timeout", UnreachableError, 4),
        ("tls", UnreachableError, 4),
        ("protocol", UnreachableError, 4),
        ("unauthorized", CredentialError, 4),
        ("forbidden", RefusedError, 5),
        ("conflict", BakeryopsError, 1),
        ("not_found", BakeryopsError, 1),
    ],
)
def test_the_exit_code_follows_from_the_kind(kind, parent, code) -> None:
    error = KubeError("x", kind=kind, status=7)
    assert isinstance(error, KubeError)
    assert isinstance(error, parent)
    assert (error.kind, error.exit_code, error.status, str(error)) == (kind, code, 7, "x")


def test_an_error_event_of_a_watch() -> None:
    event = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"}
    error = from_status(event)
    assert (error.kind, error.status, error.message) == ("gone", 410, "too old resource version: 1 (2)")


@pytest.mark.parametrize(
    "answer", [{}, {"message": None}, {"details": [], "code": "x"}, {"details": {"causes": [1, {"message": {}}]}}]
)
def test_odd_status_objects_are_errors_all_the_same(answer) -> None:
    assert from_status(answer, status=500).message


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"{", b"null", b"[" * 100_000, b'{"a":' * 50_000, b"x" * 100_000]
)
def test_odd_bodies_are_errors_all_the_same(body) -> None:
    error = from_response("GET", "/x\x1b", 500, {}, body, TARGET)
    assert error.kind == "server"
    assert error.message.isprintable()
    assert len(error.message) <= 2000


def test_plain_http_to_a_tls_port() -> None:
    body = b"Client sent an HTTP request to an HTTPS server.\n"
    error = from_response("GET", "/version", 400, {"Content-Type": "text/plain"}, body, TARGET)
    assert "expects TLS" in error.message
    assert "https://" in error.hint


@pytest.mark.parametrize(
    ("value", "seconds"), [("5", 5.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)]
)
def test_retry_after(value, seconds) -> None:
    assert from_response("GET", "/", 503, {"Retry-After": value}, b"", TARGET).retry_after == seconds


def test_retry_after_in_the_status() -> None:
    assert from_status({"message": "m", "details": {"retryAfterSeconds": 4}}, status=429).retry_after == 4.0
