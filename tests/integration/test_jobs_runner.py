"""Jobs carried out against a real API: steps in order, locks, refusals, stops, outages, kills at every line."""

from __future__ import annotations

import asyncio
import fcntl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bakeryops.demo.faults import Fault
from bakeryops.errors import RefusedError, UsageError
from bakeryops.jobs.audit import AuditLog
from bakeryops.jobs.control import cancel
from bakeryops.jobs.following import follow
from bakeryops.jobs.lease import LIFE, Locks, break_lock, lock_name, locks
from bakeryops.jobs.runner import run_job
from bakeryops.jobs.settings import Settings
from bakeryops.jobs.spawn import launch
from bakeryops.model.plan import Permission, PlanStep
from tests.support.jobs import Bench, bench
from tests.support.probe_steps import plan_of, write
from tests.support.waiting import until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
async def table(home: Path) -> AsyncIterator[Bench]:
    async with bench(home) as found:
        yield found


async def test_steps_are_carried_out_in_order_with_evidence(table: Bench, home: Path) -> None:
    out = home / "out"
    plan = plan_of(write("a", out), PlanStep("b", "probe.remember", "Remember"), scope=("service/auth",))
    view = await table.run(plan)
    assert view.state == "done", view
    assert out.read_text() == "a\n"
    assert [step.state for step in view.steps] == ["done", "done"]
    assert view.steps[0].text == "the line was written"
    assert view.steps[1].outputs["before"] == "a"
    assert view.lock == "service/auth"
    async with table.session() as (session, _):
        assert await locks(session, "bakery-ia") == []
    records = list(AuditLog().records())
    assert [(each.event, each.outcome) for each in records] == [("begun", ""), ("ended", "done")]
    assert records[0].plan == plan.hash
    assert AuditLog().verify().ok


async def test_what_is_done_already_is_found_and_not_done_again(table: Bench, home: Path) -> None:
    out = home / "out"
    out.write_text("a\n")
    view = await table.run(plan_of(write("a", out), write("b", out)))
    assert out.read_text() == "a\nb\n"
    assert [step.already for step in view.steps] == [True, False]


async def test_a_failure_before_any_change_is_a_failure_and_after_one_a_partial_state(
    table: Bench, home: Path
) -> None:
    failing = PlanStep("f", "probe.fail", "Fail")
    view = await table.run(plan_of(failing, write("a", home / "out")))
    assert (view.state, view.text, view.exit_code) == ("failed", "it went wrong", 1)
    assert (view.why, view.hint) == ("as it was told", "Tell it otherwise.")
    assert not (home / "out").exists()
    assert [(each.step, each.data) for each in table.entries(view.id) if each.event == "note"] == [
        ("f", {"key": "failed", "value": True})
    ], "what a run has to know that comes after this one"
    view = await table.run(plan_of(write("a", home / "out", partial="written, not read"), failing))
    assert (view.state, view.text) == ("partial", "written, not read: it went wrong")
    refused = PlanStep("r", "probe.fail", "Refuse", {"how": "refused"})
    view = await table.run(plan_of(refused))
    assert (view.state, view.exit_code) == ("refused", 5)


@pytest.mark.parametrize(
    ("how", "state", "text"),
    [
        ("away", "partial", "half is there: nothing answers"),
        ("timeout", "partial", "whether this was done is not known (Do half): PATCH it: no answer in time"),
        ("gone", "failed", "it does not stay"),
    ],
)
async def test_what_was_done_and_could_not_be_looked_at_is_not_called_nothing(
    table: Bench, home: Path, how: str, state: str, text: str
) -> None:
    half = PlanStep("h", "probe.half", "Do half", {"file": str(home / "out"), "how": how}, partial="half is there")
    view = await table.run(plan_of(half))
    assert (view.state, view.text) == (state, text)


