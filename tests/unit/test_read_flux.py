"""Flux' objects read: states, sentences, revisions, and nothing fine that is not."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.model.health import Health
from bakeryops.model.sync import FluxObject
from bakeryops.read.flux import trace
from bakeryops.read.flux_needs import of_delivery, views_of
from bakeryops.read.flux_revisions import inventory_entry, parse_revision
from bakeryops.read.flux_text import sentence, stuck_objects
from tests.support.flux_reading import OTHER, READY, SHA, condition, raw, read, source, sync
from tests.support.reading import NOW, stamp


@pytest.mark.parametrize(
    ("text", "ref", "algorithm", "digits", "short"),
    [
        (f"main@sha1:{SHA}", "main", "sha1", SHA, "9f3c2a1"),
        (f"feature/a@b@sha1:{SHA}", "feature/a@b", "sha1", SHA, "9f3c2a1"),
        (f"sha1:{SHA}", "", "sha1", SHA, "9f3c2a1"),
        (f"v1.2.0@sha256:{'a' * 64}", "v1.2.0", "sha256", "a" * 64, "a" * 12),
        (f"sha256:{'b' * 64}", "", "sha256", "b" * 64, "b" * 12),
        (f"main/{SHA}", "main", "sha1", SHA, "9f3c2a1"),
        (f"feature/x/{SHA}", "feature/x", "sha1", SHA, "9f3c2a1"),
        ("6.2.0+1", "6.2.0+1", "", "", "6.2.0+1"),
        ("\x1b[2Jodd", "odd", "", "", "odd"),
    ],
)
def test_revisions_of_every_form(text: str, ref: str, algorithm: str, digits: str, short: str) -> None:
    found = parse_revision(text)
    assert found is not None
    assert (found.ref, found.algorithm, found.hash, found.short) == (ref, algorithm, digits, short)


def test_no_revision_is_none() -> None:
    assert parse_revision("") is None
    assert parse_revision(None) is None


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("bakery_web_apps_Deployment", ("deployments", "bakery", "web", "apps", "Deployment")),
        ("bakery_flyer__ConfigMap", ("configmaps", "bakery", "flyer", "", "ConfigMap")),
        ("_bakery__Namespace", ("namespaces", "", "bakery", "", "Namespace")),
        ("_system__node-reader_rbac.authorization.k8s.io_ClusterRole",
         ("clusterroles", "", "system:node-reader", "rbac.authorization.k8s.io", "ClusterRole")),
    ],
)  # fmt: skip
def test_inventory_ids(identifier: str, expected: tuple[str, ...]) -> None:
    found = inventory_entry(identifier)
    assert found is not None
    assert (found.plural, found.namespace, found.name, found.group, found.kind) == expected


@pytest.mark.parametrize("identifier", ["", "web", "a_b", "a_b_c", "a__x_", "____"])
def test_what_is_no_inventory_id_is_left_out(identifier: str) -> None:
    assert inventory_entry(identifier) is None


def test_ready_and_nothing_under_way_is_fine() -> None:
    found = sync(READY, condition("Healthy", "True", "Succeeded"))
    assert (found.state, found.health, found.why) == ("ready", Health.FINE, "")
    assert found.source == "gitrepositories/flux-system/bakery-ia"
    assert (found.path, found.prune, found.wait, found.interval) == ("./deploy", True, False, 600.0)


UNDER_WAY = [
    # conditions, more of the status or metadata, state, health, words of the sentence
    ([], {}, "waiting", Health.UNKNOWN, "has not looked"),
    ([], {"observedGeneration": -1}, "waiting", Health.UNKNOWN, "has not looked"),
    ([READY], {"observedGeneration": 1}, "waiting", Health.WORKING, "newest spec"),
    ([{**READY, "observedGeneration": 1}], {}, "waiting", Health.WORKING, "newest spec"),
    ([READY], {"meta": {"annotations": {"reconcile.fluxcd.io/requestedAt": "2026-11-22T10:00:00Z"}}},
     "waiting", Health.WORKING, "asked to look again"),
    ([READY, condition("Reconciling", "True", "Progressing", f"Building manifests for revision main@sha1:{OTHER} with a timeout of 1m0s")],
     {}, "building", Health.WORKING, "77d1e20 is on its way: builds the manifests"),
    ([READY], {"lastAttemptedRevision": f"main@sha1:{OTHER}"}, "applying", Health.WORKING, "77d1e20 is on its way"),
    ([READY], {"lastAppliedRevision": "", "lastAttemptedRevision": ""}, "applying", Health.WORKING, "not applied yet"),
    ([condition("Ready", "Unknown", "Progressing", "Reconciliation in progress"),
      condition("Reconciling", "True", "Progressing", f"Running health checks for revision main@sha1:{SHA} with a timeout of 5m0s", ago=0)],
     {}, "checking", Health.WORKING, "until 14:18:20 UTC at most"),
    ([READY, condition("Healthy", "False", "HealthCheckFailed", "x")], {}, "ready", Health.SOON, "did not become healthy: x"),
    ([READY, condition("Stalled", "True", "InvalidSpec", "no")], {}, "stalled", Health.BAD, "has given up until it is changed: invalid spec: no"),
    ([READY], {"meta": {"deletionTimestamp": stamp(1), "finalizers": ["finalizers.fluxcd.io"]}}, "deleting", Health.WORKING, "deleted"),
    ([condition("Healthy", "True", "Succeeded")], {}, "waiting", Health.UNKNOWN, "nothing of being ready"),
    ([condition("Ready", "Unknown", "Odd", "what")], {}, "waiting", Health.UNKNOWN, "odd: what"),
    ([condition("Ready", "False", "HealthCheckCanceled", "New reconciliation triggered")], {}, "applying", Health.WORKING, "New"),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "more", "state", "health", "words"), UNDER_WAY)
def test_what_is_under_way_is_not_fine(
    conditions: list[Any], more: dict[str, Any], state: str, health: Health, words: str
) -> None:
    found = sync(*conditions, **more)
    assert (found.state, found.health) == (state, health)
    assert words in found.why


FAILED = [
    ("BuildFailed", "kustomize build failed: open /tmp/kustomization-42/deploy/x.yaml: no such file or directory",
     "failing", Health.BAD, "77d1e20: what Git holds cannot be built: open deploy/x.yaml: no such file or directory; not applied; 9f3c2a1 was"),
    ("HealthCheckFailed", "health check failed after 50.1s: failed early due to stalled resources: [Deployment/bakery/web status: 'Failed']",
     "failing", Health.BAD, "Deployment/bakery/web does not become healthy; its objects are applied already"),
    ("HealthCheckFailed", "health check failed after 1m0s: timeout waiting for: [Deployment/b/a status: 'InProgress', Job/b/j status: 'InProgress']",
     "failing", Health.BAD, "Deployment/b/a, Job/b/j do not become healthy, and the time given has run out"),
    ("ReconciliationFailed", 'Deployment/b/w dry-run failed (Invalid): Deployment.apps "w" is invalid: spec.replicas: Invalid value: -3\n',
     "failing", Health.BAD, 'the cluster refuses Deployment/b/w: Deployment.apps "w" is invalid: spec.replicas: Invalid value: -3 (Invalid)'),
    ("PruneFailed", "forbidden", "failing", Health.BAD, "objects that left Git could not be deleted: forbidden"),
    ("DependencyNotReady", "dependency 'flux-system/infra' is not ready", "blocked", Health.SOON, "infra"),
    ("ArtifactFailed", "Source artifact not found, retrying in 30s", "waiting", Health.SOON, "its source has nothing to give yet"),
    ("ArtifactFailed", 'GitRepository.source.toolkit.fluxcd.io "x" not found', "failing", Health.BAD, "its source does not exist"),
    ("ArtifactFailed", "kustomization path not found: stat /var/lib/lab/kustomization-3600426109/broken: no such file or directory",
     "failing", Health.BAD, "the folder broken is not in the source"),
    ("SomethingNew", "never seen", "failing", Health.BAD, "something new: never seen"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "message", "state", "health", "words"), FAILED)
def test_every_failure_says_what_happened(
    reason: str, message: str, state: str, health: Health, words: str
) -> None:
    # As after a failure that will be tried again: kstatus would call it "in progress".
    again = condition("Reconciling", "True", "ProgressingWithRetry", "Building manifests")
    found = sync(
        condition("Ready", "False", reason, message), again, lastAttemptedRevision=f"main@sha1:{OTHER}",
        observedGeneration=-1, spec={"dependsOn": [{"name": "infra"}, {"name": "other", "namespace": "n"}]},
    )  # fmt: skip
    assert (found.state, found.health) == (state, health)
    assert words in found.why
    assert found.depends_on == ("kustomizations/flux-system/infra", "kustomizations/n/other")
    assert found.blocked_by == (("kustomizations/flux-system/infra",) if state == "blocked" else ())


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        ("GitOperationFailed", "unable to clone 'http://g/x.git': authentication required: ", "refuses the credentials"),
        ("GitOperationFailed", "unable to clone 'http://g/x.git': repository not found: ", "no such repository"),
        ("GitOperationFailed", "unable to clone 'x': couldn't find remote ref \"refs/heads/release-9\"", "no branch or tag release-9"),
        ("GitOperationFailed", "Get \"http://g/x\": dial tcp 127.0.0.1:1: connect: connection refused", "does not answer"),
        ("GitOperationFailed", "dial tcp: lookup gitea.local: no such host", "does not resolve"),
        ("GitOperationFailed", "tls: failed to verify certificate: x509: unknown authority", "not trusted"),
        ("GitOperationFailed", "something else", "Git refuses: something else"),
        ("AuthenticationFailed", 'failed to get secret \'f/k\': secrets "deploy-key" not found', "the Secret deploy-key"),
        ("OCIArtifactPullFailed", "denied", "the artifact cannot be pulled: denied"),
        ("IncludeUnavailable", "x", "a source that it includes has nothing to give: x"),
        ("StorageOperationFailed", "disk full", "cannot store what it fetched: disk full"),
    ],
)  # fmt: skip
def test_every_failure_of_a_source_says_what_happened(reason: str, message: str, words: str) -> None:
    found = source(
        condition("Ready", "False", reason, message), condition("Reconciling", "True", "Progressing", "x")
    )
    assert (found.state, found.health) == ("failing", Health.BAD)
    assert words in found.why
    assert found.revision is not None  # what is in store stays


def test_a_source_that_fails_stays_bad_while_it_tries_again() -> None:
    found = source(
        condition("Ready", "Unknown", "Progressing", "building artifact"),
        condition("Reconciling", "True", "Progressing", "building artifact"),
        condition("FetchFailed", "True", "GitOperationFailed", "repository not found"),
    )
    assert (found.state, found.health) == ("failing", Health.BAD)


REASONS = [
    "Succeeded", "GitOperationFailed", "AuthenticationFailed", "ReconciliationSucceeded", "Progressing",
    "ArtifactFailed", "BuildFailed", "DependencyNotReady", "HealthCheckFailed", "HealthCheckCanceled",
    "PruneFailed", "ReconciliationFailed", "ProgressingWithRetry", "InstallSucceeded", "InstallFailed",
    "UpgradeSucceeded", "UpgradeFailed", "TestSucceeded", "TestFailed", "RollbackSucceeded", "RollbackFailed",
    "UninstallSucceeded", "UninstallFailed", "NewRevision", "IncludeUnavailable", "StorageOperationFailed",
]  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_every_known_reason_has_words_of_its_own(reason: str) -> None:
    said = sentence(reason, "the message")
    assert said
    assert reason not in said
    assert sentence(reason, "")


def test_suspended_is_held_and_still_says_what_went_wrong_before() -> None:
    assert sync(READY, spec={"suspend": True}).state == "suspended"
    found = sync(condition("Ready", "False", "BuildFailed", "no"), spec={"suspend": True})
    assert found.health is Health.HELD
    assert "before that: what Git holds cannot be built: no" in found.why
    assert found.next is None
    empty = source(spec={"suspend": True}, observedGeneration=-1, artifact=None)
    assert (empty.state, empty.health) == ("suspended", Health.HELD)


def test_ready_without_anything_in_store_is_unknown() -> None:
    assert source(READY, artifact=None).health is Health.UNKNOWN


def test_a_helm_repository_of_type_oci_has_no_status_and_needs_none() -> None:
    value = raw([], {"type": "oci", "url": "oci://registry.example/charts"})
    del value["status"]
    found = read("helmrepositories", value)
    assert (found.state, found.health) == ("static", Health.FINE)
    del value["spec"]["type"]
    assert read("helmrepositories", value).health is Health.UNKNOWN


def test_sources_say_what_they_want_and_hide_passwords() -> None:
    found = source(READY, spec={"url": "https://bot:letmein@gitea.local/a/b.git", "ref": {"branch": "main"}})
    assert "letmein" not in found.url
    assert found.wants == "main"
    assert source(READY, spec={"ref": {"branch": "main", "commit": SHA}}).wants == SHA
    assert source(READY).wants == "master"
    chart = source(READY, plural="helmcharts", spec={"chart": "gitea", "version": "10.x"})
    assert (chart.url, chart.wants) == ("gitea", "10.x")


def test_next_is_told_as_far_as_it_can_be() -> None:
    fresh = sync(
        READY, history=[{"lastReconciled": stamp(100), "lastReconciledStatus": "ReconciliationSucceeded"}]
    )
    assert (fresh.last, fresh.next) == (NOW - 100, NOW + 500)
    failing = sync(condition("Ready", "False", "BuildFailed", "x", ago=5), spec={"retryInterval": "30s"})
    assert failing.next == NOW + 25
    assert source(condition("Ready", "True", "Succeeded", ago=7000), artifact=None).next is None


def test_history_is_newest_first_and_judged() -> None:
    found = sync(READY, history=[
        {"lastReconciled": stamp(900), "lastReconciledStatus": "ReconciliationSucceeded", "metadata": {"revision": f"main@sha1:{SHA}"},
         "lastReconciledDuration": "5.2s", "totalReconciliations": 4},
        {"lastReconciled": stamp(100), "lastReconciledStatus": "HealthCheckFailed", "metadata": {"revision": f"main@sha1:{OTHER}"}},
    ])  # fmt: skip
    assert [(each.health, each.times, each.seconds) for each in found.history] == [
        (Health.BAD, None, None), (Health.FINE, 4, 5.2)]  # fmt: skip


def test_a_helm_release_is_judged_without_generations_of_its_conditions() -> None:
    spec = {
        "chart": {
            "spec": {
                "chart": "gitea",
                "version": "10.x",
                "sourceRef": {"kind": "HelmRepository", "name": "charts"},
            }
        }
    }
    ready = {**condition("Ready", "True", "UpgradeSucceeded", "done"), "observedGeneration": 1}
    history = [{"chartVersion": "10.1.0", "status": "deployed", "version": 2, "lastDeployed": stamp(50)},
               {"chartVersion": "10.0.0", "status": "superseded", "version": 1, "lastDeployed": stamp(500)}]  # fmt: skip
    found = read(
        "helmreleases",
        raw([ready], spec, history=history, lastAttemptedRevision="10.1.0", helmChart="flux-system/x-gitea"),
    )
    assert (found.state, found.health) == ("ready", Health.FINE)
    assert (found.source, found.path) == ("helmcharts/flux-system/x-gitea", "gitea 10.x")
    assert found.applied.text == "10.1.0"
    assert [each.revision for each in found.history] == ["10.1.0", "10.0.0"]
    failed = read("helmreleases", raw([condition("Ready", "False", "UpgradeFailed", "timed out")], spec))
    assert (failed.health, failed.source) == (Health.BAD, "helmrepositories/flux-system/charts")
    drifted = read("helmreleases", raw([ready, condition("Drifted", "True", "DriftDetected", "1 object")], spec))
    assert (drifted.state, drifted.health) == ("drifted", Health.SOON)


def test_other_objects_show_their_facts() -> None:
    found = read(
        "receivers",
        raw(
            [condition("Ready", "True", "Succeeded")],
            {"type": "github", "events": ["push"]},
            webhookPath="/hook/abc",
        ),
    )
    assert isinstance(found, FluxObject)
    assert found.health is Health.FINE
    assert {"type": "github", "events": "push", "path": "/hook/abc"}.items() <= dict(found.facts).items()
    policy = read(
        "imagepolicies",
        raw([condition("Ready", "False", "InvalidPolicy", "x")], latestRef={"name": "r/a", "tag": "2"}),
    )
    assert policy.health is Health.BAD
    assert dict(policy.facts)["chosen"] == "r/a:2"
    alert = {"metadata": {"name": "a", "namespace": "n"}, "spec": {"providerRef": {"name": "gitea"}}}
    assert (read("alerts", alert).state, dict(read("alerts", alert).facts)["provider"]) == ("static", "gitea")


def test_who_wants_a_person_is_what_fails_or_waits_and_not_what_works_or_is_held() -> None:
    failing = condition("Ready", "False", "BuildFailed", "x")
    cases = {
        "failing": raw([failing]),
        "stalled": raw([READY, condition("Stalled", "True", "InvalidSpec", "no")]),
        "blocked": raw([condition("Ready", "False", "DependencyNotReady", "dependency 'a/b' is not ready")]),
        "at-work": raw([condition("Reconciling", "True", "Progressing", "x")]),
        "held": raw([failing], {"suspend": True}),
        "fine": raw([READY], lastAppliedRevision="1", lastAttemptedRevision="1"),
        "just-made": raw([]),
    }
    objects = []
    for name, value in cases.items():
        value["metadata"]["name"] = name
        objects.append(msgspec.json.decode(json.dumps(value), type=CATALOGUE["kustomizations"].struct))
    found = of_delivery(views_of("kustomizations", objects), NOW)
    assert {need.name: (need.health, need.what) for need in found} == {
        "failing": (Health.BAD, "BuildFailed"),
        "stalled": (Health.BAD, "InvalidSpec"),
        "blocked": (Health.SOON, "DependencyNotReady"),
    }
    assert found[0].why == "what Git holds cannot be built: x"
    assert list(views_of("pipelines", objects)) == []


def test_labels_trace_to_the_owner() -> None:
    labels = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    helm = {"helm.toolkit.fluxcd.io/name": "gitea", "helm.toolkit.fluxcd.io/namespace": "gitea"}
    assert trace({**labels, **helm}) == "kustomizations/flux-system/apps"
    assert trace(helm) == "helmreleases/gitea/gitea"
    assert trace({"kustomize.toolkit.fluxcd.io/name": "apps"}) == ""
    assert trace(None) == ""


def test_objects_of_a_failed_check_are_found() -> None:
    assert stuck_objects("failed early due to stalled resources: [Deployment/b/a status: 'Failed']") == (
        "Deployment/b/a",
    )
    assert stuck_objects("something else") == ()
