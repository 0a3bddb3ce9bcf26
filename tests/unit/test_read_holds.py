"""Holds, suspensions and write-backs: read, reminded of, and told from what is stuck."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import pytest

from bakeryops.actions.hold_store import holds_in as stored_holds
from bakeryops.cluster.kinds import KINDS
from bakeryops.cluster.wire.core import ConfigMap
from bakeryops.config import Config
from bakeryops.model.health import Health
from bakeryops.model.hold import Hold
from bakeryops.model.overview import Overview
from bakeryops.read.chain import chain_of
from bakeryops.read.flux_held import with_notes
from bakeryops.read.follow import follow
from bakeryops.read.holds import hold_text, holds_in, holds_of, places, standing, suspension_text, write_backs_of
from bakeryops.read.overview import Sources, overview
from bakeryops.read.service import service_view
from bakeryops.read.workloads import read_all
from tests.support.chain_values import NOW as CHAIN_NOW
from tests.support.chain_values import Story, build, sha, source, tag, workloads
from tests.support.chain_values import sync as chain_sync
from tests.support.flux_reading import READY, condition, raw, read, sync
from tests.support.reading import NOW, decode, raw_deployment, stamp

GLASS = "write-back.bakeryops.dev/auth"


def config_map(**data: str) -> ConfigMap:
    value = {"metadata": {"name": "bakery-holds", "namespace": "bakery-ci", "uid": "u"}, "data": data}
    found: Any = msgspec.json.decode(json.dumps(value), type=KINDS["holds"].struct)
    assert isinstance(found, ConfigMap)
    return found


def notes(**kept: str) -> dict[str, str]:
    return {f"bakeryops.dev/suspended-{key}": value for key, value in kept.items()}


def record(**more: str) -> str:
    return json.dumps(
        {"tag": "20261116-72423a3", "git_tag": "20261126-5a071fe", "who": "ops", "at": stamp(1200), **more}
    )


def suspended(*conditions: Any, **annotations: Any) -> Any:
    return raw([*(conditions or (READY,))], {"suspend": True}, meta={"annotations": annotations.get("notes")},
               lastAppliedRevision="main@sha1:" + "a" * 40, lastAttemptedRevision="main@sha1:" + "a" * 40)  # fmt: skip


# Reading.


def test_one_reader_reads_what_was_fetched_and_what_is_watched() -> None:
    text = json.dumps(
        {"owner": "ops", "reason": "token bug", "since": stamp(7200), "until": stamp(-3600), "job": "j1"}
    )
    wanted = {"auth": Hold("auth", "ops", "token bug", NOW - 7200, NOW + 3600, "j1")}
    assert holds_of([config_map(auth=text)]) == wanted
    assert holds_in({"data": {"auth": text}}) == wanted
    assert stored_holds is holds_in


@pytest.mark.parametrize("text", ["", "not json", "[1]", "{", "null", '{"owner": 5}', "[" * 10_000])
def test_an_entry_that_cannot_be_read_holds_all_the_same(text: str) -> None:
    found = holds_of([config_map(auth=text)])["auth"]
    assert (found.owner, found.since, found.until) == ("somebody", None, None)
    assert not found.over(NOW)


def test_another_config_map_holds_nothing() -> None:
    other = config_map(auth="{}")
    other.metadata.name = "settings"
    assert holds_of([other]) == {} == holds_of([]) == holds_in({}) == holds_in({"data": None})


def test_hostile_texts_are_cleaned() -> None:
    text = json.dumps({"owner": "ops\x1b[2J", "reason": "a\nb\u202ec" + "x" * 1000})
    found = holds_of([config_map(auth=text)])["auth"]
    assert (found.owner, found.reason[:5]) == ("ops", "a bcx")
    assert len(found.reason) <= 300


def test_the_holds_are_read_where_the_configuration_says_that_builds_run() -> None:
    assert places(Config()) == {"holds": "bakery-ci"}
    config = Config()
    assert places(dataclasses.replace(config, namespaces=dataclasses.replace(config.namespaces, builds=()))) == {}


def test_who_suspended_what_and_why_is_kept_on_it() -> None:
    kept = notes(by="ops", reason="schema moves", at=stamp(1200), until=stamp(-3600))
    found = read("kustomizations", suspended(notes=kept))
    assert (found.health, found.state, found.since) == (Health.HELD, "suspended", NOW - 1200)
    assert found.why.startswith("suspended by ops: schema moves, until 2")
    assert (found.suspension.owner, found.suspension.reason) == ("ops", "schema moves")
    assert not found.suspension.over(NOW)
    assert found.suspension.over(NOW + 3600)
    assert suspension_text(found.suspension, NOW).startswith("by ops since 20m until ")


def test_what_was_suspended_without_bakeryops_is_told_as_ever() -> None:
    found = read("kustomizations", suspended())
    assert found.why == "suspended: nothing new is taken until it is resumed"
    assert suspension_text(found.suspension, NOW) == ""
    assert read("kustomizations", raw([READY], meta={"annotations": notes(by="ops")})).suspension is None


def test_sources_and_other_objects_tell_it_too() -> None:
    kept = {"annotations": notes(by="ops", reason="quiet")}
    for plural in ("gitrepositories", "imageupdateautomations", "helmreleases"):
        found = read(plural, raw([READY], {"suspend": True}, meta=kept))
        assert found.why.startswith("suspended by ops: quiet; "), plural


def test_what_was_set_past_git_is_bad_until_it_is_written_back() -> None:
    kept = {**notes(by="ops", reason="break-glass of auth"), GLASS: record()}
    found = read("kustomizations", suspended(notes=kept))
    assert (found.health, found.suspended) == (Health.BAD, True)
    assert found.why.startswith("set past Git, to be written back: auth by ops; suspended by ops")
    [back] = found.write_backs
    assert (back.service, back.owner, back.tag, back.git_tag) == (
        "auth",
        "ops",
        "20261116-72423a3",
        "20261126-5a071fe",
    )
    resumed = with_notes(sync(READY), {GLASS: record()})
    assert (resumed.health, resumed.suspension) == (Health.BAD, None)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "5"])
def test_a_record_that_cannot_be_read_waits_to_be_written_back_all_the_same(text: str) -> None:
    [back] = write_backs_of("flux-system", "bakery-ia", {GLASS: text})
    assert (back.service, back.owner, back.since) == ("auth", "somebody", None)


# The overview.


def hold(until: float | None = None, **more: Any) -> Hold:
    return Hold("auth", "ops", "token bug", NOW - 10_800, until, **more)


def seen(*holds: Hold, flux: Any = None) -> Overview:
    index = read_all({"deployments": [decode("deployments", raw_deployment("auth"))]}, now=NOW)
    objects: list[Any] = (
        [msgspec.json.decode(json.dumps(flux), type=KINDS["kustomizations"].struct)] if flux else []
    )
    sources = Sources(holds={each.service: each for each in holds}, flux={"kustomizations": objects})
    return overview(index, sources, now=NOW)


def reminders(view: Overview) -> list[tuple[str, str, Health]]:
    told = ("hold over", "still suspended", "set past Git")
    return [(need.name, need.what, need.health) for need in view.needs if need.what in told]


def test_what_stands_is_shown_and_wants_nobody() -> None:
    view = seen(hold(), flux=suspended(notes=notes(by="ops", reason="x", at=stamp(1200), until=stamp(-60))))
    assert reminders(view) == []
    assert standing(view.holds, view.suspensions, view.write_backs, NOW) == [
        ("held", ["auth (ops, 3h)"]), ("suspended", ["Kustomization bakery-ia (ops, 20m)"]),
    ]  # fmt: skip
    assert standing(*(((),) * 3), NOW) == []


def test_a_hold_that_is_over_is_reminded_of_and_opens_its_workload() -> None:
    view = seen(hold(NOW - 7200))
    assert reminders(view) == [("auth", "hold over", Health.SOON)]
    need = next(need for need in view.needs if need.what == "hold over")
    assert (need.since, need.service, need.ref.plural, need.ref.name) == (
        NOW - 7200,
        "auth",
        "deployments",
        "auth",
    )
    assert need.why == "by ops: token bug; lift it, or hold it anew"
    assert standing(view.holds, view.suspensions, view.write_backs, NOW) == []


def test_a_hold_of_a_service_without_workload_opens_what_keeps_it() -> None:
    gone = Hold("gone", "ops", "", None, NOW - 5)
    need = next(need for need in seen(gone).needs if need.what == "hold over")
    assert (need.ref.plural, need.ref.name) == ("configmaps", "bakery-holds")


def test_a_suspension_that_is_over_is_reminded_of() -> None:
    view = seen(flux=suspended(notes=notes(by="ops", reason="schema moves", until=stamp(7200))))
    assert reminders(view) == [("bakery-ia", "still suspended", Health.SOON)]


def test_what_waits_to_be_written_back_is_bad_and_said_once() -> None:
    view = seen(flux=suspended(condition("Ready", "False", "BuildFailed", "x"), notes={GLASS: record(),
                               **notes(by="ops", until=stamp(60))}))  # fmt: skip
    assert reminders(view) == [("auth", "set past Git", Health.BAD)]
    assert not any(need.name == "bakery-ia" for need in view.needs)
    assert standing((), (), view.write_backs, NOW) == [("past Git", ["auth (ops, 20m)"])]
    assert view.health is Health.BAD


def test_a_hold_says_who_since_when_until_when_and_why() -> None:
    assert hold_text(hold(), NOW) == "by ops since 3h: token bug"
    assert "(over): token bug" in hold_text(hold(NOW - 1), NOW)
    assert hold_text(Hold("auth", "ops", "", None, 1e300), NOW) == "by ops until ?"


# The chain.


def built_and_not_deployed() -> Story:
    story = Story()
    story.change("old", ago=90_000.0)
    story.deploy("auth", "old", ago=89_000.0, run="bakery-ia-ci-older")
    story.change("fixauth", ago=3600.0, subject="fix(auth): token ttl")
    return story


def parts(story: Story) -> tuple[Any, ...]:
    head = story.commits[-1].sha
    services = ("auth",)
    return (
        [build("fixauth", services=services, deploy_commit="")], [source(head, fetched=3500.0)],
        [chain_sync(head)], workloads(story.tags),
    )  # fmt: skip


def held(**more: Any) -> dict[str, Hold]:
    basis = {"service": "auth", "owner": "ops", "reason": "token bug", "since": CHAIN_NOW - 9000.0}
    return {"auth": Hold(**{**basis, **more})}


def test_a_build_that_a_hold_keeps_from_git_is_held_and_not_stuck() -> None:
    story = built_and_not_deployed()
    for service in ("", "auth"):
        without = chain_of(story.view(), *parts(story), now=CHAIN_NOW, service=service)
        assert without.stuck is not None
        assert without.legs[without.stuck].stage == "images"
        found = chain_of(story.view(), *parts(story), now=CHAIN_NOW, service=service, holds=held())
        images = found.legs[2]
        assert (images.state, images.health, images.text) == ("held", Health.HELD, "held")
        assert (found.stuck, found.since) == (None, None)
        assert found.why == f"auth is held by ops: token bug; the tag {tag('fixauth')} is not deployed"
        assert found.health is Health.HELD


@pytest.mark.parametrize(
    "more",
    [
        {"service": "tenant"},
        {"since": CHAIN_NOW - 100.0},
        {"until": CHAIN_NOW - 8000.0},
    ],
    ids=["of another service", "set after the build", "over before the build"],
)
def test_a_hold_that_did_not_keep_it_explains_nothing(more: dict[str, Any]) -> None:
    story = built_and_not_deployed()
    holds = {more.get("service", "auth"): held(**more)["auth"]}
    found = chain_of(story.view(), *parts(story), now=CHAIN_NOW, holds=holds)
    assert found.stuck is not None
    assert found.legs[found.stuck].state == "stuck"


def test_a_hold_that_is_over_by_now_kept_it_all_the_same() -> None:
    story = built_and_not_deployed()
    found = chain_of(story.view(), *parts(story), now=CHAIN_NOW, holds=held(until=CHAIN_NOW - 60.0))
    assert found.legs[2].state == "held"


def test_a_followed_commit_stands_where_it_is_held() -> None:
    story = built_and_not_deployed()
    found = follow(sha("fixauth")[:8], story.view(), *parts(story), now=CHAIN_NOW, holds=held())
    assert found is not None
    assert found.stuck is not None
    assert (found.legs[found.stuck].stage, found.legs[found.stuck].state) == ("tag", "held")
    assert {leg.state for leg in found.legs[found.stuck + 1 :]} == {"waiting"}


def test_a_service_says_its_hold_and_what_was_set_past_git() -> None:
    story = built_and_not_deployed()
    builds, sources, [applied], running = parts(story)
    back = with_notes(applied, {GLASS: record()})
    view = service_view("auth", story.view(), builds, sources, [back], running, [], now=CHAIN_NOW, holds=held())
    assert view.hold == held()["auth"]
    assert view.write_back is not None
    assert view.health is Health.BAD
    assert view.why.startswith("set past Git to 20261116-72423a3 by ops")
    other = service_view("tenant", story.view(), builds, sources, [back], running, [], now=CHAIN_NOW, holds=held())
    assert (other.hold, other.write_back) == (None, None)
