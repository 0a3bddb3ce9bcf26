"""Break-glass: an image set past Git while Gitea is away, Flux kept from undoing it, and Git told afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from bakeryops.actions.breakglass import plan_break_glass, plan_write_back
from bakeryops.actions.flux import plan_resume
from bakeryops.actions.rollback_wish import Wish
from bakeryops.errors import UsageError
from bakeryops.model.plan import Plan
from tests.support.rollback import WHO, Matrix, notes, trailers
from tests.support.rollback_worlds import made

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

KEY = ("Kustomization", "flux-system", "bakery-ia")
NOTE = "write-back.bakeryops.dev/"


@pytest.fixture(autouse=True)
def _answers(made: Matrix) -> Iterator[None]:
    yield
    made.world.gitea.faults.down = ""


async def glass(made: Matrix, service: str, **wish: object) -> Plan:
    return await plan_break_glass(await made.ground(), Wish(service, watch=0.0, **wish))  # type: ignore[arg-type]


def kept(made: Matrix) -> dict[str, dict[str, str]]:
    """Return what the Kustomization says is to be written back, by service."""
    annotations = made.live("kustomizations", "bakery-ia")["metadata"].get("annotations", {})
    return {
        key.removeprefix(NOTE): json.loads(value) for key, value in annotations.items() if key.startswith(NOTE)
    }


async def test_while_gitea_answers_the_glass_stays_whole(made: Matrix) -> None:
    plan = await glass(made, "tenant")
    assert plan.blocked == "Gitea answers: there is no need to go past Git"
    assert plan.steps == ()


async def test_past_git_and_back_into_it(made: Matrix) -> None:
    old = made.tag("tenant")
    bad = (await made.release("tenant")).tag
    await made.ground()
    made.world.gitea.faults.down = "closed"
    refused = await made.plan("tenant")
    assert refused.blocked
    assert "bakeryops rollback tenant --break-glass" in refused.hint
    plan = await glass(made, "tenant", reason="sign-in fails")
    assert plan.title == f"Set tenant to {old} past Git"
    assert (plan.typed, plan.scope) == ("tenant", ("kustomization/flux-system/bakery-ia", "service/tenant"))
    assert [step.id for step in plan.steps] == ["suspend", "record", "image", "ready"]
    assert "Flux stays suspended so long, for all" in notes(plan, "bad")
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("done", 0), (view.text, view.why)
    assert made.scene.suspended()
    record = kept(made)["tenant"]
    assert (record["tag"], record["git_tag"], record["who"], record["job"]) == (old, bad, WHO.label, view.id)
    assert made.runs("tenant", old)
    assert made.tag("tenant") == bad

    # Nothing resumes Flux as long as Git does not know.
    resume = await plan_resume(await made.ground(), *KEY)
    assert resume.blocked == "tenant was set past Git and Git does not know it yet: resuming would undo it"
    assert resume.hint == "Write it back first: bakeryops rollback tenant --write-back"
    away = await plan_write_back(await made.ground(), "tenant")
    assert away.blocked.startswith("Git does not answer")

    made.world.gitea.faults.down = ""
    other = await made.release("orders", apply=False)
    blocked = await made.plan("orders", resume=True)
    assert blocked.blocked == resume.blocked
    before = made.head()
    back = await plan_write_back(await made.ground(), "tenant")
    assert {each.resource for each in back.needs} == {"kustomizations", "gitrepositories"}
    assert back.title == f"Write tenant {old} back to Git and resume bakery-ia"
    view = await made.run(back)
    assert (view.state, view.exit_code) == ("done", 0), (view.text, view.why)
    commit = made.head()
    assert commit.parents == (before.sha,)
    assert made.lines(commit) == [f"-    newTag: {bad}", f"+    newTag: {old}"]
    assert commit.message.startswith(f"rollback(tenant): {bad} -> {old}\n\nsign-in fails\n\n[skip ci]\n\n")
    assert ("Bakery-Service", "tenant") in trailers(commit)
    assert not made.scene.suspended()
    assert kept(made) == {}
    assert made.scene.applied() == commit.sha
    assert made.runs("tenant", old)
    assert made.tag("orders") == other.tag


async def test_two_services_past_git_resume_flux_only_when_both_are_written_back(made: Matrix) -> None:
    old = {}
    for service in ("inventory", "sales"):
        old[service] = made.tag(service)
        await made.release(service)
    await made.ground()
    made.world.gitea.faults.down = "closed"
    for service in old:
        assert (await made.run(await glass(made, service))).state == "done"
    assert sorted(kept(made)) == ["inventory", "sales"]
    made.world.gitea.faults.down = ""
    first = await plan_write_back(await made.ground(), "inventory")
    assert "resume" not in [step.id for step in first.steps]
    assert "sales wait" in notes(first, "soon")
    assert (await made.run(first)).state == "done"
    assert made.scene.suspended()
    resume = await plan_resume(await made.ground(), *KEY)
    assert resume.blocked.startswith("sales was set past Git")
    assert (await made.run(await plan_write_back(await made.ground(), "sales"))).state == "done"
    assert not made.scene.suspended()
    for service, tag in old.items():
        assert made.tag(service) == tag
        assert made.runs(service, tag)
    with pytest.raises(UsageError, match="sales was not set past Git"):
        await plan_write_back(await made.ground(), "sales")


async def test_where_git_moved_meanwhile_writing_back_says_so(made: Matrix) -> None:
    old = made.tag("production")
    await made.release("production")
    await made.ground()
    made.world.gitea.faults.down = "closed"
    await made.run(await glass(made, "production"))
    made.world.gitea.faults.down = ""
    newer = await made.release("production", apply=False)
    plan = await plan_write_back(await made.ground(), "production")
    assert f"Git has moved production to {newer.tag} meanwhile" in notes(plan, "soon")
    assert (await made.run(plan)).state == "done"
    assert made.lines(made.head()) == [f"-    newTag: {newer.tag}", f"+    newTag: {old}"]
    assert made.runs("production", old)


async def test_git_that_was_fetched_before_the_bad_deploy_is_gone_back_to_itself(made: Matrix) -> None:
    old = made.tag("external")
    await made.ground()
    bad = (await made.release("external")).tag
    made.world.gitea.faults.down = "closed"
    plan = await glass(made, "external")
    assert plan.title == f"Set external to {old} past Git"
    assert f"Git was fetched last before {bad} was deployed" in notes(plan)
    assert (await made.run(plan)).state == "done"
    assert made.runs("external", old)
    made.world.gitea.faults.down = ""
    assert (await made.run(await plan_write_back(await made.ground(), "external"))).state == "done"
    assert made.tag("external") == old


async def test_without_any_copy_of_git_it_is_the_image_of_the_earlier_replica_set(
    made: Matrix, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = made.tag("recipes")
    await made.release("recipes")
    for kind in ("CACHE", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path_factory.mktemp("empty")))
    made.world.gitea.faults.down = "closed"
    plan = await glass(made, "recipes")
    assert plan.title == f"Set recipes to {old} past Git"
    assert (await glass(made, "recipes", to="1.0")).title == "Set recipes to 1.0 past Git"
    assert (await made.run(plan)).state == "done"
    assert made.runs("recipes", old)
