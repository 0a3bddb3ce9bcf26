"""Which commit a rollback makes, and that the cluster follows: reverts where they come to the same, else set tags."""

from __future__ import annotations

import pytest

from bakeryops.demo.chain.overlay import OVERLAY
from tests.support.rollback import REGISTRY, WHO, Matrix, notes, push_of, trailers
from tests.support.rollback_worlds import made

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_the_last_deploy_of_one_service_is_reverted(made: Matrix) -> None:
    old = made.tag("tenant")
    bad = await made.release("tenant")
    deploy = made.head()
    plan = await made.plan("tenant", reason="sign-in fails", watch=0.5)
    assert plan.title == f"Roll back tenant to {old}"
    assert plan.scope == ("service/tenant",)
    assert [step.id for step in plan.steps] == [
        "look",
        "hold",
        "push",
        "fetched",
        "held",
        "applied",
        "ready",
        "stays",
    ]
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("done", 0)
    commit = made.head()
    assert commit.parents == (deploy.sha,)
    assert commit.tree == made.repo.commit_object(f"{deploy.sha}^").tree  # type: ignore[union-attr]
    assert made.changed(commit) == [OVERLAY]
    assert made.lines(commit) == [f"-    newTag: {bad.tag}", f"+    newTag: {old}"]
    first, _, body = commit.message.partition("\n\n")
    assert first == f"rollback(tenant): {bad.tag} -> {old}"
    assert body.startswith("sign-in fails\n\n[skip ci]\n\n")
    assert trailers(commit) == [
        ("Bakery-Service", "tenant"), ("Reverts", deploy.sha), ("Bakery-Operator", WHO.label)
    ]  # fmt: skip
    assert (commit.author, commit.author_email) == ("tester", "tester@example.org")
    assert made.runs("tenant", old)
    assert made.scene.applied() == commit.sha
    assert "sign-in fails" in made.holds()["tenant"]
    assert f"git revert --no-commit {deploy.sha[:12]}" in push_of(plan).shows
    assert commit.sha[:12] in push_of(plan).shows[1]
    assert view.evidence[-1].startswith("Deployment tenant-service stayed ready")


async def test_a_neighbour_that_was_deployed_since_stays(made: Matrix) -> None:
    old = made.tag("external")
    bad = await made.release("external")
    deploy = made.head()
    neighbour = await made.release("forecasting")
    view = await made.back("external")
    commit = made.head()
    assert made.lines(commit) == [f"-    newTag: {bad.tag}", f"+    newTag: {old}"]
    assert ("Reverts", deploy.sha) in trailers(commit)
    assert push_of(view.plan).args["edit"]["mode"] == "revert"
    assert made.tag("forecasting") == neighbour.tag
    assert made.runs("external", old)
    assert made.runs("forecasting", neighbour.tag)


@pytest.mark.parametrize("by", ["tag", "source", "deploy"])
async def test_several_steps_back_are_one_commit(made: Matrix, by: str) -> None:
    service = {"tag": "orders", "source": "production", "deploy": "recipes"}[by]
    good = await made.release(service, apply=False)
    named = {"tag": good.tag, "source": good.after[:10], "deploy": made.head().sha[:10]}[by]
    await made.release(service, apply=False)
    first = made.head()
    last = await made.release(service)
    second = made.head()
    plan = await made.plan(service, to=named)
    assert f"revert {second.sha[:7]}, {first.sha[:7]} (clean)" in {f.label: f.text for f in plan.facts}["git"]
    assert len(next(each.lines for each in plan.sections if each.title.startswith("Commits taken back"))) == 2
    assert (await made.run(plan)).state == "done"
    commit = made.head()
    assert commit.parents == (second.sha,)
    assert made.lines(commit) == [f"-    newTag: {last.tag}", f"+    newTag: {good.tag}"]
    assert [value for key, value in trailers(commit) if key == "Reverts"] == [second.sha, first.sha]
    assert made.runs(service, good.tag)


