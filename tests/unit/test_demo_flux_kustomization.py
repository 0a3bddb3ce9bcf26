"""kustomize-controller of the embedded cluster: what it applies, leaves, deletes and says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from bakeryops.demo.controllers.objects import controller_uid
from bakeryops.demo.status import StatusError
from tests.support.flux import PLURALS, FluxStage, manifest
from tests.support.flux_shop import BUSYBOX, URL, Shop, config, deployment

Object = dict[str, Any]


def test_an_unchanged_reconcile_writes_nothing_but_its_own_status() -> None:
    shop = Shop(config("menu", price="2"), deployment("web"), wait=True)
    shop.settle()
    shop.clock.advance(30)
    written: list[str] = []
    shop.store.listen_all(lambda resource, change, obj: written.append(f"{resource.key} {change}"))
    shop.request("Kustomization", "shop", "again")
    shop.clock.advance(15)
    assert shop.status["lastHandledReconcileAt"] == "again"
    assert {each.partition(" ")[0] for each in written} == {PLURALS["Kustomization"], "events"}


def test_only_what_drifted_is_written_and_scaling_by_hand_is_undone() -> None:
    shop = Shop(config("menu", price="2"), config("other", a="b"), deployment("web", replicas=2))
    shop.settle()
    before = shop.live("configmaps", "other")

    def scale(obj: Object) -> Object:
        obj["spec"]["replicas"] = 5
        return obj

    shop.store.mutate("deployments.apps", "bakery", "web", scale, manager="kubectl", subresource="scale")
    shop.request("Kustomization", "shop", "again")
    shop.clock.advance(2)
    assert shop.live("deployments.apps", "web")["spec"]["replicas"] == 2
    assert shop.live("configmaps", "other") is before
    assert ("Normal", "Progressing", "Deployment/bakery/web configured") in shop.events("shop")


def test_fields_added_by_kubectl_are_removed_and_those_of_other_managers_stay() -> None:
    shop = Shop(config("menu", price="2"), config("other", a="b"))
    shop.settle()

    def add(obj: Object) -> Object:
        obj["data"]["extra"] = "x"
        return obj

    shop.store.mutate("configmaps", "bakery", "menu", add, manager="kubectl-edit")
    shop.store.mutate("configmaps", "bakery", "other", add, manager="something-else")
    shop.request("Kustomization", "shop", "again")
    shop.clock.advance(2)
    assert shop.live("configmaps", "menu")["data"] == {"price": "2"}
    assert shop.live("configmaps", "other")["data"] == {"a": "b", "extra": "x"}


def test_what_carries_reconcile_disabled_is_left_as_it_is() -> None:
    shop = Shop(config("menu", price="2"))
    shop.settle()

    def freeze(obj: Object) -> Object:
        obj["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
        obj["data"]["price"] = "9"
        return obj

    shop.store.mutate("configmaps", "bakery", "menu", freeze, manager="console")
    shop.deliver(config("menu", price="3"))
    assert shop.live("configmaps", "menu")["data"] == {"price": "9"}


@pytest.mark.parametrize("place", ["annotations", "labels"])
def test_prune_respects_objects_that_say_no(place: str) -> None:
    kept = config("kept", a="1")
    kept["metadata"][place] = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    shop = Shop(config("menu"), config("gone"), kept)
    shop.settle()
    shop.deliver(config("menu"))
    assert shop.live("configmaps", "gone") is None
    assert shop.live("configmaps", "kept") is not None
    assert [each["id"] for each in shop.status["inventory"]["entries"]] == ["bakery_menu__ConfigMap"]


def test_without_prune_what_left_git_stays() -> None:
    shop = Shop(config("menu"), config("gone"), prune=False)
    shop.settle()
    shop.deliver(config("menu"))
    assert shop.live("configmaps", "gone") is not None


def test_deleting_a_kustomization_without_prune_leaves_its_objects() -> None:
    shop = Shop(config("menu"), prune=False)
    shop.settle()
    shop.store.delete(PLURALS["Kustomization"], "flux-system", "shop")
    shop.clock.advance(2)
    assert shop.store.get(PLURALS["Kustomization"], "flux-system", "shop") is None
    assert shop.live("configmaps", "menu") is not None


def test_a_failing_object_keeps_the_whole_stage_from_being_applied_and_is_tried_again() -> None:
    shop = Shop(config("menu", price="2"), deployment("web"))
    shop.settle()
    applied = shop.status["lastAppliedRevision"]
    shop.deliver(config("menu", price="3"), deployment("web", replicas=-1), reason="ReconciliationFailed")
    assert shop.live("configmaps", "menu")["data"] == {"price": "2"}
    assert shop.status["lastAppliedRevision"] == applied
    assert shop.condition("Kustomization", "shop", "Reconciling")["reason"] == "ProgressingWithRetry"
    before = len(shop.events("shop"))
    counts = {
        each["count"]
        for each in shop.store.list("events", "flux-system")
        if each["reason"] == "ReconciliationFailed"
    }
    shop.clock.advance(45)
    after = {
        each["count"]
        for each in shop.store.list("events", "flux-system")
        if each["reason"] == "ReconciliationFailed"
    }
    assert (counts, after) == ({1}, {3})
    assert len(shop.events("shop")) == before


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (
            {
                "apiVersion": "bakery.example/v1",
                "kind": "Oven",
                "metadata": {"name": "big", "namespace": "bakery"},
            },
            'Oven/bakery/big dry-run failed: no matches for kind "Oven" in version "bakery.example/v1"\n',
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu"}},
            "ConfigMap/menu namespace not specified: the server could not find the requested resource\n",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu", "namespace": "nowhere"}},
            'ConfigMap/nowhere/menu dry-run failed (NotFound): namespaces "nowhere" not found\n',
        ),
    ],
)
def test_what_the_api_does_not_take_is_said_in_its_words(obj: Object, message: str) -> None:
    shop = Shop(obj)
    shop.settle("ReconciliationFailed")
    assert shop.condition("Kustomization", "shop")["message"] == message


def test_a_namespace_of_the_same_commit_is_there_before_its_objects() -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu", "namespace": "fresh"}}
    shop = Shop(obj, space)
    shop.settle()
    assert [each["id"] for each in shop.status["inventory"]["entries"]] == [
        "_fresh__Namespace",
        "fresh_menu__ConfigMap",
    ]


def test_an_immutable_field_fails_without_force_and_is_recreated_with_it() -> None:
    shop = Shop(deployment("web"))
    shop.settle()
    old = shop.live("deployments.apps", "web")["metadata"]["uid"]
    other = deployment("web", selector={"matchLabels": {"app": "web", "v": "2"}})
    other["spec"]["template"]["metadata"]["labels"]["v"] = "2"
    shop.deliver(other, reason="ReconciliationFailed")
    assert "immutable" in shop.condition("Kustomization", "shop")["message"]
    shop.change_spec("Kustomization", "shop", force=True)
    shop.settle()
    assert shop.live("deployments.apps", "web")["metadata"]["uid"] != old


def test_the_spec_adds_to_what_is_built() -> None:
    web = deployment("web", image="docker.io/library/busybox:old")
    shop = Shop(
        web, config("menu", price="${price}", place="${place:=here}"),
        targetNamespace="bakery",
        images=[{"name": "docker.io/library/busybox", "newTag": "1.35"}],
        patches=[{"patch": '[{"op": "replace", "path": "/spec/replicas", "value": 3}]', "target": {"kind": "Deployment"}}],
        postBuild={"substitute": {"price": "7"}},
        commonMetadata={"labels": {"team": "bakers"}},
    )  # fmt: skip
    web["spec"]["replicas"] = 1
    shop.deliver(web, config("menu", price="${price}", place="${place:=here}"))
    live = shop.live("deployments.apps", "web")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == BUSYBOX
    assert live["spec"]["replicas"] == 3
    assert live["metadata"]["labels"] == {
        "team": "bakers",
        "kustomize.toolkit.fluxcd.io/name": "shop",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    assert shop.live("configmaps", "menu")["data"] == {"price": "7", "place": "here"}
    assert controller_uid(live) == ""


def test_an_undefined_variable_fails_the_build() -> None:
    shop = Shop(config("menu", price="${nothing}"), postBuild={"substitute": {"price": "7"}})
    shop.settle("BuildFailed")
    assert "variable not set (strict mode)" in shop.condition("Kustomization", "shop")["message"]
    assert "history" not in shop.status


def test_a_folder_without_kustomization_file_is_built_of_all_its_manifests() -> None:
    shop = FluxStage()
    shop.start()
    tree = {
        "deploy/a.yaml": yaml.safe_dump(config("a")),
        "deploy/sub/b.yaml": yaml.safe_dump(config("b")),
        "x.yaml": "no: x",
    }
    shop.git.push(URL, "main", tree, "plain")
    shop.create("GitRepository", "shop", {"interval": "1m", "url": URL, "ref": {"branch": "main"}})
    reference = {"kind": "GitRepository", "name": "shop"}
    shop.create(
        "Kustomization", "shop", {"interval": "10m", "path": "deploy", "prune": True, "sourceRef": reference}
    )
    shop.wait("Kustomization", "shop", "ReconciliationSucceeded")
    entries = shop.get("Kustomization", "shop")["status"]["inventory"]["entries"]
    assert [each["id"] for each in entries] == ["bakery_a__ConfigMap", "bakery_b__ConfigMap"]


def test_what_is_in_a_secret_is_not_repeated_when_it_is_refused() -> None:
    obj = {**manifest("Secret", "keys"), "stringData": {}, "data": {"hunter2 is the password": "eA=="}}
    shop = Shop(obj)
    shop.settle("ReconciliationFailed")
    assert shop.condition("Kustomization", "shop")["message"].startswith("Secret/bakery/keys dry-run failed")
    assert "hunter2" not in str(shop.get("Kustomization", "shop")) + str(shop.store.list("events"))


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (deployment("web", replicas="three"), "spec.replicas of type int32"),
        (deployment("web", template={"spec": {"containers": "none"}}), "spec.template.spec.containers"),
        (manifest("ConfigMap", "menu", data=["a"]), "of type map[string]"),
        (manifest("ConfigMap", "menu", dat={"a": "b"}), 'unknown field "dat"'),
        (manifest("Secret", "keys", data={"hunter2": 5}), "Secret/bakery/keys dry-run failed"),
    ],
)
def test_a_manifest_of_another_form_fails_its_kustomization_and_nothing_else(obj: Object, words: str) -> None:
    shop = Shop(config("menu", price="2"))
    shop.settle()
    shop.deliver(obj, reason="ReconciliationFailed")
    message = shop.condition("Kustomization", "shop")["message"]
    assert words in message
    assert "hunter2" not in message
    shop.deliver(config("menu", price="4"))
    assert shop.live("configmaps", "menu")["data"] == {"price": "4"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kubeConfig", {"secretRef": {"name": "elsewhere"}}),
        ("decryption", {"provider": "sops"}),
        ("dependsOn", [{"name": "shop", "readyExpr": "true"}]),
    ],
)
def test_what_would_be_passed_over_fails_instead(field: str, value: Any) -> None:
    shop = Shop(config("menu"))
    shop.settle()
    spec = shop.get("Kustomization", "shop")["spec"]
    shop.create("Kustomization", "other", {**spec, "prune": False, field: value})
    shop.wait("Kustomization", "other", "BuildFailed")
    assert f"spec.{field}" in shop.condition("Kustomization", "other")["message"]


@pytest.mark.parametrize(
    "spec",
    [
        {"prune": True, "sourceRef": {"kind": "GitRepository", "name": "shop"}},
        {"interval": "often", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "shop"}},
        {"interval": "1m", "prune": "yes", "sourceRef": {"kind": "GitRepository", "name": "shop"}},
        {"interval": "1m", "prune": True, "sourceRef": "shop"},
    ],
)
def test_a_spec_that_no_controller_could_read_is_refused(spec: Object) -> None:
    shop = FluxStage()
    with pytest.raises(StatusError) as refused:
        shop.create("Kustomization", "shop", spec)
    assert refused.value.code == 422


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("HelmRepository", {"interval": "5m"}),
        ("HelmRepository", {"interval": "5m", "url": "nowhere"}),
        ("HelmRelease", {"interval": "5m", "chart": {}}),
        ("HelmRelease", {"interval": "5m", "chart": {"spec": {"chart": "web", "sourceRef": "shop"}}}),
        (
            "HelmRelease",
            {"interval": "5m", "chart": {"spec": {"chart": 5, "sourceRef": {"kind": "a", "name": "b"}}}},
        ),
    ],
)
def test_specs_of_charts_that_no_controller_could_read_are_refused(kind: str, spec: Object) -> None:
    shop = FluxStage()
    with pytest.raises(StatusError) as refused:
        shop.create(kind, "shop", spec)
    assert refused.value.code == 422
