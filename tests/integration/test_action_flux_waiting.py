"""A revision waited for while an older health check holds it up, while it is broken, and while the API is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bakeryops.actions.flux import plan_reconcile
from bakeryops.demo.chain.overlay import OVERLAY, set_tag
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.jobs.step import StepFailedError
from tests.support.bench import Bench, bench
from tests.support.chain import IMAGES
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KEY = ("Kustomization", "flux-system", "bakery-ia")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, speed=5.0) as made:
        # As most clusters run it: a new commit does not end an older one's health check.
        made.chain.world.flux._kustomizations._cancel = False
        made.change("kustomizations", "bakery-ia", {"timeout": "20s"})
        yield made


async def deploy(lab: Bench, tag: str) -> str:
    """Commit another tag for auth, as the pipeline or a rollback does, and return the commit."""
    await lab.chain.git("pull", "--quiet", "--rebase", "origin", "main")
    path = lab.chain.clone / OVERLAY
    text = set_tag(path.read_text("utf-8"), f"{IMAGES}/auth", tag)
    assert text is not None
    path.write_text(text, encoding="utf-8")
    await lab.chain.git("commit", "--quiet", "--all", "--message", f"deploy(auth): {tag} [skip ci]")
    await lab.chain.push()
    return await lab.chain.head()


def status(lab: Bench) -> dict:  # type: ignore[type-arg]
    return dict(lab.live("kustomizations", "bakery-ia")["status"])


def checks(lab: Bench, sha: str) -> bool:
    """Tell whether the health check of a commit waits."""
    messages = [each["message"] for each in status(lab)["conditions"] if each["type"] == "Reconciling"]
    return any("health checks" in each and sha in each for each in messages)


async def test_an_older_health_check_is_waited_past_and_told_of(lab: Bench) -> None:
    good = lab.chain.tag("auth")
    bad = await deploy(lab, "20990101000000-aaaaaaaaaaaa")
    await until(lambda: checks(lab, bad), 20)
    back = await deploy(lab, good)
    evidence = await lab.carry_out(await lab.plan(plan_reconcile, *KEY))
    assert evidence[-1] == f"Kustomization bakery-ia has applied main@sha1:{back}"
    assert any(f"health check of {bad[:7]} ends in" in text for text in lab.told), lab.told


async def test_a_revision_that_cannot_be_built_ends_the_wait_at_once(lab: Bench) -> None:
    (lab.chain.clone / Path(OVERLAY).parent / "broken.yaml").write_text("{", encoding="utf-8")
    path = lab.chain.clone / OVERLAY
    path.write_text(path.read_text("utf-8").replace("resources:\n", "resources:\n  - broken.yaml\n", 1))
    sha = await lab.chain.commit("deploy: a slip [skip ci]")
    await lab.chain.push()
    with pytest.raises(StepFailedError, match=f"cannot apply {sha[:7]}: BuildFailed"):
        async with asyncio.timeout(30):
            await lab.carry_out(await lab.plan(plan_reconcile, *KEY))


async def test_objects_that_do_not_become_healthy_are_told_of_as_applied(lab: Bench) -> None:
    sha = await deploy(lab, "20990101000000-aaaaaaaaaaaa")
    with pytest.raises(StepFailedError, match="its objects did not become healthy") as failed:
        async with asyncio.timeout(60):
            await lab.carry_out(await lab.plan(plan_reconcile, *KEY))
    assert sha[:7] in failed.value.message
    assert "auth-service" in failed.value.why


async def test_an_api_server_that_goes_away_is_waited_for(lab: Bench) -> None:
    lab.change("kustomizations", "bakery-ia", {"timeout": "60s"})
    good = lab.chain.tag("auth")
    bad = await deploy(lab, "20990101000000-aaaaaaaaaaaa")
    await until(lambda: checks(lab, bad), 20)
    back = await deploy(lab, good)
    plan = await lab.plan(plan_reconcile, *KEY)
    work = asyncio.ensure_future(lab.carry_out(plan))
    await until(lambda: any("health check of" in text for text in lab.told), 20)
    port, tokens = urlsplit(lab.server.url).port or 0, dict(lab.server.tokens)
    await lab.server.close()
    await until(lambda: any("does not answer" in text for text in lab.told), 20)
    again, world = DemoServer(), lab.chain.world
    await again.start(world.store, Providers(world.logs, world.usage, world.execs), port=port, tokens=tokens)
    try:
        async with asyncio.timeout(60):
            assert (await work)[-1] == f"Kustomization bakery-ia has applied main@sha1:{back}"
        assert "the API server answers again" in lab.told
    finally:
        work.cancel()
        await again.close()