async def test_where_a_revert_conflicts_the_tag_is_set(made: Matrix) -> None:
    good = await made.release("sales", apply=False)
    # The same service was bumped past the pipeline, twice in one entry's line and with a word beside it.
    bad = made.image("sales")
    made.rewrite(lambda text: text.replace(good.tag, f"{bad} # tried by hand"), f"sales: {bad}\n")
    mid = made.head()
    newer = made.image("sales")
    made.rewrite(lambda text: text.replace(f"{bad} # tried by hand", f"{newer} # by hand again"), "sales: again\n")
    plan = await made.plan("sales", to=good.tag)
    assert push_of(plan).args["edit"]["mode"] == "revert"
    # With a comment changed in the line since, taking it back by merging is no more possible.
    made.rewrite(lambda text: text.replace("# by hand again", "# keep me"), "sales: a comment\n")
    plan = await made.plan("sales", to=good.tag)
    push = push_of(plan)
    assert push.args["edit"]["mode"] == "set"
    assert "the revert conflicts in" in next(fact.text for fact in plan.facts if fact.label == "git")
    assert (await made.run(plan)).state == "done"
    commit = made.head()
    assert made.lines(commit) == [f"-    newTag: {newer} # keep me", f"+    newTag: {good.tag} # keep me"]
    assert mid.sha in [value for key, value in trailers(commit) if key == "Reverts"]
    assert made.runs("sales", good.tag)


async def test_of_a_commit_of_several_services_one_goes_back_by_its_tag(made: Matrix) -> None:
    old = {each: made.tag(each) for each in ("suppliers", "training")}
    new = {each: made.image(each) for each in old}
    both = made.together(new)
    plan = await made.plan("suppliers")
    assert "other services too" in next(fact.text for fact in plan.facts if fact.label == "git")
    assert f"newTag: {old['suppliers']}" in push_of(plan).shows[0]
    assert (await made.run(plan)).state == "done"
    commit = made.head()
    assert commit.parents == (both,)
    assert made.lines(commit) == [f"-    newTag: {new['suppliers']}", f"+    newTag: {old['suppliers']}"]
    assert ("Reverts", both) in trailers(commit)
    assert made.runs("suppliers", old["suppliers"])
    assert made.tag("training") == new["training"]
    await made.running("training", new["training"])


async def test_a_release_goes_back_whole_in_one_commit(made: Matrix) -> None:
    services = ("ai-insights", "alert-processor", "auth")
    old = {each: made.tag(each) for each in services}
    run = "bakery-ia-ci-r3l9z"
    commits = made.several(run, services)
    new = made.tag("auth")
    plan = await made.plan("", release="r3l9z")
    assert plan.title == f"Roll back release {run}: auth, alert-processor, ai-insights"
    assert plan.scope == tuple(f"service/{each}" for each in services)
    assert "bakeryops rollback --release r3l9z" in plan.command
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("done", 0)
    commit = made.head()
    assert commit.message.startswith(f"rollback(release {run}): ")
    assert commit.parents == (commits["auth"],)
    assert commit.tree == made.repo.commit_object(f"{commits['ai-insights']}^").tree  # type: ignore[union-attr]
    wanted = [("Reverts", commits[each]) for each in ("auth", "alert-processor", "ai-insights")]
    assert [each for each in trailers(commit) if each[0] == "Reverts"] == wanted
    assert sorted(value for key, value in trailers(commit) if key == "Bakery-Service") == list(services)
    for service in services:
        assert made.tag(service) == old[service] != new
        assert made.runs(service, old[service])
        assert service in made.holds()


async def test_of_a_release_what_was_deployed_again_stays(made: Matrix) -> None:
    run = "bakery-ia-ci-again"
    old = made.tag("orchestrator")
    made.several(run, ("orchestrator", "notification"))
    again = await made.release("notification")
    plan = await made.plan("", release=run)
    assert f"notification stays: it was changed again since, to {again.tag}" in notes(plan)
    assert (await made.run(plan)).state == "done"
    assert made.tag("orchestrator") == old
    assert made.tag("notification") == again.tag
    assert made.runs("orchestrator", old)
    plan = await made.plan("", release=run)
    assert plan.blocked == "nothing of it is in force any more"


