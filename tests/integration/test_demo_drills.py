"""Each drill begins for real, is not over by itself, and is over once it is mended by plain means."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bakeryops.demo.chain.overlay import OVERLAY, source_of
from bakeryops.demo.controllers.pods import is_ready
from tests.support.chain import ended, reason
from tests.support.drills import Practice, practice
from tests.support.waiting import until

pytestmark = pytest.mark.slow


async def crashed(person: Practice) -> None:
    """Wait until the bad image is seen to crash, and see that the drill stays as it is."""
    await until(lambda: "Error" in person.states())
    await person.stays()


def gitea_is_ready(person: Practice) -> bool:
    """Tell whether the pod of Gitea is ready."""
    [pod] = person.chain.world.store.list("pods", "gitea", {"app.kubernetes.io/name": "gitea"})
    return is_ready(pod)


async def test_bad_deploy(tmp_path: Path) -> None:
    async with practice(tmp_path, "bad-deploy") as person:
        bad, before = person.scene.last_tags(person.service, 2)
        assert person.tag() == bad
        runs = person.chain.world.store.list("pipelineruns", "bakery-ci")
        [run] = [
            each for each in runs if each["metadata"]["labels"]["bakery.dev/revision"].startswith(source_of(bad))
        ]
        assert reason(run) == "Succeeded"
        started = person.session.status()["started"]
        await crashed(person)
        sha = await person.set_tag(before)
        verdict = await person.reached()
        assert verdict.startswith("reached in ")
        assert f"(by: {sha[:7]} rollback({person.service}): {bad} -> {before}" in verdict
        # Once reached it stays so, and its time stands still.
        status = person.session.status()
        assert status["started"] == started
        await person.set_tag(bad, "back again [skip ci]")
        await until(lambda: person.states().count("Error") > 0 and not person.scene.runs_well(person.service))
        assert person.session.status() == status


async def test_a_deploy_that_is_mended_forward_counts_too(tmp_path: Path) -> None:
    async with practice(tmp_path, "bad-deploy") as person:
        await person.chain.git("pull", "--quiet", "origin", "main")
        path = f"services/{person.service}/app/core/given.py"
        await person.chain.commit(f"{person.service}: no region any more", **{path: '"""Nothing."""\n'})
        await person.chain.push()
        assert f"deploy({person.service})" in await person.reached()


async def test_what_is_mended_past_git_does_not_count(tmp_path: Path) -> None:
    async with practice(tmp_path, "bad-deploy") as person:
        _, before = person.scene.last_tags(person.service, 2)
        await until(lambda: "Error" in person.states())
        await person.suspend(True)
        containers = [{"name": person.workload, "image": person.scene.image(person.service, before)}]
        path = f"/apis/apps/v1/namespaces/bakery-ia/deployments/{person.workload}"
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        answer = await person.client.call(
            "PATCH", path, body, content_type="application/strategic-merge-patch+json"
        )
        assert answer.status == 200
        await until(lambda: person.scene.running_image(person.service).endswith(before))
        await person.stays()


async def test_flaky_build(tmp_path: Path) -> None:
    async with practice(tmp_path, "flaky-build") as person:
        [run] = [
            each
            for each in person.chain.world.store.list("pipelineruns", "bakery-ci")
            if each["metadata"]["labels"]["bakery.dev/revision"] == person.scene.head()
        ]
        assert reason(run) == "Failed"
        before = person.tag()
        await person.stays()
        assert person.tag() == before
        await person.rebuild(person.scene.head())
        assert f"deploy({person.service})" in await person.reached()


async def test_oom_is_over_with_the_image_before(tmp_path: Path) -> None:
    async with practice(tmp_path, "oom") as person:
        await until(lambda: "OOMKilled" in person.states())
        await person.stays()
        await person.set_tag(person.scene.last_tags(person.service, 2)[1])
        assert "rollback" in await person.reached()


async def test_oom_is_over_with_a_higher_limit_in_git_and_not_with_one_past_it(tmp_path: Path) -> None:
    async with practice(tmp_path, "oom") as person:
        await until(lambda: "OOMKilled" in person.states())
        resources = {"limits": {"memory": "512Mi"}}
        containers = [{"name": person.workload, "resources": resources}]
        path = f"/apis/apps/v1/namespaces/bakery-ia/deployments/{person.workload}?fieldManager=kubectl-set"
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        answer = await person.client.call(
            "PATCH", path, body, content_type="application/strategic-merge-patch+json"
        )
        assert answer.status == 200
        await until(lambda: person.scene.runs_well(person.service))
        await person.stays(30)
        await person.chain.git("pull", "--quiet", "origin", "main")
        file = person.chain.clone / f"infrastructure/kubernetes/base/services/{person.workload}.yaml"
        text = file.read_text()
        assert "memory: 256Mi" in text
        file.write_text(text.replace("memory: 256Mi", "memory: 512Mi"))
        await person.chain.git("commit", "--quiet", "--all", "--message", f"{person.service}: let it have 512Mi")
        await person.chain.push()
        assert "(by: a higher limit in Git)" in await person.reached()


async def test_gitea_down(tmp_path: Path) -> None:
    async with practice(tmp_path, "gitea-down") as person:
        world, (_, before) = person.chain.world, person.scene.last_tags(person.service, 2)
        await until(lambda: world.gitea.faults.down == "closed")
        await crashed(person)
        await person.chain.git("fetch", "--quiet", "origin", fails=True)
        assert not gitea_is_ready(person)
        await person.suspend(True)
        containers = [{"name": person.workload, "image": person.scene.image(person.service, before)}]
        path = f"/apis/apps/v1/namespaces/bakery-ia/deployments/{person.workload}"
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        answer = await person.client.call(
            "PATCH", path, body, content_type="application/strategic-merge-patch+json"
        )
        assert answer.status == 200
        await until(lambda: not world.gitea.faults.down)
        assert not person.session.reached
        await person.set_tag(before)
        await person.stays(30)
        await person.suspend(None)
        verdict = await person.reached()
        assert f"rollback({person.service})" in verdict
        assert "nobody mended" not in verdict
        await until(lambda: gitea_is_ready(person))


async def test_gitea_comes_back_by_itself_in_the_end(tmp_path: Path) -> None:
    async with practice(tmp_path, "gitea-down", speed=300) as person:
        await until(lambda: person.chain.world.gitea.faults.down == "closed")
        await until(lambda: not person.chain.world.gitea.faults.down)
        await person.set_tag(person.scene.last_tags(person.service, 2)[1])
        assert (await person.reached()).endswith("nobody mended the service while Gitea was away")


async def test_flux_stuck(tmp_path: Path) -> None:
    async with practice(tmp_path, "flux-stuck") as person:
        await until(person.scene.suspended)
        broken = person.scene.head()
        [ready] = [
            each for each in person.scene.kustomization()["status"]["conditions"] if each["type"] == "Ready"
        ]
        assert (ready["status"], ready["reason"]) == ("False", "BuildFailed")
        assert not person.scene.runs_well(person.service)
        await person.stays()
        # To resume it is not enough: the overlay still cannot be built.
        await person.suspend(None)
        await person.stays()
        await person.chain.git("pull", "--quiet", "origin", "main")
        await person.chain.git("revert", "--no-edit", broken)
        await person.chain.push()
        assert "Revert" in await person.reached()
        assert person.scene.runs_well(person.service)


async def test_lost_webhook(tmp_path: Path) -> None:
    async with practice(tmp_path, "lost-webhook") as person:
        head, before = person.scene.head(), person.tag()
        repository = person.chain.world.gitea.find("bakery-admin", "bakery-ia")
        await until(
            lambda: any(
                each.done and "no such host" in each.response
                for hook in repository.hooks
                for each in hook.deliveries
            )
        )
        await person.stays()
        assert person.chain.runs() == []
        assert person.tag() == before
        await person.rebuild(head)
        verdict = await person.reached()
        assert f"deploy({person.service})" in verdict
        assert verdict.endswith("the next push is lost too")


async def test_lost_webhook_with_the_webhook_mended(tmp_path: Path) -> None:
    async with practice(tmp_path, "lost-webhook") as person:
        repository = person.chain.world.gitea.find("bakery-admin", "bakery-ia")
        for hook in repository.hooks:
            hook.url = hook.url.replace("el-bakery-ia-listener", "el-bakery-gitea")
        await person.chain.git("pull", "--quiet", "origin", "main")
        path = f"services/{person.service}/app/core/greeting.py"
        await person.chain.commit(f"{person.service}: greet twice", **{path: '"""Egun on, egun on."""\n'})
        await person.chain.push()
        assert "lost" not in await person.reached()


async def test_image_gone(tmp_path: Path) -> None:
    async with practice(tmp_path, "image-gone") as person:
        gone = person.scene.last_tags(person.service, 2)
        await until(lambda: {"ImagePullBackOff", "ErrImagePull"} & set(person.states()))
        await person.stays(30)
        # The tag before is gone too.
        await person.set_tag(gone[1])
        await person.stays()
        await person.rebuild(person.chain.git_head())
        assert f"deploy({person.service})" in await person.reached()
        assert person.tag() not in gone


async def test_conflicting_commits(tmp_path: Path) -> None:
    async with practice(tmp_path, "conflicting-commits") as person:
        second, first, good = person.scene.last_tags(person.service, 3)
        await crashed(person)
        await person.chain.git("pull", "--quiet", "origin", "main")
        log = (await person.chain.git("log", "--format=%H %s", "--", OVERLAY)).splitlines()
        [deploy] = [line.partition(" ")[0] for line in log if line.endswith(f"deploy({person.service}): {first}")]
        said = await person.chain.git("revert", "--no-edit", deploy, fails=True)
        assert "CONFLICT" in said
        await person.chain.git("revert", "--abort")
        # The revert of the last one brings back the first.
        [deploy] = [line.partition(" ")[0] for line in log if line.endswith(f"deploy({person.service}): {second}")]
        await person.chain.git("revert", "--no-edit", deploy)
        await person.chain.push()
        assert person.tag() == first
        await person.stays()
        await person.set_tag(good)
        assert f"-> {good}" in await person.reached()


async def test_api_outage(tmp_path: Path) -> None:
    async with practice(tmp_path, "api-outage") as person:
        before = person.scene.last_tags(person.service, 2)[1]
        faults = person.server.faults
        await until(lambda: faults.paused)
        await until(lambda: not faults.paused)
        await until(lambda: any(rule.action == "drop" for rule in faults.rules()))
        assert not person.session.reached
        # The control API answers all the same.
        assert (await person.client.get("/_demo/drill")).body["state"] == "running"
        await person.set_tag(before)
        assert "rollback" in await person.reached()
        assert not faults.paused
        assert faults.rules() == []
        assert (await person.client.get("/api/v1/namespaces")).status == 200


async def test_slow_link(tmp_path: Path) -> None:
    async with practice(tmp_path, "slow-link") as person:
        begun = time.monotonic()
        assert (await person.client.get("/api/v1/namespaces/bakery-ia/pods")).status == 200
        assert time.monotonic() - begun >= 0.5
        await crashed(person)
        await person.set_tag(person.scene.last_tags(person.service, 2)[1])
        assert "rollback" in await person.reached()
        assert person.server.faults.rules() == []


async def test_a_rewritten_branch_is_remarked_on(tmp_path: Path) -> None:
    async with practice(tmp_path, "bad-deploy") as person:
        await person.chain.git("pull", "--quiet", "origin", "main")
        await person.chain.git("reset", "--quiet", "--hard", "HEAD~1")
        await person.chain.git("push", "--quiet", "--force", "origin", "main")
        assert (await person.reached()).endswith("main was rewritten: what others had pushed is lost")


async def test_runs_of_a_drill_are_over(tmp_path: Path) -> None:
    async with practice(tmp_path, "conflicting-commits") as person:
        assert all(ended(run) for run in person.chain.world.store.list("pipelineruns", "bakery-ci"))
