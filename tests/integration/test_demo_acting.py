"""What actions do to the embedded cluster over its API: rerun, rebuild, cancel, hold, suspend, restart, scale."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bakeryops.demo.server import Providers
from tests.support.chain import Chain, reason, running_chain
from tests.support.demo import Client, served
from tests.support.waiting import until

pytestmark = pytest.mark.slow

Object = dict[str, Any]
CORE = "/api/v1/namespaces"
RUNS = "/apis/tekton.dev/v1/namespaces/bakery-ci/pipelineruns"
FLUX = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/bakery-ia"
DEPLOYMENTS = "/apis/apps/v1/namespaces/bakery-ia/deployments"
MERGE = "application/merge-patch+json"


@asynccontextmanager
async def acting(folder: Path, user: str = "operator") -> AsyncIterator[tuple[Chain, Client]]:
    """Run the cluster with its API, and a client of it."""
    async with running_chain(folder) as chain:
        world = chain.world
        providers = Providers(world.logs, world.usage, world.execs)
        async with served(world.store, providers) as server, Client(server, user) as client:
            yield chain, client


async def patch(client: Client, path: str, body: Object, query: str = "") -> Object:
    answer = await client.call("PATCH", path + query, body, content_type=MERGE)
    assert answer.status == 200, answer.raw
    found: Object = answer.body
    return found


def run_of(chain: Chain, name: str) -> Object:
    found = chain.world.store.get("pipelineruns", "bakery-ci", name)
    assert found is not None
    return found


def spec_of(chain: Chain, **params: Any) -> Object:
    """Return the spec of the newest run that succeeded, with other parameters."""
    runs = [run for run in chain.world.store.list("pipelineruns", "bakery-ci") if reason(run) == "Succeeded"]
    spec = max(runs, key=lambda run: str(run["metadata"]["creationTimestamp"]))["spec"]
    given = {each["name"]: each["value"] for each in spec["params"]} | {
        name.replace("_", "-"): value for name, value in params.items()
    }
    return {**spec, "params": [{"name": name, "value": value} for name, value in given.items()]}


async def create(client: Client, spec: Object, **labels: str) -> str:
    """Create a run as a rerun does, and return its name."""
    metadata = {"generateName": "bakery-ia-ci-r-", "labels": labels}
    body = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": metadata, "spec": spec}
    answer = await client.call("POST", RUNS, body)
    assert answer.status == 201, answer.raw
    return str(answer.body["metadata"]["name"])


async def ended(chain: Chain, name: str) -> Object:
    await until(lambda: "completionTime" in (run_of(chain, name).get("status") or {}), 60)
    return run_of(chain, name)


def results_of(run: Object) -> Object:
    return {each["name"]: each["value"] for each in run["status"].get("results") or ()}


async def test_chosen_services_are_built_at_a_revision_though_nothing_changed(tmp_path: Path) -> None:
    async with acting(tmp_path) as (chain, client):
        head, before = chain.git_head(), chain.tag("auth")
        spec = spec_of(chain, revision=head, before=head, force_services=["auth", "nosuch"])
        run = await ended(chain, await create(client, spec))
        assert reason(run) == "Succeeded"
        assert results_of(run)["services"] == ["auth"]
        assert chain.tag("auth") == results_of(run)["tag"] != before
        assert chain.tag("auth").endswith(head[:12])
        [pod] = chain.world.store.list("pods", "bakery-ci", {"tekton.dev/pipelineRun": run["metadata"]["name"],
                                                             "tekton.dev/pipelineTask": "detect-changes"})  # fmt: skip
        assert "nosuch: no Dockerfile" in chain.said(pod, "detect")


async def test_a_copied_spec_builds_again(tmp_path: Path) -> None:
    async with acting(tmp_path) as (chain, client):
        first = await create(client, spec_of(chain), **{"dashboard.tekton.dev/rerunOf": "earlier"})
        second = await create(client, spec_of(chain))
        assert first != second
        run = await ended(chain, first)
        assert reason(run) == "Succeeded"
        assert run["metadata"]["labels"]["dashboard.tekton.dev/rerunOf"] == "earlier"
        assert results_of(run)["services"]


async def test_a_pending_run_waits_until_it_is_let_go(tmp_path: Path) -> None:
    async with acting(tmp_path) as (chain, client):
        head = chain.git_head()
        spec = spec_of(chain, revision=head, before=head) | {"status": "PipelineRunPending"}
        name = await create(client, spec)
        await until(lambda: reason(run_of(chain, name)) == "PipelineRunPending")
        start = chain.world.clock.now()
        await until(lambda: chain.world.clock.now() > start + 60)
        assert "startTime" not in run_of(chain, name)["status"]
        assert not chain.world.store.list("taskruns", "bakery-ci", {"tekton.dev/pipelineRun": name})
        await patch(client, f"{RUNS}/{name}", {"spec": {"status": None}})
        assert reason(await ended(chain, name)) == "Completed"


@pytest.mark.parametrize("mode", ["Cancelled", "CancelledRunFinally", "StoppedRunFinally"])
async def test_a_build_is_cancelled_in_each_mode(tmp_path: Path, mode: str) -> None:
    async with acting(tmp_path) as (chain, client):
        head, before = chain.git_head(), chain.tag("auth")
        name = await create(client, spec_of(chain, revision=head, before=head, force_services=["auth"]))
        await until(
            lambda: any(reason(child) == "Running" for child in chain.task_runs(run_of(chain, name), "test"))
        )
        await patch(client, f"{RUNS}/{name}", {"spec": {"status": mode}})
        run = await ended(chain, name)
        assert reason(run) == "Cancelled"
        assert chain.tag("auth") == before
        [test] = chain.task_runs(run, "test")
        assert reason(test) == ("Succeeded" if mode == "StoppedRunFinally" else "TaskRunCancelled")
        statuses = chain.world.gitea.find("bakery-admin", "bakery-ia").statuses
        told = [each for each in statuses if each.sha == head and name in each.target_url]
        assert len(told) == (0 if mode == "Cancelled" else 1)
        assert bool(run["status"].get("skippedTasks")) == (mode != "Cancelled")
        # It has ended: nobody can cancel it again.
        other = {"spec": {"status": "Cancelled" if mode == "StoppedRunFinally" else "StoppedRunFinally"}}
        assert (await client.call("PATCH", f"{RUNS}/{name}", other, content_type=MERGE)).status == 400


async def test_a_held_service_is_left_by_a_build_of_two(tmp_path: Path) -> None:
    async with acting(tmp_path) as (chain, client):
        entry = {"reason": "bad deploy", "owner": "ops", "since": "2026-01-01T00:00:00Z", "until": None}
        data = {"auth": json.dumps(entry)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bakery-holds"}, "data": data}
        assert (await client.call("POST", f"{CORE}/bakery-ci/configmaps", body)).status == 201
        head, before = chain.git_head(), {name: chain.tag(name) for name in ("auth", "tenant")}
        spec = spec_of(chain, revision=head, before=head, force_services=["auth", "tenant"])
        run = await ended(chain, await create(client, spec))
        assert reason(run) == "Succeeded"
        assert chain.tag("auth") == before["auth"]
        assert chain.tag("tenant") == results_of(run)["tag"]
        [update] = chain.task_runs(run, "update-tag")
        pod = chain.world.store.get("pods", "bakery-ci", update["status"]["podName"])
        assert pod is not None
        assert f"auth: held by ops until lifted: bad deploy; left at {before['auth']}" in chain.said(
            pod, "commit-and-push"
        )


async def test_a_suspended_kustomization_answers_a_request_and_applies_nothing(tmp_path: Path) -> None:
    async with acting(tmp_path) as (chain, client):
        await patch(client, FLUX, {"spec": {"suspend": True}})
        before = chain.applied()
        await chain.commit("auth: a limit", infrastructure__kubernetes__overlays__prod__note="x\n")
        await chain.push()
        token = "2026-01-01T00:00:00.000000001Z"
        await patch(client, FLUX, {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}})

        def handled() -> bool:
            found = chain.world.store.get("kustomizations", "flux-system", "bakery-ia")
            assert found is not None
            return found["status"].get("lastHandledReconcileAt") == token

        await until(handled)
        assert chain.applied() == before
        await patch(client, FLUX, {"spec": {"suspend": None}})
        await until(lambda: chain.applied() == chain.git_head(), 60)


async def test_only_a_restart_by_fluxs_own_manager_survives_it(tmp_path: Path) -> None:
    async with acting(tmp_path) as (chain, client):
        stamp = "2026-01-01T00:00:00Z"
        template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": stamp}}}
        restart = {"spec": {"template": template}}
        await patch(client, f"{DEPLOYMENTS}/auth-service", restart, "?fieldManager=kubectl-rollout")
        await patch(client, f"{DEPLOYMENTS}/tenant-service", restart, "?fieldManager=flux-client-side-apply")
        await patch(client, f"{DEPLOYMENTS}/orders-service/scale", {"spec": {"replicas": 3}})
        token = "2026-01-01T00:00:00.000000002Z"
        await patch(client, FLUX, {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}})

        def restarted(name: str) -> bool:
            found = chain.world.store.get("deployments.apps", "bakery-ia", name)
            assert found is not None
            annotations = found["spec"]["template"]["metadata"].get("annotations") or {}
            return bool(annotations.get("kubectl.kubernetes.io/restartedAt") == stamp)

        await until(lambda: not restarted("auth-service"))
        assert restarted("tenant-service")
        await until(
            lambda: (
                (chain.world.store.get("deployments.apps", "bakery-ia", "orders-service") or {})["spec"][
                    "replicas"
                ]
                == 1
            )
        )


async def test_a_lease_is_taken_renewed_and_broken(tmp_path: Path) -> None:
    async with acting(tmp_path) as (_, client):
        leases = "/apis/coordination.k8s.io/v1/namespaces/bakery-ci/leases"
        spec = {"holderIdentity": "ops@vps", "leaseDurationSeconds": 30, "acquireTime": "2026-01-01T00:00:00.000000Z",
                "renewTime": "2026-01-01T00:00:00.000000Z", "leaseTransitions": 0}  # fmt: skip
        metadata = {"name": "bakeryops-auth", "annotations": {"bakeryops.dev/job": "1"}}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        made = await client.call("POST", leases, body)
        assert made.status == 201, made.raw
        assert (await client.call("POST", leases, body)).status == 409
        mine = made.body
        mine["spec"]["renewTime"] = "2026-01-01T00:00:10.000000Z"
        renewed = await client.call("PUT", f"{leases}/bakeryops-auth", mine)
        assert renewed.status == 200
        # Whoever writes on top of an older state is told so.
        assert (await client.call("PUT", f"{leases}/bakeryops-auth", mine)).status == 409
        taken = await patch(client, f"{leases}/bakeryops-auth", {"spec": {"holderIdentity": "other@vps"}})
        assert taken["spec"]["renewTime"] == "2026-01-01T00:00:10.000000Z"
        assert (await client.call("DELETE", f"{leases}/bakeryops-auth")).status == 200
        assert (await client.get(f"{leases}/bakeryops-auth")).status == 404
