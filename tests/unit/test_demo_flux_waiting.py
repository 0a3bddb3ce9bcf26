"""kustomize-controller of the embedded cluster: what it waits for, what ends a wait, and what it remembers."""

from __future__ import annotations

import pytest

from tests.support.flux_shop import URL, Shop, config, deployment


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
