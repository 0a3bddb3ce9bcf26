"""Rollbacks taken back and made again, where the next one goes, and holds: whose they are and how long they last."""

from __future__ import annotations

import json

import pytest

from bakeryops.actions.hold import plan_hold, plan_unhold
from bakeryops.errors import BakeryopsError, UsageError
from tests.support.rollback import WHO, Matrix, notes, push_of, trailers
from tests.support.rollback_worlds import made
from tests.support.waiting import until

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


def hold_by(made: Matrix, service: str, owner: str, **more: str | None) -> None:
    """Hold a service as another person does."""
    entry = json.dumps({"owner": owner, "reason": "mine", "since": "2026-11-01T00:00:00Z", "until": None} | more)
    if made.store.get("configmaps", "bakery-ci", "bakery-holds") is None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bakery-holds"}, "data": {}}
        made.store.create("configmaps", body, manager="kubectl", namespace="bakery-ci")
    made.edit(
        "configmaps", "bakery-holds", "bakery-ci", lambda obj: obj.setdefault("data", {}).update({service: entry})
    )


async def test_an_undo_right_after_brings_everything_back_and_lifts_the_hold(made: Matrix) -> None:
    old = made.tag("tenant")
    new = (await made.release("tenant")).tag
    before = made.head()
    await made.back("tenant")
    rollback = made.head()
    assert "tenant" in made.holds()
    plan = await made.undo("tenant", reason="it was the database")
    assert (plan.title, plan.action) == (f"Bring back tenant to {new}", "undo")
    assert [step.id for step in plan.steps] == ["push", "fetched", "applied", "ready", "lift"]
    assert "the hold of tenant is lifted" in notes(plan, "fine")
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("done", 0)
    commit = made.head()
    assert commit.parents == (rollback.sha,)
    assert commit.tree == before.tree
    assert commit.message.startswith(f"reapply(tenant): {old} -> {new}\n\nit was the database\n\n[skip ci]\n\n")
    assert trailers(commit) == [
        ("Bakery-Service", "tenant"), ("Reverts", rollback.sha), ("Bakery-Operator", WHO.label)
    ]  # fmt: skip
    assert made.runs("tenant", new)
    assert "tenant" not in made.holds()


async def test_an_undo_leaves_what_was_deployed_since(made: Matrix) -> None:
    new = (await made.release("orders")).tag
    await made.back("orders")
    other = (await made.release("inventory")).tag
    await made.run(await made.undo("orders"))
    assert made.tag("orders") == new
    assert made.tag("inventory") == other
    assert made.runs("orders", new)


async def test_an_undo_of_one_service_of_a_release_sets_its_tag(made: Matrix) -> None:
    run = "bakery-ia-ci-undo1"
    commits = made.several(run, ("recipes", "suppliers"))
    new, old = made.tag("recipes"), made.tag("recipes", f"{commits['recipes']}^")
    view = await made.run(await made.plan("", release=run))
    assert view.state == "done"
    plan = await made.undo("recipes")
    assert push_of(plan).args["edit"]["mode"] == "set"
    assert (await made.run(plan)).state == "done"
    assert made.tag("recipes") == new
    assert made.tag("suppliers") == made.tag("suppliers", f"{commits['suppliers']}^")
    assert old != new
    assert sorted(made.holds()) == sorted({*made.holds(), "suppliers"} - {"recipes"})


async def test_there_is_no_undo_where_the_last_change_is_no_rollback(made: Matrix) -> None:
    made_tag = (await made.release("external", apply=False)).tag
    before = made.everything()
    with pytest.raises(BakeryopsError, match="the last change of external is no rollback") as wrong:
        await made.undo("external")
    assert f"deploy {made_tag}" in wrong.value.message
    await made.back("external", watch=0.0)
    made.together({"external": made.image("external")}, "external: by hand\n")
    with pytest.raises(BakeryopsError, match="is no rollback, but edit"):
        await made.undo("external")
    assert made.everything() != before


async def test_a_rollback_is_made_again_after_its_undo_and_goes_the_same_way(made: Matrix) -> None:
    old = made.tag("sales")
    new = (await made.release("sales")).tag
    await made.back("sales")
    await made.run(await made.undo("sales"))
    assert made.tag("sales") == new
    await made.back("sales")
    assert made.tag("sales") == old
    assert made.head().message.startswith(f"rollback(sales): {new} -> {old}\n")
    await made.run(await made.undo("sales"))
    with pytest.raises(BakeryopsError, match="but reapply"):
        await made.undo("sales")


