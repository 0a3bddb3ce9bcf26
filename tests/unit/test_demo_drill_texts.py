"""What a drill tells: the same for the same seed, in whole sentences, with hints in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from bakeryops.demo.clock import ManualClock
from bakeryops.demo.drills import DRILLS, DrillSession, Scene
from bakeryops.demo.drills.session import span
from bakeryops.demo.world import World, build_world

NAMES = {
    "bad-deploy", "flaky-build", "oom", "gitea-down", "flux-stuck", "api-outage", "lost-webhook", "image-gone",
    "conflicting-commits", "slow-link",
}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = build_world(ManualClock(), life=False)
    yield made
    made.clean_up()


def test_there_are_the_drills_that_there_are_to_be() -> None:
    assert set(DRILLS) == NAMES
    assert all(each.name == name for name, each in DRILLS.items())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_texts_are_whole(world: World, name: str) -> None:
    drill = DRILLS[name](Scene(world))
    assert 2 <= len(drill.hints) <= 3
    for text in (drill.title, drill.story, drill.goal, *drill.hints):
        told = drill.told(text)
        assert not re.search(r"[{}\n]|  ", told), told
    assert drill.told(drill.goal).endswith(".")
    assert drill.service in drill.told(drill.story)
    assert world.store.get("deployments.apps", "bakery-ia", drill.workload) is not None


@pytest.mark.slow
def test_the_seed_decides_which_service_it_is_about(world: World) -> None:
    clock = ManualClock()
    picked = set()
    for seed in range(4):
        other = build_world(clock, life=False, seed=seed)
        picked.add(DRILLS["oom"](Scene(other)).service)
        if seed == 0:
            assert DRILLS["oom"](Scene(other)).service == DRILLS["oom"](Scene(world)).service
        other.clean_up()
    assert len(picked) > 1


def test_a_session_counts_time_and_hints_and_beginning_twice_is_the_same() -> None:
    told = []
    for _ in range(2):
        clock = ManualClock()
        world = build_world(clock, life=False, seed=3)
        session = DrillSession(DRILLS["bad-deploy"](Scene(world)))
        session.begin()
        assert session.drill.service in world.spared
        clock.advance(100)
        status = session.status()
        assert (status["state"], status["seconds"], status["hints_given"], status["hints_left"]) == (
            "running",
            100.0,
            [],
            3,
        )
        assert session.hint()["hints_given"] == [session.drill.told(session.drill.hints[0])]
        for _ in range(5):
            session.hint()
        assert (len(session.status()["hints_given"]), session.status()["hints_left"]) == (3, 0)
        # The same seed and the same calls: the same commits, runs and pods.
        pods = sorted(pod["metadata"]["name"] for pod in session.drill.scene.pods(session.drill.service))
        told.append((session.drill.scene.head(), pods))
        world.clean_up()
    assert told[0] == told[1]


def test_the_verdict_names_the_hints_that_were_needed() -> None:
    clock = ManualClock()
    world = build_world(clock, life=False)
    session = DrillSession(DRILLS["bad-deploy"](Scene(world)))
    session.begin()
    verdicts: list[str] = []
    session.on_reached.append(verdicts.append)
    session.hint()
    session.hint()
    scene, service = session.drill.scene, session.drill.service
    before = scene.last_tags(service, 2)[1]
    text = scene.repo.read("main", "infrastructure/kubernetes/overlays/prod/kustomization.yaml") or b""
    changed = text.replace(scene.tag(service).encode(), before.encode())
    files: dict[str, bytes | None] = {"infrastructure/kubernetes/overlays/prod/kustomization.yaml": changed}
    scene.push("maria", f"rollback({service})", files)
    assert clock.run_until(lambda: session.reached, 300)
    assert verdicts == [session.verdict]
    assert re.fullmatch(r"reached in \d+s, with 2 hints \(by: [0-9a-f]{7} rollback\(\w+\)\)", session.verdict)
    world.clean_up()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (192, "3m12s"), (7260, "2h1m")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.slow
def test_life_leaves_the_service_of_a_drill_alone() -> None:
    clock = ManualClock()
    world = build_world(clock, life=True)
    session = DrillSession(DRILLS["image-gone"](Scene(world)))
    session.begin()
    service, start = session.drill.service, session.drill.scene.head()
    clock.advance(3 * 3600)
    repo = session.drill.scene.repo
    touched = [path for sha in repo.log([f"{start}..main"]) for path in repo.changed(f"{sha}^", sha)]
    assert touched
    assert not [path for path in touched if path.startswith(f"services/{service}/")]
    world.clean_up()
