"""The embedded cluster's clocks: order, cancelling, speed."""

from __future__ import annotations

import asyncio

import pytest

from bakeryops.demo.clock import ManualClock, WallClock


def test_calls_are_made_in_the_order_they_are_due_and_of_one_instant_as_asked() -> None:
    clock, seen = ManualClock(100.0), []
    clock.call_later(2, lambda: seen.append("late"))
    clock.call_later(1, lambda: seen.append("first"))
    clock.call_at(101.0, lambda: seen.append("second"))
    clock.advance(5)
    assert seen == ["first", "second", "late"]
    assert clock.now() == 105.0


def test_time_within_a_call_is_the_time_it_was_due() -> None:
    clock, seen = ManualClock(0.0), []
    clock.call_later(1.5, lambda: clock.call_later(1.0, lambda: seen.append(clock.now())))
    clock.advance(10)
    assert seen == [2.5]


def test_a_call_that_was_taken_back_is_not_made() -> None:
    clock, seen = ManualClock(), []
    call = clock.call_later(1, lambda: seen.append(1))
    call.cancel()
    call.cancel()
    clock.advance(2)
    assert seen == []


def test_run_until_stops_when_the_condition_holds_and_gives_up_at_its_time() -> None:
    clock, seen = ManualClock(0.0), []
    for number in range(1, 6):
        clock.call_at(float(number), lambda number=number: seen.append(number))
    assert clock.run_until(lambda: len(seen) == 2)
    assert clock.now() == 2.0
    assert not clock.run_until(lambda: len(seen) == 5, timeout=1.5)
    assert seen == [1, 2, 3]


async def test_the_wall_clock_makes_calls_in_order_and_runs_faster_when_asked() -> None:
    clock, seen, done = WallClock(1000.0, start=5000.0), [], asyncio.Event()
    clock.call_later(30.0, lambda: (seen.append(("b", clock.now())), done.set()))
    clock.call_later(10.0, lambda: seen.append(("a", clock.now())))
    begun = clock.now()
    await asyncio.wait_for(done.wait(), 10)
    assert [name for name, _ in seen] == ["a", "b"]
    assert 10.0 <= seen[0][1] - 5000.0 < 30.0 <= seen[1][1] - 5000.0 + 1
    assert clock.now() - begun >= 29.0
    clock.close()


def test_what_was_asked_before_the_loop_ran_is_called_after_start() -> None:
    clock, seen = WallClock(1000.0), []
    clock.call_later(1.0, lambda: seen.append("early"))

    async def run() -> None:
        clock.start()
        for _ in range(10_000):
            if seen:
                return
            await asyncio.sleep(0.001)

    asyncio.run(run())
    assert seen == ["early"]


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        WallClock(0)


def test_calls_taken_back_do_not_pile_up_and_the_others_keep_their_order() -> None:
    clock = ManualClock()
    made: list[int] = []
    for number in range(2000):
        clock.call_later(1000 + number % 7, lambda: None).cancel()
        if number % 100 == 0:
            clock.call_later(50, lambda number=number: made.append(number))
    assert len(clock._agenda) < 300
    clock.advance(2000)
    assert made == list(range(0, 2000, 100))
    assert len(clock._agenda) == 0
