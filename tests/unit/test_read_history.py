"""The history read: what became of deployments, what the audit log tells, and what is kept of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bakeryops.jobs.audit import AuditLog
from bakeryops.jobs.past import PastBook
from bakeryops.model.health import Health
from bakeryops.model.history import Entry
from bakeryops.model.sync import Past
from bakeryops.read.chain_parts import Situation
from bakeryops.read.history import Wanted, actions, deployments, joined, syncs, told, wanted
from tests.support.chain_values import NOW, Story, commit, pod, revision, sha, source, sync, tag, workloads


def situation(story: Story, *made: Any, **more: Any) -> Situation:
    head = story.commits[-1].sha
    values: dict[str, Any] = {"builds": [], "sources": [source(head)], "workloads": workloads(story.tags)} | more
    return Situation(
        story.view(),
        values["builds"],
        values["sources"],
        more.get("syncs", list(made)),
        values["workloads"],
        now=NOW,
    )


def past(of: str, *, ago: float, health: Health = Health.FINE, status: str = "ReconciliationSucceeded") -> Past:
    return Past(revision(of).text, status, health, NOW - ago, NOW - ago + 5, 4.0, 1)


def two_deploys() -> tuple[Story, str, str]:
    story = Story()
    story.change("one", ago=5000.0)
    first = story.deploy("auth", "one", ago=4000.0)
    story.change("two", ago=3000.0, subject="auth: two", author="dev-two")
    return story, first, story.deploy("auth", "two", ago=2000.0)


def by_commit(entries: list[Entry]) -> dict[str, Entry]:
    return {each.commit: each for each in entries}


def test_a_deployment_says_who_wrote_what_and_when_it_was_applied_and_ready() -> None:
    story, first, second = two_deploys()
    history = (past(second, ago=1990.0), past(first, ago=3990.0))
    found = by_commit(deployments(situation(story, sync(second, history=history))))
    entry = found[second]
    assert (entry.kind, entry.service, entry.result) == ("deploy", "auth", "applied")
    assert (entry.who, entry.title, entry.source) == ("dev-two", "auth: two", sha("two"))
    assert (entry.tag, entry.before) == (tag("two"), tag("one"))
    # The Kustomization waits for health: applied is ready.
    assert (entry.applied, entry.ready) == (NOW - 1990.0, NOW - 1990.0)
    assert entry.seconds() == 10.0
    assert (found[first].result, found[first].applied) == ("applied", NOW - 3990.0)


def test_when_flux_does_not_wait_the_pods_tell_since_when_it_is_ready() -> None:
    story, _, second = two_deploys()
    made = sync(second, history=(past(second, ago=1990.0),), wait=False)
    loads = [msgspec.structs.replace(each, pods=(f"bakery-ia/{each.name}-1",)) for each in workloads(story.tags)]
    found = by_commit(
        deployments(situation(story, made, workloads=loads), [pod("auth", tag("two"), ready=1900.0)])
    )
    assert found[second].ready == NOW - 1900.0
    found = by_commit(deployments(situation(story, made, workloads=loads)))
    assert found[second].ready is None


def test_a_time_that_was_not_seen_is_not_guessed() -> None:
    story, first, second = two_deploys()
    # The oldest entry kept is of a later commit than the deployment: when that was applied is not known.
    story.change("three", ago=1500.0, touched=("tenant",))
    later = story.commits[-1].sha
    found = by_commit(deployments(situation(story, sync(later, history=(past(later, ago=1400.0),)))))
    assert (found[second].result, found[second].applied) == ("applied", None)
    assert (found[first].result, found[first].applied) == ("unknown", None)


def test_one_that_was_replaced_before_flux_applied_it_never_ran() -> None:
    story, first, second = two_deploys()
    history = (past(second, ago=1990.0), past(story.commits[0].sha, ago=9000.0))
    found = by_commit(deployments(situation(story, sync(second, history=history))))
    assert found[first].result == "overtaken"
    assert found[first].text.endswith("before Flux applied it.")


def test_one_that_flux_has_not_applied_waits_and_says_why() -> None:
    story, first, second = two_deploys()
    found = by_commit(deployments(situation(story, sync(first, history=(past(first, ago=3990.0),)))))
    assert found[second].result == "waiting"
    held = sync(first, suspended=True, health=Health.HELD, history=(past(first, ago=3990.0),))
    found = by_commit(deployments(situation(story, held)))
    assert (found[second].result, found[second].text) == ("waiting", "bakery-ia is suspended.")


def test_one_that_flux_could_not_apply_failed() -> None:
    story, first, second = two_deploys()
    history = (past(second, ago=1990.0, health=Health.BAD, status="HealthCheckFailed"), past(first, ago=3990.0))
    made = sync(
        first, attempted=second, state="failing", health=Health.BAD, why="auth is not ready", history=history
    )
    found = by_commit(deployments(situation(story, made)))
    assert (found[second].result, found[second].text) == ("failed", "auth is not ready")


def test_one_that_was_taken_back_says_by_what() -> None:
    story, first, second = two_deploys()
    back = story.set_tag(
        "auth", tag("one"), f"rollback(auth): {tag('two')} -> {tag('one')}", ago=1000.0, author="op"
    )
    history = (past(back, ago=990.0), past(second, ago=1990.0), past(first, ago=3990.0))
    found = by_commit(deployments(situation(story, sync(back, history=history))))
    assert (found[second].result, found[second].text) == ("rolled back", f"Taken back by {back[:7]}")
    assert (found[back].kind, found[back].result, found[back].who) == ("rollback", "applied", "op")
    assert found[first].result == "applied"


def test_without_flux_nothing_is_known_of_their_fate() -> None:
    story, *_ = two_deploys()
    assert {each.result for each in deployments(situation(story, syncs=None))} == {"unknown"}


def test_what_other_appliers_did_is_told_and_the_overlay_is_not_told_twice() -> None:
    story, _, second = two_deploys()
    own = sync(second, history=(past(second, ago=1990.0),))
    other = sync(second, key="kustomizations/flux-system/infra", name="infra", path="./infra",
                 history=(past(second, ago=1980.0), past("ab" * 20, ago=9000.0, health=Health.BAD, status="BuildFailed")))  # fmt: skip
    found = syncs(situation(story, own, other))
    assert {each.subject for each in found} == {"Kustomization/flux-system/infra"}
    assert [(each.result, each.text) for each in found] == [("applied", ""), ("failed", "BuildFailed")]


def test_a_job_is_one_entry_that_ends_as_the_audit_log_says(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, clock=lambda: NOW)
    log.append("begun", job="j1", action="rollback", subject="auth", title="Roll back auth", who="op", host="vps",
               scope=["kustomization/flux-system/bakery-ia", "service/auth"])  # fmt: skip
    assert [each.result for each in actions(log.records())] == ["running"]
    log.append("cancel", job="j1", who="op", outcome="asked")
    log.append("ended", job="j1", outcome="partial", text="committed, not applied")
    log.append("lock-broken", who="op", subject="service/auth", text="held since 10:00")
    found = actions(log.records())
    assert [(each.kind, each.result) for each in found] == [("action", "noted"), ("action", "partial")]
    job = found[1]
    assert (job.service, job.who, job.title, job.text) == (
        "auth",
        "op@vps",
        "Roll back auth",
        "committed, not applied",
    )
    log.append("resumed", job="j1")
    assert actions(log.records())[1].result == "running"


def test_what_was_once_known_stays_known() -> None:
    story, first, second = two_deploys()
    history = (past(second, ago=1990.0), past(first, ago=3990.0))
    seen = told(situation(story, sync(second, history=history)))
    later = told(situation(story, sync(second, history=(past(second, ago=1990.0),))))
    assert by_commit(later)[first].result == "unknown"
    found = by_commit(joined(later, seen))
    assert (found[first].result, found[first].applied) == ("applied", NOW - 3990.0)
    # What is new replaces what was waiting.
    waiting = told(situation(story, sync(first, history=(past(first, ago=3990.0),))))
    assert by_commit(joined(seen, waiting))[second].result == "applied"


def test_the_book_keeps_what_is_told_and_gives_it_back_when_nothing_is(tmp_path: Path) -> None:
    story, first, second = two_deploys()
    AuditLog(tmp_path).append("begun", job="j", action="restart", cluster="https://other", title="elsewhere")
    AuditLog(tmp_path).append("begun", job="k", action="restart", cluster="https://here", title="here")
    book = PastBook("https://here", tmp_path)
    entries = book.update(told(situation(story, sync(second))), NOW)
    assert {each.commit for each in entries} >= {first, second}
    assert [each.title for each in entries if each.kind == "action"] == ["here"]
    again = PastBook("https://here", tmp_path).update([], NOW)
    assert again == entries
    assert [each.title for each in PastBook("https://other", tmp_path).update([], NOW)] == ["elsewhere"]


def test_a_broken_file_is_told_once_and_the_list_stays(tmp_path: Path) -> None:
    story, *_ = two_deploys()
    book = PastBook("here", tmp_path)
    entries = book.update(told(situation(story, syncs=None)), NOW)
    book.close()
    for each in tmp_path.glob("history.sqlite*"):
        each.write_bytes(b"broken" * 1000)
    assert book.update([], NOW) == entries
    assert any("begun anew" in each for each in book.words())
    assert book.words() == []
    assert PastBook("here", tmp_path).update([], NOW) == entries


ENTRIES = [
    Entry("a", "deploy", NOW, "applied", service="auth", who="María Núñez", title="auth: sign out", tag="t-1"),
    Entry("b", "rollback", NOW - 100, "applied", service="sales", who="Op", title="rollback(sales)"),
    Entry("c", "action", NOW - 200, "failed", subject="auth-service", who="op@vps", title="Restart auth-service"),
]


@pytest.mark.parametrize(
    ("ask", "keys"),
    [
        (Wanted(), "abc"),
        (Wanted(service="auth"), "ac"),
        (Wanted(service="auth-service"), "ac"),
        (Wanted(who="op"), "bc"),
        (Wanted(result="failed"), "c"),
        (Wanted(kind="rollback"), "b"),
        (Wanted(since=NOW - 150), "ab"),
        (Wanted(words="auth"), "ac"),
        (Wanted(words="auth !restart"), "a"),
        (Wanted(words="núñez t-1"), "a"),
    ],
)
def test_filters(ask: Wanted, keys: str) -> None:
    assert "".join(each.key for each in wanted(ENTRIES, ask)) == keys


def test_a_commit_needs_no_place_on_the_branch() -> None:
    story, *_ = two_deploys()
    story.commits[-1] = msgspec.structs.replace(commit("alone"), sha=story.commits[-1].sha)
    assert deployments(situation(story, sync(sha("unknown"))))
