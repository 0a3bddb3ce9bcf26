"""The overview: parts, budgets, what needs a person, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from bakeryops.cluster.wire.core import Namespace
from bakeryops.cluster.wire.flux import Kustomization
from bakeryops.cluster.wire.tekton import PipelineRun
from bakeryops.model.health import Health
from bakeryops.model.overview import Overview, Part
from bakeryops.read.index import WorkloadIndex
from bakeryops.read.needs import plural_of
from bakeryops.read.overview import Sources, is_database, overview
from bakeryops.read.parts import BUILD_BUDGET, CICD_BUDGET
from bakeryops.read.workloads import read_all
from tests.support.reading import NOW, decode, ended, not_ready, raw_deployment, raw_pod, running, stamp


@dataclass
class State:
    phase: str
    reason: str = ""
    notes: str = ""


def placed(name: str, namespace: str, *, image: str = "r/x:1.2.3", **labels: str) -> tuple[Any, Any]:
    """Return a Deployment and its one pod, both well."""
    wanted = raw_deployment(name)
    wanted["metadata"] |= {"namespace": namespace, "labels": labels, "uid": f"{namespace}-{name}"}
    wanted["spec"]["template"]["spec"]["containers"] = [{"name": "main", "image": image}]
    pod = raw_pod(f"{name}-5f6d-x", namespace=namespace, containerStatuses=[running("main", 7000)])
    pod["metadata"] |= {"uid": f"pod-{namespace}-{name}", "labels": {"pod-template-hash": "5f6d"}}
    pod["metadata"]["ownerReferences"][0]["name"] = f"{name}-5f6d"
    pod["spec"]["containers"] = [{"name": "main", "image": image, "resources": {"requests": {"memory": "64Mi"}}}]
    return decode("deployments", wanted), decode("pods", pod)


def cluster(*more: tuple[Any, Any]) -> WorkloadIndex:
    pairs = [
        placed("gitea", "gitea", image="docker.gitea.com/gitea:1.25.2-rootless"),
        placed("tekton-pipelines-controller", "tekton-pipelines", **{"app.kubernetes.io/version": "v1.15.0"}),
        placed("source-controller", "flux-system", **{"app.kubernetes.io/version": "v2.9.4"}),
        placed("auth", "bakery-ia"),
        placed("auth-db", "bakery-ia", image="postgres:17-alpine"),
        *more,
    ]
    return read_all({"deployments": [one for one, _ in pairs], "pods": [pod for _, pod in pairs]}, now=NOW)


def parts(view: Overview) -> dict[str, Part]:
    return {part.name: part for part in view.parts}


def test_all_is_well() -> None:
    view = overview(cluster(), Sources(), now=NOW)
    assert view.health is Health.FINE
    assert view.needs == ()
    assert (view.workloads_ready, view.workloads_total) == (5, 5)
    assert (view.databases_ready, view.databases_total) == (1, 1)
    found = parts(view)
    assert {name: part.health for name, part in found.items() if part.present} == {
        "Gitea": Health.FINE, "Tekton": Health.FINE, "Flux": Health.FINE, "App": Health.FINE,
    }  # fmt: skip
    assert (found["Gitea"].version, found["Tekton"].version, found["Flux"].version) == (
        "1.25.2",
        "1.15.0",
        "2.9.4",
    )
    assert found["Gitea"].budget == 768 * 2**20
    assert found["App"].budget is None


def test_an_absent_part_is_said_to_be_absent() -> None:
    part = parts(overview(cluster(), Sources(), now=NOW))["SigNoz"]
    assert (part.present, part.health, part.reason) == (False, Health.UNKNOWN, "not found in this cluster")


def test_parts_in_other_namespaces_are_found_by_label() -> None:
    index = cluster(placed("signoz-otel-collector", "telemetry", **{"app.kubernetes.io/name": "signoz"}))
    part = parts(overview(index, Sources(), now=NOW))["SigNoz"]
    assert (part.present, part.namespaces, part.health) == (True, ("telemetry",), Health.FINE)


def test_memory_against_the_budgets() -> None:
    index = cluster()
    assert overview(index, Sources(), now=NOW).cicd_memory is None
    measures = [("gitea", "gitea-5f6d-x", "400Mi"), ("flux-system", "source-controller-5f6d-x", "100Mi")]
    index.set_usage(
        [
            decode("podmetrics", {"metadata": {"namespace": namespace, "name": name},
                                  "containers": [{"name": "main", "usage": {"memory": memory}}]})
            for namespace, name, memory in measures
        ]
    )  # fmt: skip
    run = msgspec.convert({"status": {"conditions": [{"type": "Succeeded", "status": "Unknown"}]}}, PipelineRun)
    view = overview(index, Sources(pipelineruns=[run, PipelineRun()]), now=NOW)
    assert (view.cicd_memory, view.builds_running) == (500 * 2**20, 1)
    assert view.cicd_budget == CICD_BUDGET + BUILD_BUDGET
    assert parts(view)["Gitea"].memory == 400 * 2**20
    assert view.shares[0].namespace == "gitea"
    assert view.shares[-1].memory is None


def broken() -> tuple[Any, Any]:
    wanted, _ = placed("tenant", "bakery-ia")
    wanted.status.readyReplicas = 0
    status = {"name": "main", "restartCount": 7, "state": ended(1, 5)}
    raw = raw_pod("tenant-5f6d-x", conditions=not_ready(5), containerStatuses=[status])
    raw["metadata"] |= {"uid": "broken", "labels": {"pod-template-hash": "5f6d"}}
    raw["metadata"]["ownerReferences"][0]["name"] = "tenant-5f6d"
    raw["spec"]["containers"] = [{"name": "main", "image": "r/tenant:1"}]
    return wanted, decode("pods", raw)


def test_what_needs_you_says_why_and_what_to_open() -> None:
    view = overview(cluster(broken()), Sources(), now=NOW)
    assert view.health is Health.BAD
    (need,) = view.needs
    assert (need.name, need.what, need.why) == ("tenant", "CrashLoopBackOff", "crash-looping: exit 1, 7 restarts")
    assert (need.ref.plural, need.ref.namespace, need.ref.name) == ("deployments", "bakery-ia", "tenant")
    assert (need.pod, need.container, need.restarts, need.since) == ("tenant-5f6d-x", "main", 7, NOW - 5)
    app = parts(view)["App"]
    assert (app.health, app.ready, app.total) == (Health.BAD, 2, 3)
    assert app.reason == "tenant: crash-looping: exit 1, 7 restarts"


def test_old_data_is_never_green() -> None:
    states = {
        "pods": State("stale", "connection refused"),
        "deployments": State("live"),
        "podmetrics": State("absent"),
    }
    view = overview(cluster(), Sources(states=states), now=NOW)
    assert view.health is Health.UNKNOWN
    assert {part.health for part in view.parts} == {Health.UNKNOWN}
    assert view.unknowns == (
        "pods are not up to date: connection refused",
        "metrics of pods are not served by this cluster",
    )


@pytest.mark.parametrize("kind", ["pods", "deployments", "cronjobs", "nodes"])
def test_what_could_not_be_read_is_never_green(kind: str) -> None:
    states = {
        kind: State("live", "1 of these objects could not be read: a", "1 of these objects could not be read: a")
    }
    view = overview(cluster(), Sources(states=states), now=NOW)
    assert view.health is Health.UNKNOWN
    assert view.unknowns == (f"{kind}: 1 of these objects could not be read: a",)


@pytest.mark.parametrize("phase", ["waiting", "syncing", "stale"])
@pytest.mark.parametrize("kind", ["cronjobs", "nodes", "persistentvolumeclaims", "kustomizations"])
def test_old_nodes_claims_and_schedules_are_never_green(kind: str, phase: str) -> None:
    sources = Sources(states={kind: State(phase)}, flux={"kustomizations": ()})
    view = overview(cluster(), sources, now=NOW)
    assert view.health is Health.UNKNOWN
    assert {part.health for part in view.parts if part.present} == {Health.FINE}
    forbidden = Sources(states={kind: State("forbidden", "you may not")}, flux={"kustomizations": ()})
    view = overview(cluster(), forbidden, now=NOW)
    assert (view.health, len(view.unknowns)) == (Health.FINE, 1)


def test_pods_that_come_before_their_deployment_are_no_alarm() -> None:
    _, pod = placed("auth", "bakery-ia")
    index = read_all({"pods": [pod]}, now=NOW)
    assert len(overview(index, Sources(), now=NOW).needs) == 1
    syncing = overview(index, Sources(states={"deployments": State("syncing")}), now=NOW)
    assert (syncing.needs, syncing.health) == ((), Health.UNKNOWN)


def test_a_part_outside_the_only_namespace_is_not_called_absent() -> None:
    index = read_all(
        dict(zip(("deployments", "pods"), ([one] for one in placed("auth", "bakery-ia")), strict=True)), now=NOW
    )
    seen = parts(overview(index, Sources(namespace="bakery-ia"), now=NOW))
    assert (seen["App"].health, seen["App"].reason) == (Health.FINE, "")
    assert (seen["Gitea"].health, seen["Gitea"].reason) == (Health.UNKNOWN, "not looked at: only bakery-ia is")
    assert (
        parts(overview(index, Sources(namespace="gitea"), now=NOW))["Gitea"].reason == "not found in this cluster"
    )


def test_an_empty_cluster_is_unknown() -> None:
    view = overview(WorkloadIndex(clock=lambda: NOW), Sources(), now=NOW)
    assert view.health is Health.UNKNOWN
    assert (view.workloads_total, view.pods_total, view.nodes) == (0, 0, ())


def test_absent_tekton_is_no_news_in_the_list_of_unknowns() -> None:
    states = {"pipelineruns": State("absent"), "events": State("forbidden", "you may not")}
    assert overview(cluster(), Sources(states=states), now=NOW).unknowns == (
        "events may not be read: you may not",
    )


def test_flux_nodes_claims_and_namespaces_need_you_too() -> None:
    failing = msgspec.convert(
        {
            "metadata": {"name": "bakery", "namespace": "flux-system"},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "m",
                                       "lastTransitionTime": stamp(60)}]},
        },
        Kustomization,
    )  # fmt: skip
    going = msgspec.convert(
        {"metadata": {"name": "old", "deletionTimestamp": stamp(900)},
         "status": {"conditions": [{"type": "NamespaceContentRemaining", "status": "True", "message": "2 left"}]}},
        Namespace,
    )  # fmt: skip
    lost = decode(
        "persistentvolumeclaims", {"metadata": {"name": "d", "namespace": "gitea"}, "status": {"phase": "Lost"}}
    )
    silent = decode("nodes", {"metadata": {"name": "vps"}, "status": {"conditions": [
        {"type": "Ready", "status": "Unknown"}]}})  # fmt: skip
    sources = Sources(
        nodes=[silent], claims=[lost], namespaces=[going], flux={"kustomizations": [failing, Kustomization()]}
    )
    found = overview(cluster(), sources, now=NOW).needs
    assert [(need.ref.plural, need.health) for need in found] == [
        ("nodes", Health.BAD), ("kustomizations", Health.BAD), ("persistentvolumeclaims", Health.BAD),
        ("namespaces", Health.SOON),
    ]  # fmt: skip
    assert found[1].what == "BuildFailed"
    assert found[3].why == "does not go: 2 left"


def test_a_claim_that_a_pod_waits_for_is_told_once() -> None:
    wanted, _ = placed("archive", "bakery-ia")
    wanted.status.readyReplicas = 0
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": stamp(99),
                 "message": "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."}  # fmt: skip
    raw = raw_pod("archive-5f6d-x", phase="Pending", conditions=[condition], containerStatuses=None)
    raw["metadata"]["ownerReferences"][0]["name"] = "archive-5f6d"
    raw["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "archive"}}]
    claim = decode(
        "persistentvolumeclaims",
        {"metadata": {"name": "archive", "namespace": "bakery-ia"}, "status": {"phase": "Pending"}},
    )
    (need,) = overview(cluster((wanted, decode("pods", raw))), Sources(claims=[claim]), now=NOW).needs
    assert (need.ref.plural, need.why) == ("deployments", "waits for its volume: claim archive is not bound")


def test_the_version_of_a_part_is_its_own_or_none() -> None:
    own = placed("signoz", "signoz", **{"app.kubernetes.io/version": "0.139.0"})
    store = placed("clickhouse", "signoz", **{"app.kubernetes.io/version": "25.5"})
    keeper = placed("zookeeper", "signoz", **{"app.kubernetes.io/version": "3.7"})
    assert parts(overview(cluster(own, store, keeper), Sources(), now=NOW))["SigNoz"].version == "0.139.0"
    assert parts(overview(cluster(store, keeper), Sources(), now=NOW))["SigNoz"].version == ""


def test_suspended_flux_objects_do_not_need_you() -> None:
    held = msgspec.convert(
        {"spec": {"suspend": True}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        Kustomization,
    )
    assert overview(cluster(), Sources(flux={"kustomizations": [held]}), now=NOW).needs == ()


def test_databases_are_known_by_image_or_component() -> None:
    for image in (
        "postgres:17",
        "docker.io/library/postgres:16-alpine",
        "bitnami/postgresql:17",
        "postgis/postgis:17",
    ):
        wanted, _ = placed("x", "bakery-ia", image=image)
        assert is_database(read_all({"deployments": [wanted]}, now=NOW).workloads["Deployment/bakery-ia/x"]), image
    wanted, _ = placed("x", "bakery-ia", image="r/postgres-exporter-ui:1")
    wanted.metadata.labels = {"app.kubernetes.io/component": "metrics"}
    assert not is_database(read_all({"deployments": [wanted]}, now=NOW).workloads["Deployment/bakery-ia/x"])


def test_plurals() -> None:
    assert [plural_of(kind) for kind in ("Pod", "NetworkPolicy", "Ingress", "Gateway", "EventListener")] == [
        "pods", "networkpolicies", "ingresses", "gateways", "eventlisteners",
    ]  # fmt: skip
