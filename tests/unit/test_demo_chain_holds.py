"""Held services keep their tags, and the others get theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakeryops.demo.bakery.tasks import CI, tasks
from bakeryops.demo.chain.deploy import Deployed, Release, deploy
from bakeryops.demo.chain.holds import HOLDS, Hold, read_hold, read_holds
from bakeryops.demo.chain.overlay import OVERLAY, tag_of
from bakeryops.demo.git import BareRepo
from tests.support.demo import static_store

IMAGES = "registry.example.org/bakery"
NOW = 1_790_000_000.0
TEXT = f"""\
images:
  - name: {IMAGES}/auth
    newTag: 20260101000000-000000000000
  - name: {IMAGES}/orders
    newTag: 20260101000000-000000000000
"""


def released(folder: Path, **holds: Hold) -> tuple[Deployed, dict[str, str]]:
    """Deploy both services with some of them held; return what was done and the tags after it."""
    git = BareRepo.create(folder / "mono.git")
    try:
        source = git.commit("main", {OVERLAY: TEXT.encode()}, "Change\n", "Marta", "marta@example.org", NOW)
        release = Release(["auth", "orders"], f"20260202000000-{source[:12]}", source, "run-1", IMAGES)
        done = deploy(git, release, email="bot@example.org", when=NOW, seen=source, holds=holds)
        text = (git.read("main", OVERLAY) or b"").decode()
    finally:
        git.close()
    return done, {name: str(tag_of(text, f"{IMAGES}/{name}")) for name in ("auth", "orders")}


def test_a_held_service_is_left_and_the_others_go_on(tmp_path: Path) -> None:
    done, tags = released(tmp_path, auth=Hold("ops", "until the migration is through", "2027-01-01T00:00:00Z"))
    assert not done.failed
    assert len(done.commits) == 1
    assert tags["auth"] == "20260101000000-000000000000"
    assert tags["orders"].startswith("20260202000000-")
    said = "auth: held by ops until 2027-01-01T00:00:00Z: until the migration is through; left at 20260101000000-000000000000"
    assert any(said in line for line in done.lines)


def test_nothing_is_committed_where_all_are_held(tmp_path: Path) -> None:
    done, tags = released(tmp_path, auth=Hold("ops", "x", ""), orders=Hold("ops", "x", ""))
    assert (done.commits, done.failed) == ((), False)
    assert done.lines[-1] == "nothing to commit"
    assert set(tags.values()) == {"20260101000000-000000000000"}


@pytest.mark.parametrize(
    ("until", "held"),
    [("2026-09-21T14:13:20Z", False), ("2026-09-21T14:13:21Z", True), ("", True), ("next week", True)],
)
def test_a_hold_ends_at_its_time_on_the_clusters_clock(tmp_path: Path, until: str, held: bool) -> None:
    _, tags = released(tmp_path, auth=Hold("ops", "x", until))
    assert tags["auth"].startswith("20260101") is held


def test_holds_are_read_from_the_config_map() -> None:
    store = static_store(CI)
    assert read_holds(store, CI) == {}
    entry = {"reason": "a\n\x1b[2Jbad deploy", "owner": "ops", "since": "2026-01-01T00:00:00Z", "until": None}
    data = {"auth": json.dumps(entry), "orders": "until monday", "pos": "[]"}
    store.create("configmaps", {"metadata": {"name": HOLDS, "namespace": CI}, "data": data}, manager="test")
    holds = read_holds(store, CI)
    assert holds["auth"].owner == "ops"
    assert holds["auth"].until == ""
    assert holds["auth"].told("auth", "1").startswith("auth: held by ops until lifted: a ")
    # What cannot be read is held all the same.
    assert not holds["orders"].over(NOW)
    assert not holds["pos"].over(NOW)
    assert read_hold("{}").reason == "no reason given"


def test_the_task_mounts_the_holds_where_there_are_any() -> None:
    [task] = [each for each in tasks() if each["metadata"]["name"] == "update-tag"]
    [volume] = task["spec"]["volumes"]
    assert volume["configMap"] == {"name": HOLDS, "optional": True}
    [step] = task["spec"]["steps"]
    [mount] = step["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert {"name": "HOLDS", "value": mount["mountPath"]} in step["env"]