async def test_the_next_rollback_never_goes_to_what_was_rolled_back(made: Matrix) -> None:
    first = await made.release("training", apply=False)
    bad = await made.release("training", apply=False)
    await made.back("training")
    assert made.tag("training") == first.tag
    newer = await made.release("training", apply=False)
    assert newer.tag == made.tag("training")
    plan = await made.plan("training")
    await made.run(plan)
    assert made.tag("training") == first.tag
    assert bad.tag not in push_of(plan).title
    newest = made.image("training")
    made.together({"training": bad.tag}, f"deploy(training): {bad.tag} by mistake\n")
    made.together({"training": newest}, f"deploy(training): {newest}\n")
    plan = await made.plan("training")
    assert f"passed over {bad.tag}: it was rolled back" in notes(plan)
    await made.run(plan)
    assert made.tag("training") == first.tag


async def test_a_hold_of_somebody_else_stays_through_rollback_and_undo(made: Matrix) -> None:
    await made.release("production")
    hold_by(made, "production", "jonas@laptop")
    plan = await made.plan("production")
    assert "production is held by jonas@laptop: mine" in notes(plan, "soon")
    assert "hold" not in [step.id for step in plan.steps]
    await made.run(plan)
    assert json.loads(made.holds()["production"])["owner"] == "jonas@laptop"
    plan = await made.undo("production")
    assert "lift" not in [step.id for step in plan.steps]
    await made.run(plan)
    assert json.loads(made.holds()["production"])["owner"] == "jonas@laptop"


async def test_a_hold_whose_time_is_over_holds_no_more_and_is_set_anew(made: Matrix) -> None:
    await made.release("forecasting")
    hold_by(made, "forecasting", "jonas@laptop", until="2026-11-02T00:00:00Z")
    plan = await made.plan("forecasting")
    assert plan.steps[1].id == "hold"
    await made.run(plan)
    held = json.loads(made.holds()["forecasting"])
    assert (held["owner"], held["until"]) == (WHO.label, None)


async def test_holding_and_lifting_keep_the_pipeline_away_and_let_it_again(made: Matrix) -> None:
    old = made.tag("pos")
    ground = await made.ground()
    with pytest.raises(UsageError, match="needs a reason"):
        await plan_hold(ground, "pos", reason=" ")
    with pytest.raises(UsageError, match="over already"):
        await plan_hold(ground, "pos", reason="x", until=ground.now - 1)
    with pytest.raises(UsageError) as wrong:
        await plan_hold(ground, "poss", reason="x")
    assert wrong.value.hint == "Did you mean pos?"
    with pytest.raises(UsageError, match="pos is not held"):
        await plan_unhold(ground, ["pos"])
    view = await made.run(await plan_hold(ground, "pos", reason="the terminal is new", until=ground.now + 9e5))
    assert view.evidence == ("pos is held: no build deploys over this",)
    held = json.loads(made.holds()["pos"])
    assert (held["owner"], held["reason"], held["job"]) == (WHO.label, "the terminal is new", view.id)
    assert held["until"]
    again = await plan_hold(await made.ground(), "pos", reason="more")
    assert again.nothing
    assert "it is held already, by tester@bench" in notes(again)
    await _built(made, "pos")
    assert made.tag("pos") == old
    assert (await made.run(await plan_unhold(await made.ground(), ["pos"]))).state == "done"
    assert "pos" not in made.holds()
    await _built(made, "pos")
    assert made.tag("pos") != old


async def _built(made: Matrix, service: str) -> None:
    """Push a change and wait until its build has ended well."""
    path = f"services/{service}/app/core/pushed.py"
    before = made.repo.read("main", path) or b""
    sha = made.scene.push("maria", f"{service}: once more\n", {path: before + b"ONE = 1\n"})

    def ended() -> bool:
        found = made.store.list("pipelineruns", "bakery-ci", {"bakery.dev/revision": sha})
        return bool(found) and "completionTime" in found[0].get("status", {})

    await until(ended, 60)
    run = made.store.list("pipelineruns", "bakery-ci", {"bakery.dev/revision": sha})[0]
    assert run["status"]["conditions"][0]["status"] == "True", run["status"]["conditions"]
