"""Descriptions: calm for every kind, and nothing makes them raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.model.line import Line
from bakeryops.read.describe import describe
from bakeryops.read.describe_kinds import SECTIONS
from bakeryops.read.events import group
from bakeryops.read.pods import pod
from bakeryops.text import clean
from tests.support.reading import NOW, decode, ended, raw_deployment, raw_pod, stamp
from tests.support.recordings import events, needs_recordings, scenarios

PASSWORD = "fl0ur-and-water"
SINGULAR = {
    "pods": "Pod", "deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet",
    "jobs": "Job", "nodes": "Node", "persistentvolumeclaims": "PersistentVolumeClaim", "services": "Service",
    "events": "Event", "kustomizations": "Kustomization", "gitrepositories": "GitRepository",
    "configmaps": "ConfigMap", "namespaces": "Namespace", "taskruns": "TaskRun", "pipelineruns": "PipelineRun",
    "resourcequotas": "ResourceQuota",
}  # fmt: skip


def harmless(line: Line) -> bool:
    return clean(line.text) == line.text and clean(line.label) == line.label


def fields(lines: list[Line]) -> dict[str, str]:
    return {line.label: line.text for line in lines if line.label}


def heads(lines: list[Line]) -> list[str]:
    return [line.text for line in lines if line.head]


def test_a_pod() -> None:
    raw = {"kind": "Pod", **raw_pod(containerStatuses=[
        {"name": "auth", "ready": False, "restartCount": 3, "state": ended(1, 20), "imageID": "sha256:ab"}])}  # fmt: skip
    raw["spec"]["containers"][0] |= {
        "env": [{"name": "JWT_SECRET", "value": "hush"}, {"name": "DB", "valueFrom": {"secretKeyRef": {
            "name": "db", "key": "url"}}}],
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}},
        "ports": [{"containerPort": 8000}],
    }  # fmt: skip
    lines = describe(raw, now=NOW)
    assert heads(lines)[:3] == ["Pod bakery-ia/auth-5f6d-abcde", "Where", "Container auth"]
    shown = fields(lines)
    assert "ended with exit 1, 20s ago" in shown["State"]
    assert shown["JWT_SECRET"] == "<hidden>"
    assert shown["DB"] == "from Secret db, key url"
    assert (shown["Asks for"], shown["At most"], shown["Ports"]) == ("cpu 100m", "memory 64Mi", "8000/TCP")
    assert shown["Readiness"] == "GET /health at 8000, every 10 s, fails after 3"
    first = next(line for line in lines if line.label == "State")
    assert first.tone == "bad"
    assert "crash-looping: exit 1, 3 restarts" in first.text
    assert lines[0].plain() == "Pod bakery-ia/auth-5f6d-abcde"
    assert first.plain().startswith("  State:               ✖ CrashLoopBackOff")


def test_a_view_that_knows_more_is_believed() -> None:
    raw = {"kind": "Pod", **raw_pod()}
    worse = pod(decode("pods", raw_pod(phase="Unknown")), now=NOW)
    assert describe(raw, now=NOW, view=worse)[1].text == "○ Unknown: its node no longer reports"


def test_a_deployment() -> None:
    shown = fields(describe({"kind": "Deployment", **raw_deployment(replicas=2)}, now=NOW))
    assert shown["State"] == "✔ Running"
    assert shown["Pods"] == "2 there, 2 updated, 2 ready, 2 available"


def test_a_secret_shows_sizes_only() -> None:
    raw = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "ZmxvdXI="}, "type": "Opaque"}
    shown = describe(raw, now=NOW)
    assert fields(shown)["password"] == "<hidden, 5 bytes>"
    assert not any("Zmxv" in line.text for line in shown)


def test_a_service_and_a_configmap() -> None:
    service = {"kind": "Service", "metadata": {"name": "auth"}, "spec": {
        "type": "NodePort", "clusterIP": "10.0.0.1", "selector": {"app": "auth"},
        "ports": [{"name": "http", "port": 80, "targetPort": "web", "nodePort": 30080}]}}  # fmt: skip
    shown = fields(describe(service, now=NOW))
    assert shown["Port http"] == "80/TCP to web, on every node at 30080"
    assert shown["Leads to"] == "app=auth"
    config = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a.ini": "x\ny\nz", "b": "1"}}
    shown = fields(describe(config, now=NOW))
    assert (shown["a.ini"], shown["b"]) == ("x  (and 2 more lines)", "1")


def test_any_other_kind_is_shown_as_it_is_with_its_condition() -> None:
    raw = {
        "kind": "Kustomization",
        "metadata": {"name": "bakery", "namespace": "flux-system", "uid": "u", "annotations": {"a-token": "hush"}},
        "spec": {"path": "./deploy", "prune": True},
        "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "no file",
                                   "lastTransitionTime": stamp(90)}]},
    }  # fmt: skip
    lines = describe(raw, now=NOW)
    shown = fields(lines)
    assert shown["State"] == "✖ BuildFailed: no file"
    assert shown["Ready"] == "False for 90s, BuildFailed no file"
    assert shown["a-token"] == "<hidden>"
    assert any(line.text == "path: ./deploy" for line in lines)
    assert "Status" not in heads(lines), "nothing but conditions is in it"


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday"])
def test_times_out_of_this_world_are_shown_as_written(written: str) -> None:
    raw = {"kind": "Pod", "metadata": {"name": "a", "creationTimestamp": written}}
    assert written in fields(describe(raw, now=NOW))["Created"]


def test_events_follow() -> None:
    raw = {"metadata": {"uid": "e"}, "type": "Warning", "reason": "BackOff", "message": "again", "count": 3,
           "lastTimestamp": stamp(5), "involvedObject": {"fieldPath": "spec.containers{auth}"}}  # fmt: skip
    last = describe({"kind": "Pod", **raw_pod()}, group([decode("events", raw)]), now=NOW)[-1]
    assert (last.label, last.text, last.tone) == ("5s ago", "BackOff (auth) ×3: again", "soon")


@needs_recordings
@pytest.mark.parametrize("scenario", [*scenarios("workload-"), *scenarios("flux-"), "tekton-success-one"])
def test_everything_recorded_can_be_described(scenario: str) -> None:
    last: dict[str, tuple[str, dict[str, Any]]] = {}
    if scenario == "workload-node":
        return
    for _, plural, _, raw in events(scenario):
        last[raw["metadata"]["uid"]] = (plural, raw)
    for plural, raw in last.values():
        lines = describe({"kind": SINGULAR[plural], **raw}, now=NOW)
        assert raw["metadata"]["name"] in lines[0].text
        assert all(harmless(line) for line in lines)
        assert not any("managedFields" in line.text for line in lines)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=10,
)


def samples() -> list[dict[str, Any]]:
    """Return objects of the kinds with sections of their own, to be mangled."""
    found: dict[str, dict[str, Any]] = {
        "Pod": {"kind": "Pod", **raw_pod()},
        "Deployment": {"kind": "Deployment", **raw_deployment()},
    }
    for scenario in ("workload-statefulset-pvc", "workload-job-failed", "workload-init-and-sidecar", "flux-prune"):
        if scenarios(scenario):
            for _, plural, _, raw in events(scenario):
                found[SINGULAR[plural]] = {"kind": SINGULAR[plural], **raw}
    for kind in SECTIONS:
        found.setdefault(kind, {"kind": kind, "metadata": {"name": "a"}, "spec": {}, "status": {}})
    return list(found.values())


SAMPLES = samples()


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += paths(inner, (*path, place))
    return found


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mangled_objects_never_make_it_raise(data: st.DataObject) -> None:
    raw = json.loads(json.dumps(data.draw(st.sampled_from(SAMPLES))))
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(paths(raw)))
        inner = raw
        try:
            for step in path[:-1]:
                inner = inner[step]
            if data.draw(st.booleans()):
                del inner[path[-1]]
            else:
                inner[path[-1]] = data.draw(anything)
        except (KeyError, IndexError, TypeError):
            continue
    for line in describe(raw, now=NOW):
        assert harmless(line)


@settings(max_examples=100, deadline=None)
@given(anything, st.sampled_from([*SECTIONS, "Bread"]))
def test_nonsense_never_makes_it_raise(nonsense: Any, kind: str) -> None:
    describe(nonsense, now=NOW)
    describe({"kind": kind, "metadata": nonsense, "spec": nonsense, "status": nonsense, "data": nonsense}, now=NOW)


def test_no_description_shows_a_password_however_it_is_written() -> None:
    written = f"user: baker\npassword: {PASSWORD}"
    quoted = json.dumps({"client_secret": PASSWORD})
    told = {**raw_pod(containerStatuses=[
        {"name": "auth", "state": {"terminated": {"exitCode": 1, "message": f"cannot log in\n{written}"}}}])}  # fmt: skip
    told["metadata"]["annotations"] = {"settings": written, "more": quoted}
    told["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": written}]
    told["spec"]["containers"][0] |= {
        "command": ["serve", "--password", PASSWORD],
        "args": [quoted, f"sh -c 'serve --db-password {PASSWORD}'"],
        "env": [{"name": "SETTINGS", "value": written}, {"name": "MORE", "value": quoted}],
        "livenessProbe": {"exec": {"command": ["check", "--token", PASSWORD]}},
    }
    contents = {"DB_PASSWORD": PASSWORD, "one": f"password: {PASSWORD}", "two": quoted}
    for raw in (
        {"kind": "Pod", **told},
        {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": contents},
        {"kind": "Event", "metadata": {"name": "e"}, "reason": "Failed", "message": written},
    ):
        lines = describe(raw, now=NOW)
        assert [line for line in lines if PASSWORD in line.text] == []
        assert all(harmless(line) for line in lines)
