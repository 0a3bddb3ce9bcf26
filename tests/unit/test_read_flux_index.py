"""Flux' objects kept read: the tree, change sets, inventories down to pods, and objects that are anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given, settings

from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.cluster.wire import flux as wire
from bakeryops.model.health import Health
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS, object_of, source_of, sync_of
from bakeryops.read.flux_index import KINDS, FluxIndex
from bakeryops.read.flux_inventory import inventory_of
from bakeryops.read.index import WorkloadIndex
from bakeryops.text import clean
from tests.support.flux_reading import READY, SHA, condition, raw, sync
from tests.support.reading import NOW, Held, Uids, raw_pod
from tests.support.reading import decode as decode_workload
from tests.unit.test_read_anything import any_of


class Stores(dict[str, Held]):
    def __init__(self) -> None:
        super().__init__({plural: Held() for plural in KINDS})

    def put(self, plural: str, value: Any) -> Uids:
        found = msgspec.json.decode(json.dumps(value), type=CATALOGUE[plural].struct)
        self[plural].items[found.metadata.uid] = found
        return Uids({found.metadata.uid})


def chain() -> Stores:
    stores = Stores()
    git = {"sourceRef": {"kind": "GitRepository", "name": "repo"}}
    both = {"lastAppliedRevision": f"main@sha1:{SHA}", "lastAttemptedRevision": f"main@sha1:{SHA}"}
    blocked = condition("Ready", "False", "DependencyNotReady", "dependency 'flux-system/infra' is not ready")
    stores.put("gitrepositories", raw([READY], name="repo", artifact={"revision": f"main@sha1:{SHA}"}))
    stores.put("gitrepositories", raw([condition("Ready", "False", "GitOperationFailed", "x")], name="zz-broken"))
    stores.put("kustomizations", raw([READY], git, name="a-fine", **both))
    stores.put("kustomizations", raw([condition("Ready", "False", "BuildFailed", "x")], git, name="infra", **both))
    stores.put("kustomizations", raw([blocked], {**git, "dependsOn": [{"name": "infra"}]}, name="apps"))
    for one, other in (("left", "right"), ("right", "left")):
        stores.put("kustomizations", raw([blocked], {"sourceRef": {"kind": "GitRepository", "name": "none"},
                                                     "dependsOn": [{"name": other}]}, name=one))  # fmt: skip
    stores.put("receivers", raw([READY], {"type": "github"}, name="hook"))
    return stores


def test_the_tree_hangs_appliers_below_sources_and_dependencies() -> None:
    index = FluxIndex(clock=lambda: NOW)
    index.load(chain())
    assert [(depth, view.name) for depth, view in index.tree()] == [
        (0, "repo"), (1, "infra"), (2, "apps"), (1, "a-fine"), (0, "zz-broken"), (0, "left"), (1, "right"), (0, "hook"),
    ]  # fmt: skip
    assert [view.name for view in index.views()][:2] == ["zz-broken", "infra"]


def test_only_what_changed_is_read_again_and_what_went_is_dropped() -> None:
    stores = chain()
    index = FluxIndex(clock=lambda: NOW)
    assert len(index.load(stores)) == 8
    assert index.load(stores) == set()
    uids = stores.put(
        "kustomizations", raw([READY], name="infra", lastAppliedRevision="1", lastAttemptedRevision="1")
    )
    assert index.update(stores, {"kustomizations": uids}) == {"kustomizations/flux-system/infra"}
    assert index.update(stores, {"kustomizations": uids}) == set()
    gone = stores["kustomizations"].items.pop("uid-infra")
    assert index.update(stores, {"kustomizations": Uids(removed={"uid-infra"})}) == {
        "kustomizations/flux-system/infra"
    }
    assert "kustomizations/flux-system/infra" not in index.syncs
    gone.metadata.uid = "again"
    stores["kustomizations"].items["again"] = gone
    index.load(stores)
    assert "kustomizations/flux-system/infra" in index.syncs


def test_an_object_made_again_under_its_name_survives_the_end_of_the_first() -> None:
    stores = chain()
    index = FluxIndex(clock=lambda: NOW)
    index.load(stores)
    again = raw([READY], name="hook", meta={"uid": "second"})
    changed = stores.put("receivers", again)
    index.update(stores, {"receivers": changed})
    del stores["receivers"].items["uid-hook"]
    index.update(stores, {"receivers": Uids(removed={"uid-hook"})})
    assert "receivers/flux-system/hook" in index.objects


def test_time_alone_takes_back_what_was_foretold() -> None:
    now = [NOW]
    index = FluxIndex(clock=lambda: now[0])
    index.load(chain())
    assert index.syncs["kustomizations/flux-system/a-fine"].next == NOW + 540
    assert index.tick() == set()
    now[0] = NOW + 541
    assert "kustomizations/flux-system/a-fine" in index.tick()
    assert index.syncs["kustomizations/flux-system/a-fine"].next is None
    assert index.tick() == set()


def entries(*identifiers: str) -> dict[str, Any]:
    return {"inventory": {"entries": [{"id": each, "v": "v1"} for each in identifiers]}}


def workloads() -> WorkloadIndex:
    index = WorkloadIndex(clock=lambda: NOW)
    deployment = {
        "metadata": {"name": "auth", "namespace": "bakery-ia", "uid": "d1", "generation": 1},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    }  # fmt: skip
    index.load(
        {
            "deployments": Held({"d1": decode_workload("deployments", deployment)}),
            "pods": Held({"p1": decode_workload("pods", raw_pod())}),
        }
    )
    return index


def test_an_inventory_goes_down_to_pods_and_gathers_the_rest() -> None:
    found = sync(READY, **entries(
        "bakery-ia_b__ConfigMap", "bakery-ia_a__ConfigMap", "bakery-ia_auth_apps_Deployment",
        "bakery-ia_gone_apps_Deployment", "bakery-ia_auth__Service",
    ))  # fmt: skip
    tree = inventory_of(found, workloads(), {})
    assert tree.total == 5
    assert [(node.kind, node.title, node.health, node.state) for node in tree.roots] == [
        ("Deployment", "gone", Health.BAD, "missing"),
        ("Deployment", "auth", Health.FINE, "Running"),
        ("ConfigMap", "2 objects", Health.UNKNOWN, ""),
        ("Service", "1 object", Health.UNKNOWN, ""),
    ]
    assert [child.title for child in tree.roots[1].children] == ["auth-5f6d-abcde"]
    assert [child.title for child in tree.roots[2].children] == ["a", "b"]


def test_before_workloads_are_read_nothing_is_called_missing() -> None:
    found = sync(READY, **entries("bakery-ia_auth_apps_Deployment"))
    (node,) = inventory_of(found, WorkloadIndex(clock=lambda: NOW), {}).roots
    assert (node.health, node.state) == (Health.UNKNOWN, "not seen")


def test_what_may_not_be_read_is_not_called_missing() -> None:
    found = sync(READY, **entries("bakery-ia_db_apps_StatefulSet", "bakery-ia_lone__Pod"))
    nodes = {node.kind: node for node in inventory_of(found, workloads(), {}).roots}
    assert (nodes["StatefulSet"].health, nodes["StatefulSet"].state) == (Health.UNKNOWN, "not seen")
    assert "StatefulSet" in nodes["StatefulSet"].why
    assert (nodes["Pod"].health, nodes["Pod"].state) == (Health.BAD, "missing")


def test_nested_appliers_are_followed_once() -> None:
    group = "kustomize.toolkit.fluxcd.io_Kustomization"
    outer = sync(READY, name="outer", **entries(f"flux-system_outer_{group}", f"flux-system_inner_{group}"))
    inner = sync(READY, name="inner", **entries(f"flux-system_outer_{group}", "bakery-ia_gone_apps_Deployment"))
    tree = inventory_of(outer, workloads(), {outer.key: outer, inner.key: inner})
    (node,) = tree.roots
    assert (node.title, node.health) == ("inner", Health.BAD)
    assert [child.title for child in node.children] == ["gone"]


def texts_of(view: Any) -> Iterable[str]:
    for value in msgspec.structs.asdict(view).values():
        if isinstance(value, str):
            yield value


@settings(max_examples=150, deadline=None)
@given(any_of(wire.Source), any_of(wire.Kustomization), any_of(wire.HelmRelease), any_of(wire.FluxObject))
def test_anything_is_read_and_only_what_says_ready_is_fine(
    a: wire.Source, b: wire.Kustomization, c: wire.HelmRelease, d: wire.FluxObject
) -> None:
    views = [source_of("gitrepositories", a, now=NOW), sync_of("kustomizations", b, now=NOW),
             sync_of("helmreleases", c, now=NOW), object_of("receivers", d)]  # fmt: skip
    for view, found in zip(views, (a, b, c, d), strict=True):
        assert all(clean(text) == text for text in texts_of(view))
        if view.health is Health.FINE:
            conditions = (found.status.conditions if found.status else None) or []
            assert any(each.type == "Ready" and each.status == "True" for each in conditions)
            assert not view.suspended
    held = Stores()
    for plural, found in zip(
        ("gitrepositories", "kustomizations", "helmreleases", "receivers"), (a, b, c, d), strict=True
    ):
        held[plural].items["x" + plural] = found
    index = FluxIndex(clock=lambda: NOW)
    index.load(held)
    assert len(index.tree()) == len(index.views())
    for each in index.syncs.values():
        inventory_of(each, WorkloadIndex(clock=lambda: NOW), index.syncs)


def test_every_kind_of_flux_has_a_reader() -> None:
    assert set(KINDS) == {*SOURCES, *SYNCS, *OBJECTS}
    assert set(KINDS) == {name for name, kind in CATALOGUE.items() if kind.group.endswith("toolkit.fluxcd.io")}
