"""kustomize-controller of the embedded cluster: what it applies, leaves, deletes, waits for and says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from bakeryops.demo.controllers.objects import controller_uid
from bakeryops.demo.status import StatusError
from tests.support.flux import PLURALS, FluxStage, manifest

URL = "http://git.example/bakery/app.git"
BUSYBOX = "docker.io/library/busybox:1.35"
Object = dict[str, Any]


def deployment(name: str, image: str = BUSYBOX, **spec: Any) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image}]}}
    return manifest("Deployment", name, spec={"selector": {"matchLabels": labels}, "template": template, **spec})


def config(name: str, **data: str) -> Object:
    return manifest("ConfigMap", name, data=data)


class Shop(FluxStage):
    """One repository, one Kustomization that applies its folder `deploy`."""

    def __init__(self, *objects: Object, gates: tuple[str, ...] = (), **spec: Any) -> None:
        super().__init__(gates=gates, images=(BUSYBOX,), missing=("nope",))
        self.flux = self.start()
        self.push(*objects)
        self.create("GitRepository", "shop", {"interval": "1m", "url": URL, "ref": {"branch": "main"}})
        reference = {"kind": "GitRepository", "name": "shop"}
        self.create(
            "Kustomization", "shop",
            {"interval": "10m", "retryInterval": "20s", "path": "./deploy", "prune": True, "timeout": "1m",
             "sourceRef": reference, **spec},
        )  # fmt: skip

    def push(self, *objects: Object, head: str = "resources: [all.yaml]\n", **files: str) -> str:
        tree = {"deploy/kustomization.yaml": head, "deploy/all.yaml": yaml.safe_dump_all(objects), **files}
        return self.git.push(URL, "main", tree, "deploy")

    def settle(self, reason: str = "ReconciliationSucceeded") -> None:
        self.wait("Kustomization", "shop", reason)
        self.clock.advance(0.5)

    def deliver(self, *objects: Object, reason: str = "ReconciliationSucceeded", **more: str) -> str:
        """Push and have it applied."""
        sha = self.push(*objects, **more)
        self.request("GitRepository", "shop", sha)
        assert self.clock.run_until(lambda: self.status.get("lastAttemptedRevision", "").endswith(sha))
        self.settle(reason)
        return sha

    @property
    def status(self) -> Object:
        found: Object = self.get("Kustomization", "shop")["status"]
        return found

    def live(self, plural: str, name: str) -> Object | None:
        return self.store.get(plural, "bakery", name)


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


def test_a_health_check_without_end_times_out() -> None:
    shop = Shop(deployment("web", image="docker.io/library/busybox:nope"), wait=True, timeout="12s")
    shop.settle("HealthCheckFailed")
    message = shop.condition("Kustomization", "shop")["message"]
    assert message.startswith("health check failed after 12")
    assert message.endswith("s: timeout waiting for: [Deployment/bakery/web status: 'InProgress']")
    assert shop.status.get("lastAppliedRevision") is None
    assert shop.status["inventory"]["entries"]


def test_only_listed_health_checks_count() -> None:
    checks = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "good", "namespace": "bakery"}]
    broken = deployment("bad", image="docker.io/library/busybox:nope")
    shop = Shop(deployment("good"), broken, healthChecks=checks)
    shop.settle()
    assert shop.condition("Kustomization", "shop", "Healthy")["status"] == "True"


def test_without_wait_nothing_is_said_about_health() -> None:
    shop = Shop(deployment("bad", image="docker.io/library/busybox:nope"))
    shop.settle()
    assert shop.condition("Kustomization", "shop", "Healthy") == {}


def test_with_the_feature_gate_a_new_commit_ends_a_waiting_health_check() -> None:
    shop = Shop(deployment("web"), gates=("CancelHealthCheckOnNewRevision",), wait=True)
    shop.settle()
    shop.push(deployment("web", image="docker.io/library/busybox:nope"))
    shop.request("GitRepository", "shop", "bad")
    shop.clock.advance(8)
    good = shop.push(deployment("web"))
    shop.request("GitRepository", "shop", "good")
    begun = shop.clock.now()
    assert shop.clock.run_until(lambda: shop.status.get("lastAppliedRevision", "").endswith(good), 60)
    assert shop.clock.now() - begun < 7
    assert ("Normal", "HealthCheckCanceled", "Health checks canceled due to new reconciliation triggered by "
            "GitRepository/flux-system/shop") in shop.events("shop")  # fmt: skip


def test_depends_on_waits_until_the_other_has_applied_the_same_revision() -> None:
    shop = Shop(config("menu"))
    shop.settle()
    reference = {"kind": "GitRepository", "name": "shop"}
    spec = {"interval": "10m", "path": "./deploy", "prune": False, "sourceRef": reference}
    shop.create("Kustomization", "later", {**spec, "dependsOn": [{"name": "shop"}]})
    shop.create("Kustomization", "lost", {**spec, "dependsOn": [{"name": "nobody"}]})
    shop.wait("Kustomization", "later", "ReconciliationSucceeded")
    shop.wait("Kustomization", "lost", "DependencyNotReady")
    assert shop.condition("Kustomization", "lost")["message"] == "dependency 'flux-system/nobody' not found"
    shop.change_spec("Kustomization", "shop", suspend=True)
    shop.push(config("menu", a="2"))
    shop.request("GitRepository", "shop", "two")
    shop.wait("Kustomization", "later", "DependencyNotReady")
    assert (
        shop.condition("Kustomization", "later")["message"]
        == "dependency 'flux-system/shop' revision is not up to date"
    )
    shop.change_spec("Kustomization", "shop", suspend=False)
    shop.wait("Kustomization", "later", "ReconciliationSucceeded", 60)


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


def test_history_keeps_five_entries_and_counts_what_comes_back() -> None:
    shop = Shop(config("menu", price="0"))
    shop.settle()
    for price in ("1", "2", "0", "3", "4", "5"):
        shop.deliver(config("menu", price=price))
    history = shop.status["history"]
    assert [each["totalReconciliations"] for each in history] == [1, 1, 1, 2, 1]
    assert history[0]["metadata"] == {"revision": shop.status["lastAppliedRevision"]}
    assert len({each["digest"] for each in history}) == 5


def test_a_request_ends_a_waiting_health_check_too_with_the_feature_gate() -> None:
    shop = Shop(
        deployment("web", image="docker.io/library/busybox:nope"),
        gates=("CancelHealthCheckOnNewRevision",),
        wait=True,
    )
    shop.clock.advance(10)
    shop.request("Kustomization", "shop", "please")
    shop.wait("Kustomization", "shop", "HealthCheckCanceled", 2)
    message = shop.condition("Kustomization", "shop", "Healthy")["message"]
    assert message == "New reconciliation triggered by Kustomization/flux-system/shop"
    assert shop.status["history"][0]["lastReconciledStatus"] == "HealthCheckCanceled"


def test_what_is_in_a_secret_is_not_repeated_when_it_is_refused() -> None:
    obj = {**manifest("Secret", "keys"), "stringData": {}, "data": {"hunter2 is the password": "eA=="}}
    shop = Shop(obj)
    shop.settle("ReconciliationFailed")
    assert shop.condition("Kustomization", "shop")["message"].startswith("Secret/bakery/keys dry-run failed")
    assert "hunter2" not in str(shop.get("Kustomization", "shop")) + str(shop.store.list("events"))


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


def test_a_fault_of_a_git_servers_double_is_raised_and_does_not_end_the_object() -> None:
    shop = Shop(config("menu"))
    shop.settle()
    files, shop.git.trees = shop.git.trees, {}
    sha = "f" * 40
    shop.git.branches[URL, "main"].append(sha)
    shop.git.subjects[sha] = "lost"
    shop.request("GitRepository", "shop", "one")
    with pytest.raises(KeyError):
        shop.clock.advance(1)
    shop.git.trees = {**files, sha: next(iter(files.values()))}
    shop.request("GitRepository", "shop", "two")
    shop.clock.advance(2)
    assert shop.get("GitRepository", "shop")["status"]["artifact"]["revision"].endswith(sha)
