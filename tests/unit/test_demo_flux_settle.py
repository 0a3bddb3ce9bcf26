"""A cluster in which Flux has been running for weeks: its first reconciles change nothing."""

from __future__ import annotations

from typing import Any

import yaml

from bakeryops.demo.flux import Fetched, PastApply, settle_kustomization, settle_source
from tests.support.flux import FluxStage, manifest

URL = "http://git.example/bakery/app.git"
BUSYBOX = "docker.io/library/busybox:1.35"
NOW = 1_790_000_000.0


def objects(price: str) -> list[dict[str, Any]]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": BUSYBOX}]}}
    web = manifest("Deployment", "web", spec={"selector": {"matchLabels": labels}, "template": template})
    return [web, manifest("ConfigMap", "menu", data={"price": price})]


def settled(live_price: str = "2") -> tuple[FluxStage, list[str], list[str]]:
    """Return the stage, the commits, and what was not as Git has it."""
    stage = FluxStage(images=(BUSYBOX,))
    commits = []
    for price in ("1", "2"):
        tree = {
            "deploy/kustomization.yaml": "resources: [all.yaml]\n",
            "deploy/all.yaml": yaml.safe_dump_all(objects(price)),
        }
        commits.append(stage.git.push(URL, "main", tree, f"price {price}"))
    for each in objects(live_price):
        plural = "deployments.apps" if each["kind"] == "Deployment" else "configmaps"
        stage.store.create(plural, each, manager="kubectl-client-side-apply")
    stage.clock.advance(10)
    stage.create("GitRepository", "shop", {"interval": "1m", "url": URL, "ref": {"branch": "main"}})
    reference = {"kind": "GitRepository", "name": "shop"}
    spec = {"interval": "10m", "path": "./deploy", "prune": True, "wait": True, "sourceRef": reference}
    stage.create("Kustomization", "shop", spec)
    revision = settle_source(
        stage.cluster, stage.git, "shop", Fetched(commits[1], "main", "price 2"), when=NOW - 500
    )
    past = [
        PastApply(revision, NOW - 200, 0.2, times=7, first=NOW - 480),
        PastApply(f"main@sha1:{commits[0]}", NOW - 900, 12.5, times=40, first=NOW - 9_000),
    ]
    changed = settle_kustomization(stage.cluster, stage.git, "shop", past)
    return stage, commits, changed


def test_the_first_reconciles_change_nothing() -> None:
    stage, commits, changed = settled()
    assert changed == []
    before = {name: stage.get(kind, name)["status"] for kind, name in (("GitRepository", "shop"),)}
    status = stage.get("Kustomization", "shop")["status"]
    generation = stage.store.get("deployments.apps", "bakery", "web")["metadata"]["generation"]
    configs = stage.store.get("configmaps", "bakery", "menu")
    stage.start()
    stage.clock.advance(700)
    assert len(stage.git.asked) >= 9
    assert {name: stage.get("GitRepository", name)["status"] for name in before} == before
    after = stage.get("Kustomization", "shop")["status"]
    assert after["lastAppliedRevision"] == f"main@sha1:{commits[1]}"
    assert after["inventory"] == status["inventory"]
    assert [(each["digest"], each["totalReconciliations"]) for each in after["history"]] == [
        (status["history"][0]["digest"], 8),
        (status["history"][1]["digest"], 40),
    ]
    assert stage.store.get("configmaps", "bakery", "menu") is configs
    assert stage.store.get("deployments.apps", "bakery", "web")["metadata"]["generation"] == generation
    assert not [each for each in stage.events("shop") if "configured" in each[2]]


def test_a_settled_status_is_that_of_a_kustomization_that_was_reconciled() -> None:
    stage, commits, _ = settled()
    status = stage.get("Kustomization", "shop")["status"]
    assert [each["id"] for each in status["inventory"]["entries"]] == [
        "bakery_menu__ConfigMap",
        "bakery_web_apps_Deployment",
    ]
    assert [each["type"] for each in status["conditions"]] == ["Ready", "Healthy"]
    assert [each["metadata"]["revision"] for each in status["history"]] == [
        f"main@sha1:{sha}" for sha in reversed(commits)
    ]
    live = stage.store.get("configmaps", "bakery", "menu")
    assert live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "shop"
    assert [each["manager"] for each in live["metadata"]["managedFields"]] == ["kustomize-controller"]


def test_what_was_not_as_git_has_it_is_named() -> None:
    stage, _, changed = settled(live_price="9")
    assert changed == ["ConfigMap/bakery/menu"]
    assert stage.store.get("configmaps", "bakery", "menu")["data"] == {"price": "2"}


def test_a_commit_after_the_start_is_applied() -> None:
    stage, _, _ = settled()
    stage.start()
    tree = {"deploy/all.yaml": yaml.safe_dump_all(objects("3"))}
    sha = stage.git.push(URL, "main", tree, "price 3")
    assert stage.clock.run_until(
        lambda: stage.get("Kustomization", "shop")["status"]["lastAppliedRevision"].endswith(sha), 75
    )
    assert stage.store.get("configmaps", "bakery", "menu")["data"] == {"price": "3"}
