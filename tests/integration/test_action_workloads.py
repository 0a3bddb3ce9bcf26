"""Workloads restarted, scaled and their pods deleted on the embedded cluster, with Flux at work beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bakeryops.actions.flux import plan_reconcile
from bakeryops.actions.rollout_wait import stays_ready, wait_rollout
from bakeryops.actions.workloads import RESTARTED, plan_delete_pod, plan_restart, plan_scale
from bakeryops.jobs.step import StepFailedError, step_of
from tests.support.bench import Bench, bench
from tests.support.waiting import until

pytestmark = pytest.mark.slow

APP = "bakery-ia"
KEY = ("Deployment", APP, "auth-service")
FLUX = ("Kustomization", "flux-system", "bakery-ia")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, speed=20.0) as made:
        yield made


def pods(lab: Bench, name: str = "auth-service") -> dict[str, str]:
    """Return names and uids of a workload's pods, without those that are ending."""
    found = lab.store.list("pods", APP, {"app.kubernetes.io/name": name})
    named = (each["metadata"] for each in found)
    return {each["name"]: each["uid"] for each in named if "deletionTimestamp" not in each}


def replicas(lab: Bench, name: str = "auth-service") -> int:
    return int(lab.live("deployments", name, APP)["spec"]["replicas"])


async def test_a_restart_replaces_every_pod_and_flux_leaves_it_alone(lab: Bench) -> None:
    before = pods(lab)
    plan = await lab.plan(plan_restart, *KEY)
    assert any("leaves a restart alone" in note.text for note in plan.notes)
    evidence = await lab.carry_out(plan)
    assert "pods ready" in evidence[-1]
    after = pods(lab)
    assert after
    assert not before.keys() & after.keys()
    when = lab.notes["restart"]["restartedAt"]
    await lab.carry_out(await lab.plan(plan_reconcile, *FLUX))
    template = lab.live("deployments", "auth-service", APP)["spec"]["template"]
    assert template["metadata"]["annotations"][RESTARTED] == when
    assert pods(lab) == after


async def test_a_restart_that_is_carried_out_twice_restarts_once(lab: Bench) -> None:
    plan = await lab.plan(plan_restart, *KEY)
    await lab.carry_out(plan)
    after = pods(lab)
    at = lab.hands(plan, plan.steps[0])
    again = await step_of("workload.restart").apply(at)
    assert again is not None
    assert again["generation"] == lab.outputs["restart"]["generation"]
    assert pods(lab) == after


async def test_what_git_says_is_taken_back_and_the_plan_said_so(lab: Bench) -> None:
    had = replicas(lab)
    plan = await lab.plan(plan_scale, *KEY, had + 1)
    assert any(f"Git says {had}" in note.text and "takes it back" in note.text for note in plan.notes)
    assert any(fact.label == "In Git instead" for fact in plan.facts)
    assert plan.undo.endswith(f"Deployment/auth-service {had} -n {APP}")
    await lab.carry_out(plan)
    assert replicas(lab) == had + 1
    assert len(pods(lab)) == had + 1
    await lab.carry_out(await lab.plan(plan_reconcile, *FLUX))
    assert replicas(lab) == had


async def test_a_database_is_scaled_to_nothing_only_by_its_name(lab: Bench) -> None:
    plan = await lab.plan(plan_scale, "StatefulSet", APP, "auth-db", 0)
    assert plan.typed == "auth-db"
    assert "keeps data" in plan.why_typed
    assert not (await lab.plan(plan_scale, *KEY, 0)).typed
    assert not (await lab.plan(plan_scale, *KEY, replicas(lab))).steps
    evidence = await lab.carry_out(plan)
    assert evidence[-1] == "StatefulSet auth-db is scaled to 0 and has no pods"
    assert not pods(lab, "auth-db")


@pytest.mark.parametrize("evict", [False, True])
async def test_a_pod_goes_and_its_successor_is_waited_for(lab: Bench, evict: bool) -> None:
    [(name, uid), *_] = pods(lab).items()
    plan = await lab.plan(plan_delete_pod, APP, name, evict=evict)
    assert not plan.typed
    evidence = await lab.carry_out(plan)
    assert evidence[0] == f"pod {name} is gone"
    assert "pods ready" in evidence[1]
    assert uid not in pods(lab).values()
    # Carried out once more it finds its work done and takes no other pod.
    after = pods(lab)
    assert (await lab.carry_out(plan))[0] == f"pod {name} is gone"
    assert pods(lab) == after


async def test_a_bare_pod_is_deleted_only_by_its_name(lab: Bench) -> None:
    body: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"},
        "spec": {"containers": [{"name": "main", "image": "busybox:1.36", "command": ["sleep", "9999"]}]},
    }  # fmt: skip
    lab.store.create("pods", body, manager="test", namespace="default")
    plan = await lab.plan(plan_delete_pod, "default", "alone")
    assert plan.typed == "alone"
    assert any("Nothing makes it again" in note.text for note in plan.notes)
    await lab.carry_out(plan)
    assert lab.store.get("pods", "default", "alone") is None


async def test_an_image_that_is_not_there_ends_the_wait_with_the_reason(lab: Bench) -> None:
    plan = await lab.plan(plan_restart, *KEY)
    at = lab.hands(plan, plan.steps[1])
    lab.change("kustomizations", "bakery-ia", {"suspend": True})

    def broken(obj: dict[str, Any]) -> dict[str, Any]:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "gitea.bakery-ia.local/bakery-admin/auth:none"
        return obj

    lab.store.mutate("deployments", APP, "auth-service", broken, manager="test")
    with pytest.raises(StepFailedError, match="does not come up") as failed:
        async with asyncio.timeout(30):
            await wait_rollout(at, "Deployment", APP, "auth-service", seconds=25)
    assert "ImagePullBackOff" in failed.value.why


async def test_a_workload_is_watched_for_a_while(lab: Bench) -> None:
    plan = await lab.plan(plan_restart, *KEY)
    at = lab.hands(plan, plan.steps[1])
    found = await stays_ready(at, "Deployment", APP, "auth-service", seconds=1.0)
    assert found.startswith("Deployment auth-service stayed ready for 1 s")


async def test_what_is_deployed_over_a_workload_while_it_is_watched_is_told(lab: Bench) -> None:
    plan = await lab.plan(plan_restart, *KEY)
    at = lab.hands(plan, plan.steps[1])
    lab.change("kustomizations", "bakery-ia", {"suspend": True})
    image = str(lab.live("deployments", "auth-service", APP)["spec"]["template"]["spec"]["containers"][0]["image"])

    def other(obj: dict[str, Any]) -> dict[str, Any]:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = f"{image}x"
        return obj

    watching = asyncio.create_task(stays_ready(at, "Deployment", APP, "auth-service", image=image, seconds=60.0))
    await until(lambda: any("watched for" in text for text in lab.told))
    lab.store.mutate("deployments", APP, "auth-service", other, manager="test")
    with pytest.raises(StepFailedError, match="was given another image while it was watched"):
        async with asyncio.timeout(20):
            await watching
