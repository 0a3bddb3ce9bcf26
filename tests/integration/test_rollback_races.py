"""Pushes of a rollback that meet somebody else's: computed anew, or refused, and never over what they did."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bakeryops.demo.chain.overlay import OVERLAY
from bakeryops.demo.drills.scene import BRANCH
from bakeryops.git.editing import Editor
from bakeryops.model.plan import Plan
from tests.support.rollback import Matrix, trailers
from tests.support.rollback_worlds import made

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def planned(made: Matrix, service: str) -> tuple[Plan, str, str, str]:
    """Deploy a bad image and plan its rollback; return also the tag before, the bad one and its commit."""
    old, bad = made.tag(service), made.image(service)
    deploy = made.together({service: bad}, f"deploy({service}): {bad}\n")
    return await made.plan(service), old, bad, deploy


@pytest.mark.parametrize("what", ["elsewhere", "neighbour"])
async def test_a_commit_that_does_not_touch_the_entry_is_built_upon(made: Matrix, what: str) -> None:
    service, other = {"elsewhere": ("auth", "tenant"), "neighbour": ("orders", "orchestrator")}[what]
    plan, old, bad, deploy = await planned(made, service)
    theirs_tag = made.image(other)
    if what == "elsewhere":
        theirs = made.source(other)
    else:
        theirs = made.together({other: theirs_tag}, f"deploy({other}): {theirs_tag}\n")
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("done", 0)
    commit = made.head()
    assert commit.parents == (theirs,)
    assert made.lines(commit) == [f"-    newTag: {bad}", f"+    newTag: {old}"]
    assert ("Reverts", deploy) in trailers(commit)
    assert made.tells(view.id, f"main has moved to {theirs[:7]}: the change is computed anew on it")
    assert made.runs(service, old)
    assert made.tag(other) == (theirs_tag if what == "neighbour" else made.tag(other, f"{theirs}^"))


async def test_a_commit_that_arrives_while_it_is_pushed_is_built_upon(
    made: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, old, bad, _ = await planned(made, "sales")
    theirs: list[str] = []
    # Between the fetch and the push of the job: the moment that only the lease of the push can tell.
    push = Editor.push

    async def late(self: Editor, sha: str, *, expect: str) -> object:
        if not theirs:
            theirs.append(made.source("sales"))
        return await push(self, sha, expect=expect)

    monkeypatch.setattr(Editor, "push", late)
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("done", 0), (view.text, view.why)
    assert made.head().parents == (theirs[0],)
    assert made.lines(made.head()) == [f"-    newTag: {bad}", f"+    newTag: {old}"]


@pytest.mark.parametrize("hold", [True, False])
async def test_an_entry_that_somebody_changed_meanwhile_is_not_touched(made: Matrix, hold: bool) -> None:
    service = "pos" if hold else "recipes"
    bad = made.image(service)
    made.together({service: bad}, f"deploy({service}): {bad}\n")
    plan = await made.plan(service, hold=hold)
    mend = made.image(service)
    theirs = made.together({service: mend}, f"deploy({service}): {mend}\n")
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("refused", 5)
    assert view.text == f"main has changed meanwhile: {service} is at {mend} by now, not at {bad}"
    assert view.why == "nothing was pushed, so that nobody's change is lost"
    assert view.hint == "Look at the new preview, and decide again."
    assert made.head().sha == theirs
    assert made.tag(service) == mend
    assert service not in made.holds()


async def test_an_entry_that_changes_while_it_is_pushed_is_not_touched_either(
    made: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _, bad, _ = await planned(made, "notification")
    theirs: list[str] = []
    push = Editor.push

    async def late(self: Editor, sha: str, *, expect: str) -> object:
        if not theirs:
            mend = made.image("notification")
            theirs.append(made.together({"notification": mend}, f"deploy(notification): {mend}\n"))
        return await push(self, sha, expect=expect)

    monkeypatch.setattr(Editor, "push", late)
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("partial", 1)
    assert view.text.startswith("notification is held: main has changed meanwhile: notification is at ")
    assert f"not at {bad}" in view.text
    assert made.head().sha == theirs[0]


async def test_what_somebody_took_back_already_needs_no_commit(made: Matrix) -> None:
    plan, old, _, _ = await planned(made, "training")
    theirs = made.together({"training": old}, f"rollback(training): by hand to {old}\n")
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("done", 0)
    assert made.head().sha == theirs
    assert f"main says so already at {theirs[:7]}" in view.evidence
    assert made.runs("training", old)


async def test_a_branch_that_was_set_back_is_looked_at_anew(made: Matrix) -> None:
    plan, old, bad, deploy = await planned(made, "external")
    made.repo.update_ref(BRANCH, f"{deploy}^")
    elsewhere = made.together({"external": bad}, f"deploy(external): {bad} again\n")
    view = await made.run(plan)
    # The commit that was to be reverted is not on the branch any more.
    assert (view.state, view.exit_code) == ("failed", 1)
    assert "is not in the history of" in view.text
    assert "rewritten" in view.hint
    assert made.head().sha == elsewhere
    again = await made.back("external")
    assert made.head().parents == (elsewhere,)
    assert made.lines(made.head()) == [f"-    newTag: {bad}", f"+    newTag: {old}"]
    assert again.exit_code == 0


async def test_a_branch_set_back_after_the_push_is_noticed(made: Matrix) -> None:
    view = await made.back("gateway", commit_only=True)
    ours = made.head()
    made.repo.update_ref(BRANCH, ours.parents[0])
    gone = made.repo.read(BRANCH, OVERLAY)
    plan = await made.plan("gateway", commit_only=True)
    assert view.plan.scope == plan.scope
    assert (await made.run(plan)).state == "done"
    assert made.repo.read(BRANCH, OVERLAY) != gone
    assert made.tag("gateway") == made.tag("gateway", ours.sha)


async def test_a_protected_branch_refuses_and_nothing_is_pushed(made: Matrix) -> None:
    plan, _, bad, deploy = await planned(made, "forecasting")
    made.world.gitea.faults.push_refused = "Gitea: Not allowed to push to protected branch main"
    try:
        view = await made.run(plan)
    finally:
        made.world.gitea.faults.push_refused = ""
    assert (view.state, view.exit_code) == ("partial", 1)
    assert "main may not be pushed to" in view.text
    assert "Not allowed to push to protected branch main" in view.why
    assert "git.credentials" in view.hint
    assert made.head().sha == deploy
    assert made.tag("forecasting") == bad
    view = await made.resume(view.id)
    assert (view.state, view.exit_code, view.resumes) == ("done", 0, 1)
    assert made.head().parents == (deploy,)


async def test_without_credentials_it_is_said_before(made: Matrix, tmp_path: Path) -> None:
    _, _, _, deploy = await planned(made, "production")
    for wrong in (None, "https://operator:wrong@127.0.0.1"):
        path = tmp_path / "credentials"
        if wrong is not None:
            path.write_text(f"{wrong}\n", encoding="utf-8")
            path.chmod(0o600)
        git = dataclasses.replace(made.config.git, credentials=str(path) if wrong else None)
        plan = await made.plan("production", config=dataclasses.replace(made.config, git=git))
        assert plan.blocked.startswith("nothing can be pushed: ")
        assert "git.credentials" in plan.hint
        assert "--break-glass" in plan.hint
        assert plan.steps == ()
        assert "wrong" not in repr(plan)
    assert made.head().sha == deploy
