"""What becomes of a pushed rollback where Flux, the pods or the API server do not play along; and how it goes on."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bakeryops.actions import deliver_steps
from bakeryops.demo.drills.scene import OWNER
from bakeryops.demo.server import DemoServer, Providers
from tests.support.rollback import REGISTRY, Matrix, matrix, notes
from tests.support.rollback_worlds import made
from tests.support.waiting import until

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CRASH = {"kind": "crash", "exit_code": 1, "message": "KeyError: 'REGION'"}


async def test_a_commit_that_flux_cannot_build_is_committed_and_not_applied(made: Matrix) -> None:
    old = made.tag("orders")
    await made.release("orders")
    made.rewrite(
        lambda text: text.replace("  - ../../base\n", "  - ../../base\n  - nowhere.yaml\n", 1), "a slip\n"
    )
    plan = await made.plan("orders")
    assert "which objects change is not known" in notes(plan, "unknown")
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("partial", 1)
    assert view.text.startswith("committed, not applied: Kustomization bakery-ia cannot apply")
    assert "BuildFailed" in view.text
    assert "nowhere.yaml" in view.why
    ours = made.head()
    assert made.tag("orders") == old
    mend = made.rewrite(lambda text: text.replace("  - nowhere.yaml\n", ""), "mended\n")
    again = await made.resume(view.id)
    assert (again.state, again.exit_code, again.resumes) == ("done", 0, 1)
    assert made.head().sha == mend
    assert made.head().parents == (ours.sha,)
    assert next(step for step in again.steps if step.id == "push").already
    assert made.runs("orders", old)


async def test_pods_that_crash_end_it_early_with_their_reason(made: Matrix) -> None:
    old = made.tag("tenant")
    await made.release("tenant")
    image = f"{REGISTRY}/tenant:{old}"
    made.world.images.behaviours[image] = CRASH
    try:
        view = await made.run(await made.plan("tenant"))
    finally:
        del made.world.images.behaviours[image]
    assert (view.state, view.exit_code) == ("partial", 1)
    assert view.text.startswith("applied, not verified: ")
    assert "tenant-service" in view.text
    assert "KeyError: 'REGION'" in f"{view.text} {view.why}" or "exit" in f"{view.text} {view.why}"
    assert made.tag("tenant") == old
    assert made.scene.applied("lastAttemptedRevision") == made.head().sha
    await made.release("tenant")


async def test_another_service_that_is_not_well_does_not_matter(made: Matrix) -> None:
    made.edit("kustomizations", "bakery-ia", "flux-system", lambda obj: obj["spec"].update(timeout="30s"))
    old = made.tag("inventory")
    bad_tag = made.image("sales")
    made.world.images.behaviours[f"{REGISTRY}/sales:{bad_tag}"] = CRASH
    await made.release("inventory", ready=False)
    made.together({"sales": bad_tag}, f"deploy(sales): {bad_tag}\n")
    view = await made.run(await made.plan("inventory"))
    assert (view.state, view.exit_code) == ("done", 0), (view.text, view.why)
    applied = next(step for step in view.steps if step.id == "applied")
    assert "are applied; " in applied.text
    assert "sales-service" in applied.text
    assert made.runs("inventory", old)
    view = await made.run(await made.plan("sales"))
    assert (view.state, view.exit_code) == ("done", 0), (view.text, view.why)
    made.edit("kustomizations", "bakery-ia", "flux-system", lambda obj: obj["spec"].update(timeout="5m0s"))


async def test_pods_that_run_another_digest_than_the_registry_has_are_not_ready_on_it(made: Matrix) -> None:
    old = made.tag("recipes")
    await made.release("recipes")
    made.world.gitea.registry.put(f"{OWNER}/recipes", old, "sha256:" + "ab" * 32)
    plan = await made.plan("recipes")
    ready = next(step for step in plan.steps if step.id == "ready")
    assert ready.args["workloads"][0]["digest"] == "sha256:" + "ab" * 32
    ready.args["seconds"] = 2.0
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("partial", 1)
    assert view.text.startswith("applied, not verified: ")
    assert "runs another image than the registry has under this tag" in view.text
    assert "the registry has sha256:abababababab" in view.why
    await made.running("recipes", old)


async def test_an_api_server_that_goes_away_after_the_push(made: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver_steps, "_PATIENCE", 0.5)
    old = made.tag("external")
    await made.release("external")
    plan = await made.plan("external")
    job = made.save(plan)
    port, tokens = urlsplit(made.server.url).port or 0, dict(made.server.tokens)
    await made.server.close()
    view = await made.resume(job)
    assert (view.state, view.exit_code) == ("partial", 1)
    assert view.text.startswith("committed, not applied: ")
    assert made.tag("external") == old
    ours = made.head().sha
    made.server = await _back(made, port, tokens)
    again = await made.resume(job)
    assert (again.state, again.exit_code) == ("done", 0), (again.text, again.why)
    assert made.head().sha == ours
    assert made.runs("external", old)
    assert "external" in made.holds()


async def test_a_plan_made_while_the_api_server_is_away(made: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver_steps, "_PATIENCE", 0.5)
    old = made.tag("training")
    await made.release("training")
    port, tokens = urlsplit(made.server.url).port or 0, dict(made.server.tokens)
    await made.server.close()
    plan = await made.plan("training", away="the API server refused the connection")
    assert "the commit is pushed, the rest waits" in notes(plan, "soon")
    assert [step.id for step in plan.steps] == ["look", "hold", "push", "delivered", "held"]
    view = await made.run(plan)
    assert (view.state, view.exit_code) == ("partial", 1)
    assert view.text.startswith("committed, not applied: ")
    assert made.tag("training") == old
    ours = made.head().sha
    made.server = await _back(made, port, tokens)
    again = await made.resume(view.id)
    assert (again.state, again.exit_code) == ("done", 0), (again.text, again.why)
    assert made.head().sha == ours
    assert made.runs("training", old)
    assert "training" in made.holds()


@pytest.mark.parametrize("gates", [(), None], ids=["without the gate", "with the gate"])
async def test_flux_still_waits_for_the_health_of_the_bad_revision(
    tmp_path: Path, gates: tuple[str, ...] | None
) -> None:
    options = {} if gates is None else {"gates": gates}
    async with matrix(tmp_path, speed=10.0, **options) as own:  # type: ignore[arg-type]
        own.edit("kustomizations", "bakery-ia", "flux-system", lambda obj: obj["spec"].update(timeout="30s"))
        old = own.tag("tenant")
        bad = await own.release(
            "tenant", {"services/tenant/app/core/x.py": b"X = 1  # demo: crash\n"}, ready=False
        )
        await until(lambda: own.scene.applied("lastAttemptedRevision") == own.head().sha, 20)
        await until(lambda: _checking(own), 20)
        plan = await own.plan("tenant")
        assert "still waits for the health of what it applied (at most 30s)" in notes(plan, "soon")
        view = await own.run(plan)
        assert (view.state, view.exit_code) == ("done", 0), (view.text, view.why)
        assert own.runs("tenant", old)
        waited = own.tells(view.id, f"health check of {bad.deploy_commits['tenant'][:7]} ends in")
        assert waited or gates is None


def _checking(made: Matrix) -> bool:
    conditions = made.live("kustomizations", "bakery-ia")["status"]["conditions"]
    return any(each["type"] == "Reconciling" and "health checks" in each["message"] for each in conditions)


async def _back(made: Matrix, port: int, tokens: dict[str, str]) -> DemoServer:
    server, world = DemoServer(), made.world
    await server.start(world.store, Providers(world.logs, world.usage, world.execs), port=port, tokens=tokens)
    return server
