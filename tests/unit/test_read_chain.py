"""The delivery chain: where it stands, and where it is stuck."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from bakeryops.model.chain import Chain
from bakeryops.model.code import CodeView
from bakeryops.model.health import Health
from bakeryops.model.sync import InventoryEntry, Past
from bakeryops.read.chain import chain_of
from bakeryops.read.delivery_index import DeliveryIndex
from bakeryops.read.index import WorkloadIndex
from tests.support.chain_values import (
    NOW,
    Story,
    build,
    failure,
    sha,
    source,
    sync,
    tag,
    workload,
    workloads,
)


def told() -> Story:
    """A change of auth, built, deployed, fetched, applied, running."""
    story = Story()
    story.change("fixauth", ago=3600.0, subject="fix(auth): token ttl")
    story.deploy("auth", "fixauth", ago=3200.0)
    return story


def chain(story: Story, **parts: Any) -> Chain:
    view = parts.pop("code", None) or story.view()
    head = view.head
    values: dict[str, Any] = {
        "builds": [build("fixauth")],
        "sources": [source(head)],
        "syncs": [sync(head)],
        "workloads": workloads(story.tags),
    }
    values |= {name: part for name, part in parts.items() if name in values}
    more = {name: part for name, part in parts.items() if name not in values}
    return chain_of(view, *values.values(), now=NOW, **more)


def states(found: Chain) -> list[str]:
    return [leg.state for leg in found.legs]


def stuck(found: Chain) -> tuple[str, str]:
    assert found.stuck is not None
    leg = found.legs[found.stuck]
    return leg.stage, leg.state


def test_all_is_well() -> None:
    story = told()
    found = chain(story)
    assert [leg.stage for leg in found.legs] == ["pushed", "build", "images", "fetched", "applied", "ready"]
    assert states(found) == ["done"] * 6
    assert (found.stuck, found.since, found.health, found.why, found.unknowns) == (None, None, Health.FINE, "", ())
    assert found.commit is not None
    assert found.commit.subject == "fix(auth): token ttl"
    head = story.commits[-1].short
    assert [leg.text for leg in found.legs] == [head, "aaaaa 4m10", "auth", head, head, "2 ready"]


def test_pods_that_are_not_ready_are_where_it_is_stuck() -> None:
    story = told()
    pods = [
        workload("auth", story.tags["auth"], 1, 3, since=NOW - 660.0),
        workload("tenant", story.tags["tenant"]),
    ]
    found = chain(story, workloads=pods)
    assert stuck(found) == ("ready", "stuck")
    assert (found.legs[-1].text, found.why, found.health) == ("auth 1/3 ready", "auth: exit 1", Health.BAD)
    assert found.since == NOW - 660.0


def test_the_time_told_is_that_of_the_workload_named() -> None:
    story = told()
    views = [
        workload("auth", story.tags["auth"], 0, 1, since=NOW - 60.0),
        workload("tenant", story.tags["tenant"], 0, 1, since=NOW - 9000.0, health=Health.SOON),
    ]
    found = chain(story, workloads=views)
    assert found.since == NOW - 60.0
    assert found.legs[-1].text.startswith("auth ")


def test_a_health_check_that_waits_is_not_blamed_on_flux() -> None:
    story = told()
    head = story.commits[-1].sha
    pods = [workload("auth", story.tags["auth"], 1, 3), workload("tenant", story.tags["tenant"])]
    for state, health, reason in (("checking", Health.WORKING, ""), ("failing", Health.BAD, "HealthCheckFailed")):
        waits = sync(story.commits[0].sha, attempted=head, state=state, health=health, reason=reason)
        found = chain(story, syncs=[waits], workloads=pods)
        assert stuck(found) == ("ready", "stuck")
        assert found.legs[4].state == "done"
        assert "waits for its objects" in found.legs[4].why


def test_a_failed_build_names_the_test() -> None:
    story = Story()
    story.change("broken")
    found = chain(
        story, builds=[build("broken", "failed", failure=failure("test forecasting", "exit 1: 2 failed"))]
    )
    assert stuck(found) == ("build", "stuck")
    assert found.why == "build aaaaa failed in test forecasting: exit 1: 2 failed"
    assert found.legs[2].state == "waiting"
    assert (found.health, found.since) == (Health.BAD, NOW - 3247.0)


@pytest.mark.parametrize(("state", "words"), [("cancelled", "was cancelled"), ("timed out", "ran out of time")])
def test_other_bad_ends_of_a_build(state: str, words: str) -> None:
    story = Story()
    story.change("broken")
    found = chain(story, builds=[build("broken", state)])
    assert (stuck(found), found.why) == (("build", "stuck"), f"build aaaaa {words}")


def test_no_build_for_a_change_is_a_lost_webhook_after_a_minute() -> None:
    story = Story()
    story.change("lost", ago=30.0)
    found = chain(story, builds=[])
    assert stuck(found) == ("build", "working")
    story = Story()
    story.change("lost", ago=300.0)
    found = chain(story, builds=[build("first", ago=9000.0)])
    assert stuck(found) == ("build", "stuck")
    assert found.why == f"no build for {sha('lost')[:7]}: was the webhook lost?"
    assert (found.since, found.health) == (NOW - 300.0, Health.SOON)


def test_a_running_build_is_at_work() -> None:
    story = Story()
    story.change("new", ago=100.0)
    for state, text in (("queued", "bbbbb queued"), ("pending", "bbbbb pending"), ("running", "bbbbb 3/7")):
        found = chain(story, builds=[build("new", state, name="bbbbb", ago=90.0, done=3, total=7)])
        assert stuck(found) == ("build", "working")
        assert (found.legs[1].text, found.legs[1].health) == (text, Health.WORKING)
        assert found.legs[1].seconds(NOW) == (90.0 if state != "running" else 87.0)
        assert found.legs[2].state == "waiting"


def test_a_running_build_does_not_hide_pods_that_ail() -> None:
    story = told()
    story.change("new", ago=100.0)
    head = story.commits[-1].sha
    pods = [workload("auth", story.tags["auth"], 0, 1), workload("tenant", story.tags["tenant"])]
    found = chain(story, builds=[build("new", "running", ago=90.0)], sources=[source(head)], workloads=pods)
    assert stuck(found) == ("ready", "stuck")


def test_commits_with_nothing_to_build_on_top_are_understood() -> None:
    story = told()
    story.change("docs", ago=1000.0, touched=())
    head = story.commits[-1].sha
    found = chain(story)
    assert states(found) == ["done"] * 6
    assert found.legs[0].commit == head
    assert found.commit is not None
    assert found.commit.sha == sha("fixauth")


def test_an_empty_build_of_a_later_commit_does_not_stand_for_the_change() -> None:
    story = told()
    story.change("docs", ago=1000.0, touched=())
    empty = build("docs", name="ccccc", ago=990.0, services=(), tag="")
    found = chain(story, builds=[empty, build("fixauth")])
    assert found.legs[1].text == "aaaaa 4m10"


def test_a_push_of_several_commits_is_built_at_its_tip() -> None:
    story = Story()
    story.change("code", ago=3700.0)
    story.change("docs", ago=3600.0, touched=())
    story.deploy("auth", "docs", ago=3200.0)
    found = chain(story, builds=[build("docs", before=sha("first"))])
    assert states(found) == ["done"] * 6


def test_a_repository_with_nothing_to_build() -> None:
    found = chain(Story(), builds=[])
    assert states(found)[1:3] == ["skipped", "skipped"]
    assert (found.stuck, found.health) == (None, Health.FINE)


def test_a_build_whose_tag_never_reached_git() -> None:
    story = Story()
    story.change("fixauth")
    found = chain(story)
    assert stuck(found) == ("images", "stuck")
    assert "Git has no commit with its tag of auth" in found.why
    found = chain(story, builds=[build("fixauth", ago=260.0)])
    assert stuck(found) == ("images", "working")
    found = chain(story, code=story.view("stale", reason="Gitea is away"))
    assert found.legs[2].state == "unknown"


def test_a_build_that_has_been_pruned_is_not_a_lost_webhook() -> None:
    found = chain(told(), builds=[])
    assert states(found) == ["done"] * 6
    assert "no longer kept" in found.legs[1].why


def test_flux_has_not_fetched() -> None:
    story = told()
    behind = story.commits[-2].sha
    found = chain(story, sources=[source(behind)], syncs=[sync(behind)])
    assert stuck(found) == ("fetched", "stuck")
    head = story.commits[-1].short
    assert found.why == f"Flux has not fetched {head}; it has {sha('fixauth')[:7]}"
    assert found.since == NOW - 3200.0


def test_flux_is_given_time_to_fetch() -> None:
    story = told()
    behind = story.commits[-1].sha
    story.deploy("tenant", "fixauth", ago=20.0)
    found = chain(story, sources=[source(behind)], syncs=[sync(behind)])
    assert stuck(found) == ("fetched", "working")


def test_a_source_that_fails_says_why() -> None:
    story = told()
    behind = story.commits[-2].sha
    bad = source(behind, health=Health.BAD, why="the server refuses the credentials (401)")
    found = chain(story, sources=[bad], syncs=[sync(behind)])
    assert stuck(found) == ("fetched", "stuck")
    assert "refuses the credentials" in found.why
    assert found.health is Health.BAD


def test_suspended_is_held_and_said() -> None:
    story = told()
    behind = story.commits[-2].sha
    found = chain(story, syncs=[sync(behind, suspended=True, state="suspended", health=Health.HELD)])
    assert (stuck(found), found.health) == (("applied", "stuck"), Health.HELD)
    assert "suspended" in found.why
    found = chain(story, sources=[source(behind, suspended=True, health=Health.HELD)], syncs=[sync(behind)])
    assert (stuck(found), found.legs[3].health) == (("fetched", "stuck"), Health.HELD)


def test_suspended_with_nothing_to_do_is_not_green() -> None:
    story = told()
    found = chain(
        story, syncs=[sync(story.commits[-1].sha, suspended=True, state="suspended", health=Health.HELD)]
    )
    assert (found.stuck, found.health, found.why) == (None, Health.HELD, "bakery-ia is suspended")


@pytest.mark.parametrize("state", ["failing", "blocked"])
def test_an_applier_that_fails_says_why(state: str) -> None:
    story = told()
    bad = sync(story.commits[-2].sha, state=state, health=Health.BAD, reason="BuildFailed", why="no such file")
    found = chain(story, syncs=[bad])
    assert stuck(found) == ("applied", "stuck")
    assert found.why.endswith("no such file")


def test_flux_is_applying() -> None:
    story = told()
    works = sync(story.commits[-2].sha, state="applying", health=Health.WORKING)
    old = [workload("auth", tag("first")), workload("tenant", tag("first"))]
    found = chain(story, syncs=[works], sources=[source(story.commits[-1].sha, fetched=5.0)], workloads=old)
    assert stuck(found) == ("applied", "working")
    assert found.legs[5].state == "waiting"


def test_a_workload_at_another_tag_than_git_wants() -> None:
    story = told()
    pods = [workload("auth", "by-hand"), workload("tenant", story.tags["tenant"])]
    found = chain(story, workloads=pods)
    assert stuck(found) == ("ready", "stuck")
    assert found.why == f"auth runs by-hand, Git wants {tag('fixauth')}"


def test_a_rollout_is_at_work_and_zero_replicas_are_held() -> None:
    story = told()
    rolling = workload("auth", story.tags["auth"], 1, 2, health=Health.WORKING, reason="1 of 2 updated")
    found = chain(story, workloads=[rolling, workload("tenant", story.tags["tenant"])])
    assert stuck(found) == ("ready", "working")
    none = workload("auth", story.tags["auth"], 0, 0, health=Health.HELD)
    found = chain(story, workloads=[none, workload("tenant", story.tags["tenant"])])
    assert (found.stuck, found.health) == (None, Health.HELD)


def test_a_service_without_workload_matters_where_it_was_changed() -> None:
    story = told()
    found = chain(story, workloads=[workload("tenant", story.tags["tenant"])])
    assert (stuck(found), found.why) == (("ready", "stuck"), "no workload runs auth")
    found = chain(story, workloads=[workload("auth", story.tags["auth"])])
    assert found.stuck is None


def test_what_cannot_be_seen_is_unknown_and_never_green() -> None:
    story = told()
    for index, part in ((1, "builds"), (3, "sources"), (4, "syncs"), (5, "workloads")):
        found = chain(story, **{part: None})
        assert found.legs[index].state == "unknown"
        assert found.health is Health.UNKNOWN
        assert found.stuck is None
        assert found.unknowns
    found = chain(story, builds=None, reasons={"builds": "Tekton is not installed"})
    assert found.unknowns == ("Tekton is not installed",)


def test_an_old_view_of_git_is_not_taken_for_the_present() -> None:
    story = told()
    found = chain(story, code=story.view("stale", reason="Gitea does not answer"))
    assert found.legs[0].state == "unknown"
    assert (found.health, found.stuck) == (Health.UNKNOWN, None)
    assert found.unknowns == ("Gitea does not answer",)


def test_without_git_the_rest_is_still_shown() -> None:
    head = sha("head")
    code = CodeView(reason="no repository is configured")
    inventory = sync(head, path="./x")
    found = chain_of(code, [build("fixauth")], [source(head)], [inventory], [workload("auth", "x", 0, 1)], now=NOW)
    assert found.legs[0].why == "no repository is configured"
    assert found.legs[1].text == "aaaaa 4m10"
    assert found.legs[3].text == head[:7]
    assert found.health in (Health.UNKNOWN, Health.BAD)


def test_nothing_at_all() -> None:
    found = chain_of(CodeView(), None, None, None, None, now=NOW)
    assert (found.health, found.stuck, found.commit) == (Health.UNKNOWN, None, None)
    assert {leg.state for leg in found.legs} <= {"unknown", "waiting"}
    found = chain_of(CodeView(), [], [], [], [], now=NOW)
    assert found.health is Health.UNKNOWN


def test_the_chain_of_one_service() -> None:
    story = told()
    story.change("fixtenant", ago=500.0, touched=("tenant",))
    head = story.commits[-1].sha
    builds = [build("fixtenant", "failed", name="bbbbb", ago=490.0), build("fixauth")]
    found = chain(story, builds=builds, sources=[source(head)], syncs=[sync(head)], service="auth")
    assert states(found) == ["done"] * 6
    assert found.legs[-1].text == "auth 1/1 ready"
    found = chain(story, builds=builds, sources=[source(head)], syncs=[sync(head)], service="tenant")
    assert stuck(found) == ("build", "stuck")


def test_a_revision_that_is_not_known_here() -> None:
    story = told()
    found = chain(story, sources=[source(sha("elsewhere"))], syncs=[sync(sha("elsewhere"))])
    assert found.legs[3].state == "unknown"
    assert "has not been read here yet" in found.legs[3].why


def test_a_commit_from_the_future_is_no_excuse() -> None:
    story = Story()
    story.change("ahead", ago=-90_000.0)
    found = chain(story, builds=[])
    assert stuck(found) == ("build", "stuck")
    assert found.legs[1].seconds(NOW) == 0.0


def test_an_overlay_that_cannot_be_read_is_not_green() -> None:
    story = told()
    found = chain(story, code=story.view(reason="kustomization.yaml:2: not YAML"))
    assert (found.health, found.stuck, found.why) == (Health.SOON, None, "kustomization.yaml:2: not YAML")


def test_a_rollout_that_fails_beside_pods_that_still_serve() -> None:
    story = told()
    head = workload(
        "auth", story.tags["auth"], 1, 1, health=Health.BAD, status="ImagePullBackOff", reason="no such tag"
    )
    found = chain(story, workloads=[head, workload("tenant", story.tags["tenant"])])
    assert (stuck(found), found.legs[-1].text) == (("ready", "stuck"), "auth ImagePullBackOff")


def test_times_never_run_backwards() -> None:
    """The run ends after its tag commit, and a Kustomization looks again long after it applied."""
    story = Story()
    story.change("fixauth", ago=3600.0)
    story.deploy("auth", "fixauth", ago=3300.0)
    head = story.view().head
    past = Past(f"main@sha1:{head}", "ReconciliationSucceeded", Health.FINE, NOW - 3200.0, NOW - 20.0, 1.0, 9)
    found = chain(story, sources=[source(head, fetched=3290.0)], syncs=[sync(head, history=(past,))])
    for leg in found.legs:
        assert leg.started is None or leg.ended is None or leg.started <= leg.ended, leg
    applied = found.legs[4]
    assert applied.seconds(NOW) == 90.0
    earlier = replace(past, first=NOW - 90_000.0)
    found = chain(story, sources=[source(head, fetched=3290.0)], syncs=[sync(head, history=(earlier,))])
    assert found.legs[4].seconds(NOW) is None


@pytest.mark.parametrize("health", [Health.SOON, Health.UNKNOWN])
def test_what_flux_cannot_say_is_not_green_though_the_commit_is_right(health: Health) -> None:
    story = told()
    head = story.view().head
    waits = replace(sync(head), state="blocked", health=health, why="waits for another")
    found = chain(story, syncs=[waits])
    assert (found.legs[4].state, found.legs[4].health, found.legs[4].why) == ("done", health, "waits for another")
    assert found.health is health
    silent = replace(source(head), state="waiting", health=health, why="says nothing of being ready")
    assert chain(story, sources=[silent]).health is health


def test_the_same_folder_of_another_repository_and_the_same_images_in_another_namespace() -> None:
    story = told()
    head = story.view().head
    other = replace(
        source(sha("elsewhere")), key="gitrepositories/other/site", namespace="other", name="site",
        url="http://gitea-http.gitea.svc:3000/other/site.git",
    )  # fmt: skip
    theirs = replace(sync(sha("elsewhere")), key="kustomizations/other/site", namespace="other", source=other.key)
    entries = tuple(
        InventoryEntry("deployments", each.namespace, each.name, "apps", "Deployment")
        for each in workloads(story.tags)
    )
    mine = replace(sync(head), inventory=entries)
    staging = [replace(workload("auth", "old"), namespace="a-staging", key="Deployment/a-staging/auth-service")]
    found = chain(
        story, sources=[other, source(head)], syncs=[theirs, mine], workloads=[*staging, *workloads(story.tags)]
    )
    assert states(found) == ["done"] * 6
    assert found.health is Health.FINE


def test_a_server_below_a_path_is_the_same_server() -> None:
    story = told()
    view = replace(story.view(), url="https://example.org/git/bakery-admin/bakery-ia.git", overlay="")
    found = chain(story, code=view)
    assert found.legs[3].state == "done"


@pytest.mark.parametrize(
    ("kind", "stage", "phase"),
    [
        ("pipelineruns", "build", "waiting"),
        ("gitrepositories", "fetched", "forbidden"),
        ("kustomizations", "applied", "waiting"),
        ("deployments", "ready", "syncing"),
    ],
)
def test_a_kind_that_was_not_read_is_unknown_and_not_empty(kind: str, stage: str, phase: str) -> None:
    index = DeliveryIndex(clock=lambda: NOW)
    index.set_states({kind: SimpleNamespace(phase=phase, reason="HTTP 500")})
    found = index.chain(told().view(), WorkloadIndex(clock=lambda: NOW), NOW)
    leg = next(each for each in found.legs if each.stage == stage)
    assert (leg.state, leg.health) == ("unknown", Health.UNKNOWN)
    assert "HTTP 500" in leg.why
