"""One service: what runs, its deployments and what became of them."""

from __future__ import annotations

from typing import Any

import msgspec

from bakeryops.model.chain import ServiceView
from bakeryops.model.code import CodeView
from bakeryops.model.health import Health
from bakeryops.model.sync import Past
from bakeryops.read.service import service_view, services
from tests.support.chain_values import (
    NOW,
    REGISTRY,
    Story,
    build,
    failure,
    pod,
    revision,
    sha,
    source,
    sync,
    tag,
    workload,
)


def told() -> Story:
    """Three versions of auth; the second was never applied."""
    story = Story()
    story.change("one", ago=80_000.0, author="dev-one")
    story.deploy("auth", "one", ago=79_000.0, run="bakery-ia-ci-1")
    story.change("two", ago=7000.0, author="dev-two")
    story.deploy("auth", "two", ago=6000.0, run="bakery-ia-ci-2")
    story.change("three", ago=6500.0, author="dev-three")
    story.deploy("auth", "three", ago=5990.0, run="bakery-ia-ci-3")
    return story


def past(commit_sha: str, ago: float) -> Past:
    return Past(revision(commit_sha).text, "ok", Health.FINE, NOW - ago, NOW - ago, 1.0, 1)


def seen(story: Story, name: str = "auth", **parts: Any) -> ServiceView:
    head = story.commits[-1].sha
    one = next(each.commit for each in story.view().deployments if each.tag == tag("one"))
    values: dict[str, Any] = {
        "builds": [build("three", name="3", ago=6490.0), build("two", name="2", ago=6990.0)],
        "sources": [source(head)],
        "syncs": [sync(head, history=(past(head, 5980.0), past(one, 78_990.0)))],
        "workloads": [
            workload("auth", story.tags["auth"], pods=("bakery-ia/auth-service-1",)),
            workload("tenant", story.tags["tenant"]),
            workload(
                "auth",
                "16",
                name="auth-db",
                image="docker.io/postgres:16",
                component="database",
                kind="StatefulSet",
            ),
        ],
        "pods": [pod("auth", story.tags["auth"], ready=5900.0), pod("tenant", story.tags["tenant"], ready=5.0)],
    }
    values |= {key: part for key, part in parts.items() if key in values}
    return service_view(name, parts.get("code") or story.view(), *values.values(), now=NOW)


def test_what_runs_and_who_brought_it() -> None:
    story = told()
    found = seen(story)
    assert (found.health, found.state, found.why) == (Health.FINE, "Running", "")
    assert (found.tag, found.wanted_tag, found.image) == (
        tag("three"),
        tag("three"),
        f"{REGISTRY}/auth:{tag('three')}",
    )
    assert found.commit is not None
    assert found.commit.sha == sha("three")
    assert (found.deployed, found.deployed_by) == (NOW - 5990.0, "dev-three")
    assert [each.name for each in found.pods] == ["auth-service-1"]
    assert found.database is not None
    assert found.database.name == "auth-db"
    assert [each.name for each in found.builds] == ["bakery-ia-ci-3", "bakery-ia-ci-2"]
    assert found.chain is not None
    assert found.chain.stuck is None
    assert found.unknowns == ()


def test_each_deployment_with_what_became_of_it() -> None:
    found = seen(told())
    assert [(each.deployment.tag, each.state, each.running) for each in found.releases] == [
        (tag("three"), "running", True),
        (tag("two"), "overtaken", False),
        (tag("one"), "replaced", False),
    ]
    assert [each.until for each in found.releases] == [None, NOW - 5990.0, NOW - 6000.0]
    assert found.releases[1].commit is not None
    assert found.releases[1].commit.author == "dev-two"


def test_a_newer_deployment_that_is_not_applied_yet() -> None:
    story = told()
    story.change("four", ago=50.0)
    story.deploy("auth", "four", ago=40.0)
    found = seen(story, workloads=[workload("auth", tag("three"))])
    assert [each.state for each in found.releases[:2]] == ["not applied", "running"]
    assert found.wanted_tag == tag("four")
    assert (found.health, found.why) == (Health.SOON, f"runs {tag('three')}, Git wants {tag('four')}")


def test_a_rollback_runs_an_older_source_and_was_somebodys() -> None:
    story = told()
    story.set_tag("auth", tag("one"), "rollback(auth): three -> one", ago=100.0, author="ops")
    found = seen(story)
    assert (found.deployed_by, found.deployed) == ("ops", NOW - 100.0)
    assert found.commit is not None
    assert found.commit.sha == sha("one")
    assert [each.running for each in found.releases] == [True, False, False, False]


def test_a_service_that_ails() -> None:
    story = told()
    found = seen(story, workloads=[workload("auth", story.tags["auth"], 1, 3)])
    assert (found.health, found.state, found.why) == (Health.BAD, "CrashLoopBackOff", "exit 1")


def test_builds_are_known_by_their_commits_until_they_say() -> None:
    story = told()
    unsaid = build("three", "running", name="3", services=None)
    other = build("two", name="2", services=("tenant",))
    assert [each.name for each in seen(story, builds=[unsaid, other]).builds] == ["bakery-ia-ci-3"]


def test_the_chain_is_that_of_the_service() -> None:
    story = told()
    story.change("tenantfix", ago=900.0, touched=("tenant",))
    bad = build("tenantfix", "failed", name="9", ago=890.0, services=("tenant",), failure=failure("test tenant"))
    builds = [bad, build("three", name="3")]
    head = story.commits[-1].sha
    fine, ails = (
        seen(story, name, builds=builds, sources=[source(head)], syncs=[sync(head)]) for name in ("auth", "tenant")
    )
    assert fine.chain is not None
    assert fine.chain.stuck is None
    assert ails.chain is not None
    assert ails.chain.why.startswith("build 9 failed in test tenant")


def test_nobody_by_that_name() -> None:
    found = seen(told(), "nobody")
    assert (found.health, found.state, found.why) == (Health.UNKNOWN, "not deployed", "no workload runs nobody")
    assert found.releases == found.builds == found.pods == ()


def test_what_cannot_be_seen_is_said() -> None:
    found = service_view("auth", CodeView(), None, None, None, None, None, now=NOW)
    assert (found.health, found.state) == (Health.UNKNOWN, "unknown")
    assert "pods cannot be seen" in found.unknowns
    story = told()
    found = seen(story, workloads=None, pods=None)
    assert [each.state for each in found.releases] == ["unknown", "overtaken", "replaced"]
    assert found.wanted_tag == tag("three")


def test_which_services_there_are() -> None:
    story = told()
    extra = workload("stray", "x")
    database = workload("auth", "16", name="auth-db", image="docker.io/postgres:16", kind="StatefulSet")
    elsewhere = workload("redis", "7", image="docker.io/library/redis:7")
    code = msgspec.structs.replace(story.view(), services=("auth", "tenant", "folder-only"))
    assert services(code, [extra, database, elsewhere]) == ["auth", "folder-only", "stray", "tenant"]
    assert services(code, None) == ["auth", "folder-only", "tenant"]


def test_which_services_there_are_without_git() -> None:
    dated = workload("auth", tag("one"), commit=sha("one")[:12])
    beside = workload("tenant", "by-hand")
    elsewhere = workload("redis", "7", image="docker.io/library/redis:7")
    assert services(CodeView(), [dated, beside, elsewhere]) == ["auth", "tenant"]
    assert services(CodeView(), []) == []
