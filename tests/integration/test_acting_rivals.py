"""Several operators at several machines, and people who push meanwhile: nobody's work is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bakeryops.cluster.writes import Writer
from bakeryops.jobs.lease import lock_name
from tests.support.cli_child import Serving, call
from tests.support.killed import OVERLAY, Shop, Undertaking, served_shop, shop
from tests.support.killed_clone import Clone
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served_shop(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
async def ana(demo: Serving) -> AsyncIterator[Shop]:
    async with shop(demo, "ana") as found:
        yield found


@pytest.fixture
async def ben(demo: Serving, tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop(demo, "ben", tmp_path / "ben") as found:
        yield found


@pytest.fixture(scope="module")
def clone(demo: Serving, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(demo, tmp_path_factory.mktemp("clone") / "work")


async def both(ana: Shop, ben: Shop, watch: float = 0.0) -> tuple[str, Undertaking, Undertaking]:
    """Plan the same rollback for both, from the same state of the world."""
    (service, hers), *_ = await ana.rollbacks(1, watch)
    (same, his), *_ = await ben.rollbacks(1, watch)
    assert service == same
    return service, ana.save(hers), ben.save(his)


async def held(job: Undertaking) -> None:
    """Wait until a job has its lock and has pushed."""
    await until(lambda: next(each for each in job.view.steps if each.id == "push").state == "done", 60.0)


async def test_the_second_is_refused_with_the_name_of_the_first_or_waits_for_it(ana: Shop, ben: Shop) -> None:
    service, hers, his = await both(ana, ben, watch=6.0)
    waiting = ben.save(his.plan, wait_lock=True)
    with hers.start() as first:
        await held(hers)
        with his.start() as second:
            assert await asyncio.to_thread(second.wait, 60) == 5
        assert his.view.state == "refused"
        assert f"service/{service} is locked by ana@bench" in his.view.text
        assert hers.plan.title in his.view.text
        with waiting.start() as third:
            await until(lambda: waiting.view.state == "waiting" and "ana@bench" in waiting.view.text, 60.0)
            assert await asyncio.to_thread(first.wait, 120) == 0
            assert await asyncio.to_thread(third.wait, 120) == 0
    assert len(ana.commits(hers.change)) == 1
    assert ben.commits(his.change) == [], "what the first did is not done again"
    assert waiting.view.state == "done"
    assert await ana.locked() == []
    assert ben.audited(his.job) == ["begun", "ended"]


async def test_of_many_that_start_at_once_one_does_it(ana: Shop, ben: Shop) -> None:
    for _ in range(3):
        _, hers, his = await both(ana, ben)
        jobs = [hers, his, ana.save(hers.plan), ben.save(his.plan)]
        children = [job.start() for job in jobs]
        codes = [await asyncio.to_thread(child.wait, 120) for child in children]
        for child in children:
            child.communicate()
        assert set(codes) <= {0, 5}, [job.view for job in jobs]
        assert 0 in codes
        assert len(ana.commits(hers.change)) + len(ana.commits(his.change)) == 1
        assert await ana.locked() == []


async def test_pushes_in_a_loop_and_rollbacks_lose_nothing_of_each_other(ana: Shop, clone: Clone) -> None:
    plans = await ana.rollbacks(4)
    arrived: list[str] = []
    enough = threading.Event()

    def push() -> None:
        # Some pushes a second; without any pause one that takes longer than a push would never have its turn.
        while not enough.wait(0.25):
            commit = clone.pushed("docs/notes.md", f"{len(arrived)}\n")
            arrived.extend([commit] if commit else [])

    pushing = asyncio.create_task(asyncio.to_thread(push))
    try:
        await until(lambda: len(arrived) > 2, 60.0)
        jobs = [ana.save(plan) for _, plan in plans]
        for job in jobs:
            with job.start() as child:
                assert await asyncio.to_thread(child.wait, 120) == 0, job.told
            child.communicate()
    finally:
        enough.set()
        await pushing
    branch = set(ana.git("rev-list", "main").split())
    assert set(arrived) <= branch
    assert len(arrived) > 5
    for job in jobs:
        assert len(ana.commits(job.change)) == 1
        await holds_what_it_says(job)
    assert ana.git("log", "--merges", "--format=%H", f"{arrived[0]}..main") == ""


async def holds_what_it_says(job: Undertaking) -> None:
    """See that the overlay at the tip says what a rollback wanted."""
    step = next(each for each in job.plan.steps if each.kind == "git.edit")
    text = job.shop.git("show", f"main:{OVERLAY}")
    for name, entry in step.args["edit"]["after"].items():
        line = text.partition(f"name: {name}\n")[2].partition("\n")[0]
        assert entry["tag"] in line, (name, line)


async def test_a_push_between_preview_and_confirm_is_kept_or_stops_it(ana: Shop, clone: Clone) -> None:
    (_, one), (second, two) = await ana.rollbacks(2)
    first, other = ana.save(one), ana.save(two)
    edit = next(each for each in two.steps if each.kind == "git.edit").args["edit"]
    name, before = next(iter(edit["before"].items()))
    clone.fetched()
    text = (clone.folder / OVERLAY).read_text()
    assert text.count(f"{name}\n    newTag: {before['tag']}") == 1
    fresh = text.replace(
        f"{name}\n    newTag: {before['tag']}", f"{name}\n    newTag: 20990101000000-aaaaaaaaaaaa"
    )
    commit = clone.pushed(OVERLAY, fresh)
    assert commit
    with first.start() as child:
        assert await asyncio.to_thread(child.wait, 120) == 0, first.told
    await holds_what_it_says(first)
    with other.start() as child:
        assert await asyncio.to_thread(child.wait, 120) != 0
    assert f"{second} is at 20990101000000-aaaaaaaaaaaa by now" in other.view.text
    assert ana.commits(other.change) == []
    assert "20990101000000-aaaaaaaaaaaa" in ana.git("show", f"main:{OVERLAY}")
    assert commit in ana.git("rev-list", "main").split()
    clone.fetched()
    assert clone.pushed(
        OVERLAY, (clone.folder / OVERLAY).read_text().replace("20990101000000-aaaaaaaaaaaa", before["tag"])
    )


async def test_the_lock_of_a_killed_runner_is_taken_over_after_its_life(ana: Shop, ben: Shop) -> None:
    service, hers, his = await both(ana, ben, watch=6.0)
    with hers.start() as child:
        await held(hers)
        child.kill()
    assert hers.view.state == "lost"
    with his.start() as child:
        assert await asyncio.to_thread(child.wait, 60) == 5, "its life is not over yet"
    assert "ana@bench" in his.view.text
    writer = Writer(ana.session.transport, ana.session.discovery)
    past = {"spec": {"renewTime": "2001-01-01T00:00:00.000000Z"}}
    await writer.patch("leases", lock_name(f"service/{service}"), "bakery-ia", past)
    shown = call(ben.home, "--config", str(ben.demo.folder / "config.yaml"), "jobs", "locks")
    assert "abandoned" in shown.out
    with his.start() as second:
        await until(lambda: his.view.lock.endswith(f"service/{service}") and his.view.state == "running", 60.0)
        # The first comes back while the second is at work.
        with hers.start() as child:
            assert await asyncio.to_thread(child.wait, 60) != 0
        assert "ben@bench" in hers.view.text
        assert await asyncio.to_thread(second.wait, 120) == 0, his.told
    with hers.start() as child:
        assert await asyncio.to_thread(child.wait, 120) == 0, hers.told
    assert len(ana.commits(hers.change)) == 1
    assert ana.commits(his.change) == []
    assert await ana.locked() == []


async def test_a_broken_lock_goes_to_who_waits_and_its_holder_hears_of_it(ana: Shop, ben: Shop) -> None:
    service, hers, _ = await both(ana, ben, watch=20.0)
    waiting = ben.save((await ben.rollback(service, watch=0.0)).plan, wait_lock=True)
    config = str(ben.demo.folder / "config.yaml")
    with hers.start() as first:
        await held(hers)
        with waiting.start() as second:
            await until(lambda: waiting.view.state == "waiting", 60.0)
            unsaid = call(ben.home, "--config", config, "jobs", "locks", "--break", f"service/{service}")
            assert unsaid.code == 5, unsaid
            assert "ana@bench" in unsaid.err
            for _ in range(10):
                broken = call(
                    ben.home, "--config", config, "jobs", "locks", "--break", f"service/{service}", "--yes"
                )
                assert broken.code in (0, 5), broken
                with contextlib.suppress(TimeoutError):
                    await until(lambda: waiting.view.state not in ("waiting", "lost"), 3.0)
                    break
            assert await asyncio.to_thread(second.wait, 120) == 0, waiting.told
        assert await asyncio.to_thread(first.wait, 60) == 1, hers.told
    assert "was broken, or taken over" in hers.view.why or "ben@bench" in hers.view.why
    assert "the lock was taken away" in hers.view.text
    assert len(ana.commits(hers.change)) == 1
    assert "lock-broken" in ben.audited(hers.job)
