"""Rollbacks from the command line: plans as documents, confirmation, exit codes, jobs, holds and locks."""

from __future__ import annotations

import asyncio

import pytest

from bakeryops.jobs.control import cancel
from tests.support.rollback import Matrix
from tests.support.rollback_cli import call
from tests.support.rollback_worlds import made
from tests.support.shapes import faults
from tests.support.waiting import until

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_a_dry_run_is_a_whole_document_and_changes_nothing(made: Matrix) -> None:
    old, bad = made.tag("tenant"), (await made.release("tenant")).tag
    before = made.everything()
    done = await call(made, "rollback", "tenant", "--dry-run", "-o", "json")
    assert done.code == 0, done
    assert made.everything() == before
    document = done.json()
    assert faults("plan", document) == []
    assert (document["action"], document["subject"], document["possible"]) == ("rollback", "tenant", True)
    assert document["command"] == "bakeryops rollback tenant"
    shows = [line for step in document["steps"] for line in step["shows"]]
    assert any(line.startswith("git revert --no-commit ") for line in shows)
    assert any(line.startswith("git push ") for line in shows)
    table = await call(made, "rollback", "tenant", "--plan")
    assert f"Roll back tenant to {old}" in table.out
    assert bad in table.out
    assert f"+    newTag: {old}" in table.out
    assert made.everything() == before


async def test_a_plan_that_is_blocked_exits_with_5_and_says_why(made: Matrix) -> None:
    gone = made.tag("recipes")
    await made.release("recipes", apply=False)
    made.world.gitea.registry.delete("bakery-admin/recipes", gone)
    done = await call(made, "rollback", "recipes", "--to", gone, "--dry-run", "-o", "json")
    assert done.code == 5
    document = done.json()
    assert (document["possible"], document["steps"]) == (False, [])
    assert "is gone from the registry" in document["blocked"]
    refused = await call(made, "rollback", "recipes", "--to", gone, "--yes")
    assert refused.code == 5
    assert "is gone from the registry" in refused.err
    assert "bakeryops rebuild recipes --at" in refused.err


async def test_what_is_dangerous_needs_its_name_beside_yes(made: Matrix) -> None:
    await made.release("sales", {"services/sales/migrations/versions/0099_x.py": b"def upgrade(): ...\n"})
    before = made.everything()
    for extra in ((), ("--confirm", "sale")):
        done = await call(made, "rollback", "sales", "--yes", *extra)
        assert done.code == 5, done
        assert "--confirm sales" in done.err
        assert "database migrations lie between" in done.err
    unasked = await call(made, "rollback", "sales")
    assert unasked.code == 5
    assert "there is no terminal to ask on" in unasked.err
    assert made.everything() == before
    done = await call(made, "rollback", "sales", "--yes", "--confirm", "sales", "--watch", "0")
    assert done.code == 0, done


async def test_a_rollback_prints_its_job_and_its_undo_undoes_it(made: Matrix) -> None:
    old, bad = made.tag("orders"), (await made.release("orders")).tag
    words = ("rollback", "orders", "--yes", "--reason", "sign-in fails", "--watch", "0.5")
    done = await call(made, *words, "-o", "json")
    assert done.code == 0, done
    document = done.json()
    assert faults("job", document) == []
    assert (document["state"], document["exit_code"], document["who"][:7]) == ("done", 0, "tester@")
    commit = made.head()
    pushed = next(step for step in document["steps"] if step["id"] == "push")
    assert pushed["outputs"]["commit"] == commit.sha
    assert (commit.author, commit.author_email) == ("tester", "tester@example.org")
    assert made.runs("orders", old)
    held = await call(made, "hold", "-o", "json")
    assert faults("hold", held.json()) == []
    mine = next(each for each in held.json() if each["service"] == "orders")
    assert (mine["reason"], mine["job"]) == ("sign-in fails", document["id"])
    listed = await call(made, "jobs", "list", "-o", "json")
    assert [faults("job", each) for each in listed.json()[:1]] == [[]]
    assert document["undo"] == "bakeryops rollback orders --undo"
    undone = await call(made, "rollback", "orders", "--undo", "--yes", "--watch", "0")
    assert undone.code == 0, undone
    assert made.runs("orders", bad)
    assert "orders" not in made.holds()


async def test_committed_not_applied_is_exit_1_and_resume_goes_on(made: Matrix) -> None:
    await made.release("training")
    made.rewrite(
        lambda text: text.replace("  - ../../base\n", "  - ../../base\n  - nowhere.yaml\n", 1), "a slip\n"
    )
    done = await call(made, "rollback", "training", "--yes", "--watch", "0")
    assert done.code == 1, done
    assert "committed, not applied" in done.err
    assert "nowhere.yaml" in done.err
    made.rewrite(lambda text: text.replace("  - nowhere.yaml\n", ""), "mended\n")
    head = made.head().sha
    again = await call(made, "jobs", "resume", "last")
    assert again.code == 0, again
    assert made.head().sha == head


async def test_a_lock_is_a_document_and_keeps_others_away(made: Matrix) -> None:
    await made.release("external")
    work = asyncio.ensure_future(made.run(await made.plan("external", watch=600.0)))
    await until(lambda: [job for job in made.jobs.ids() if made.jobs.view(job).lock], 20)
    job = made.jobs.ids()[0]
    try:
        done = await call(made, "jobs", "locks", "-o", "json")
        assert faults("lock", done.json()) == []
        assert [(each["scope"], each["job"]) for each in done.json()] == [("service/external", job)]
        other = await call(made, "rollback", "external", "--to", made.tag("external", "main~1"), "--yes")
        assert other.code == 5, other
        assert "tester@bench" in other.err
    finally:
        cancel(made.jobs, job, "tester")
        view = await work
    assert view.state == "partial"
    assert view.exit_code == 130
