"""The readers of the chain on any mixture of parts: they answer, and are never green without reason."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.model.build import Build
from bakeryops.model.chain import Leg
from bakeryops.model.health import Health
from bakeryops.read.chain import chain_of
from bakeryops.read.follow import follow
from bakeryops.read.service import service_view, services
from tests.support.chain_values import (
    NOW,
    Story,
    build,
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
)

WORDS = ("first", "a", "b", "c", "elsewhere")
STATES = ("queued", "pending", "running", "stopping", "succeeded", "failed", "cancelled", "timed out")
TASK_STATES = (
    "not started", "queued", "running", "retrying", "succeeded", "failed", "ignored", "skipped", "cancelled", "timed out",
    "unknown",
)  # fmt: skip
LEG_STATES = {"done", "working", "stuck", "waiting", "skipped", "unknown"}
words = st.sampled_from(WORDS)
healths = st.sampled_from(list(Health))
agos = st.sampled_from([-5000.0, 0.0, 20.0, 300.0, 5000.0])


@st.composite
def stories(draw: st.DrawFn) -> Any:
    story = Story()
    for word in draw(st.lists(st.sampled_from(("a", "b", "c")), unique=True)):
        touched = draw(st.sampled_from([(), ("auth",), ("tenant",), ("*",), ("other",)]))
        story.change(word, ago=draw(agos), touched=touched)
        match draw(st.integers(0, 3)):
            case 0:
                story.deploy(draw(st.sampled_from(("auth", "tenant"))), draw(words), ago=draw(agos))
            case 1:
                story.set_tag(
                    "auth", draw(st.sampled_from([tag("a"), "by-hand", ""])), "rollback(auth): x", ago=draw(agos)
                )
    state = draw(st.sampled_from(["live", "stale", "refused", "waiting", "off"]))
    view = story.view(state)
    if draw(st.booleans()):
        view = msgspec.structs.replace(view, main=view.main[:1], commits={}, touched={}, images=())
    return story, view


@st.composite
def builds(draw: st.DrawFn) -> Build:
    state = draw(st.sampled_from(STATES))
    made = ()
    if draw(st.booleans()):
        made = tuple(
            task(
                draw(st.sampled_from(("clone", "test", "build", "update-tag", "x"))),
                state=draw(st.sampled_from(TASK_STATES)),
                begin=draw(st.none() | agos),
                end=draw(st.none() | agos),
                finally_=draw(st.booleans()),
            )
            for _ in range(draw(st.integers(0, 4)))
        )
    return build(
        draw(words),
        state,
        name=draw(st.sampled_from(("aaaaa", "bbbbb"))),
        ago=draw(agos),
        tasks=draw(st.sampled_from([made, tasks(NOW)])),
        before=draw(st.sampled_from(["", "0" * 40, sha("first"), sha("a")])),
        services=draw(st.sampled_from([None, (), ("auth",), ("auth", "tenant")])),
        failure=draw(st.sampled_from([None, failure("test auth"), failure("", "")])),
        deploy_commit=draw(st.sampled_from(["", sha("a")])),
    )


@st.composite
def sources(draw: st.DrawFn) -> Any:
    found = source(sha(draw(words)), health=draw(healths), suspended=draw(st.booleans()))
    if draw(st.booleans()):
        found = msgspec.structs.replace(found, revision=None, fetched=None, since=None, interval=None)
    return found


@st.composite
def syncs(draw: st.DrawFn) -> Any:
    state = draw(
        st.sampled_from(["ready", "applying", "checking", "failing", "blocked", "suspended", "waiting", "odd"])
    )
    attempted = sha(draw(words))
    found = sync(
        sha(draw(words)), attempted=attempted, state=state, health=draw(healths), suspended=draw(st.booleans())
    )
    if draw(st.booleans()):
        found = msgspec.structs.replace(found, applied=None, attempted=None, history=(), since=None, timeout=None)
    if draw(st.booleans()):
        found = msgspec.structs.replace(found, path="", source="gitrepositories/x/none", applied=revision("x"))
    return found


@st.composite
def workloads(draw: st.DrawFn) -> Any:
    desired = draw(st.integers(0, 3))
    return workload(
        draw(st.sampled_from(("auth", "tenant", "x"))),
        draw(st.sampled_from((tag("a"), tag("first"), "", "@:/"))),
        draw(st.integers(0, 4)),
        desired,
        health=draw(healths),
        since=draw(st.none() | agos),
        pods=("bakery-ia/auth-service-1",),
    )


def many(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(items, max_size=3)


def check(legs: tuple[Leg, ...]) -> None:
    for leg in legs:
        assert leg.state in LEG_STATES
        if leg.state in ("stuck", "working"):
            assert leg.why, leg
            assert leg.health is not Health.FINE, leg
        if leg.state == "unknown":
            assert leg.health is Health.UNKNOWN
        seconds = leg.seconds(NOW)
        assert seconds is None or seconds >= 0.0


@settings(max_examples=200, deadline=None)
@given(
    stories(),
    many(builds()),
    many(sources()),
    many(syncs()),
    many(workloads()),
    st.sampled_from(
        ["a", sha("a")[:7], sha("c"), tag("a"), "auth", "auth-service", "bakery-ia-ci-aaaaa", "x:y@z", "deadbeef"]
    ),
)
def test_any_mixture_is_answered(
    told: Any, runs: Any, origins: Any, appliers: Any, pods_of: Any, what: str
) -> None:
    _, view = told
    parts = (view, runs, origins, appliers, pods_of)
    chain = chain_of(*parts, now=NOW)
    check(chain.legs)
    if chain.health is Health.FINE:
        assert view.state == "live"
        assert chain.stuck is None
        assert all(leg.state in ("done", "skipped") for leg in chain.legs)
        assert all(leg.health is Health.FINE for leg in chain.legs)
    if chain.stuck is not None:
        assert chain.why
    found = follow(what, *parts, now=NOW, pods=[pod("auth", tag("a"), ready=10.0)])
    if found is not None:
        check(found.legs)
        assert len(found.legs) == 9
        assert found.seconds is None or found.seconds >= 0.0
    for name in (*services(view, pods_of), "nobody"):
        one = service_view(name, *parts, [pod("auth", tag("a"), ready=10.0)], now=NOW)
        if one.workload is None:
            assert one.health is Health.UNKNOWN
        assert len([each for each in one.releases if each.running]) <= 1
