"""The past of the embedded cluster: Git, builds, registry, Flux and pods all tell the same story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bakeryops.demo.bakery.inventory import APP, REGISTRY
from bakeryops.demo.bakery.repository import OWN_IMAGES, overlay_tags
from bakeryops.demo.chain.overlay import source_of
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.git import BareRepo
from bakeryops.demo.world import World, build_world
from bakeryops.units import parse_time

CI = "bakery-ci"
Object = dict[str, Any]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = build_world(ManualClock(), life=False)
    yield made
    made.clean_up()


@pytest.fixture(scope="module")
def repo(world: World) -> BareRepo:
    return world.gitea.repo("bakery-admin", "bakery-ia")


def params_of(run: Object) -> dict[str, str]:
    return {each["name"]: each["value"] for each in run["spec"]["params"]}


def results_of(run: Object) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in run["status"].get("results") or ()}


def children_of(world: World, run: Object) -> list[Object]:
    return world.store.list("taskruns", CI, {"tekton.dev/pipelineRun": run["metadata"]["name"]})


def test_what_runs_is_what_the_overlay_says_and_flux_has_applied(world: World, repo: BareRepo) -> None:
    tags = overlay_tags(repo)
    for deployment in world.store.list("deployments.apps", APP):
        image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        if image.startswith(REGISTRY):
            name, _, tag = image.rpartition("/")[2].partition(":")
            assert tags[name] == tag, deployment["metadata"]["name"]
    status = world.store.get("kustomizations", "flux-system", "bakery-ia")["status"]
    assert status["lastAppliedRevision"] == f"main@sha1:{repo.head()}"
    assert {each["status"] for each in status["conditions"]} == {"True"}
    assert len(status["history"]) == 5
    for entry in status["history"]:
        assert repo.is_ancestor(entry["metadata"]["revision"].rpartition(":")[2], "main")
    named = {each["id"] for each in status["inventory"]["entries"]}
    assert f"{APP}_auth-service_apps_Deployment" in named
    assert f"{APP}_pos-sync_batch_CronJob" in named


def test_every_tag_in_use_was_built_from_a_commit_by_a_run_and_is_in_the_registry(
    world: World, repo: BareRepo
) -> None:
    runs = {run["metadata"]["name"]: run for run in world.store.list("pipelineruns", CI)}
    told = 0
    for service, tag in overlay_tags(repo).items():
        if service not in OWN_IMAGES or tag == "missing":
            continue
        source = repo.head(source_of(tag))
        assert source is not None, service
        assert world.gitea.registry.digest(f"bakery-admin/{service}", tag), service
        deploy = next(
            commit for sha in repo.log(["main"]) if (commit := repo.commit_object(sha)) is not None
            and tag in commit.message and f"({service}): " in commit.message
        )  # fmt: skip
        name = deploy.message.partition("Bakery-PipelineRun: ")[2].strip()
        if name in runs:
            told += 1
            assert results_of(runs[name])["tag"] == tag
            assert params_of(runs[name])["revision"] == source
            assert (parse_time(runs[name]["status"]["completionTime"]) or 0) <= deploy.committed + 60
        statuses = world.gitea.find("bakery-admin", "bakery-ia").statuses
        assert "success" in [each.state for each in statuses if each.sha == source]
    assert told > 5


def test_the_tag_set_by_hand_was_never_built(world: World, repo: BareRepo) -> None:
    assert overlay_tags(repo)["distribution"] == "missing"
    assert world.gitea.registry.digest("bakery-admin/distribution", "missing") is None
    image = f"{REGISTRY}/bakery-admin/distribution:missing"
    assert world.images.problem(image, "IfNotPresent") is not None


def test_finished_runs_are_complete(world: World) -> None:
    reasons = set()
    for run in world.store.list("pipelineruns", CI):
        status = run["status"]
        reasons.add(status["conditions"][0]["reason"])
        children = children_of(world, run)
        assert {each["name"] for each in status["childReferences"]} == {
            each["metadata"]["name"] for each in children
        }
        start, end = parse_time(status["startTime"]), parse_time(status["completionTime"])
        assert start is not None
        assert end is not None
        for child in children:
            own = child["status"]
            assert start <= (parse_time(own["startTime"]) or 0) <= (parse_time(own["completionTime"]) or 0) <= end
            assert own["steps"]
            assert all("terminated" in step for step in own["steps"])
        skipped = {each["name"] for each in status.get("skippedTasks") or ()}
        tasks = {each["name"] for each in status["pipelineSpec"]["tasks"]}
        assert tasks == {child["metadata"]["labels"]["tekton.dev/pipelineTask"] for child in children
                         if child["metadata"]["labels"]["tekton.dev/memberOf"] == "tasks"} | skipped  # fmt: skip
    assert reasons == {"Succeeded", "Completed", "Failed"}


def test_no_more_than_two_images_were_built_at_a_time(world: World) -> None:
    spans = [
        (parse_time(run["status"]["startTime"]) or 0, parse_time(run["status"]["completionTime"]) or 0)
        for run in world.store.list("taskruns", CI, {"tekton.dev/pipelineTask": "build"})
    ]
    assert max(sum(1 for start, end in spans if start <= at < end) for at, _ in spans) == 2


def test_a_build_that_failed_was_tried_twice_and_told(world: World) -> None:
    failed = [run for run in world.store.list("taskruns", CI, {"tekton.dev/pipelineTask": "build"})
              if run["status"]["conditions"][0]["status"] == "False"]  # fmt: skip
    assert {run["status"]["conditions"][0]["reason"] for run in failed} == {"StepFailed", "StepOOM"}
    for run in failed:
        [first] = run["status"]["retriesStatus"]
        assert first["podName"] != run["status"]["podName"]
        revision = run["metadata"]["labels"]["bakery.dev/revision"]
        statuses = world.gitea.find("bakery-admin", "bakery-ia").statuses
        assert [each.state for each in statuses if each.sha == revision] == ["failure"]


def test_the_last_builds_have_their_pods_and_logs_and_older_ones_have_not(world: World) -> None:
    runs = sorted(world.store.list("pipelineruns", CI), key=lambda run: str(run["status"]["startTime"]))
    last = next(run for run in reversed(runs) if results_of(run).get("tag"))
    text = ""
    for child in children_of(world, last):
        pod = world.store.get("pods", CI, child["status"]["podName"])
        assert pod is not None
        assert pod["status"]["phase"] == "Succeeded"
        for container in pod["spec"]["containers"]:
            text += b"".join(
                each.data for each in world.logs.read(pod, container["name"], previous=False)
            ).decode()
    assert "passed" in text
    assert f"Pushing image to {REGISTRY}/bakery-admin/pos:{results_of(last)['tag']}" in text
    gone = children_of(world, runs[0])[0]
    assert world.store.get("pods", CI, gone["status"]["podName"]) is None


def test_the_last_test_that_failed_can_still_be_read(world: World) -> None:
    failed = [run for run in world.store.list("taskruns", CI, {"tekton.dev/pipelineTask": "test"})
              if run["status"]["conditions"][0]["reason"] == "StepFailed"]  # fmt: skip
    latest = max(failed, key=lambda run: str(run["status"]["startTime"]))
    pod = world.store.get("pods", CI, latest["status"]["podName"])
    assert pod is not None
    assert pod["status"]["phase"] == "Failed"
    text = b"".join(each.data for each in world.logs.read(pod, "step-pytest", previous=False)).decode()
    assert "FAILED tests/test_totals.py::test_total" in text
