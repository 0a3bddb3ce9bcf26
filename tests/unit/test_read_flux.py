"""Flux' objects read: states, sentences, revisions, inventories, the tree, and nothing fine that is not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.cluster.wire import flux as wire
from bakeryops.model.health import Health
from bakeryops.model.sync import FluxObject, Source, Sync
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS, object_of, source_of, sync_of, trace
from bakeryops.read.flux_index import KINDS, FluxIndex
from bakeryops.read.flux_inventory import inventory_of
from bakeryops.read.flux_needs import of_delivery
from bakeryops.read.flux_revisions import inventory_entry, parse_revision
from bakeryops.read.flux_text import sentence, stuck_objects
from bakeryops.read.index import WorkloadIndex
from bakeryops.text import clean
from tests.support.reading import NOW, Held, Uids, raw_pod, stamp
from tests.support.reading import decode as decode_workload
from tests.unit.test_read_anything import any_of

SHA = "9f3c2a17be00000000000000000000000000abcd"
OTHER = "77d1e2000000000000000000000000000000beef"


def condition(
    kind: str, status: str, reason: str = "", message: str = "", ago: float = 60, **more: Any
) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": stamp(ago), "observedGeneration": 2, **more}  # fmt: skip


READY = condition("Ready", "True", "ReconciliationSucceeded", "Applied revision")


def raw(
    conditions: Iterable[Any], spec: Any = None, *, name: str = "bakery-ia", meta: Any = None, **status: Any
) -> Any:
    return {
        "metadata": {
            "name": name,
            "namespace": "flux-system",
            "uid": f"uid-{name}",
            "generation": 2,
            **(meta or {}),
        },
        "spec": {"interval": "10m", **(spec or {})},
        "status": {"observedGeneration": 2, "conditions": list(conditions), **status},
    }


def read(plural: str, value: Any) -> Any:
    found = msgspec.json.decode(json.dumps(value), type=CATALOGUE[plural].struct)
    if plural in SOURCES:
        return source_of(plural, found, now=NOW)
    return sync_of(plural, found, now=NOW) if plural in SYNCS else object_of(plural, found)


def sync(*conditions: Any, spec: Any = None, **more: Any) -> Sync:
    revisions = {"lastAppliedRevision": f"main@sha1:{SHA}", "lastAttemptedRevision": f"main@sha1:{SHA}"}
    basis = {"sourceRef": {"kind": "GitRepository", "name": "bakery-ia"}, "path": "./deploy", "prune": True}
    found = read("kustomizations", raw(conditions, {**basis, **(spec or {})}, **{**revisions, **more}))
    assert isinstance(found, Sync)
    return found


def source(*conditions: Any, spec: Any = None, plural: str = "gitrepositories", **more: Any) -> Source:
    artifact = {"revision": f"main@sha1:{SHA}", "lastUpdateTime": stamp(500)}
    found = read(plural, raw(conditions, spec, **{"artifact": artifact, **more}))
    assert isinstance(found, Source)
    return found


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
    found = of_delivery("kustomizations", objects)
    assert {need.name: (need.health, need.what) for need in found} == {
        "failing": (Health.BAD, "BuildFailed"),
        "stalled": (Health.BAD, "InvalidSpec"),
        "blocked": (Health.SOON, "DependencyNotReady"),
    }
    assert found[0].why == "what Git holds cannot be built: x"
    assert of_delivery("pipelines", objects) == []


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


# The index.


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


# Inventories.


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
    assert (node.health, node.state) == (Health.UNKNOWN, "not read yet")


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
