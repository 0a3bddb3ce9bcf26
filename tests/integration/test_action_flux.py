"""Flux reconciled, suspended, resumed and approved on the embedded cluster: by tokens, at exactly the revision."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bakeryops.actions.flux import plan_approve, plan_reconcile, plan_resume, plan_suspend
from bakeryops.cluster.writes import Writer
from bakeryops.jobs.step import FAILED, StepFailedError, step_of
from tests.support.bench import Bench, bench

pytestmark = pytest.mark.slow

KEY = ("Kustomization", "flux-system", "bakery-ia")
FLUX = "kustomize.toolkit.fluxcd.io"
TOKEN = "reconcile.fluxcd.io/requestedAt"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def test_a_reconcile_waits_for_its_own_token_and_the_revision(lab: Bench) -> None:
    sha = await lab.chain.commit("deploy: a note", **{"docs__a.md": "text\n"})
    await lab.chain.push()
    sha = await lab.chain.head()
    plan = await lab.plan(plan_reconcile, *KEY)
    assert [step.kind for step in plan.steps] == ["flux.source", "flux.apply"]
    evidence = await lab.carry_out(plan)
    assert evidence[0] == f"GitRepository bakery-ia has main@sha1:{sha}"
    assert evidence[1] == f"Kustomization bakery-ia has applied main@sha1:{sha}"
    live = lab.live("kustomizations", "bakery-ia")
    assert live["status"]["lastHandledReconcileAt"] == live["metadata"]["annotations"][TOKEN]
    assert (
        lab.notes["apply"]["token/kustomizations/flux-system/bakery-ia"] == live["metadata"]["annotations"][TOKEN]
    )
    assert lab.notes["source"] != lab.notes["apply"]


async def test_a_suspended_one_is_refused_because_it_would_only_stamp_the_token(lab: Bench) -> None:
    plan = await lab.plan(plan_reconcile, *KEY)
    lab.change("kustomizations", "bakery-ia", {"suspend": True})
    with pytest.raises(StepFailedError, match="is suspended"):
        await lab.carry_out(plan)
    plan = await lab.plan(plan_reconcile, *KEY)
    assert "suspended" in plan.blocked
    assert "bakeryops flux resume bakery-ia" in plan.hint


async def test_suspend_keeps_reason_owner_and_end_and_resume_takes_all_of_it_away(lab: Bench) -> None:
    plan = await lab.plan(plan_suspend, *KEY, "gateway migrates", until=4e9)
    assert plan.undo == "bakeryops flux resume bakery-ia -n flux-system"
    assert await lab.carry_out(plan) == ["Kustomization bakery-ia is suspended until 2096-10-02T07:06:40Z"]
    kept = lab.live("kustomizations", "bakery-ia")["metadata"]["annotations"]
    assert kept["bakeryops.dev/suspended-reason"] == "gateway migrates"
    assert kept["bakeryops.dev/suspended-by"] == "tester@bench"
    assert kept["bakeryops.dev/last-action"].startswith("flux.suspend by tester@bench")
    resume = await lab.plan(plan_resume, *KEY)
    assert ("Reason", "gateway migrates") in [(fact.label, fact.text) for fact in resume.facts]
    assert resume.sections
    await lab.carry_out(resume)
    live = lab.live("kustomizations", "bakery-ia")
    assert "suspend" not in live["spec"]
    assert not [key for key in live["metadata"]["annotations"] if "suspended" in key]


async def test_what_was_set_past_git_after_the_plan_keeps_flux_suspended(lab: Bench) -> None:
    await lab.carry_out(await lab.plan(plan_suspend, *KEY, "Gitea is away"))
    plan = await lab.plan(plan_resume, *KEY)
    assert not plan.blocked

    def broken_glass(obj: dict[str, Any]) -> dict[str, Any]:
        record = {"image": "x/auth", "tag": "1", "who": "maria@vps"}
        obj["metadata"].setdefault("annotations", {})["write-back.bakeryops.dev/auth"] = json.dumps(record)
        return obj

    lab.store.mutate("kustomizations", "flux-system", "bakery-ia", broken_glass, manager="test")
    with pytest.raises(StepFailedError, match="is not resumed") as failed:
        await lab.carry_out(plan)
    assert "auth was set past Git" in failed.value.why
    assert lab.live("kustomizations", "bakery-ia")["spec"]["suspend"] is True


async def test_what_git_owns_cannot_be_suspended_by_hand(lab: Bench) -> None:
    body = lab.live("kustomizations", "bakery-ia")
    child = {
        "apiVersion": body["apiVersion"], "kind": "Kustomization",
        "metadata": {"name": "child", "namespace": "flux-system",
                     "labels": {f"{FLUX}/name": "bakery-ia", f"{FLUX}/namespace": "flux-system"}},
        "spec": {**body["spec"], "path": "./child", "suspend": False},
    }  # fmt: skip
    await Writer(lab.session.transport, lab.session.discovery, field_manager="kustomize-controller").apply(child)
    plan = await lab.plan(plan_suspend, "Kustomization", "flux-system", "child", "because")
    assert "Kustomization bakery-ia applies it again" in plan.blocked
    assert "takes any other value back" in plan.blocked
    assert plan.hint == f"Change spec.suspend in Git (below {body['spec']['path']})."


async def test_a_first_sync_is_shown_whole_and_applied_after_approval(lab: Bench) -> None:
    body = lab.live("kustomizations", "bakery-ia")
    spec = {**body["spec"], "suspend": True, "path": "./infrastructure/kubernetes/overlays/prod", "prune": False}
    lab.store.create(
        "kustomizations",
        {"metadata": {"name": "again"}, "spec": spec, "apiVersion": body["apiVersion"], "kind": "Kustomization"},
        manager="test", namespace="flux-system",
    )  # fmt: skip
    plan = await lab.plan(plan_approve, "flux-system", "again")
    assert not plan.blocked, (plan.blocked, plan.hint)
    assert plan.sections
    assert plan.typed == "again"
    assert any("Others apply the same objects" in note.text for note in plan.notes)
    evidence = await lab.carry_out(plan)
    assert evidence[-1].startswith("Kustomization again has applied main@sha1:")
    lab.change("kustomizations", "bakery-ia", {"suspend": True})
    assert "applied before" in (await lab.plan(plan_approve, "flux-system", "bakery-ia")).blocked
    assert "not suspended" in (await lab.plan(plan_approve, "flux-system", "again")).blocked


async def test_a_token_asked_for_twice_is_the_same_request(lab: Bench) -> None:
    plan = await lab.plan(plan_reconcile, *KEY, False)
    await lab.carry_out(plan)
    token = lab.live("kustomizations", "bakery-ia")["metadata"]["annotations"][TOKEN]
    at = lab.hands(plan, plan.steps[0])
    async with asyncio.timeout(5):
        await step_of("flux.apply").apply(at)
    assert lab.live("kustomizations", "bakery-ia")["metadata"]["annotations"][TOKEN] == token


async def test_a_source_that_could_not_fetch_is_asked_anew_when_the_job_goes_on(lab: Bench) -> None:
    plan = await lab.plan(plan_reconcile, *KEY)
    await lab.carry_out(plan)
    at = lab.hands(plan, plan.steps[0])
    name, fetch = str(at.args["name"]), step_of("flux.source")
    token = lab.live("gitrepositories", name)["metadata"]["annotations"][TOKEN]
    at.note(FAILED, True)
    async with asyncio.timeout(10):
        await fetch.apply(at)
    live = lab.live("gitrepositories", name)
    assert live["metadata"]["annotations"][TOKEN] != token
    assert live["status"]["lastHandledReconcileAt"] == live["metadata"]["annotations"][TOKEN]


async def test_other_kinds_are_asked_and_waited_for_in_the_same_way(lab: Bench) -> None:
    receiver = ("Receiver", "flux-system", "bakery-gitea")
    evidence = await lab.carry_out(await lab.plan(plan_reconcile, *receiver))
    assert evidence[0].startswith("Receiver bakery-gitea: ")
    live = lab.live("receivers", "bakery-gitea")
    assert live["status"]["lastHandledReconcileAt"] == live["metadata"]["annotations"][TOKEN]
    await lab.carry_out(await lab.plan(plan_suspend, *receiver, "the webhook is moved"))
    assert "suspended" in (await lab.plan(plan_reconcile, *receiver)).blocked
    await lab.carry_out(await lab.plan(plan_resume, *receiver))
    assert "suspend" not in lab.live("receivers", "bakery-gitea")["spec"]
