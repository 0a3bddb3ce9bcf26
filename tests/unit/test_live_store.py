"""Stores: indexes, versions, placeholders and word of every change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bakeryops.cluster.store import Store
from bakeryops.cluster.wire.core import Pod
from bakeryops.cluster.wire.meta import Meta, OwnerReference
from bakeryops.cluster.wire.metrics import ContainerMetrics, PodMetrics


class Heard:
    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []

    def changed(self, uid: str) -> None:
        self.log.append(("changed", uid))

    def removed(self, uid: str) -> None:
        self.log.append(("removed", uid))

    def state_changed(self) -> None:
        self.log.append(("state", ""))


def pod(name: str, *, uid: str = "", version: str = "1", namespace: str = "shop", owner: str = "") -> Pod:
    owners = [OwnerReference(kind="ReplicaSet", name="rs", uid=owner, controller=True)] if owner else None
    meta = Meta(
        name=name, namespace=namespace, uid=uid or f"u-{name}", resourceVersion=version, ownerReferences=owners
    )
    return Pod(metadata=meta)


def put(store: Store[Pod], each: Pod) -> bool:
    return store.put(each, each.metadata)


def test_an_object_is_found_by_uid_name_namespace_and_owner() -> None:
    store: Store[Pod] = Store("pods")
    put(store, pod("web", owner="rs-1"))
    put(store, pod("api", namespace="bank"))
    assert store.items["u-web"].metadata.name == "web"
    assert store.get("shop", "web") is store.items["u-web"]
    assert store.get("bank", "web") is None
    assert [each.metadata.name for each in store.in_namespace("bank")] == ["api"]
    assert [each.metadata.name for each in store.owned_by("rs-1")] == ["web"]
    assert not store.owned_by("nobody")
    assert store.state.count == 2
    assert set(store.namespaces()) == {"shop", "bank"}


def test_the_same_version_changes_nothing_and_nobody_hears_of_it() -> None:
    store: Store[Pod] = Store("pods")
    put(store, pod("web"))
    heard = Heard()
    store.connect(heard)
    assert not put(store, pod("web"))
    assert heard.log == []
    assert put(store, pod("web", version="2"))
    assert heard.log == [("changed", "u-web")]


def test_objects_without_uid_and_version_are_told_apart_by_name_and_content() -> None:
    store: Store[PodMetrics] = Store("podmetrics")

    def measured(cpu: str) -> PodMetrics:
        return PodMetrics(
            metadata=Meta(name="web", namespace="shop"), containers=[ContainerMetrics("main", {"cpu": cpu})]
        )

    first, same, other = measured("1m"), measured("1m"), measured("2m")
    assert store.put(first, first.metadata)
    assert not store.put(same, same.metadata)
    assert store.put(other, other.metadata)
    assert list(store.items) == ["shop/web"]


def test_a_change_of_owner_moves_the_object_in_the_index() -> None:
    store: Store[Pod] = Store("pods")
    put(store, pod("web", owner="rs-1"))
    put(store, pod("web", version="2", owner="rs-2"))
    assert not store.owned_by("rs-1")
    assert len(store.owned_by("rs-2")) == 1


def test_a_recreated_object_keeps_its_name_when_the_one_before_it_goes() -> None:
    store: Store[Pod] = Store("statefulset pods")
    put(store, pod("db-0", uid="first"))
    put(store, pod("db-0", uid="second", version="9"))
    assert store.remove("first")
    found = store.get("shop", "db-0")
    assert found is not None
    assert found.metadata.uid == "second"


def test_keep_only_takes_out_the_ghosts_and_nothing_else() -> None:
    store: Store[Pod] = Store("pods")
    for name in "abc":
        put(store, pod(name, owner="rs"))
    heard = Heard()
    store.connect(heard)
    assert store.keep_only({"u-b"}) == 2
    assert sorted(heard.log) == [("removed", "u-a"), ("removed", "u-c")]
    assert list(store.items) == ["u-b"]
    assert len(store.in_namespace("shop")) == len(store.owned_by("rs")) == 1
    store.clear()
    assert not store.items
    assert not store.in_namespace("shop")
    assert not store.owned_by("rs")


def test_a_disconnected_listener_hears_nothing() -> None:
    store: Store[Pod] = Store("pods")
    heard = Heard()
    store.connect(heard)
    store.disconnect(heard)
    put(store, pod("web"))
    store.state.enter("live")
    assert heard.log == []


def test_unreadable_objects_are_named_up_to_three() -> None:
    store: Store[Pod] = Store("pods")
    for name in "abcd":
        put(store, pod(name))
        store.unreadable[f"u-{name}"] = "spec is a string"
    text = store.describe_unreadable()
    assert text.startswith("4 of these objects could not be read")
    assert "shop/a" in text
    assert "1 more" in text
    put(store, pod("a", version="2"))
    assert "u-a" not in store.unreadable


_operations = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["n1", "n2"]),
        st.sampled_from(["", "o1", "o2"]),
    ),
    max_size=40,
)


@given(_operations)
def test_the_indexes_always_equal_what_a_scan_would_find(operations: list[tuple[str, str, str, str]]) -> None:
    store: Store[Pod] = Store("pods")
    for version, (what, name, namespace, owner) in enumerate(operations):
        uid = f"{namespace}-{name}"
        if what == "put":
            put(store, pod(name, uid=uid, version=str(version), namespace=namespace, owner=owner))
        else:
            store.remove(uid)
    everything = list(store.items.values())
    assert store.state.count == len(everything)
    for namespace in ("n1", "n2"):
        inside = {each.metadata.uid for each in everything if each.metadata.namespace == namespace}
        assert {each.metadata.uid for each in store.in_namespace(namespace)} == inside
    for owner in ("o1", "o2"):
        owned = {each.metadata.uid for each in everything if each.metadata.ownerReferences
                 and each.metadata.ownerReferences[0].uid == owner}  # fmt: skip
        assert {each.metadata.uid for each in store.owned_by(owner)} == owned
    for each in everything:
        assert store.get(each.metadata.namespace, each.metadata.name) is each
