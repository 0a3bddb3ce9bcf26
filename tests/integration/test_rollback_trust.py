"""What a rollback does not take for granted: trailers that anybody may copy, a push without an answer, rights."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from bakeryops.actions.hold import plan_hold, plan_unhold
from bakeryops.git.editing import Editor
from bakeryops.git.errors import GitError, GitErrorKind
from bakeryops.git.pushing import Push
from tests.support.rollback import REGISTRY, Matrix, notes, push_of
from tests.support.rollback_worlds import made
from tests.support.waiting import until

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(autouse=True)
def _answers(made: Matrix) -> Iterator[None]:
    yield
    made.world.gitea.faults.down = ""


async def test_a_copied_trailer_is_not_taken_for_the_commit(made: Matrix) -> None:
    old = made.tag("tenant")
    await made.release("tenant")
    plan = await made.plan("tenant")
    change = push_of(plan).args["change"]
    made.scene.commit(
        "maria", f"docs: nothing\n\nBakery-Change: {change}\n", {"docs/nothing.md": b"nothing\n"}, made.scene.now
    )
    view = await made.run(plan)
    assert (view.state, made.tag("tenant")) == ("done", old), (view.text, view.why)
    assert made.runs("tenant", old)


async def test_a_release_takes_no_service_back_that_its_build_did_not_build(made: Matrix) -> None:
    mine, other = "forecasting", "suppliers"
    await made.release(mine)
    run = next(each.run for each in (await made.ground()).code.deployments if each.service == mine)
    assert run in [each.name for each in (await made.ground()).delivery.builds.builds]
    tag = made.image(other)
    made.together({other: tag}, f"deploy({other}): {tag}\n\n[skip ci]\n\nBakery-PipelineRun: {run}\n")
    plan = await made.plan(release=run)
    push = push_of(plan)
    assert [name.rpartition("/")[2] for name in push.args["edit"]["after"]] == [mine]
    assert f"{other} stays: its commit names this build, which did not build it" in notes(plan)


@pytest.mark.parametrize(("kind", "arrives"), [("timeout", False), ("refused", True)])
async def test_a_push_without_an_answer_is_not_called_nothing_and_is_made_once(
    made: Matrix, monkeypatch: pytest.MonkeyPatch, kind: GitErrorKind, arrives: bool
) -> None:
    service = "orders" if arrives else "sales"
    old = made.tag(service)
    await made.release(service)
    plan = await made.plan(service, hold=False)
    before, push = made.head().sha, Editor.push

    async def cut(self: Editor, sha: str, *, expect: str) -> Push:
        if arrives:
            await push(self, sha, expect=expect)
            made.world.gitea.faults.down = "closed"
        raise GitError("pushing to main: no answer", kind=kind)

    with monkeypatch.context() as patched:
        patched.setattr(Editor, "push", cut)
        view = await made.run(plan)
    made.world.gitea.faults.down = ""
    assert (view.state, view.exit_code) == ("partial", 1)
    assert "is on main is not known: pushing to main: no answer" in view.text
    assert f"bakeryops jobs resume {view.id}" in view.hint
    again = await made.resume(view.id)
    assert (again.state, again.exit_code) == ("done", 0), (again.text, again.why)
    assert made.head().parents == (before,)
    assert made.runs(service, old)


async def test_an_image_that_nothing_runs_is_told_of(made: Matrix) -> None:
    tags = [made.image("ghost") for _ in range(2)]
    entry = "images:\n  - name: {}/ghost\n    newTag: {}\n"
    made.rewrite(
        lambda text: text.replace("images:\n", entry.format(REGISTRY, tags[0]), 1), "deploy(ghost): one\n"
    )
    made.rewrite(lambda text: text.replace(tags[0], tags[1]), "deploy(ghost): two\n")
    plan = await made.plan("ghost")
    assert "no Deployment, StatefulSet or DaemonSet is known that runs ghost" in notes(plan, "unknown")
    assert "no Deployment" not in notes(await made.plan("auth"))


async def test_a_hold_that_somebody_set_anew_is_not_lifted_with_the_former(made: Matrix) -> None:
    held = await made.run(await plan_hold(await made.ground(), "auth", reason="a token bug"))
    assert held.state == "done", (held.text, held.why)
    lift = await plan_unhold(await made.ground(), ["auth"])
    hold = {"owner": "ben@there", "reason": "the schema moves", "since": "2026-11-24T08:00:00Z", "until": None}
    made.edit("configmaps", "bakery-holds", "bakery-ci", lambda obj: obj["data"].update(auth=json.dumps(hold)))
    view = await made.run(lift)
    assert (view.state, view.exit_code) == ("refused", 5)
    assert "auth is held anew meanwhile: by ben@there" in view.text
    assert "the schema moves" in made.holds()["auth"]
    assert (await made.run(await plan_unhold(await made.ground(), ["auth"]))).state == "done"
    assert "auth" not in made.holds()


async def test_all_rights_are_asked_before_anything_is_done(made: Matrix) -> None:
    await made.release("inventory")
    source = made.scene.push("maria", "inventory: more\n", {"services/inventory/app/more.py": b"MORE = 1\n"})
    label = {"bakery.dev/revision": source}
    await until(lambda: made.store.list("pipelineruns", "bakery-ci", label), 30)
    plan = await made.plan("inventory", cancel_builds=True, commit_only=True)
    assert {"hold.set", "build.stop"} <= {step.kind for step in plan.steps}
    wanted = {(each.verb, each.resource) for each in plan.needs}
    assert {("patch", "configmaps"), ("patch", "pipelineruns")} <= wanted
    assert ("patch", "kustomizations") not in wanted, "what is only committed needs nothing of Flux"