async def test_a_merged_pull_request_is_taken_back_against_its_first_parent(made: Matrix) -> None:
    old, tag = made.tag("demo-session"), made.image("demo-session")
    before = made.head()
    merge, side = made.merged("demo-session", tag)
    plan = await made.plan("demo-session")
    assert "merging the same branch again brings nothing" in notes(plan, "soon")
    assert f"git revert --no-commit -m 1 {merge[:12]}" in push_of(plan).shows
    assert (await made.run(plan)).state == "done"
    commit = made.head()
    assert commit.parents == (merge,)
    assert commit.tree == before.tree
    assert ("Reverts", merge) in trailers(commit)
    assert side not in commit.message
    assert made.runs("demo-session", old)


async def test_an_image_named_by_digest_goes_back_to_its_tag(made: Matrix) -> None:
    old = made.tag("procurement")
    tag = made.image("procurement")
    digest = made.world.gitea.registry.digest("bakery-admin/procurement", tag)
    made.rewrite(lambda text: _with_digest(text, "procurement", str(digest)), "procurement: pin the digest\n")
    pinned = made.head()
    plan = await made.plan("procurement")
    assert (await made.run(plan)).state == "done"
    commit = made.head()
    assert commit.message.startswith(f"rollback(procurement): {str(digest)[:19]} -> {old}\n")
    assert made.lines(commit) == [f"-    digest: {digest}", f"+    newTag: {old}"]
    assert ("Reverts", pinned.sha) in trailers(commit)
    assert made.runs("procurement", old)


async def test_an_entry_with_a_new_name_keeps_it(made: Matrix) -> None:
    mirrored = f"{REGISTRY}/inventory-mirror"
    entry = f"  - name: {REGISTRY}/inventory\n"
    made.world.gitea.registry.put("bakery-admin/inventory-mirror", "1.4.0")
    made.world.gitea.registry.put("bakery-admin/inventory-mirror", "1.5.0")
    for tag in ("1.4.0", "1.5.0"):
        present = made.tag("inventory")
        new_name = f"{entry}    newName: {mirrored}\n"
        made.rewrite(
            lambda text, tag=tag, present=present, new_name=new_name: text.replace(  # type: ignore[misc]
                (new_name if tag == "1.5.0" else entry) + f"    newTag: {present}", f"{new_name}    newTag: {tag}"
            ),
            f"inventory: {tag} of the mirror\n",
        )
    plan = await made.plan("inventory")
    assert (await made.run(plan)).state == "done"
    assert made.lines(made.head()) == ["-    newTag: 1.5.0", "+    newTag: 1.4.0"]
    assert made.scene.running_image("inventory") == f"{mirrored}:1.4.0"


async def test_the_whole_overlay_goes_back_to_a_point(made: Matrix) -> None:
    point = made.head()
    old = {each: made.tag(each) for each in ("gateway", "frontend")}
    await made.release("gateway", apply=False)
    await made.release("frontend", apply=False)
    before = made.head()
    plan = await made.plan("", point=point.sha[:9])
    assert (plan.typed, plan.why_typed) == ("main", "the whole overlay goes back")
    assert (await made.run(plan)).state == "done"
    commit = made.head()
    assert commit.parents == (before.sha,)
    assert made.repo.read(commit.sha, OVERLAY) == made.repo.read(point.sha, OVERLAY)
    assert made.changed(commit) == [OVERLAY]
    for service, tag in old.items():
        assert made.runs(service, tag)
    plan = await made.plan("", point=commit.sha[:9])
    assert plan.blocked == "the overlay says the same as then"


def _with_digest(text: str, service: str, digest: str) -> str:
    lines = text.splitlines(keepends=True)
    place = lines.index(f"  - name: {REGISTRY}/{service}\n") + 1
    assert lines[place].startswith("    newTag: ")
    return "".join([*lines[:place], f"    digest: {digest}\n", *lines[place + 1 :]])
