from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from bakeryops.jobs.journal import Entry
from bakeryops.jobs.store import JobStore
from screens import job_watch, warm
from screens.job_watch import JobWatch
from screens.proposal import Proposal
from screens.warm import WarmPlans
from tests.support.acting_values import Planner, ended, journaled, more, rollback_plan, under_way
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(warm, "PAUSE", 0.0)
    monkeypatch.setattr(job_watch, "FIRST", 0.0)
    monkeypatch.setattr(job_watch, "EVERY", 0.02)
    monkeypatch.setattr(job_watch, "IDLE", 0.02)


class Kept:
    """Plans that are computed while the block lasts."""

    def __init__(self, planners: dict[str, Planner]) -> None:
        self.planners = planners
        self.plans = WarmPlans(self.propose)
        self._task: asyncio.Task[None] | None = None

    def propose(self, service: str) -> Proposal:
        return self.planners[service].proposal()

    async def __aenter__(self) -> WarmPlans:
        self._task = asyncio.create_task(self.plans.run())
        return self.plans

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def test_what_is_wanted_is_computed_once_and_again_when_the_world_moves() -> None:
    auth = Planner(rollback_plan(), rollback_plan(title="newer"))
    async with Kept({"auth": auth}) as plans:
        plans.want(["auth"])
        await until(lambda: not plans.lacking())
        proposal = plans.ready(auth.proposal(), "auth")
        assert proposal.warm == rollback_plan()
        assert proposal.warm_stamp == proposal.stamped()
        plans.want(["auth"])
        await asyncio.sleep(0)
        assert auth.asked == 1
        auth.stamp = 1
        assert plans.lacking() == ["auth"]
        plans.want(["auth"])
        await until(lambda: not plans.lacking())
        newer = plans.ready(auth.proposal(), "auth").warm
        assert newer is not None
        assert newer.title == "newer"


async def test_at_most_three_are_kept_and_others_are_forgotten() -> None:
    planners = {name: Planner(rollback_plan()) for name in "abcde"}
    async with Kept(planners) as plans:
        plans.want("abcde")
        await until(lambda: not plans.lacking())
        assert [name for name in planners if planners[name].asked] == ["a", "b", "c"]
        plans.want("d")
        assert plans.ready(planners["a"].proposal(), "a").warm is None
        plans.forget()
        assert plans.ready(planners["d"].proposal(), "d").warm is None


async def test_what_cannot_be_computed_stops_nothing_and_is_left_alone_for_a_while() -> None:
    bad, good = Planner(KeyError("a fault")), Planner(rollback_plan())
    async with Kept({"bad": bad, "good": good}) as plans:
        plans.want(["bad", "good"])
        await until(lambda: good.asked == 1)
        plans.want(["bad", "good"])
        await until(lambda: not plans.lacking())
        assert bad.asked == 1


async def test_jobs_are_looked_at_again_only_where_they_may_be_different(monkeypatch: pytest.MonkeyPatch) -> None:
    old = journaled([*under_way(), *ended()])
    looked: list[str] = []
    view = JobStore.view
    monkeypatch.setattr(JobStore, "view", lambda store, job: looked.append(job) or view(store, job))
    watch, told = JobWatch(), []
    task = asyncio.create_task(watch.run(lambda: told.append(1)))
    await until(lambda: watch.read)
    assert [each.id for each in watch.views] == [old]
    assert watch.going == []
    new = journaled([])
    await until(lambda: len(watch.going) == 1)
    await until(lambda: looked.count(new) > 2)
    assert looked.count(old) == 1
    more(new, [Entry(1.0, "end", state="refused", text="locked")])
    await until(lambda: not watch.going)
    count, before = len(told), watch.views
    looks = watch.looks
    await until(lambda: watch.looks > looks + 3)
    assert len(told) == count
    assert watch.views == before
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_jobs_that_cannot_be_read_are_told_and_survived(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    (folder / "20261118-110640-rollback-auth-abcd").mkdir()
    watch = JobWatch(folder)
    task = asyncio.create_task(watch.run(lambda: None))
    await until(lambda: watch.read)
    assert watch.views == ()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
