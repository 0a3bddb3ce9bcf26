from __future__ import annotations

import base64
from typing import Any

import pytest

from bakeryops.demo.apply import apply
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.objects import share
from bakeryops.demo.patch_json import json_patch, merge_patch
from bakeryops.demo.patch_strategic import strategic_patch
from bakeryops.demo.protobuf import decode
from bakeryops.demo.schema import builtin_shape
from bakeryops.demo.selectors import label_selector, matches_selector
from bakeryops.demo.status import StatusError
from bakeryops.demo.store import ObjectStore

DEPLOYMENT = builtin_shape("Deployment")


def pod_patch(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    return strategic_patch({"spec": target}, {"spec": patch}, builtin_shape("Pod"))["spec"]


def test_a_strategic_patch_merges_containers_by_name_and_their_lists_within() -> None:
    before = {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}
    after = pod_patch(before, {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]})
    assert [each["name"] for each in after["containers"]] == ["a", "b"]
    assert {each["name"] for each in after["containers"][0]["env"]} == {"X", "Y"}
    assert after["containers"][0]["image"] == "1"


def test_directives_of_a_strategic_patch() -> None:
    before = {
        "containers": [{"name": "a"}, {"name": "b"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "nodeSelector": {"x": "1"},
        "tolerations": [{"key": "k"}],
    }
    after = pod_patch(
        before,
        {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "containers": [{"name": "b", "$patch": "delete"}, {"name": "c"}],
            "volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}],
            "nodeSelector": {"$patch": "replace", "y": "2"},
            "tolerations": [{"key": "other"}],
        },
    )
    assert [each["name"] for each in after["containers"]] == ["c", "a"]
    assert after["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]
    assert after["nodeSelector"] == {"y": "2"}
    assert after["tolerations"] == [{"key": "other"}]


def test_finalizers_merge_as_a_set_and_lose_items_by_name() -> None:
    shape = builtin_shape("ConfigMap")
    merged = strategic_patch({"metadata": {"finalizers": ["a"]}}, {"metadata": {"finalizers": ["b"]}}, shape)
    assert merged["metadata"]["finalizers"] == ["a", "b"]
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert strategic_patch(merged, patch, shape)["metadata"]["finalizers"] == ["b"]


def test_a_merge_patch_removes_by_null_and_replaces_lists() -> None:
    assert merge_patch({"a": {"b": 1, "c": [1, 2]}}, {"a": {"b": None, "c": [3]}, "d": {"e": None}}) == {
        "a": {"c": [3]},
        "d": {},
    }


def test_json_patch_operations() -> None:
    patch = [
        {"op": "test", "path": "/a/0", "value": 1},
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "replace", "path": "/b~1c", "value": "x"},
        {"op": "move", "from": "/d", "path": "/e"},
        {"op": "copy", "from": "/a", "path": "/f"},
        {"op": "remove", "path": "/a/0"},
    ]
    after = json_patch({"a": [1, 2], "b/c": "y", "d": {}}, patch)
    assert after == {"a": [2, 3], "b/c": "x", "e": {}, "f": [1, 2, 3]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/nope"},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "fly", "path": "/a"},
        {"path": "/a"},
    ],
)
def test_a_json_patch_that_fails_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(StatusError) as refused:
        json_patch({"a": 1}, [operation])
    assert refused.value.code == 422


@pytest.mark.parametrize(
    ("selector", "labels", "taken"),
    [
        ("a=b,c!=d", {"a": "b"}, True),
        ("a=b,c!=d", {"a": "b", "c": "d"}, False),
        ("a in (x, y)", {"a": "y"}, True),
        ("a notin (x,y)", {}, True),
        ("!a", {"a": ""}, False),
        ("a", {"a": ""}, True),
        ("n>3", {"n": "4"}, True),
        ("bakery.example/kind==rye", {"bakery.example/kind": "rye"}, True),
    ],
)
def test_label_selectors(selector: str, labels: dict[str, str], taken: bool) -> None:
    predicate = label_selector(selector)
    assert predicate is not None
    assert predicate({"metadata": {"labels": labels}}) is taken


@pytest.mark.parametrize("selector", ["a=b=c", "a in", "a in (x", "=", "a b"])
def test_a_bad_label_selector_is_refused(selector: str) -> None:
    with pytest.raises(StatusError) as refused:
        label_selector(selector)
    assert refused.value.code == 400


def test_selector_objects() -> None:
    expressions = [{"key": "t", "operator": "In", "values": ["a"]}, {"key": "x", "operator": "DoesNotExist"}]
    assert matches_selector({"matchExpressions": expressions}, {"t": "a"})
    assert not matches_selector({"matchExpressions": expressions}, {"t": "a", "x": ""})
    assert matches_selector({}, {"any": "thing"})
    assert not matches_selector(None, {})


# ---- server-side apply ----


class Field:
    """A ConfigMap or Deployment that managers apply to."""

    def __init__(self) -> None:
        self.store = ObjectStore(ManualClock())
        self.store.create("namespaces", {"metadata": {"name": "orders"}}, manager="test")

    def apply(self, manager: str, *, force: bool = False, **data: str) -> dict[str, Any]:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu"}, "data": data}
        resource = self.store.registry.find("configmaps")
        return apply(self.store, resource, "orders", "menu", config, manager=manager, force=force)[0]

    def owners(self) -> dict[str, Any]:
        menu = self.store.get("configmaps", "orders", "menu")
        assert menu is not None
        return {entry["manager"]: entry["fieldsV1"] for entry in menu["metadata"]["managedFields"]}


def test_what_is_no_longer_applied_goes_unless_another_holds_it() -> None:
    field = Field()
    field.apply("one", a="1", b="1")
    field.apply("two", b="1", c="1")
    assert field.apply("one")["data"] == {"b": "1", "c": "1"}
    assert field.owners() == {"two": {"f:data": {"f:b": {}, "f:c": {}}}} | (
        {"one": field.owners()["one"]} if "one" in field.owners() else {}
    )


def test_a_conflict_names_every_field_and_force_takes_them() -> None:
    field = Field()
    field.apply("one", a="1", b="1", c="1")
    with pytest.raises(StatusError) as conflict:
        field.apply("two", a="2", b="2")
    assert conflict.value.code == 409
    assert conflict.value.details is not None
    assert [cause["field"] for cause in conflict.value.details["causes"]] == [".data.a", ".data.b"]
    assert field.apply("two", force=True, a="2", b="2")["data"] == {"a": "2", "b": "2", "c": "1"}
    assert field.owners() == {"one": {"f:data": {"f:c": {}}}, "two": {"f:data": {"f:a": {}, "f:b": {}}}}


def test_equal_values_are_held_together() -> None:
    field = Field()
    field.apply("one", a="1")
    field.apply("two", a="1")
    assert set(field.owners()) == {"one", "two"}


def test_applying_the_same_again_changes_nothing() -> None:
    field = Field()
    first = field.apply("one", a="1")
    assert field.apply("one", a="1")["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_list_that_names_an_item_twice_is_refused() -> None:
    store = ObjectStore(ManualClock())
    store.create("namespaces", {"metadata": {"name": "orders"}}, manager="test")
    container = {"name": "main", "image": "x", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
    with pytest.raises(StatusError) as refused:
        apply(store, store.registry.find("pods"), "orders", "p", pod, manager="one")
    assert refused.value.code == 500
    assert refused.value.message == (
        "failed to create typed patch object (orders/p; v1, Kind=Pod): "
        '.spec.containers[name="main"].env: duplicate entries for key [name="A"]'
    )
    assert store.get("pods", "orders", "p") is None


def test_an_update_takes_the_fields_it_changes() -> None:
    field = Field()
    field.apply("one", a="1", b="1")

    def change(obj: dict[str, Any]) -> dict[str, Any]:
        obj["data"]["a"] = "9"
        return obj

    field.store.mutate("configmaps", "orders", "menu", change, manager="editor")
    assert field.owners() == {"one": {"f:data": {"f:b": {}}}, "editor": {"f:data": {"f:a": {}}}}
    with pytest.raises(StatusError, match=r'conflict with "editor" using v1: \.data\.a'):
        field.apply("one", a="1", b="1")


def test_a_list_item_is_owned_by_its_key() -> None:
    field = Field()
    labels = {"app": "web"}

    def manifest(**container: Any) -> dict[str, Any]:
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "m", **container}]}}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }

    resource = field.store.registry.find("deployments")
    apply(field.store, resource, "orders", "web", manifest(image="i:1", args=["a"]), manager="one")
    other = manifest(env=[{"name": "X", "value": "1"}])
    made, created = apply(field.store, resource, "orders", "web", other, manager="two")
    assert not created
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["env"]) == ("i:1", [{"name": "X", "value": "1"}])
    fields = made["metadata"]["managedFields"][1]["fieldsV1"]
    inner = fields["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"m"}']
    assert inner == {".": {}, "f:name": {}, "f:env": {'k:{"name":"X"}': {".": {}, "f:name": {}, "f:value": {}}}}


# ---- small parts ----


def test_sharing_keeps_equal_parts() -> None:
    old = {"a": {"b": [1, {"c": 2}]}, "d": {"e": 1}}
    new = {"a": {"b": [1, {"c": 2}]}, "d": {"e": 2}}
    merged = share(old, new)
    assert merged["a"] is old["a"]
    assert merged["d"] == {"e": 2}
    assert share(old, {"a": {"b": [1, {"c": 2}]}, "d": {"e": 1}}) is old


def field_bytes(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2, len(body)]) + body


def test_a_protobuf_body_is_read() -> None:
    meta = field_bytes(1, b"key") + field_bytes(3, b"orders")
    entry = field_bytes(1, b"pin") + field_bytes(2, b"\x00\xff")
    secret = field_bytes(1, meta) + field_bytes(2, entry) + field_bytes(3, b"Opaque")
    kind = field_bytes(1, b"v1") + field_bytes(2, b"Secret")
    body = decode(b"k8s\0" + field_bytes(1, kind) + field_bytes(2, secret))
    assert body == {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "key", "namespace": "orders"},
        "data": {"pin": base64.b64encode(b"\x00\xff").decode()},
        "type": "Opaque",
    }


@pytest.mark.parametrize("raw", [b"", b"k8s\0\xff", b"k8s\0" + field_bytes(1, field_bytes(2, b"Nothing"))])
def test_other_bodies_are_no_protobuf(raw: bytes) -> None:
    with pytest.raises(ValueError):
        decode(raw)
