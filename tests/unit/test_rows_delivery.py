"""What the chain, Flux and a followed commit say in lines: fitted to any width, each thing once."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.model.chain import Chain, Follow, Leg
from bakeryops.model.code import CodeView
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import Node
from screens.lines import Line, line_text, line_width
from screens.rows_chain import chain_lines, git_age, leg_says, said_once
from screens.rows_follow import follow_lines, leg_rows, span_bar
from screens.rows_gitops import commit_of, gitops_lines, past_lines, short_shas, sync_facts, tree_rows
from screens.widgets.cells import Cell
from tests.support import chain_values as values
from tests.support.chain_values import NOW, Story, commit

DONE, BAD, NONE = Health.FINE, Health.BAD, Health.UNKNOWN
WIDTHS = (20, 40, 60, 80, 100, 120, 200)


def chain(
    *changed: Leg, stuck: int | None = 7, subject: str = "auth: token ttl", author: str = "dev-one"
) -> Chain:
    legs = {
        "pushed": Leg("pushed", "git", "done", DONE, "9f3c2a1"),
        "webhook": Leg("webhook", "webhook", "done", DONE, ""),
        "build": Leg("build", "build", "done", DONE, "a1b2c 4m12"),
        "images": Leg("images", "images", "done", DONE, "auth"),
        "fetched": Leg("fetched", "flux", "done", DONE, "9f3c2a1"),
        "applied": Leg("applied", "applied", "done", DONE, "9f3c2a1"),
        "ready": Leg("ready", "ready", "stuck", BAD, "auth 1/3 ready", "auth: auth-service: exit 1", NOW - 660),
    }
    legs |= {each.stage: each for each in changed}
    every = tuple(legs.values())
    at = (
        None
        if stuck is None
        else next((i for i, leg in enumerate(every) if leg.state not in ("done", "skipped")), None)
    )
    why = every[at].why if at is not None else ""
    return Chain(every, commit("ttl", subject=subject, author=author), at, NOW - 660, BAD, why)


def texts(lines: list[Line]) -> list[str]:
    return [line_text(line).rstrip() for line in lines]


def strip(made: Chain, width: int) -> str:
    return texts(chain_lines(made, width, NOW))[0]


def test_with_room_every_leg_says_all() -> None:
    assert strip(chain(), 200) == (
        "   git 9f3c2a1 ─▶ build ✔ a1b2c 4m12 ─▶ images ✔ auth ─▶ flux ✔ 9f3c2a1 ─▶ applied ✔ 9f3c2a1 ─✖ auth 1/3 ready"
    )


def test_what_is_done_gets_terse_before_anything_is_dropped() -> None:
    assert strip(chain(), 90) == (
        "   git 9f3c2a1 ─▶ build ✔ a1b2c ─▶ images ✔ ─▶ flux ✔ ─▶ applied ✔ ─✖ auth 1/3 ready"
    )
    assert strip(chain(), 80) == "   git 9f3c2a1 ─▶ build ✔ ─▶ images ✔ ─▶ flux ✔ ─▶ applied ✔ ─✖ auth 1/3 ready"
    assert strip(chain(), 72) == "   git 9f3c2a1 ─▶ build ✔ images ✔ flux ✔ applied ✔ ─✖ auth 1/3 ready"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("stage", ["pushed", "build", "images", "fetched", "applied", "ready"])
def test_the_leg_that_matters_is_never_dropped_and_nothing_is_wider_than_the_screen(
    stage: str, width: int
) -> None:
    made = chain(
        Leg("ready", "ready", "done", DONE, "all ready"),
        Leg(stage, stage, "stuck", BAD, "STUCK here with many words to say about it", "because", NOW - 660),
        subject="日本語" * 70,
        author="Łukasz",
    )
    lines = chain_lines(made, width, NOW, hint="F follow")
    assert all(line_width(line) <= width for line in lines)
    assert len(lines) == 3
    assert ("STUCK" if width >= 40 else "ST") in line_text(lines[0])
    assert width < 40 or stage == "pushed" or line_text(lines[0]).startswith("   git 9f3c2a1")


def test_what_waits_goes_before_what_is_at_work() -> None:
    made = chain(
        Leg("build", "build", "working", Health.WORKING, "a1b2c 2/6", "is running", NOW - 60),
        Leg("images", "images", "waiting", NONE, ""),
    )
    shown = strip(made, 44)
    assert "build ◐ a1b2c 2/6" in shown
    assert "images" not in shown


def test_old_news_count_no_minutes() -> None:
    assert any("stuck 11m" in text for text in texts(chain_lines(chain(), 100, NOW)))
    assert not any("stuck 11m" in text for text in texts(chain_lines(chain(), 100, NOW, stale=True)))


def test_a_git_that_is_old_takes_the_place_of_a_reason_only_where_there_is_none() -> None:
    old = git_age(CodeView(state="stale", reason="Gitea does not answer", fetched=NOW - 840), NOW)
    assert old == ("git read 14m ago: Gitea does not answer", "soon")
    well = chain(Leg("ready", "ready", "done", DONE, "all ready"), stuck=None)
    assert texts(chain_lines(well, 100, NOW, git=old))[-1].strip() == old[0]
    assert texts(chain_lines(chain(), 100, NOW, git=old))[-1].strip() == "auth: exit 1"
    assert git_age(CodeView(state="live"), NOW) == ("", "")


@pytest.mark.parametrize(
    ("said", "once"),
    [
        ("pos: pos-service: exit 1", "pos: exit 1"),
        ("pos-service: pos-service: exit 1", "pos-service: exit 1"),
        ("auth: 1 of 2 pods: auth-service: exit 1", "auth: 1 of 2 pods: exit 1"),
        ("nothing to say", "nothing to say"),
        ("", ""),
    ],
)
def test_a_name_is_said_once(said: str, once: str) -> None:
    assert said_once(said) == once


def test_a_leg_does_not_say_twice_what_its_title_or_text_says() -> None:
    leg = Leg("build", "build", "stuck", BAD, "p56zq", "build p56zq failed: 1 task failed.")
    assert leg_says(leg) == ("p56zq", "failed: 1 task failed")
    assert leg_says(Leg("pushed", "git", "unknown", NONE, "git ?", "no repository")) == ("", "no repository")
    assert leg_says(Leg("ready", "ready", "done", DONE, "auth 1/1 ready")) == ("auth 1/1 ready", "")


def follow(**more: Any) -> Follow:
    made = chain()
    basis: dict[str, Any] = {
        "commit": made.commit, "title": "auth: token ttl", "services": ("auth",), "legs": made.legs,
        "stuck": made.stuck, "builds": (), "deploys": (), "seconds": 840.0,
    }  # fmt: skip
    return Follow(**(basis | more))


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_followed_fits(width: int) -> None:
    view = follow(title="長" * 200, services=tuple(f"service-{number}" for number in range(19)))
    assert all(line_width(line) <= max(width, 60) for line in follow_lines(view, width, NOW))


def test_where_it_is_stuck_and_since_when() -> None:
    lines = texts(follow_lines(follow(), 100, NOW))
    assert lines[2] == " ✖ stuck at ready: exit 1  14m00 since the push"
    assert "auth: token ttl" not in lines[1]


def test_what_was_overtaken_is_not_called_live() -> None:
    lines = texts(follow_lines(follow(stuck=None, overtaken_by="f" * 40), 100, NOW))
    assert not any("live " in line and "✔" in line for line in lines)
    assert any("overtaken by fffffff" in line for line in lines)


def test_services_are_counted_where_there_are_many_and_named_where_not() -> None:
    assert "touches no service" in texts(follow_lines(follow(services=()), 100, NOW))[1]
    assert "all services" in texts(follow_lines(follow(services=("*",)), 100, NOW))[1]
    many = follow(services=tuple(f"s{number}" for number in range(19)))
    assert "and 13 more" in texts(follow_lines(many, 120, NOW))[1]


def test_bars_are_to_scale_and_never_empty() -> None:
    assert span_bar(0, 10, 0, 10, 10) == "█" * 10
    assert span_bar(5, 5, 0, 10, 11) == "     █"
    assert span_bar(5, 10, 0, 10, 11, flowing=True) == "     ▒▒▒▒▒▒"
    assert span_bar(None, 10, 0, 10, 10) == ""
    assert len(span_bar(0, 1e9, 0, 1, 8)) == 8
    rows = leg_rows(follow(), NOW)
    assert [row.key for row in rows] == [leg.stage for leg in chain().legs]


def test_commits_are_short_in_messages() -> None:
    assert short_shas(f"Applied revision: main@sha1:{'a1' * 20}") == "Applied revision: main@a1a1a1a"
    assert short_shas("sha256:" + "a" * 64) == "sha256:" + "a" * 64


def told() -> Story:
    story = Story()
    story.change("ttl", ago=840, subject="auth: token ttl", author="dev-one")
    story.deploy("auth", "ttl", ago=600)
    return story


def test_a_commit_with_a_tag_says_of_what_and_by_whom() -> None:
    view = told().view()
    assert commit_of(values.revision(view.head), view) == "deploy(auth): token ttl  dev-one"
    assert commit_of(values.revision(values.sha("ttl")), view) == "auth: token ttl  dev-one"
    assert commit_of(values.revision("0" * 40), view) == ""


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_facts_of_an_applier_fit(width: int) -> None:
    view = told().view()
    sync = values.sync(view.head, message="日本" * 300, health=BAD, state="failing", why="x" * 500)
    lines = [*sync_facts(sync, view, {}, width, NOW), *past_lines(sync, view, width, NOW, 5)]
    assert all(line_width(line) <= width for line in lines)
    assert any("deploy(auth): token ttl" in line_text(line) for line in lines)


def test_one_is_one_and_none_are_none() -> None:
    view = told().view()
    one = [values.source(view.head), values.sync(view.head)]
    assert texts(gitops_lines(one, view, 100, NOW))[0].startswith(" 1 source, 1 sync ")
    assert texts(gitops_lines([], view, 100, NOW))[0].startswith(" 0 sources, 0 syncs ")
    off = texts(gitops_lines(one, CodeView(reason="no git.url is set"), 100, NOW))[0]
    assert off.endswith("git: no git.url is set")


def test_a_tree_tells_a_reason_without_what_stands_beside_it() -> None:
    pod = Node("p", ObjectRef("pods", "a", "auth-1-x"), "Pod", "auth-1-x", BAD, "CrashLoopBackOff", "auth: exit 1")
    top = Node("d", ObjectRef("deployments", "a", "auth"), "Deployment", "auth", BAD, "CrashLoopBackOff",
               "auth: crash-looping: exit 1", (pod,))  # fmt: skip
    many = Node("k", ObjectRef("configmaps", "", ""), "ConfigMap", "2 objects", NONE, "", "")
    rows = tree_rows([top, many], set())
    assert [row.key for row in rows] == ["d", "p", "k"]
    reason = rows[0].cells[3]
    assert isinstance(reason, Cell)
    assert reason.text == "exit 1"
    name = rows[2].cells[1]
    assert isinstance(name, Cell)
    assert name.text.strip() == "ConfigMap  2 objects"
    assert [row.key for row in tree_rows([top, many], {"d"})] == ["d", "k"]
    symbol = rows[2].cells[0]
    assert isinstance(symbol, Cell)
    assert symbol.text == " "