async def test_a_stop_while_it_is_looked_whether_a_change_shows_says_what_was_changed(
    table: Bench, home: Path
) -> None:
    half = PlanStep("h", "probe.half", "Do half", {"file": str(home / "out"), "how": "wait"})
    job = table.create(plan_of(half))
    running = asyncio.create_task(run_job(table.store, job))
    await until(lambda: table.store.view(job).steps[0].state == "verifying")
    cancel(table.store, job, "me@here")
    assert await running == 130
    view = table.store.view(job)
    assert (view.state, view.text) == ("partial", "Do half is done, not verified: stopped by me@here")


async def test_a_stop_that_was_asked_for_before_the_job_began_is_heard(table: Bench, home: Path) -> None:
    job = table.create(plan_of(write("a", home / "out")))
    cancel(table.store, job, "me@here")
    assert await run_job(table.store, job) == 130
    assert (table.store.view(job).state, (home / "out").exists()) == ("cancelled", False)
    assert await run_job(table.store, job) == 0, "resumed, it goes on"


async def test_a_runner_finds_a_kubeconfig_that_was_named_from_where_we_are(
    table: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("KUBECONFIG", "kubeconfig")
    monkeypatch.setenv("HOME", str(home))
    args = {"services": ["auth"], "namespace": "bakery-ci", "reason": "a try"}
    step = PlanStep("h", "hold.set", "Hold auth", args)
    job = table.store.create(
        plan_of(step), Settings(replace(table.config, kubeconfig=None), table.server.url), "me@here"
    )
    launch(table.store, job)
    await until(lambda: table.store.view(job).finished, 30)
    view = table.store.view(job)
    assert view.state == "done", (view.text, view.why)


async def test_somebody_who_looks_whether_a_job_is_alive_does_not_keep_it_from_beginning(
    table: Bench, home: Path
) -> None:
    job = table.create(plan_of(write("a", home / "out")))
    looking = (table.store.folder(job) / "runner.lock").open("w")
    fcntl.flock(looking, fcntl.LOCK_SH)
    running = asyncio.create_task(run_job(table.store, job))
    await asyncio.sleep(0)  # it tries once
    looking.close()
    assert await running == 0
    assert table.store.view(job).state == "done"


async def test_a_fault_of_ours_is_told_without_what_it_says_to_nobody(table: Bench) -> None:
    job = table.create(plan_of(PlanStep("f", "probe.fail", "Fail", {"how": "fault"})))
    with pytest.raises(ValueError, match="hunter2"):
        await run_job(table.store, job)
    view = table.store.view(job)
    assert view.state == "failed"
    assert "a fault of bakeryops itself" in view.text
    assert "a fault at https://me:<hidden>@host.example/x" in view.why
    assert b"hunter2" not in (table.store.folder(job) / "journal.jsonl").read_bytes()


async def test_read_only_and_missing_rights_refuse_before_anything_is_done(table: Bench, home: Path) -> None:
    plan = plan_of(write("a", home / "out"))
    job = table.store.create(plan, Settings(replace(table.config, read_only=True), table.server.url), "me@here")
    assert await run_job(table.store, job) == 5
    assert "read-only" in table.store.view(job).text
    from tests.support.demo import kubeconfig

    viewer = str(kubeconfig(table.server, home / "viewer", user="viewer"))
    plan = plan_of(write("a", home / "out"), needs=(Permission("patch", "deployments", "bakery-ia", "", "apps"),))
    job = table.store.create(plan, Settings(replace(table.config, kubeconfig=viewer), table.server.url), "me@here")
    assert await run_job(table.store, job) == 5
    assert "you may not patch deployments in bakery-ia" in table.store.view(job).text
    assert not (home / "out").exists()


async def test_a_plan_for_another_cluster_is_not_carried_out_here(table: Bench, home: Path) -> None:
    plan = plan_of(write("a", home / "out"), scope=("service/auth",))
    job = table.store.create(plan, Settings(table.config, "https://10.9.8.7:6443"), "me@here")
    assert await run_job(table.store, job) != 0
    assert "another cluster" in table.store.view(job).text
    assert not (home / "out").exists()


async def test_a_plan_with_an_unknown_step_changes_nothing(table: Bench, home: Path) -> None:
    view = await table.run(plan_of(write("a", home / "out"), PlanStep("x", "probe.nosuch", "X")))
    assert view.state == "failed"
    assert not (home / "out").exists()


async def test_a_lock_of_somebody_else_refuses_with_the_holders_name(table: Bench, home: Path) -> None:
    async with table.session() as (session, writer):
        other = Locks(
            session, writer, "bakery-ia", ["service/auth"], job="j1", holder="dev-two@vps", title="Roll back"
        )
        assert await other.acquire() is None
        view = await table.run(plan_of(write("a", home / "out"), scope=("service/auth",)))
        assert (view.state, view.exit_code) == ("refused", 5)
        assert "locked by dev-two@vps" in view.text
        assert "Roll back" in view.text
        assert not (home / "out").exists()
        free = await table.run(plan_of(write("a", home / "out"), scope=("service/tenant",)))
        assert free.state == "done"
        job = table.create(plan_of(write("b", home / "out"), scope=("service/auth",)), wait_lock=True)
        running = asyncio.create_task(run_job(table.store, job))
        await until(lambda: "dev-two@vps" in table.store.view(job).text)
        assert table.store.view(job).state == "waiting"
        await other.release()
        assert await running == 0
        assert (home / "out").read_text() == "a\nb\n"


async def test_two_jobs_of_this_machine_exclude_each_other_while_the_cluster_is_away(
    table: Bench, home: Path
) -> None:
    table.server.faults.add(Fault("status", status=503, resource="leases"))
    gate = home / "gate"
    job = table.create(plan_of(PlanStep("w", "probe.wait", "Wait", {"file": str(gate)}), scope=("service/auth",)))
    running = asyncio.create_task(run_job(table.store, job))
    await until(lambda: "no lock in the cluster" in table.store.view(job).lock)
    view = await table.run(plan_of(write("a", home / "out"), scope=("service/auth",)), who="other@here")
    assert view.state == "refused"
    assert "me@here" in view.text
    gate.touch()
    assert await running == 0


async def test_an_abandoned_lock_is_taken_over_and_one_that_is_held_is_not(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakeryops.jobs.lease.PROOF", 0.3)
    now = time.time()
    async with table.session() as (session, writer):
        dead = Locks(
            session, writer, "bakery-ia", ["service/auth"], job="j1", holder="gone@vps", title="x",
            clock=lambda: now - LIFE - 5,
        )  # fmt: skip
        assert await dead.acquire() is None
        mine = Locks(session, writer, "bakery-ia", ["service/auth"], job="j2", holder="me@vps", title="y")
        assert await mine.acquire() is None
        lost = await dead.renew()
        assert lost is not None
        assert lost.holder == "me@vps"
        again = Locks(session, writer, "bakery-ia", ["service/auth"], job="j2", holder="me@vps", title="y")
        assert await again.acquire() is None, "the same job takes its own lock again"
        await again.release()


@pytest.mark.parametrize("wrong", [-600.0, 600.0])
async def test_a_lock_whose_holder_has_a_wrong_clock_is_not_taken_over_while_it_is_renewed(
    table: Bench, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    monkeypatch.setattr("bakeryops.jobs.lease.PROOF", 1.0)
    monkeypatch.setattr("bakeryops.jobs.lease.LIFE", 1)
    monkeypatch.setattr("bakeryops.jobs.lease._LOOK", 0.05)
    scopes = ["service/auth"]
    async with table.session() as (session, writer):
        live = Locks(
            session, writer, "bakery-ia", scopes, job="j1", holder="late@vps", title="x",
            clock=lambda: time.time() + wrong,
        )  # fmt: skip
        assert await live.acquire() is None

        async def renewing() -> None:
            while True:
                assert await live.renew() is None
                await asyncio.sleep(0.1)

        task = asyncio.create_task(renewing())
        mine = Locks(session, writer, "bakery-ia", scopes, job="j2", holder="me@vps", title="y")
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            other = await mine.acquire()
            assert other is not None
            assert other.holder == "late@vps"
            await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for _ in range(200):
            if await mine.acquire() is None:
                break
            await asyncio.sleep(0.05)
        assert mine.held, "a lock that is not renewed any more is taken over, whatever its times say"
        await mine.release()


async def test_locks_of_several_scopes_are_taken_all_or_none(table: Bench) -> None:
    async with table.session() as (session, writer):
        one = Locks(session, writer, "bakery-ia", ["service/b"], job="j1", holder="a@x", title="")
        assert await one.acquire() is None
        both = Locks(session, writer, "bakery-ia", ["service/b", "service/a"], job="j2", holder="b@x", title="")
        lock = await both.acquire()
        assert lock is not None
        assert lock.scope == "service/b"
        assert [each.scope for each in await locks(session, "bakery-ia")] == ["service/b"]


async def test_many_at_once_give_one_holder(table: Bench) -> None:
    async with table.session() as (session, writer):
        rivals = [
            Locks(session, writer, "bakery-ia", ["service/auth"], job=f"j{n}", holder=f"p{n}@x", title="")
            for n in range(8)
        ]
        found = await asyncio.gather(*(each.acquire() for each in rivals))
        assert sum(each is None for each in found) == 1


async def test_a_broken_lock_stops_its_job_before_its_next_change(
    table: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakeryops.jobs.holding.RENEW", 0.1)
    gate = home / "gate"
    plan = plan_of(
        PlanStep("w", "probe.wait", "Wait", {"file": str(gate)}, changes=False), write("a", home / "out"),
        scope=("service/auth",),
    )  # fmt: skip
    job = table.create(plan)
    running = asyncio.create_task(run_job(table.store, job))
    await until(lambda: table.store.view(job).steps[0].state == "applying")
    async with table.session() as (session, writer):
        await broken(session, writer)
        thief = Locks(session, writer, "bakery-ia", ["service/auth"], job="j9", holder="dev-two@vps", title="Mine")
        await until_taken(thief)
    await running
    view = table.store.view(job)
    assert view.state == "failed"
    assert "dev-two@vps" in view.why or "was broken" in view.why
    assert not (home / "out").exists()
    with pytest.raises(UsageError, match="nothing called"):
        async with table.session() as (session, writer):
            await break_lock(session, writer, "bakery-ia", "service/nosuch")


async def broken(session: object, writer: object) -> None:
    """Break the lock, again where its holder renews it in the same instant."""
    for _ in range(50):
        try:
            lock = await break_lock(session, writer, "bakery-ia", "service/auth")  # type: ignore[arg-type]
        except RefusedError:
            continue
        assert lock.name == lock_name("service/auth")
        return
    raise AssertionError("the lock could not be broken")


async def until_taken(thief: Locks) -> None:
    """Take the lock, also from a holder that has taken it back at once."""
    for _ in range(200):
        if await thief.acquire() is None:
            return
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        await _break_again(thief)
    raise AssertionError("the lock could not be taken")


async def _break_again(thief: Locks) -> None:
    import contextlib

    with contextlib.suppress(RefusedError, UsageError):
        await break_lock(thief._session, thief._writer, "bakery-ia", "service/auth")


async def test_a_lock_that_was_broken_is_not_taken_back_by_its_holder(table: Bench) -> None:
    async with table.session() as (session, writer):
        mine = Locks(session, writer, "bakery-ia", ["service/auth"], job="j1", holder="me@vps", title="y")
        assert await mine.acquire() is None
        await break_lock(session, writer, "bakery-ia", "service/auth")
        lost = await mine.renew()
        assert lost is not None
        assert lost.told(time.time()) == "the lock on service/auth was broken, or taken over and given back again"
        assert not mine.held
        assert await locks(session, "bakery-ia") == []


async def test_a_step_whose_connection_was_cut_is_begun_again_where_the_cluster_answers(
    table: Bench, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = table.create(plan_of(PlanStep("l", "probe.look", "Look"), write("a", home / "out")))
    running = asyncio.create_task(run_job(table.store, first))
    table.server.faults.add(Fault("drop", path="configmaps/probe", count=2))
    assert await running == 0, table.store.view(first)
    assert (home / "out").read_text() == "a\n"
    monkeypatch.setattr("bakeryops.jobs.runner._CUTS", 2.0)
    table.server.faults.add(Fault("drop", path="configmaps/probe"))
    view = await table.run(plan_of(PlanStep("l", "probe.look", "Look"), write("b", home / "out")))
    assert view.state == "failed", "it is not begun again for ever"
    assert "cut" in view.text
    assert (home / "out").read_text() == "a\n"


async def test_a_stop_is_heard_where_nothing_is_left_half_done_and_can_be_resumed(
    table: Bench, home: Path
) -> None:
    gate, out = home / "gate", home / "out"
    plan = plan_of(
        write("a", out, partial="written"),
        PlanStep("w", "probe.wait", "Wait", {"file": str(gate)}),
        write("b", out),
    )
    job = table.create(plan)
    running = asyncio.create_task(run_job(table.store, job))
    await until(lambda: table.store.view(job).steps[1].state == "applying")
    cancel(table.store, job, "dev-two@vps")
    assert await running == 130
    view = table.store.view(job)
    assert (view.state, view.text) == ("partial", "written: stopped by dev-two@vps")
    assert view.steps[1].state == "stopped"
    assert view.steps[2].state == "pending"
    gate.touch()
    assert await run_job(table.store, job) == 0
    view = table.store.view(job)
    assert (view.state, view.resumes) == ("done", 1)
    assert out.read_text() == "a\nb\n"
    assert await run_job(table.store, job) == 0, "what is done is not done again"
    assert out.read_text() == "a\nb\n"


async def test_a_stop_before_any_change_leaves_nothing(table: Bench, home: Path) -> None:
    job = table.create(
        plan_of(PlanStep("w", "probe.wait", "Wait", {"file": str(home / "gate")}), write("a", home / "out"))
    )
    running = asyncio.create_task(run_job(table.store, job))
    await until(lambda: table.store.view(job).steps[0].state == "applying")
    cancel(table.store, job, "me@here")
    assert await running == 130
    assert table.store.view(job).state == "cancelled"
    assert not (home / "out").exists()


async def test_followers_see_each_change_and_the_end(table: Bench, home: Path) -> None:
    gate = home / "gate"
    job = table.create(plan_of(PlanStep("w", "probe.wait", "Wait", {"file": str(gate)}), write("a", home / "out")))
    states: list[str] = []

    async def watch() -> None:
        async for view in follow(table.store, job):
            states.append(view.steps[0].state)
            if view.steps[0].done:
                gate.touch()
        states.append(view.state)

    watching = asyncio.create_task(watch())
    await run_job(table.store, job)
    await asyncio.wait_for(watching, 20)
    assert states[-1] == "done"
    assert "applying" in states


@pytest.mark.slow
async def test_killed_after_every_line_of_its_journal_it_ends_the_same(table: Bench, home: Path) -> None:
    out = home / "out"
    plan = plan_of(
        write("a", out), PlanStep("m", "probe.remember", "Remember"), write("b", out), scope=("service/auth",)
    )
    whole = table.create(plan)
    assert await table.child(whole) == 0
    lines = len(table.entries(whole))
    assert lines > 10
    for after in range(1, lines):
        out.unlink()
        job = table.create(plan)
        code = await table.child(job, kill_after=after)
        if code == -9:
            assert table.store.view(job).state in ("lost", "done")
            await table.child(job)
        view = table.store.view(job)
        assert view.state == "done", (after, view)
        assert out.read_text() == "a\nb\n", after
        noted = [each.data["value"] for each in table.entries(job) if each.event == "note"]
        assert view.steps[1].outputs["value"] == noted[0], "a note is found again"
    assert AuditLog().verify().ok
