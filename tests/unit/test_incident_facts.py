"""What goes into an incident: the time line, what belongs to a service, diffs without secrets, the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bakeryops.actions.ground import Ground
from bakeryops.config import Config
from bakeryops.errors import BakeryopsError, RefusedError
from bakeryops.incident.building import document_of, moment
from bakeryops.incident.document import Text, sealed
from bakeryops.incident.excerpts import cut_round, failing, of_saved
from bakeryops.incident.export import export_incident, written
from bakeryops.incident.facts import Incident, Running
from bakeryops.incident.kept import kept_of
from bakeryops.incident.saving import file_name, is_html, save
from bakeryops.incident.scope import Scope, scope_of
from bakeryops.incident.shipped import without_secrets
from bakeryops.incident.timeline import moments
from bakeryops.jobs.audit import AuditLog
from bakeryops.jobs.person import Operator
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.model.blackbox import Saved, SavedLog
from bakeryops.model.code import CodeView
from bakeryops.model.event import EventGroup
from bakeryops.model.health import Health
from bakeryops.model.history import Entry
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Past
from bakeryops.read.chain_parts import Situation
from bakeryops.read.delivery_index import DeliveryIndex
from bakeryops.read.history import told
from bakeryops.read.index import WorkloadIndex
from bakeryops.read.service import service_in
from tests.support.chain_values import NOW, Story, build, pod, revision, source, sync, tag, workloads


def situation(story: Story, **more: Any) -> Situation:
    head = story.commits[-1].sha
    loads = [msgspec.structs.replace(each, pods=(f"bakery-ia/{each.name}-1",)) for each in workloads(story.tags)]
    return Situation(
        story.view(), more.get("builds", []), [source(head)], more.get("syncs", [sync(head)]), loads, now=NOW
    )


def two_services() -> Story:
    story = Story()
    story.change("ttl", ago=5000.0, subject="auth: token ttl")
    story.change("plans", ago=4900.0, touched=("tenant",), subject="tenant: plans")
    story.change("lib", ago=4800.0, touched=("*",), subject="shared: retry")
    story.deploy("auth", "ttl", ago=4000.0)
    return story


def line(at: Situation, scope: Scope, **more: Any) -> list[str]:
    values: dict[str, Any] = {"builds": [], "pods": [], "entries": [], "saved": [], "holds": []} | more
    found = moments(at, scope, NOW - 10_000.0, NOW, **values)
    assert [each.when for each in found] == sorted(each.when for each in found)
    return [f"{each.kind} {each.what}" for each in found]


def auth(at: Situation) -> Scope:
    return scope_of(service_in(at, "auth", []), "bakery-ia")


def test_pushes_are_those_of_the_service_and_of_shared_code() -> None:
    at = situation(two_services())
    assert [each.split(" ", 2)[2] for each in line(at, auth(at))] == [
        "auth: token ttl (auth)",
        "shared: retry (shared code)",
    ]
    assert len(line(at, Scope())) == 3


def test_what_is_before_the_window_is_not_told() -> None:
    at = situation(two_services())
    assert moments(at, Scope(), NOW - 100.0, NOW, builds=[], pods=[], entries=[], saved=[], holds=[]) == []


def test_a_build_begins_and_ends_with_its_reason() -> None:
    at = situation(two_services())
    found = line(at, auth(at), builds=[build("ttl", "failed", why="test auth failed: exit 1", ago=4700.0)])
    ends = [each for each in found if each.startswith("build")]
    assert ends[0].endswith(" begins")
    assert ends[1].endswith("failed after 4m10: test auth failed: exit 1")
    running = line(at, auth(at), builds=[build("ttl", "running", ago=60.0)])
    assert sum(each.startswith("build") for each in running) == 1


def test_deployments_what_flux_applied_and_what_it_failed_to_apply() -> None:
    story = two_services()
    deployed = story.commits[-1].sha
    bad = Past(revision("f" * 40).text, "HealthCheckFailed", Health.BAD, NOW - 300, NOW - 200, 4.0, 3)
    good = Past(revision(deployed).text, "ReconciliationSucceeded", Health.FINE, NOW - 3900, NOW - 3800, 4.0, 2)
    older = Past(
        revision(story.commits[0].sha).text, "ReconciliationSucceeded", Health.FINE, NOW - 9e5, NOW - 9e5, 1.0, 1
    )
    ill = sync(deployed, attempted="f" * 40, health=Health.BAD, state="failing", why="auth is not ready",
               history=(bad, good, older), last=150.0)  # fmt: skip
    at = situation(story, syncs=[ill])
    found = line(at, auth(at), entries=told(at, []))
    assert any(each.startswith(f"deploy deploy auth {tag('ttl')} (was {tag('first')})") for each in found)
    assert f"flux Flux had applied {deployed[:7]} (auth)" in found
    assert "flux bakery-ia failed to apply fffffff: HealthCheckFailed" in found
    assert "flux Kustomization bakery-ia failing: auth is not ready" in found


def test_a_pod_that_ended_and_runs_again() -> None:
    at = situation(two_services())
    well = pod("auth", tag("ttl"), ready=100.0, restarts=3)
    box = msgspec.structs.replace(
        well.containers[0], last_ended=NOW - 120, last_exit=137, last_reason="OOMKilled", oom=True, restarts=3,
        ready=True, since=NOW - 100,
    )  # fmt: skip
    found = line(at, auth(at), pods=[msgspec.structs.replace(well, containers=(box,))])
    assert found[-2:] == [
        "pod auth-service-1 main ended with exit code 137 (out of memory), 3 restarts so far",
        "pod auth-service-1 main runs again",
    ]
    fine = msgspec.structs.replace(box, last_exit=0, oom=False, last_reason="Completed")
    assert not [
        each
        for each in line(at, auth(at), pods=[msgspec.structs.replace(well, containers=(fine,))])
        if each[:3] == "pod"
    ]


def test_actions_begin_and_end_and_holds_are_told() -> None:
    at = situation(two_services())
    action = Entry("job/j", "action", NOW - 500, "partial", "auth", "", "dev-one@vps", "Roll back auth", ended=NOW - 400,
                   job="j", action="rollback", text="committed, not applied")  # fmt: skip
    lone = Entry(
        "audit/1",
        "action",
        NOW - 300,
        "noted",
        "",
        "x",
        "dev-one@vps",
        "Break the lock x",
        text="it was held by me",
    )
    hold = Hold("auth", "dev-two", "token bug", NOW - 450, NOW + 900)
    found = line(at, auth(at), entries=[action, lone], holds=[hold])[-4:]
    assert found == [
        "action Roll back auth: begun (job j)",
        "hold auth held: token bug",
        "action Roll back auth: partial: committed, not applied (job j)",
        "action Break the lock x: it was held by me",
    ]


def saved(**more: Any) -> Saved:
    values: dict[str, Any] = {
        "verdict": "failed", "kind": "Pod", "namespace": "bakery-ia", "name": "auth-service-1", "uid": "u", "part": "main",
        "when": NOW - 200, "saved": NOW - 199, "pod": "auth-service-1", "container": "main", "service": "auth-service",
        "reason": "Error", "exit_code": 1,
    }  # fmt: skip
    return Saved(**(values | more))


@pytest.mark.parametrize(
    ("more", "mine"),
    [
        ({}, True),
        ({"service": "", "pod": "auth-db-0", "name": "auth-db-0"}, False),
        ({"service": "tenant"}, True),
        ({"service": "tenant", "name": "tenant-service-1", "pod": "tenant-service-1"}, False),
        (
            {
                "service": "tenant,auth",
                "name": "b-test",
                "pod": "b-test-pod",
                "kind": "TaskRun",
                "namespace": "bakery-ci",
            },
            True,
        ),
        ({"service": "", "build": "bakery-ia-ci-aaaaa", "name": "t", "pod": "t", "namespace": "bakery-ci"}, True),
        ({"service": "", "build": "bakery-ia-ci-zzzzz", "name": "t", "pod": "t", "namespace": "bakery-ci"}, False),
    ],
)
def test_which_failures_are_of_a_service(more: dict[str, Any], mine: bool) -> None:
    at = situation(two_services(), builds=[build("ttl")])
    assert auth(at).has_saved(saved(**more)) is mine
    assert Scope().has_saved(saved(**more))


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "warning", "mine"),
    [
        ("Pod", "bakery-ia", "auth-service-7c9-x", False, True),
        ("Deployment", "bakery-ia", "auth-service", False, True),
        ("Pod", "bakery-ia", "tenant-service-7c9-x", True, False),
        ("Pod", "other", "auth-service-7c9-x", True, False),
        ("Kustomization", "flux-system", "bakery-ia", False, True),
        ("TaskRun", "bakery-ci", "bakery-ia-ci-aaaaa-test", True, True),
        ("TaskRun", "bakery-ci", "bakery-ia-ci-aaaaa-test", False, False),
    ],
)
def test_which_events_are_of_a_service(kind: str, namespace: str, name: str, warning: bool, mine: bool) -> None:
    at = situation(two_services(), builds=[build("ttl")])
    event = EventGroup("k", warning, "R", "m", kind, namespace, name, "u", "", "", 1, 1, NOW, NOW)
    assert auth(at).has_event(event) is mine
    assert Scope().has_event(event) is warning


def test_an_excerpt_is_round_the_first_bad_line_or_at_the_end() -> None:
    lines = tuple(f"line {number}" for number in range(200))
    log = SavedLog("main", "main", lines)
    found = cut_round("t", (), log, 50)
    assert found.lines[found.marked or 0] == "line 50"
    assert (found.before, found.after > 0) == (True, True)
    assert cut_round("t", (), log, 0).lines[0] == "line 0"
    assert cut_round("t", (), log, None).lines[-1] == "line 199"
    assert cut_round("t", (), log, 5000).lines[-1] == "line 199"
    assert of_saved(saved()).missing
    assert of_saved(saved(logs=(log,), error_at=50)).lines == found.lines


def test_of_pods_that_fail_the_worst_container_is_read() -> None:
    well = pod("auth", tag("ttl"), ready=10.0)
    bad = msgspec.structs.replace(well.containers[0], name="bad", health=Health.BAD)
    ill = msgspec.structs.replace(well, health=Health.BAD, containers=(well.containers[0], bad))
    assert [(each.name, box.name) for each, box in failing([well, ill])] == [("auth-service-1", "bad")]


KUSTOMIZATION = "resources:\n- x.yaml\nsecretGenerator:\n- name: a\n  literals:\n  - JWT=abc\n"


@pytest.mark.parametrize(
    ("path", "whole", "shown"),
    [
        ("overlay/kustomization.yaml", "images: []", True),
        ("overlay/config.yaml", "kind: ConfigMap\ndata: {}", True),
        ("overlay/db.yaml", "kind: ConfigMap\n---\nkind: Secret\ndata: {}", False),
        ("overlay/db.yaml", '  kind: "Secret"', False),
        ("overlay/secrets/db.yaml", "kind: ConfigMap", False),
        ("overlay/app.env", "A=b", False),
        ("overlay/unread.yaml", "", False),
    ],
)
def test_files_that_may_hold_secrets_are_not_shown(path: str, whole: str, shown: bool) -> None:
    part = ["diff --git a/x b/x", "+  key: value"]
    assert (without_secrets(path, whole, part) is not None) is shown


def test_literals_of_a_generator_are_hidden() -> None:
    found = without_secrets(
        "overlay/kustomization.yaml", KUSTOMIZATION, ["+  - JWT=abc", "   - x.yaml", "-  - 'B=c'"]
    )
    assert found == ["+  - JWT=<hidden>", "   - x.yaml", "-  - 'B=<hidden>"]


def test_what_this_machine_keeps_is_of_the_cluster_the_window_and_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    cluster = "https://10.0.0.1:6443"
    at = situation(two_services())
    log = AuditLog(clock=lambda: NOW - 100)
    log.append(
        event="noted", action="shell", subject="auth", title="Shell in auth", who="dev-one", cluster=cluster
    )
    log.append(
        event="noted", action="shell", subject="auth", title="Elsewhere", who="dev-one", cluster="https://other"
    )
    box = BlackBoxStore()
    box.save(cluster, saved(logs=(SavedLog("main", "main", ("boom",)),)), NOW)
    box.save(cluster, saved(uid="old", when=NOW - 90_000), NOW)
    box.save(cluster, saved(uid="t", name="tenant-1", pod="tenant-1", service="tenant"), NOW)
    box.close()
    kept = kept_of(cluster, auth(at), told(at, []), NOW - 10_000, NOW)
    assert [each.title for each in kept.entries if each.kind == "action"] == ["Shell in auth"]
    assert [each.uid for each in kept.saved] == ["u"]
    assert kept.whole[kept.saved[0].id].logs[0].lines == ("boom",)
    assert kept.missing == ()
    assert len(kept_of(cluster, Scope(), [], NOW - 10_000, NOW).saved) == 2
    # What Git and Flux told once is still there when they do not answer.
    assert [
        each.service for each in kept_of(cluster, Scope(), [], NOW - 10_000, NOW).entries if each.kind == "deploy"
    ] == ["auth"]


def bare(**more: Any) -> Incident:
    return Incident("auth", "https://10.0.0.1:6443", "prod", NOW - 3600, NOW, "dev-one@vps", "1", **more)


def test_an_incident_of_which_nothing_is_known_says_so() -> None:
    text = written(bare(missing=("Cluster: connection refused", "Git: gone")))
    assert "- Cluster: connection refused\n- Git: gone" in text
    assert "Nothing is known to have happened." in text
    assert "Not known." in text[text.index("## Holds") :]
    assert text.startswith("# Incident: auth, 2025-10-10 11:40 to 2025-10-10 12:40 UTC\n")
    page = written(bare(), as_html=True)
    assert page.startswith("<!DOCTYPE html>")


def test_what_runs_is_not_guessed_while_the_cluster_is_away() -> None:
    away = Running("auth", "unknown", "unknown", "connection refused", "", "t1", "", "", "", "", known=False)
    gone = Running("tenant", "unknown", "not deployed", "", "", "t1", "", "", "", "")
    same = Running("sales", "fine", "Running", "", "t1", "t1", "1/1", "", "", "")
    document = document_of(bare(running=(same, gone, away)))
    [rows] = [getattr(each, "rows") for each in document.blocks if len(getattr(each, "titles", ())) == 8]  # noqa: B009
    assert {row[1]: row[4:6] for row in rows} == {
        "auth": ("not known", "t1"), "tenant": ("nothing", "t1"), "sales": ("t1", "the same"),
    }  # fmt: skip


@pytest.mark.parametrize("when", [None, float("inf"), float("nan"), -1e30, 1e30])
def test_a_time_that_no_calendar_has_is_unknown(when: float | None) -> None:
    assert moment(when) == "?"


def test_a_document_that_was_not_sealed_is_not_written() -> None:
    assert "\x1b" not in written(bare(missing=("\x1b]0;PWNED\x07x",)))
    assert sealed(document_of(bare())).blocks[1] == Text(
        "All times are UTC. Secrets are hidden where they were recognised; look before you hand this on."
    )


def test_a_file_is_private_and_takes_no_other_files_place(tmp_path: Path) -> None:
    path = tmp_path / "incident.md"
    save(path, "one")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RefusedError, match="is there already"):
        save(path, "two")
    assert path.read_text() == "one"
    save(path, "two", force=True)
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["incident.md"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "incident.md"
    link.symlink_to(target)
    with pytest.raises(RefusedError):
        save(link, "one")
    assert not target.exists()
    save(link, "one", force=True)
    assert not target.exists()
    assert not link.is_symlink()


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "incident.md", tmp_path / ("x" * 300)):
        with pytest.raises(BakeryopsError, match="cannot be written"):
            save(path, "one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("auth", "incident-auth-20251010T124000Z.md"),
        ("", "incident-bakery-20251010T124000Z.md"),
        ("../../etc/x", "incident-etc-x-20251010T124000Z.md"),
        ("日本", "incident-bakery-20251010T124000Z.md"),
    ],
)
def test_names_of_files(service: str, name: str) -> None:
    assert file_name(service, NOW) == name
    assert is_html(Path(file_name(service, NOW, html=True)))


async def test_an_export_where_nothing_at_all_answers_is_still_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    who = Operator("dev-one", "dev-one@example.org", "vps")
    ground = Ground(
        Config(),
        None,
        CodeView(reason="no repository is configured"),
        None,
        "",
        DeliveryIndex(),
        WorkloadIndex(),
        NOW,
        who,
    )
    (tmp_path / "exports").mkdir()
    path = await export_incident(ground, "auth", 3600.0, tmp_path / "exports", away="the disk of the node is full")
    assert path == tmp_path / "exports" / "incident-auth-20251010T124000Z.md"
    text = path.read_text("utf-8")
    assert "- Cluster: the disk of the node is full" in text
    assert "- Git: no repository is configured" in text
    with pytest.raises(RefusedError):
        await export_incident(ground, "auth", 3600.0, path)


async def test_a_service_that_nobody_knows_is_refused_only_where_all_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    who = Operator("dev-one", "dev-one@example.org", "vps")
    view = two_services().view()
    away = Ground(Config(), None, view, None, "", DeliveryIndex(), WorkloadIndex(), NOW, who)
    path = await export_incident(away, "new-service", 3600.0, tmp_path / "x.html")
    assert "<h1>Incident: new-service" in path.read_text("utf-8")
