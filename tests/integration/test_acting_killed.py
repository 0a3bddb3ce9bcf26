"""Runners of real rollbacks and rebuilds, killed with SIGKILL wherever they can be: one effect, and the same end."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from bakeryops.jobs.spawn import resume
from tests.support.cli_child import Serving
from tests.support.killed import Reaper, Shop, Undertaking, reaper, served_shop, shop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served_shop(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def death(demo: Serving) -> Iterator[Reaper]:
    with reaper(demo.home) as found:
        yield found


@pytest.fixture
async def bakery(demo: Serving) -> AsyncIterator[Shop]:
    async with shop(demo) as found:
        yield found


async def well_done(job: Undertaking, service: str) -> None:
    """See that a rollback came to exactly what it says, once."""
    bakery, view = job.shop, job.view
    assert (view.state, view.exit_code) == ("done", 0), view
    assert len(bakery.commits(job.change)) == 1
    hold = await bakery.hold(service)
    assert hold is not None
    assert hold.job == job.job
    step = next(each for each in job.plan.steps if each.kind == "deliver.ready")
    wanted = step.args["workloads"][0]["image"].rpartition(":")[2]
    assert await bakery.images(step.args["workloads"][0]["name"]) == [wanted]
    assert f"service/{service}" not in await bakery.locked()
    events = bakery.audited(job.job)
    assert events[0] == "begun"
    assert events[-1] == "ended"
    assert set(events) <= {"begun", "resumed", "ended"}, events


async def test_a_rollback_killed_at_one_event_after_the_other(bakery: Shop, death: Reaper) -> None:
    job = await bakery.rollback("auth")
    since, places = None, []
    for at in range(1, 400):
        found = await death.run(job.job, at)
        places.append(found["event"])
        hold = await bakery.hold("auth")
        since = since or (hold.since if hold is not None else None)
        assert len(bakery.commits(job.change)) <= 1, places
        if found["code"] != -9:
            break
        assert job.view.state in ("waiting", "lost", "done"), found
    await well_done(job, "auth")
    hold = await bakery.hold("auth")
    assert hold is not None
    assert hold.since == since, "it was set once"


PLACES = (
    "before P.* .*configmaps", "after P.* .*configmaps", "amid git unpack-objects", "before git push",
    "half line note push", "amid git push", "after git push", "half line step push verifying",
    "half line step push done", "before PATCH .*gitrepositories", "after PATCH .*kustomizations",
    "before PATCH .*kustomizations", "half line step applied verifying",
)  # fmt: skip
"""Where a first run dies: around every effect."""


async def test_killed_around_each_effect_and_resumed_all_at_once_they_end_well(
    bakery: Shop, death: Reaper
) -> None:
    jobs = []
    for place, (service, plan) in zip(PLACES, await bakery.rollbacks(len(PLACES)), strict=True):
        job = bakery.save(plan)
        found = await death.run(job.job, 1, place)
        # Flux may have fetched the commit by itself, told by the webhook: then it is not asked.
        assert found["code"] == -9 or "gitrepositories" in place, (place, found)
        if "unpack" in place:
            for mirror in (bakery.demo.home / "state" / "bakeryops" / "git").glob("*.git"):
                shutil.rmtree(mirror)
        jobs.append((place, service, job))
    for _, _, job in jobs:
        if job.view.state != "done":
            resume(bakery.store, job.job)
    for place, service, job in jobs:
        assert (await job.ended()).state == "done", (place, job.view)
        await well_done(job, service)


async def test_a_rebuild_killed_at_one_event_after_the_other_makes_one_run(bakery: Shop, death: Reaper) -> None:
    job = await bakery.rebuild("tenant")
    name = str(job.plan.steps[0].args["name"])
    before = {each for each in await bakery.runs() if each != name}
    for at in range(1, 400):
        found = await death.run(job.job, at)
        made = {each for each in await bakery.runs("tenant") if each not in before}
        assert made <= {name}, found
        if found["code"] != -9:
            break
    view = job.view
    assert (view.state, view.exit_code) == ("done", 0), view
    assert {each for each in await bakery.runs("tenant") if each not in before} == {name}
    events = bakery.audited(job.job)
    assert (events[0], events[-1]) == ("begun", "ended")
    assert [each for each in await bakery.locked() if "tenant" in each] == []


@pytest.mark.parametrize("place", ["before POST .*pipelineruns", "after POST .*pipelineruns", "line step follow"])
async def test_a_rebuild_killed_around_its_one_request_goes_on_to_the_deployment(
    bakery: Shop, death: Reaper, place: str
) -> None:
    job = await bakery.rebuild("tenant", wait=True)
    name = str(job.plan.steps[0].args["name"])
    found = await death.run(job.job, 1, place)
    assert found["code"] == -9, found
    assert (name in await bakery.runs("tenant")) == ("before" not in place)
    resume(bakery.store, job.job)
    assert (await job.ended()).state == "done", job.view
    assert (await bakery.runs("tenant")).count(name) == 1
    assert bakery.audited(job.job) == ["begun", "resumed", "ended"]
