"""From a push with the real git to pods that run what was pushed, over real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chain import Chain, reason, running_chain
from tests.support.waiting import until

pytestmark = pytest.mark.slow


async def deployed(chain: Chain, service: str, workload: str) -> str:
    """Wait until Flux has applied what Git has and the workload runs it; return the tag."""
    tag = chain.tag(service)
    await until(lambda: chain.applied() == chain.git_head(), 60)
    await until(lambda: chain.runs_image(workload, tag), 60)
    return tag


async def test_a_push_is_built_committed_applied_and_runs(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as chain:
        before = chain.tag("auth")
        sha = await chain.commit("auth: sign in faster", services__auth__app__fast="x = 1\n")
        await chain.push()
        run = await chain.built(await chain.head())
        assert reason(run) == "Succeeded"
        assert run["metadata"]["name"].startswith("bakery-ia-ci-")
        assert run["metadata"]["labels"]["bakery.dev/pusher"] == "operator"
        assert [each["spec"]["params"][0]["value"] for each in chain.task_runs(run, "build")] == ["auth"]
        results = {each["name"]: each["value"] for each in run["status"]["results"]}
        assert results["services"] == ["auth"]
        assert results["tag"] == chain.tag("auth") != before
        assert results["deploy-commit"] == chain.git_head()
        repo = chain.world.gitea.repo("bakery-admin", "bakery-ia")
        message = repo.commit_info("main").message
        assert f"Bakery-Source-Commit: {sha}" in message
        assert f"Bakery-PipelineRun: {run['metadata']['name']}" in message
        tag = await deployed(chain, "auth", "auth-service")
        assert chain.world.gitea.registry.digest("bakery-admin/auth", tag)
        [status] = [
            each for each in chain.world.gitea.find("bakery-admin", "bakery-ia").statuses if each.sha == sha
        ]
        assert (status.state, status.creator) == ("success", "bakery-ci-bot")
        [pod] = chain.world.store.list("pods", "bakery-ci", {"tekton.dev/pipelineRun": run["metadata"]["name"],
                                                             "tekton.dev/pipelineTask": "detect-changes"})  # fmt: skip
        assert "services/auth/app/fast: auth" in chain.said(pod, "detect")
        # The bot's own push starts nothing.
        assert len(chain.runs()) == 1


async def test_two_commits_in_one_push_are_built_together(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as chain:
        await chain.commit("gateway: one", gateway__app__one="x = 1\n")
        last = await chain.commit("tenant: two", services__tenant__app__two="x = 2\n")
        await chain.push()
        run = await chain.built(last)
        assert {each["name"]: each["value"] for each in run["status"]["results"]}["services"] == [
            "gateway",
            "tenant",
        ]
        assert len(chain.runs()) == 1
        await deployed(chain, "gateway", "gateway")
        await deployed(chain, "tenant", "tenant-service")


async def test_branches_tags_and_what_says_so_are_not_built(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as chain:
        await chain.git("checkout", "--quiet", "-b", "idea")
        await chain.commit("auth: an idea", services__auth__app__idea="x = 1\n")
        await chain.git("push", "--quiet", "origin", "idea")
        await chain.git("tag", "v9")
        await chain.git("push", "--quiet", "origin", "v9")
        await chain.git("push", "--quiet", "origin", ":idea")
        await chain.git("checkout", "--quiet", "main")
        await chain.commit("auth: a word [skip ci]", services__auth__app__word="x = 1\n")
        await chain.push()
        last = await chain.commit("docs: a page", docs__page="text\n")
        await chain.push()
        run = await chain.built(last)
        assert reason(run) == "Completed"
        assert chain.runs() == [run]
        skipped = {each["name"] for each in run["status"]["skippedTasks"]}
        assert skipped == {"test", "build", "update-tag"}
        await until(lambda: chain.applied() == chain.git_head(), 60)


async def test_a_failing_test_deploys_nothing(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as chain:
        before = chain.tag("orders")
        sha = await chain.commit("orders: oh", services__orders__app__oh="# demo: fail tests\n")
        await chain.push()
        run = await chain.built(sha)
        assert reason(run) == "Failed"
        assert chain.tag("orders") == before
        assert not chain.task_runs(run, "build")
        statuses = chain.world.gitea.find("bakery-admin", "bakery-ia").statuses
        assert [each.state for each in statuses if each.sha == sha] == ["failure"]
        [test] = chain.task_runs(run, "test")
        pod = chain.world.store.get("pods", "bakery-ci", test["status"]["podName"])
        assert pod is not None
        assert "services/orders/app/oh:1: AssertionError" in chain.said(pod, "pytest")


async def test_an_image_that_crashes_comes_up_when_the_tag_before_is_set_again(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as chain:
        before = chain.tag("recipes")
        sha = await chain.commit("recipes: oh", services__recipes__app__oh="# demo: crash\n")
        await chain.push()
        assert reason(await chain.built(sha)) == "Succeeded"
        bad = chain.tag("recipes")

        def restarts() -> int:
            pods = chain.world.store.list("pods", "bakery-ia", {"app.kubernetes.io/name": "recipes-service"})
            return max((each["restartCount"] for pod in pods if pod["spec"]["containers"][0]["image"].endswith(bad)
                        for each in pod["status"].get("containerStatuses") or ()), default=0)  # fmt: skip

        await until(lambda: restarts() > 1, 60)
        await chain.git("pull", "--quiet", "--rebase", "origin", "main")
        path = chain.clone / "infrastructure/kubernetes/overlays/prod/kustomization.yaml"
        path.write_text(path.read_text().replace(bad, before))
        await chain.git(
            "commit", "--quiet", "--all", "--message", f"rollback(recipes): {bad} -> {before} [skip ci]"
        )
        await chain.push()
        assert await deployed(chain, "recipes", "recipes-service") == before


async def test_builds_that_fail_or_run_out_of_memory_try_once_more(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as chain:
        sha = await chain.commit("oh", services__sales__app__a="# demo: oom build\n",
                                 services__pos__app__b="# demo: fail build\n")  # fmt: skip
        await chain.push()
        run = await chain.built(sha)
        assert reason(run) == "Failed"
        found = {each["spec"]["params"][0]["value"]: each for each in chain.task_runs(run, "build")}
        assert reason(found["sales"]) == "StepOOM"
        assert reason(found["pos"]) == "StepFailed"
        assert [len(each["status"]["retriesStatus"]) for each in found.values()] == [1, 1]


async def test_two_builds_at_once_leave_the_newer_tag(tmp_path: Path) -> None:
    async with running_chain(tmp_path) as chain:
        slow = await chain.commit("auth: slow", services__auth__app__slow="# demo: slow\n")
        await chain.push()
        await until(lambda: any(chain.task_runs(run, "build") for run in chain.runs()), 60)
        (chain.clone / "services/auth/app/slow").unlink()
        quick = await chain.commit("auth: quick", services__auth__app__quick="x = 1\n")
        await chain.push()
        assert reason(await chain.built(quick, 90)) == "Succeeded"
        newer = chain.tag("auth")
        assert newer.endswith(quick[:12])
        assert reason(await chain.built(slow, 90)) == "Succeeded"
        assert chain.tag("auth") == newer
        await deployed(chain, "auth", "auth-service")


async def test_shared_code_builds_every_service_two_at_a_time(tmp_path: Path) -> None:
    async with running_chain(tmp_path, speed=200.0) as chain:
        most = 0

        def count(change: str, pod: object, previous: object) -> None:
            nonlocal most
            labels = {"tekton.dev/pipelineTask": "build"}
            pods = chain.world.store.list("pods", "bakery-ci", labels)
            most = max(most, sum(1 for each in pods if each["status"]["phase"] in ("Pending", "Running")))

        chain.world.store.listen("pods", count)
        sha = await chain.commit("shared: a comma", shared__comma="x = 1\n")
        await chain.push()
        run = await chain.built(sha, 120)
        assert reason(run) == "Succeeded"
        assert len(chain.task_runs(run, "build")) == len(chain.task_runs(run, "test")) == 21
        assert most == 2
        results = {each["name"]: each["value"] for each in run["status"]["results"]}
        assert {chain.tag(service) for service in results["services"]} == {results["tag"]}
        await until(lambda: chain.applied() == chain.git_head(), 60)
