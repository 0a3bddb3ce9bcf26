from __future__ import annotations

from typing import Any

import pytest

from bakeryops.demo import crds, gc
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.status import StatusError
from bakeryops.demo.store import ObjectStore


def cluster(**options: Any) -> ObjectStore:
    store = ObjectStore(ManualClock(), **options)
    gc.install(store)
    crds.install(store)
    for name in ("orders", "default"):
        store.create("namespaces", {"metadata": {"name": name}}, manager="test")
    return store


def clock_of(store: ObjectStore) -> ManualClock:
    assert isinstance(store.clock, ManualClock)
    return store.clock


def config(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


def pod(name: str, **meta: Any) -> dict[str, Any]:
    spec = {"nodeName": "n", "containers": [{"name": "main", "image": "x:1"}]}
    return {"metadata": {"name": name, **meta}, "spec": spec, "status": {"phase": "Running"}}


def set_data(obj: dict[str, Any]) -> dict[str, Any]:
    obj["data"] = {"a": "2"}
    return obj


def test_every_write_counts_and_a_write_of_nothing_does_not() -> None:
    store = cluster()
    before = store.revision
    store.create("configmaps", config("menu", a="1"), manager="x", namespace="orders")
    assert store.revision == before + 1
    store.mutate("configmaps", "orders", "menu", set_data, manager="x")
    store.mutate("configmaps", "orders", "menu", set_data, manager="x")
    assert store.revision == before + 2


def test_listeners_hear_each_change_with_what_was_before() -> None:
    store = cluster()
    heard: list[tuple[str, Any, Any]] = []
    stop = store.listen(
        "configmaps", lambda kind, obj, old: heard.append((kind, obj["data"], old and old["data"]))
    )
    store.create("configmaps", config("menu", a="1"), manager="x", namespace="orders")
    store.mutate("configmaps", "orders", "menu", set_data, manager="x")
    store.delete("configmaps", "orders", "menu")
    stop()
    store.create("configmaps", config("menu"), manager="x", namespace="orders")
    assert heard == [
        ("ADDED", {"a": "1"}, None),
        ("MODIFIED", {"a": "2"}, {"a": "1"}),
        ("DELETED", {"a": "2"}, {"a": "2"}),
    ]


def test_revisions_share_what_they_have_in_common() -> None:
    store = cluster()
    first = store.create("pods", pod("a"), manager="x", namespace="orders")

    def ready(obj: dict[str, Any]) -> dict[str, Any]:
        obj["status"]["podIP"] = "10.0.0.1"
        return obj

    second = store.mutate("pods", "orders", "a", ready, manager="kubelet", subresource="status")
    assert second is not None
    assert second["spec"] is first["spec"]
    assert "podIP" not in first["status"]


def test_pods_that_are_alike_share_their_specs() -> None:
    store = cluster()
    one = store.create("pods", pod("a"), manager="x", namespace="orders")
    other = store.create("pods", pod("b"), manager="x", namespace="orders")
    assert one["spec"]["containers"] is other["spec"]["containers"]
    assert one["metadata"]["managedFields"][0]["fieldsV1"] == other["metadata"]["managedFields"][0]["fieldsV1"]


def test_the_past_can_be_walked_until_it_is_compacted() -> None:
    store = cluster()
    for number in range(3):
        store.create("configmaps", config(f"c{number}"), manager="x", namespace="orders")
    revision = store.revision
    store.delete("configmaps", "orders", "c1")
    store.create("configmaps", config("c9"), manager="x", namespace="orders")
    table = store.table("configmaps")
    assert [entry.key for entry in table.walk(revision)] == ["orders/c0", "orders/c1", "orders/c2"]
    assert [entry.key for entry in table.walk(store.revision)] == ["orders/c0", "orders/c2", "orders/c9"]
    assert [change.kind for change in table.since(revision)] == ["DELETED", "ADDED"]
    store.compact()
    assert table.oldest == store.revision


def test_the_history_is_bounded() -> None:
    store = cluster(history=10)
    for number in range(30):
        store.create("configmaps", config(f"c{number}"), manager="x", namespace="orders")
    table = store.table("configmaps")
    assert len(table.since(table.oldest)) == 10
    assert table.oldest > 0


def test_the_same_seed_gives_the_same_uids() -> None:
    def uid(seed: int) -> str:
        store = cluster(seed=seed)
        made = store.create("configmaps", {"metadata": {"generateName": "m-"}}, manager="x", namespace="orders")
        return made["metadata"]["uid"] + made["metadata"]["name"]

    assert uid(4) == uid(4)
    assert uid(4) != uid(5)


def test_a_running_pod_waits_for_its_kubelet() -> None:
    store = cluster()
    store.create("pods", pod("a"), manager="x", namespace="orders")
    store.delete("pods", "orders", "a", grace=5)
    waiting = store.get("pods", "orders", "a")
    assert waiting is not None
    assert waiting["metadata"]["deletionGracePeriodSeconds"] == 5
    store.delete("pods", "orders", "a", grace=0)
    assert store.get("pods", "orders", "a") is None


def test_a_finalizer_holds_an_object_until_it_is_taken_away() -> None:
    store = cluster()
    store.create("pods", pod("a", finalizers=["bakery.example/hold"]), manager="x", namespace="orders")
    store.delete("pods", "orders", "a", grace=0)
    assert store.get("pods", "orders", "a") is not None

    def release(obj: dict[str, Any]) -> dict[str, Any]:
        del obj["metadata"]["finalizers"]
        return obj

    store.mutate("pods", "orders", "a", release, manager="x")
    assert store.get("pods", "orders", "a") is None


def owned(store: ObjectStore, name: str, owner: dict[str, Any], *, blocks: bool = True) -> None:
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks,
    }
    store.create(
        "secrets", {"metadata": {"name": name, "ownerReferences": [reference]}}, manager="x", namespace="orders"
    )


