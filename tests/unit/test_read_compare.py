"""What Git says against what runs: no difference for defaults, each real one named, secrets never shown."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.model.sync import InventoryEntry
from bakeryops.read.compare import ObjectKey, compare, compare_applied, key_of


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "auth", "namespace": "bakery-ia", "labels": {"app": "auth"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "auth"}},
            "template": {
                "metadata": {"labels": {"app": "auth"}},
                "spec": {
                    "containers": [
                        {
                            "name": "auth",
                            "image": "gitea.local/bakery/auth:1",
                            "ports": [{"containerPort": 8000}],
                            "env": [
                                {"name": "MODE", "value": "plain"},
                                {"name": "DB_PASSWORD", "value": "letmein"},
                            ],
                            "resources": {"limits": {"cpu": "1000m", "memory": "0.5Gi"}},
                            "livenessProbe": {"httpGet": {"path": "/", "port": "8000"}},
                        }
                    ]
                },
            },
            **spec,
        },
    }


def running(**spec: Any) -> dict[str, Any]:
    """The same as the server gives it: defaults, other order, quantities in its own notation."""
    live = deployment(**spec)
    live["metadata"] |= {
        "uid": "1", "resourceVersion": "5", "generation": 3, "creationTimestamp": "2026-11-22T10:00:00Z",
        "labels": {"kustomize.toolkit.fluxcd.io/name": "bakery-ia", "app": "auth"},
        "annotations": {"deployment.kubernetes.io/revision": "3"},
    }  # fmt: skip
    live["spec"] = {"progressDeadlineSeconds": 600, "strategy": {"type": "RollingUpdate"}, **live["spec"]}
    container = live["spec"]["template"]["spec"]["containers"][0]
    container["ports"] = [{"containerPort": 8000, "protocol": "TCP"}]
    container["resources"] = {"limits": {"memory": "512Mi", "cpu": "1"}}
    container["livenessProbe"] = {"httpGet": {"path": "/", "port": 8000, "scheme": "HTTP"}, "periodSeconds": 10}
    container["imagePullPolicy"] = "IfNotPresent"
    live["status"] = {"replicas": 2}
    return live


def owned(live: dict[str, Any], fields: dict[str, Any], manager: str = "kustomize-controller") -> dict[str, Any]:
    live["metadata"]["managedFields"] = [{"manager": manager, "operation": "Apply", "fieldsV1": fields}]
    return live


def one(wanted: dict[str, Any], live: dict[str, Any] | None, **more: Any) -> Any:
    (found,) = compare([wanted], {key_of(wanted): live}, **more)
    return found


def test_what_the_server_fills_in_is_no_difference() -> None:
    found = one(deployment(), running())
    assert (found.action, found.lines, found.changes) == ("same", (), ())


def test_a_changed_field_is_named_with_both_values() -> None:
    live = running(replicas=5)
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "gitea.local/bakery/auth:2"
    found = one(deployment(), live)
    assert found.action == "changed"
    assert {(each.path, each.wanted, each.live) for each in found.changes} == {
        ("spec.replicas", "2", "5"),
        (
            "spec.template.spec.containers[auth].image",
            "gitea.local/bakery/auth:1",
            "gitea.local/bakery/auth:2",
        ),
    }
    assert "-  replicas: 5" in found.lines
    assert "+  replicas: 2" in found.lines
    assert not any("progressDeadlineSeconds" in line or "scheme" in line for line in found.lines)


def test_an_object_that_is_missing_is_created_and_one_that_left_git_pruned() -> None:
    entries = [
        InventoryEntry("deployments", "bakery-ia", "auth", "apps", "Deployment"),
        InventoryEntry("configmaps", "bakery-ia", "old", "", "ConfigMap"),
        InventoryEntry("configmaps", "bakery-ia", "gone-already", "", "ConfigMap"),
    ]
    live = {
        key_of(deployment()): None,
        ObjectKey("", "ConfigMap", "bakery-ia", "old"): {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "data": {"a": "b"},
        },
        ObjectKey("", "ConfigMap", "bakery-ia", "gone-already"): None,
    }
    found = compare([deployment()], live, inventory=entries)
    assert [(each.action, each.ref.name) for each in found] == [("created", "auth"), ("pruned", "old")]
    assert "+  replicas: 2" in found[0].lines
    assert "-  a: b" in found[1].lines
    assert [each.action for each in compare([deployment()], live, inventory=entries, prune=False)] == ["created"]


def test_what_could_not_be_read_is_unknown_and_neither_same_nor_created() -> None:
    (found,) = compare([deployment()], {})
    assert (found.action, found.lines) == ("unknown", ())


def test_a_field_that_flux_owns_and_git_sets_no_more_goes() -> None:
    fields = {
        "f:metadata": {"f:labels": {"f:app": {}, "f:old": {}, "f:kustomize.toolkit.fluxcd.io/name": {}}},
        "f:spec": {"f:replicas": {}, "f:minReadySeconds": {}, "f:template": {"f:spec": {"f:containers": {
            'k:{"name":"auth"}': {".": {}, "f:name": {}, "f:image": {}, "f:env": {
                'k:{"name":"OLD"}': {".": {}, "f:name": {}, "f:value": {}}}},
            'k:{"name":"side"}': {".": {}, "f:name": {}, "f:image": {}}}}}},
    }  # fmt: skip
    live = owned(running(minReadySeconds=5), fields)
    live["metadata"]["labels"]["old"] = "x"
    containers = live["spec"]["template"]["spec"]["containers"]
    containers[0]["env"].append({"name": "OLD", "value": "1"})
    containers[0]["env"].append({"name": "BY_HAND", "value": "1"})
    containers.append({"name": "side", "image": "side"})
    found = one(deployment(), live)
    assert {(each.path, each.wanted) for each in found.changes} == {
        ("metadata.labels.old", None),
        ("spec.minReadySeconds", None),
        ("spec.template.spec.containers[auth].env[OLD]", None),
        ("spec.template.spec.containers[side]", None),
    }
    assert "-    old: x" in found.lines
    assert any("image: side" in line for line in found.lines if line.startswith("-"))
    assert not any("BY_HAND" in line for line in found.lines)


def test_fields_of_other_managers_stay() -> None:
    live = owned(running(minReadySeconds=5), {"f:spec": {"f:minReadySeconds": {}}}, manager="kubectl")
    assert one(deployment(), live).action == "same"


def test_values_of_secrets_are_never_shown() -> None:
    def secret(text: str, **more: str) -> dict[str, Any]:
        data = {"password": base64.b64encode(text.encode()).decode(), **more}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "data": data}

    found = one(secret("wanted-value", new="bmV3"), secret("live-value-of-other-length", old="b2xk"))
    everything = repr(found)
    assert found.action == "changed"
    for hidden in ("wanted-value", "live-value", "d2FudGVk", "bGl2ZS", "bytes", "bmV3"):
        assert hidden not in everything
    assert "-  password: <hidden> (differs)" in found.lines
    assert "+  password: <hidden>" in found.lines
    plain = {**secret("x"), "data": {}, "stringData": {"password": "x"}}
    assert one(plain, secret("x")).action == "same"


def test_a_variable_that_names_a_secret_differs_without_being_shown() -> None:
    live = running()
    live["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"] = "swordfish"
    found = one(deployment(), live)
    assert found.action == "changed"
    assert "letmein" not in repr(found)
    assert "swordfish" not in repr(found)
    assert any("(differs)" in line for line in found.lines if line.startswith("-"))


def test_a_dry_run_shows_defaults_too() -> None:
    before, after = running(), running(progressDeadlineSeconds=30)
    before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"] = "1", "2"
    found = compare_applied(before, after)
    assert found.action == "changed"
    assert "+  progressDeadlineSeconds: 30" in found.lines
    assert compare_applied(before, running()).action == "same"
    assert compare_applied(None, running()).action == "created"


def test_the_order_is_by_action_then_kind_and_name() -> None:
    objects = [deployment() | {"metadata": {"name": name, "namespace": "n"}} for name in ("b", "a", "c")]
    live: dict[ObjectKey, Any] = {key_of(objects[0]): None, key_of(objects[2]): running(replicas=9)}
    assert [each.action for each in compare(objects, live)] == ["changed", "created", "unknown"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "name", "\x1b[2J", "1", "100m"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["apiVersion", "kind", "metadata", "name", "namespace", "spec", "data", "managedFields",
                         "stringData", "containers", "env", "value", "fieldsV1", "f:spec", 'k:{"name":"a"}', "labels"]),
        inner, max_size=4),
    max_leaves=25,
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "spec", "data", "stringData"]), JSON)


@settings(max_examples=150, deadline=None)
@given(OBJECTS, OBJECTS, JSON)
def test_anything_is_compared_without_raising(wanted: dict[str, Any], live: dict[str, Any], fields: Any) -> None:
    if isinstance(live.get("metadata"), dict):
        live["metadata"]["managedFields"] = [
            {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": fields}
        ]
    for found in compare([wanted], {key_of(wanted): live}):
        assert not any("\x1b" in line for line in found.lines)
    (same,) = compare([wanted], {key_of(wanted): wanted})
    assert same.action == "same"
    assert compare_applied(live, wanted).action in ("same", "changed")
