"""Builds made again, rerun and cancelled on the embedded cluster: exactly what was asked for, and once."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeryops.actions.build_names import JOB, RERUN_OF
from bakeryops.actions.cancel import plan_cancel
from bakeryops.actions.rebuild import plan_rebuild
from bakeryops.actions.rerun import plan_rerun
from bakeryops.actions.steps import load_steps
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.jobs.step import StepFailedError, step_of
from bakeryops.jobs.store import JobStore
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.model.plan import Plan
from tests.support.bench import Bench, bench
from tests.support.chain import CI, ended, reason
from tests.support.cli_child import Serving, serving
from tests.support.waiting import until, wait_until

pytestmark = pytest.mark.slow

Object = dict[str, Any]


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, speed=60.0) as made:
        yield made


def run_of(lab: Bench, plan: Plan) -> Object:
    return lab.live("pipelineruns", str(plan.steps[0].args["name"]), CI)


def built(lab: Bench, run: Object) -> set[str]:
    """Return the services for which a run has made images."""
    tasks = lab.chain.task_runs(run, "build")
    return {param["value"] for each in tasks for param in each["spec"]["params"] if param["name"] == "service"}


def texts(plan: Plan) -> str:
    return "\n".join(each.text for each in plan.notes)


async def old_change(lab: Bench, service: str) -> str:
    """Return a commit of the branch that comes long before what runs of a service, and that has it."""
    code = (await lab.ground()).code
    source = next(each.source for each in code.deployments if each.service == service)
    return code.main[code.main.index(source) + 3]


async def running(lab: Bench, task: str) -> Object:
    """Push a slow change and return its run as soon as a task of it runs."""
    await lab.chain.commit("auth: be slow", **{"services__auth__app__x.py": "# demo: slow\n"})
    await lab.chain.push()

    def begun() -> Object | None:
        for run in lab.chain.runs():
            if any((each.get("status") or {}).get("podName") for each in lab.chain.task_runs(run, task)):
                return run
        return None

    await until(begun, 60.0)
    found = begun()
    assert found is not None
    return found


# ---- rebuild --------------------------------------------------------------------------------------------------------


async def test_a_rebuild_builds_the_chosen_services_at_that_commit_and_nothing_else(lab: Bench) -> None:
    code = (await lab.ground()).code
    newest = next(each for each in code.main if each not in {made.commit for made in code.deployments})
    before = lab.chain.tag("auth"), lab.chain.tag("tenant"), lab.chain.tag("orders")
    plan = await lab.plan(plan_rebuild, ["tenant", "auth"], wait=True)
    assert (plan.title, plan.scope) == (
        f"Rebuild auth, tenant at {newest[:7]}",
        ("rebuild/auth", "rebuild/tenant"),
    )
    assert plan.command == f"bakeryops rebuild auth tenant --at {newest[:12]} --wait"
    assert "2 of 2 build slots are free" in texts(plan)
    evidence = await lab.carry_out(plan)
    run = run_of(lab, plan)
    assert reason(run) == "Succeeded"
    assert built(lab, run) == {"auth", "tenant"}
    assert run["metadata"]["annotations"][JOB] == "20261124-090000-test"
    assert run["metadata"]["annotations"]["bakeryops.dev/last-action"].startswith("rebuild by tester@bench at ")
    assert run["metadata"]["labels"]["bakery.dev/revision"] == newest
    after = lab.chain.tag("auth"), lab.chain.tag("tenant"), lab.chain.tag("orders")
    assert (after[0] != before[0], after[1] != before[1], after[2] == before[2]) == (True, True, True)
    assert after[0].endswith(newest[:12])
    assert evidence[1].startswith(f"built auth, tenant as {after[0]} in ")
    assert lab.chain.applied() == lab.chain.git_head()
    assert "bakery-ia has applied" in evidence[2]


async def test_an_older_commit_is_built_and_the_preview_says_that_it_is_not_deployed(lab: Bench) -> None:
    old, tag = await old_change(lab, "auth"), lab.chain.tag("auth")
    plan = await lab.plan(plan_rebuild, ["auth"], old[:9], wait=True)
    assert "which is newer: update-tag will leave it as it is" in texts(plan)
    evidence = await lab.carry_out(plan)
    run = run_of(lab, plan)
    assert built(lab, run) == {"auth"}
    given = {each["name"]: each["value"] for each in run["spec"]["params"]}
    assert (given["revision"], given["force-services"]) == (old, ["auth"])
    assert lab.chain.tag("auth") == tag
    assert evidence[2].startswith("nothing to apply")


async def test_a_held_service_is_built_and_left_undeployed(lab: Bench) -> None:
    entry = {"owner": "dev-two", "reason": "migration", "until": "2099-01-01T00:00:00Z"}
    over = {"owner": "dev-two", "reason": "old", "until": "2001-01-01T00:00:00Z"}
    data = {"auth": json.dumps(entry), "tenant": json.dumps(over)}
    lab.store.create(
        "configmaps", {"metadata": {"name": "bakery-holds", "namespace": CI}, "data": data}, manager="test",
        namespace=CI,
    )  # fmt: skip
    tag = lab.chain.tag("auth")
    plan = await lab.plan(plan_rebuild, ["auth", "tenant"], wait=True)
    said = [each.text for each in plan.notes if "is held" in each.text]
    assert said == [
        "auth is held by dev-two until 2099-01-01T00:00:00Z (migration): its image is made, and update-tag leaves it "
        "undeployed."
    ]
    await lab.carry_out(plan)
    assert lab.chain.tag("auth") == tag
    assert built(lab, run_of(lab, plan)) == {"auth", "tenant"}


async def test_what_is_not_there_is_refused(lab: Bench) -> None:
    with pytest.raises(UsageError, match="there is no service nothing"):
        await lab.plan(plan_rebuild, ["nothing"])
    with pytest.raises(UsageError, match="there is no commit 0123456789ab on main"):
        await lab.plan(plan_rebuild, ["auth"], "0123456789ab")
    await lab.chain.git("checkout", "--quiet", "-b", "elsewhere")
    stray = await lab.chain.commit("auth: a branch", **{"services__auth__app__b.py": "x = 1\n"})
    await lab.chain.git("push", "--quiet", "origin", "elsewhere:main")
    await lab.chain.git("checkout", "--quiet", "main")
    ground = await lab.ground()
    assert ground.repository is not None
    # The mirror has it, and then the branch is taken back.
    await lab.chain.git("push", "--quiet", "--force", "origin", "main")
    with pytest.raises(UsageError, match="is not on main"):
        await lab.plan(plan_rebuild, ["auth"], stray)
    before = await lab.chain.head()
    await lab.chain.commit("newcomer: begin", services__newcomer__Dockerfile="FROM scratch\n")
    await lab.chain.push()
    with pytest.raises(UsageError, match="newcomer cannot be built at"):
        await lab.plan(plan_rebuild, ["newcomer"], before)
    plan = await lab.plan(plan_rebuild, ["newcomer"])
    assert "The overlay has no image newcomer" in texts(plan)


async def test_a_pipeline_that_cannot_be_told_blocks_the_plan_with_the_way_out(lab: Bench) -> None:
    spec = copy.deepcopy(lab.live("pipelines", "bakery-ia-ci", CI)["spec"])
    for part in (spec, spec["tasks"][1]):
        part["params"] = [each for each in part["params"] if each["name"] != "force-services"]
    lab.change("pipelines", "bakery-ia-ci", spec, CI)
    plan = await lab.plan(plan_rebuild, ["auth"])
    assert plan.blocked.startswith("Pipeline bakery-ia-ci takes no parameter force-services")
    assert "detect-changes" in plan.hint
    assert plan.steps == ()


async def test_a_plan_carried_out_twice_makes_one_run(lab: Bench) -> None:
    load_steps()
    plan = await lab.plan(plan_rebuild, ["auth"])
    # Computed anew, it is the same plan: pressing twice is not building twice.
    assert (await lab.plan(plan_rebuild, ["auth"])).steps == plan.steps
    step, at = step_of("build.create"), lab.hands(plan, plan.steps[0])
    assert not (await step.check(at)).done
    first = await step.apply(at)
    # Killed before anything was journaled, the job is run again from its check.
    assert await step.apply(at) == first
    await step.verify(at)
    assert (await step.check(at)).done
    other = lab.hands(plan, plan.steps[0])
    other.job = "20261124-090001-other"
    with pytest.raises(StepFailedError, match="is there already") as caught:
        await step.apply(other)
    assert caught.value.outcome == "refused"
    assert len(lab.chain.runs()) == 1
    wanted_again = await lab.plan(plan_rebuild, ["auth"])
    assert wanted_again.steps[0].args["name"] != plan.steps[0].args["name"]


# ---- rerun ----------------------------------------------------------------------------------------------------------


async def test_a_rerun_of_a_failed_run_is_a_clean_copy_in_a_folder_of_its_own(lab: Bench) -> None:
    sha = await lab.chain.commit("auth: fail", **{"services__auth__app__f.py": "# demo: fail tests\n"})
    await lab.chain.push()
    sha = await lab.chain.head()
    failed = await lab.chain.built(sha)
    await lab.chain.commit("docs: something else", **{"docs__b.md": "text\n"})
    await lab.chain.push()
    plan = await lab.plan(plan_rerun, failed["metadata"]["name"], wait=True)
    assert f"1 change is newer than {sha[:7]} on main" in texts(plan)
    with pytest.raises(StepFailedError, match="failed") as caught:
        await lab.carry_out(plan)
    assert "test auth" in caught.value.why
    run = run_of(lab, plan)
    old = failed["metadata"]
    assert run["metadata"]["name"].startswith(f"{old['name']}-r-")
    assert run["metadata"]["labels"][RERUN_OF] == old["name"]
    assert run["metadata"]["labels"]["bakery.dev/revision"] == sha
    kept = {key for key in old["labels"] if key.startswith("triggers.tekton.dev/")}
    assert kept
    assert not kept & run["metadata"]["labels"].keys()
    assert run["spec"]["params"] == failed["spec"]["params"]
    folders = [spec["workspaces"][0]["subPath"] for spec in (run["spec"], failed["spec"])]
    assert folders[0] != folders[1]
    once_more = await lab.plan(plan_rerun, failed["metadata"]["name"])
    assert once_more.steps[0].args["name"] != run["metadata"]["name"]
    again = await lab.plan(plan_rerun, run["metadata"]["name"])
    assert str(again.steps[0].args["name"]).count("-r-") == 1


async def test_a_rerun_tells_when_what_it_compares_with_is_gone(lab: Bench) -> None:
    lost = await lab.chain.commit("auth: one way", **{"services__auth__app__w.py": "x = 1\n"})
    await lab.chain.push()
    lost = await lab.chain.head()
    await lab.chain.built(lost)
    await lab.chain.git("fetch", "--quiet", "origin", "main")
    await lab.chain.git("reset", "--quiet", "--hard", f"{lost}~1")
    kept = await lab.chain.commit("docs: another way", **{"docs__w.md": "text\n"})
    await lab.chain.git("push", "--quiet", "--force", "origin", "main")
    run = await lab.chain.built(kept)
    plan = await lab.plan(plan_rerun, run["metadata"]["name"])
    assert "with which it compares, is stale" in texts(plan)
    gone = next(each for each in lab.chain.runs() if each["metadata"]["labels"]["bakery.dev/revision"] == lost)
    plan = await lab.plan(plan_rerun, gone["metadata"]["name"])
    assert f"{lost[:7]} is not in the history of main any more" in texts(plan)


async def test_a_rerun_tells_what_became_of_the_pipeline_since(lab: Bench) -> None:
    pipeline = lab.live("pipelines", "bakery-ia-ci", CI)["spec"]
    more = [*pipeline["params"], {"name": "flavour", "type": "string"}]
    lab.change("pipelines", "bakery-ia-ci", {"params": more}, CI)
    plan = await lab.plan(plan_rerun, "last")
    assert plan.blocked == "the pipeline takes flavour now, which that run does not give"
    section = next(each for each in plan.sections if each.title == "The pipeline was changed since")
    assert "+param flavour: string" in section.lines


# ---- cancel ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "status", "reports"),
    [("graceful", "CancelledRunFinally", True), ("stop", "StoppedRunFinally", True), ("now", "Cancelled", False)],
)
async def test_each_way_to_cancel_ends_the_run_as_it_says(
    lab: Bench, mode: str, status: str, reports: bool
) -> None:
    run = await running(lab, "build")
    plan = await lab.plan(plan_cancel, run["metadata"]["name"], mode)
    if mode != "stop":
        assert "keep-pod-on-cancel is on" in texts(plan)
    evidence = await lab.carry_out(plan)
    found = lab.live("pipelineruns", run["metadata"]["name"], CI)
    assert found["spec"]["status"] == status
    assert reason(found) in ("Cancelled", "Failed")
    assert evidence[0] == "saved: build auth"
    assert evidence[1:] == [f"{run['metadata']['name']} has ended as {reason(found)}"]
    assert bool(lab.chain.task_runs(run, "report-status")) is reports
    assert not lab.chain.task_runs(run, "update-tag")
    again = await lab.plan(plan_cancel, run["metadata"]["name"], mode)
    assert again.blocked.startswith("it has ended already")


async def test_logs_that_go_are_told_before_and_saved(
    lab: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def turn_off(obj: Object) -> Object:
        obj["data"]["keep-pod-on-cancel"] = "false"
        return obj

    lab.store.mutate("configmaps", "tekton-pipelines", "feature-flags", turn_off, manager="test")
    run = await running(lab, "build")
    plan = await lab.plan(plan_cancel, run["metadata"]["name"], "now")
    assert "are deleted with their logs" in texts(plan)
    said = (await lab.carry_out(plan))[0]
    name = run["metadata"]["name"]
    saved = BlackBoxStore().find(lab.session.target.server, build=name, namespace=CI)
    assert [each.verdict for each in saved] == ["cancelled"]
    await until(lambda: lab.store.get("pods", CI, saved[0].pod) is None)
    assert said == f"saved: {saved[0].task}"
    assert [each.step for each in saved[0].logs if each.lines or each.missing]


async def test_a_run_that_ended_meanwhile_is_not_called_cancelled(lab: Bench) -> None:
    run = await running(lab, "clone")
    plan = await lab.plan(plan_cancel, run["metadata"]["name"])
    await until(lambda: ended(lab.live("pipelineruns", run["metadata"]["name"], CI)), 60.0)
    with pytest.raises(StepFailedError, match="has ended by itself") as caught:
        await lab.carry_out(plan)
    assert caught.value.outcome == "refused"
    found = await lab.plan(plan_cancel, run["metadata"]["name"])
    assert found.steps == ()
    with pytest.raises(BakeryopsError, match="there is no build nonesuch"):
        await lab.plan(plan_cancel, "nonesuch")
    with pytest.raises(UsageError, match="there is no mode soon"):
        await lab.plan(plan_cancel, "last", "soon")


# ---- slots ----------------------------------------------------------------------------------------------------------


async def test_a_run_that_waits_for_a_slot_says_its_place(lab: Bench) -> None:
    def none(obj: Object) -> Object:
        obj["spec"]["hard"]["pods"] = "0"
        return obj

    def two(obj: Object) -> Object:
        obj["spec"]["hard"]["pods"] = "2"
        return obj

    lab.store.mutate("resourcequotas", CI, "build-slots", none, manager="test")
    plan = await lab.plan(plan_rebuild, ["auth"], wait=True)
    job = asyncio.create_task(lab.carry_out(plan))
    try:
        await until(lambda: any("build auth waits for a build slot: 1 of 1" in each for each in lab.told), 60.0)
        second = await lab.plan(plan_rebuild, ["tenant"])
        assert "All 0 build slots are taken: it waits. 1 waits before it, first build auth of" in texts(second)
        lab.store.mutate("resourcequotas", CI, "build-slots", two, manager="test")
        assert (await job)[1].startswith("built auth as ")
    finally:
        job.cancel()


# ---- on the command line --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("home"), "--seed", "1", "--speed", "12") as running:
        yield running


def test_rebuild_on_the_command_line_shows_its_plan_and_then_does_it(demo: Serving) -> None:
    shown = demo.bakeryops("rebuild", "auth", "--dry-run")
    assert shown.code == 0, shown
    assert "Rebuild auth at" in shown.out
    assert "POST /apis/tekton.dev/v1/namespaces/bakery-ci/pipelineruns" in shown.out
    refused = demo.bakeryops("rebuild", "auth")
    assert (refused.code, "it is not confirmed" in refused.err) == (5, True), refused
    assert demo.bakeryops("rebuild", "auth", "--yes", "--read-only").code == 5
    done = demo.bakeryops("rebuild", "auth", "--yes", "--wait", "-o", "json")
    assert done.code == 0, done
    job = done.json()
    assert job["state"] == "done"
    newest = [each for each in demo.bakeryops("builds", "-o", "json").json() if each["services"] == ["auth"]]
    assert newest[0]["state"] == "succeeded"


def test_a_build_is_rerun_and_cancelled_on_the_command_line(demo: Serving) -> None:
    builds = demo.bakeryops("builds", "-o", "json").json()
    name = next(each["name"] for each in builds if each["services"])
    done = demo.bakeryops("builds", "rerun", name, "--yes")
    assert done.code == 0, done
    rerun = next(each for each in demo.bakeryops("builds", "-o", "json").json() if "-r-" in each["name"])
    cancelled = demo.bakeryops("builds", "cancel", rerun["name"], "--yes")
    assert cancelled.code == 0, cancelled
    assert f"{rerun['name']} has ended as Cancelled" in cancelled.out
    again = demo.bakeryops("builds", "cancel", rerun["name"], "--yes")
    assert (again.code, "it has ended already" in again.err) == (5, True), again
    assert demo.bakeryops("rebuild", "nonesuch", "--yes").code == 2
    assert demo.bakeryops("builds", "rerun", "nonesuch", "--yes").code == 1


@pytest.mark.parametrize("word", ['"checking"', '"creating"', '"verifying"'])
def test_a_job_killed_at_any_point_makes_one_run(demo: Serving, word: str) -> None:
    before = {each["name"] for each in demo.bakeryops("builds", "-o", "json").json()}
    started = demo.bakeryops("rebuild", "tenant", "--yes", "--detach")
    assert started.code == 0, started
    job = started.out.strip()
    folder = demo.home / "state" / "bakeryops" / "jobs" / job
    wait_until(lambda: word in (folder / "journal.jsonl").read_text("utf-8"))
    with contextlib.suppress(ProcessLookupError):
        os.kill(int((folder / "runner.pid").read_text("utf-8")), signal.SIGKILL)
    wanted = str(JobStore(folder.parent).plan(job).steps[0].args["name"])

    def resumed() -> bool:
        demo.bakeryops("jobs", "resume", job)
        return JobStore(folder.parent).view(job).state == "done"

    wait_until(resumed)
    wait_until(lambda: wanted in _tenants(demo) - before)
    assert len(_tenants(demo) - before) == 1


def _tenants(demo: Serving) -> set[str]:
    """Return the runs that were made for tenant alone."""
    found = demo.bakeryops("builds", "-o", "json").json()
    return {each["name"] for each in found if each["services"] == ["tenant"]}