@pytest.mark.parametrize(("propagation", "left"), [("Background", False), ("Foreground", False), ("Orphan", True)])
def test_dependents_follow_their_owner(propagation: str, left: bool) -> None:
    store = cluster()
    owner = store.create("configmaps", config("owner"), manager="x", namespace="orders")
    owned(store, "child", owner)
    store.delete("configmaps", "orders", "owner", propagation=propagation)
    if propagation == "Foreground":
        held = store.get("configmaps", "orders", "owner")
        assert held is not None
        assert held["metadata"]["finalizers"] == ["foregroundDeletion"]
    clock_of(store).advance(5)
    assert store.get("configmaps", "orders", "owner") is None
    child = store.get("secrets", "orders", "child")
    assert (child is not None) is left
    if child is not None:
        assert "ownerReferences" not in child["metadata"]


def test_a_namespace_goes_when_it_is_empty() -> None:
    store = cluster()
    store.create("configmaps", config("menu"), manager="x", namespace="orders")
    store.create("pods", pod("a"), manager="x", namespace="orders")
    store.delete("namespaces", None, "orders")
    dying = store.get("namespaces", None, "orders")
    assert dying is not None
    assert dying["status"]["phase"] == "Terminating"
    with pytest.raises(StatusError) as refused:
        store.create("configmaps", config("late"), manager="x", namespace="orders")
    assert refused.value.code == 403
    clock_of(store).advance(5)
    assert store.list("configmaps", "orders") == []
    assert store.get("namespaces", None, "orders") is not None  # the pod is still there
    store.delete("pods", "orders", "a", grace=0)
    clock_of(store).advance(5)
    assert store.get("namespaces", None, "orders") is None


def test_generation_counts_changes_of_the_spec_only() -> None:
    store = cluster()
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "m", "image": "i:1"}]}}
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    store.create("deployments", body, manager="x", namespace="orders")

    def scaled(obj: dict[str, Any]) -> dict[str, Any]:
        obj["spec"]["replicas"] = 4
        return obj

    def observed(obj: dict[str, Any]) -> dict[str, Any]:
        obj["status"] = {"observedGeneration": 1}
        return obj

    store.mutate("deployments", "orders", "web", observed, manager="x", subresource="status")
    changed = store.mutate("deployments", "orders", "web", scaled, manager="x")
    assert changed is not None
    assert changed["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("plural", "body", "code"),
    [
        ("configmaps", {"metadata": {"name": "Bad_Name"}}, 422),
        ("pods", {"metadata": {"name": "p"}, "spec": {"containers": []}}, 422),
        ("services", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 0}]}}, 422),
        ("jobs", {"metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [
            {"name": "m", "image": "i"}], "restartPolicy": "Always"}}}}, 422),
    ],
)  # fmt: skip
def test_what_is_not_valid_is_refused(plural: str, body: dict[str, Any], code: int) -> None:
    with pytest.raises(StatusError) as refused:
        cluster().create(plural, body, manager="x", namespace="orders")
    assert refused.value.code == code
    assert refused.value.details is not None
    assert refused.value.details["causes"]


def test_an_absent_namespace_and_a_taken_name_are_refused() -> None:
    store = cluster()
    with pytest.raises(StatusError) as absent:
        store.create("configmaps", config("menu"), manager="x", namespace="nowhere")
    assert absent.value.code == 404
    store.create("configmaps", config("menu"), manager="x", namespace="orders")
    with pytest.raises(StatusError) as taken:
        store.create("configmaps", config("menu"), manager="x", namespace="orders")
    assert (taken.value.code, taken.value.reason) == (409, "AlreadyExists")


def test_services_get_addresses_and_keep_them() -> None:
    store = cluster()
    spec = {"type": "NodePort", "ports": [{"port": 80}], "selector": {"a": "b"}}
    one = store.create("services", {"metadata": {"name": "one"}, "spec": spec}, manager="x", namespace="orders")
    other = store.create("services", {"metadata": {"name": "two"}, "spec": spec}, manager="x", namespace="orders")
    assert one["spec"]["clusterIP"].startswith("10.152.183.")
    assert one["spec"]["clusterIP"] != other["spec"]["clusterIP"]
    assert one["spec"]["ports"][0]["nodePort"] != other["spec"]["ports"][0]["nodePort"]

    def replaced(obj: dict[str, Any]) -> dict[str, Any]:
        obj["spec"] = {**spec, "selector": {"c": "d"}}
        return obj

    after = store.mutate("services", "orders", "one", replaced, manager="x")
    assert after is not None
    assert after["spec"]["clusterIP"] == one["spec"]["clusterIP"]
    assert after["spec"]["ports"] == one["spec"]["ports"]


def test_a_quota_counts_pods_and_amounts() -> None:
    store = cluster()
    hard = {"pods": "5", "requests.memory": "100Mi"}
    store.create(
        "resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}}, manager="x", namespace="orders"
    )
    with pytest.raises(StatusError, match=r"must specify requests\.memory for: main"):
        store.create("pods", pod("none"), manager="x", namespace="orders")
    small = pod("small")
    small["spec"]["containers"][0]["resources"] = {"requests": {"memory": "60Mi"}}
    store.create("pods", small, manager="x", namespace="orders")
    small["metadata"]["name"] = "again"
    with pytest.raises(StatusError, match=r"exceeded quota: q, requested: requests\.memory=60Mi, used: "):
        store.create("pods", small, manager="x", namespace="orders")
