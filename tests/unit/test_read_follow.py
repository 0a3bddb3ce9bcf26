"""A commit followed to ready pods: each leg's time, where it is stuck, and what overtook it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bakeryops.model.build import Trigger
from bakeryops.model.chain import Follow, Leg
from bakeryops.model.code import CodeView
from bakeryops.model.health import Health
from bakeryops.model.sync import Past
from bakeryops.read.follow import follow
from tests.support.chain_values import (
    NOW,
    REGISTRY,
    Story,
    build,
    commit,
    failure,
    pod,
    revision,
    sha,
    source,
    sync,
    tag,
    task,
    tasks,
    workload,
    workloads,
)

STAGES = ["pushed", "webhook", "build", "tests", "images", "tag", "fetched", "applied", "ready"]


def told() -> Story:
    """Committed 3600 s ago, built from 3590 to 3340, deployed 3350 s ago."""
    story = Story()
    story.change("fixauth", ago=3600.0, subject="fix(auth): token ttl")
    story.deploy("auth", "fixauth", ago=3350.0)
    return story


def built(**more: Any) -> Any:
    return build("fixauth", ago=3590.0, tasks=tasks(NOW - 3590.0), **more)


def followed(story: Story, what: str = "", **parts: Any) -> Follow:
    head = story.commits[-1].sha
    values: dict[str, Any] = {
        "builds": [built()],
        "sources": [source(head, fetched=3340.0)],
        "syncs": [sync(head, last=3330.0)],
        "workloads": [
            msgspec.structs.replace(each, pods=(f"bakery-ia/{each.name}-1",)) for each in workloads(story.tags)
        ],
    }
    values |= {name: part for name, part in parts.items() if name in values}
    more = {name: part for name, part in parts.items() if name not in values and name != "code"}
    found = follow(
        what or sha("fixauth")[:8], parts.get("code") or story.view(), *values.values(), now=NOW, **more
    )
    assert found is not None
    assert [leg.stage for leg in found.legs] == STAGES
    return found


def leg(found: Follow, stage: str) -> Leg:
    return found.legs[STAGES.index(stage)]


def states(found: Follow) -> dict[str, str]:
    return {each.stage: each.state for each in found.legs}


def stuck(found: Follow) -> tuple[str, str]:
    assert found.stuck is not None
    return found.legs[found.stuck].stage, found.legs[found.stuck].state


def test_the_whole_way_with_the_time_of_each_leg() -> None:
    story = told()
    found = followed(story, pods=[pod("auth", story.tags["auth"], ready=3300.0)])
    assert set(states(found).values()) == {"done"}
    seconds = {each.stage: each.seconds(NOW) for each in found.legs}
    assert seconds == {
        "pushed": 0.0,
        "webhook": 10.0,
        "build": 20.0,
        "tests": 60.0,
        "images": 139.0,
        "tag": 20.0,
        "fetched": 10.0,
        "applied": 10.0,
        "ready": 30.0,
    }
    assert (found.title, found.services, found.stuck, found.overtaken_by) == (
        "fix(auth): token ttl",
        ("auth",),
        None,
        "",
    )
    assert found.seconds == 300.0
    assert [each.sha for each in found.deploys] == [story.commits[-1].sha]
    assert [each.name for each in found.builds] == ["bakery-ia-ci-aaaaa"]
    assert leg(found, "build").text == "aaaaa, queued 3.0s"


@pytest.mark.parametrize(
    "what",
    [
        sha("fixauth"),
        sha("fixauth")[:5],
        sha("fixauth")[:7].upper(),
        "bakery-ia-ci-aaaaa",
        "bakery-ci/bakery-ia-ci-aaaaa",
        tag("fixauth"),
        f"{REGISTRY}/auth:{tag('fixauth')}",
        "auth",
        "auth-service",
        "deployment/auth-service",
        " auth\n",
    ],
)
def test_whatever_it_is_called(what: str) -> None:
    found = followed(told(), what)
    assert found.commit is not None
    assert found.commit.sha == sha("fixauth")
    assert found.services == ("auth",)


def test_a_deploy_commit_leads_to_its_source() -> None:
    story = told()
    found = followed(story, story.commits[-1].sha)
    assert found.title == "fix(auth): token ttl"
    assert [each.sha for each in found.deploys] == [story.commits[-1].sha]


@pytest.mark.parametrize("what", ["", "   ", "nobody", "0000", "ab", "x:y", "\x1b[2J", "--help"])
def test_nothing_by_that_name(what: str) -> None:
    story = told()
    assert follow(what, story.view(), [built()], [], [], [], now=NOW) is None
    assert follow(what, CodeView(), None, None, None, None, now=NOW) is None


def test_a_prefix_of_several_commits_is_none_of_them() -> None:
    story = Story()
    for number in range(40):
        story.change(f"commit {number}")
    view = story.view()
    heads = [each[:4] for each in view.main]
    assert len(set(heads)) == len(heads)
    other = view.commits[view.main[0]]
    twin = msgspec.structs.replace(other, sha=other.sha[:20] + "0" * 20)
    view = msgspec.structs.replace(view, commits={**view.commits, twin.sha: twin})
    runs = [build("commit 39")]
    assert follow(other.sha[:12], view, runs, [], [], [], now=NOW) is None
    assert follow(other.sha, view, runs, [], [], [], now=NOW) is not None


def test_a_time_that_is_not_recorded_is_not_guessed() -> None:
    story = Story()
    story.change("fixauth", ago=90_000.0)
    story.deploy("auth", "fixauth", ago=3350.0)
    story.change("docs", ago=3000.0, touched=())
    head = story.commits[-1].sha
    past = Past(revision(head).text, "ok", Health.FINE, NOW - 2900, NOW - 2900, 1.0, 1)
    found = followed(story, sources=[source(head, fetched=2950.0)], syncs=[sync(head, history=(past,))])
    for stage in ("webhook", "fetched", "applied", "ready"):
        assert leg(found, stage).state == "done"
        assert leg(found, stage).seconds(NOW) is None
        assert "not recorded" in leg(found, stage).why
    assert found.seconds is None


def test_a_pod_restarted_since_does_not_tell_when_it_was_ready_first() -> None:
    story = told()
    found = followed(story, pods=[pod("auth", story.tags["auth"], ready=100.0, restarts=3)])
    assert leg(found, "ready").seconds(NOW) is None


def test_a_failing_test_stops_it() -> None:
    story = Story()
    story.change("fixauth", ago=3600.0)
    bad = build(
        "fixauth",
        "failed",
        ago=3590.0,
        tasks=tasks(NOW - 3590.0, tests="failed"),
        failure=failure("test auth", "exit 1"),
    )
    found = followed(story, builds=[bad])
    assert stuck(found) == ("tests", "stuck")
    assert leg(found, "tests").why == "build aaaaa failed in test auth: exit 1"
    assert leg(found, "tests").seconds(NOW) == 60.0, "what failed is over: it takes no more time"
    assert leg(found, "build").state == "done"
    assert states(found)["ready"] == "waiting"
    assert found.seconds == 3600.0


def test_the_same_from_a_list_without_tasks() -> None:
    story = Story()
    story.change("fixauth", ago=3600.0)
    bad = build("fixauth", "failed", ago=3590.0, failure=failure("test auth", "exit 1"))
    found = followed(story, builds=[bad])
    assert stuck(found) == ("tests", "stuck")
    found = followed(told(), builds=[build("fixauth", ago=3590.0)])
    assert set(states(found).values()) == {"done"}
    assert leg(found, "build").seconds(NOW) == 253.0


def test_a_push_that_merged_the_branch_into_the_local_one() -> None:
    story = Story()
    base = story.commits[-1].sha
    story.change("fixauth", ago=3600.0)
    theirs = commit("theirs", ago=3650.0, parents=(base,))
    merge = commit("merge", ago=3590.0, parents=(sha("fixauth"), theirs.sha))
    view = story.view()
    view = msgspec.structs.replace(
        view, head=merge.sha, main=(merge.sha, *view.main),
        commits={**view.commits, theirs.sha: theirs, merge.sha: merge},
    )  # fmt: skip
    made = build("merge", "failed", ago=3580.0, before=theirs.sha, failure=failure("test auth"))
    found = followed(story, code=view, builds=[made])
    assert [each.key for each in found.builds] == [made.key]
    assert stuck(found) == ("tests", "stuck")


def test_without_git_nothing_is_called_live() -> None:
    story = told()
    unknown = CodeView(state="waiting", reason="git is not installed on this machine")
    found = followed(story, "bakery-ia-ci-aaaaa", code=unknown)
    assert found.stuck is not None
    assert found.legs[found.stuck].health is Health.UNKNOWN
    assert (leg(found, "ready").state, "git is not installed" in leg(found, "ready").why) == ("unknown", True)


def test_a_commit_without_images_is_not_live_while_flux_cannot_be_seen() -> None:
    story = told()
    words = story.change("docs", ago=60.0, touched=())
    assert followed(story, words).stuck is None
    found = followed(story, words, sources=None, syncs=None)
    assert stuck(found) == ("fetched", "unknown")


def test_tasks_that_cannot_be_read_are_not_at_work() -> None:
    story = Story()
    story.change("fixauth", ago=3600.0)
    unread = tuple(
        task(each, state="unknown", why=f"TaskRun x-{each} is gone, or not read yet.")
        for each in ("test", "build")
    )
    found = followed(story, builds=[build("fixauth", ago=3590.0, tasks=unread)])
    assert {states(found)[each] for each in ("tests", "images")} == {"unknown"}
    assert leg(found, "tests").why == "TaskRun x-test is gone, or not read yet."


def test_a_running_build_is_at_work_at_its_leg() -> None:
    story = Story()
    story.change("fixauth", ago=60.0)
    created = NOW - 50.0
    running = build("fixauth", "running", ago=50.0, tasks=tasks(created, tests="running", images="not started"))
    found = followed(story, builds=[running])
    assert stuck(found) == ("tests", "working")
    assert leg(found, "tests").text == "0/1"
    assert leg(found, "tests").seconds(NOW) == 30.0
    queued = build(
        "fixauth", "queued", ago=50.0, tasks=(task("clone", state="not started"),), why="waits for a slot"
    )
    found = followed(story, builds=[queued])
    assert stuck(found) == ("build", "working")
    assert (leg(found, "build").why, leg(found, "build").seconds(NOW)) == ("waits for a slot", 50.0)


@pytest.mark.parametrize(("done", "place"), [(2, "tests"), (3, "images"), (4, "tag")])
def test_between_two_tasks_it_is_not_live(done: int, place: str) -> None:
    story = Story()
    story.change("fixauth", ago=60.0)
    every = tasks(NOW - 50.0)
    left = tuple(task(each.task, each.title, "not started", finally_=each.finally_) for each in every[done:])
    found = followed(story, builds=[build("fixauth", "running", ago=50.0, tasks=(*every[:done], *left))])
    assert stuck(found) == (place, "working")
    assert states(found)["ready"] == "waiting"


def test_a_run_by_hand_without_a_commit_says_nothing_of_flux() -> None:
    made = msgspec.structs.replace(built(), name="by-hand", trigger=Trigger("", "", "", "", "", "", ""), tag="")
    found = followed(told(), "by-hand", builds=[made])
    for stage in ("fetched", "applied", "ready"):
        assert (leg(found, stage).state, leg(found, stage).why) == (
            "skipped", "which commit was built is not recorded",
        )  # fmt: skip


def test_skipped_tests_are_skipped() -> None:
    made = [each for each in tasks(NOW - 3590.0) if each.task != "test"]
    none = task("test", state="skipped", why="no tests there")
    found = followed(told(), builds=[build("fixauth", ago=3590.0, tasks=(*made, none))])
    assert (leg(found, "tests").state, leg(found, "tests").why) == ("skipped", "no tests there")
    assert found.stuck is None


def test_no_build_is_a_lost_webhook() -> None:
    story = Story()
    story.change("fixauth", ago=3600.0)
    found = followed(story, builds=[])
    assert stuck(found) == ("webhook", "stuck")
    assert "was the webhook lost?" in leg(found, "webhook").why


def test_a_commit_with_nothing_to_build() -> None:
    story = told()
    story.change("docs", ago=1000.0, touched=())
    head = story.commits[-1].sha
    found = followed(story, head, sources=[source(head, fetched=990.0)], syncs=[sync(head, last=980.0)])
    assert list(states(found).values()) == ["done", *["skipped"] * 5, "done", "done", "skipped"]
    assert found.stuck is None


def test_flux_has_it_not_yet() -> None:
    story = told()
    behind = story.commits[-2].sha
    found = followed(story, sources=[source(behind)], syncs=[sync(behind)])
    assert stuck(found) == ("fetched", "stuck")
    assert leg(found, "fetched").started == NOW - 3350.0
    assert states(found)["applied"] == states(found)["ready"] == "waiting"


def test_applied_and_not_ready() -> None:
    story = told()
    head = story.commits[-1].sha
    pods = [workload("auth", story.tags["auth"], 1, 3), workload("tenant", story.tags["tenant"])]
    checking = sync(story.commits[0].sha, attempted=head, state="checking", health=Health.WORKING, history=())
    found = followed(story, syncs=[checking], workloads=pods)
    assert stuck(found) == ("ready", "stuck")
    assert leg(found, "ready").text == "auth 1/3 ready"


def test_suspended() -> None:
    story = told()
    held = sync(story.commits[0].sha, suspended=True, state="suspended", health=Health.HELD, history=())
    found = followed(story, syncs=[held])
    assert stuck(found) == ("applied", "stuck")
    assert leg(found, "applied").health is Health.HELD


def past(commit_sha: str, ago: float) -> Past:
    return Past(revision(commit_sha).text, "ReconciliationSucceeded", Health.FINE, NOW - ago, NOW - ago, 4.0, 1)


def overtaken_story() -> Story:
    story = told()
    story.change("newer", ago=3345.0)
    story.deploy("auth", "newer", ago=3300.0, run="bakery-ia-ci-bbbbb")
    return story


def test_overtaken_before_it_was_applied() -> None:
    story = overtaken_story()
    head = story.commits[-1].sha
    history = (past(head, 3290.0), past(sha("first"), 90_000.0))
    found = followed(story, syncs=[sync(head, history=history)])
    assert found.overtaken_by == sha("newer")
    assert {states(found)[stage] for stage in ("fetched", "applied", "ready")} == {"skipped"}
    assert found.stuck is None
    assert "overtaken by" in leg(found, "ready").why


def test_not_overtaken_while_flux_may_still_apply_it() -> None:
    story = overtaken_story()
    history = (past(sha("first"), 90_000.0),)
    found = followed(story, sources=[source(sha("first"))], syncs=[sync(sha("first"), history=history)])
    assert found.overtaken_by == ""
    assert states(found)["ready"] == "waiting"
    assert found.stuck is not None


def test_replaced_after_it_went_live() -> None:
    story = overtaken_story()
    head, own = story.commits[-1].sha, story.commits[-3].sha
    history = (past(head, 3290.0), past(own, 3340.0), past(sha("first"), 90_000.0))
    found = followed(story, syncs=[sync(head, history=history)])
    assert found.overtaken_by == ""
    assert leg(found, "applied").ended == NOW - 3340.0
    assert (leg(found, "ready").state, leg(found, "ready").text) == ("done", "replaced")


def test_replaced_and_nobody_knows_whether_it_ran() -> None:
    story = overtaken_story()
    head = story.commits[-1].sha
    found = followed(story, syncs=[sync(head, history=(past(head, 3290.0),))])
    assert found.overtaken_by == ""
    assert leg(found, "ready").state == "unknown"


def test_a_commit_whose_build_failed_and_that_went_live_with_the_next() -> None:
    story = Story()
    story.change("fixauth", ago=3600.0)
    story.change("mended", ago=3200.0)
    story.deploy("auth", "mended", ago=2900.0, run="bakery-ia-ci-bbbbb")
    failed = build("fixauth", "failed", ago=3590.0, failure=failure("test auth"))
    found = followed(story, builds=[build("mended", name="bbbbb", ago=3190.0), failed])
    assert found.overtaken_by == sha("mended")
    assert leg(found, "tests").state == "stuck"
    assert states(found)["ready"] == "skipped"
    assert found.stuck is None


def test_a_rerun_is_the_build_that_counts() -> None:
    story = told()
    first = build("fixauth", "failed", name="zzzzz", ago=3595.0, failure=failure("test auth"))
    found = followed(story, builds=[first, built()])
    assert [each.name[-5:] for each in found.builds] == ["aaaaa", "zzzzz"]
    assert found.stuck is None
    assert leg(found, "webhook").ended == NOW - 3595.0
    found = followed(story, "bakery-ia-ci-zzzzz", builds=[first, built()])
    assert found.builds[0].name == "bakery-ia-ci-zzzzz"


def test_a_rollback_goes_straight_to_the_overlay() -> None:
    story = overtaken_story()
    back = story.set_tag("auth", tag("fixauth"), "rollback(auth): x -> y", ago=600.0)
    found = followed(story, back, sources=[source(back, fetched=590.0)], syncs=[sync(back, last=580.0)])
    assert found.title == "rollback(auth): x -> y"
    assert [states(found)[stage] for stage in STAGES[1:5]] == ["skipped"] * 4
    assert states(found)["ready"] == "done"
    assert leg(found, "tag").ended == NOW - 600.0


def test_a_push_of_several_commits_follows_the_build_of_its_tip() -> None:
    story = Story()
    story.change("fixauth", ago=3650.0)
    story.change("more", ago=3600.0)
    story.deploy("auth", "more", ago=3350.0)
    tip = build("more", ago=3590.0, before=sha("first"), tasks=tasks(NOW - 3590.0))
    found = followed(story, builds=[tip])
    assert states(found)["ready"] == "done"
    assert [each.key for each in found.builds] == [tip.key]


def test_without_git_a_build_can_still_be_followed() -> None:
    found = follow("bakery-ia-ci-aaaaa", CodeView(), [built()], [], [], None, now=NOW)
    assert found is not None
    assert found.title == "bakery-ia-ci-aaaaa"
    assert [each.state for each in found.legs[1:5]] == ["done"] * 4
    assert found.legs[-1].state == "unknown"
    assert follow(sha("fixauth")[:7], CodeView(), [built()], None, None, None, now=NOW) is not None


def test_with_git_alone() -> None:
    story = told()
    found = follow(sha("fixauth")[:7], story.view(), None, None, None, None, now=NOW)
    assert found is not None
    assert found.legs[0].state == "done"
    assert found.legs[5].state == "done"
    assert {found.legs[index].state for index in (6, 7, 8)} == {"unknown"}


def test_the_time_of_applying_is_kept_by_a_later_commit_of_the_same_content() -> None:
    story = told()
    story.change("docs", ago=3000.0, touched=())
    head = story.commits[-1].sha
    entries = (past(head, 3330.0), past(sha("first"), 90_000.0))
    found = followed(story, sources=[source(head, fetched=2990.0)], syncs=[sync(head, history=entries)])
    assert leg(found, "applied").ended == NOW - 3330.0
    rolled_back = (past(head, 80_000.0), past(sha("first"), 90_000.0))
    found = followed(story, sources=[source(head, fetched=2990.0)], syncs=[sync(head, history=rolled_back)])
    assert leg(found, "applied").ended is None
