"""Whether a rollback waits for the health check of the bad revision depends on a gate of kustomize-controller."""

from __future__ import annotations

import pytest

from bakeryops.demo.chain.overlay import OVERLAY
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.drills import start_drill
from bakeryops.demo.world import GATES, build_world


@pytest.mark.parametrize(("gates", "soon"), [(GATES, True), ((), False)])
def test_a_rollback_waits_without_the_gate(gates: tuple[str, ...], soon: bool) -> None:
    clock = ManualClock()
    world = build_world(clock, life=False, gates=gates)
    session = start_drill("bad-deploy", world)
    scene, service = session.drill.scene, session.drill.service
    bad, good = scene.last_tags(service, 2)
    assert clock.run_until(lambda: scene.applied("lastAttemptedRevision") == scene.head(), 120)
    clock.advance(30)
    text = (scene.repo.read("main", OVERLAY) or b"").replace(bad.encode(), good.encode())
    scene.push("maria", f"rollback({service})", {OVERLAY: text})
    # The source is fetched within a minute; what comes then is the gate's.
    assert clock.run_until(lambda: session.reached, 90) is soon
    assert clock.run_until(lambda: session.reached, 900)
    world.clean_up()
