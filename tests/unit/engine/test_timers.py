"""Timers: lazy deadlines in 4 ms buckets."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pylb.engine.step import Runner
from pylb.engine.timers import RESOLUTION, Timers


def runner() -> Runner:
    return Runner(lambda run, crash: None)


def test_a_timer_fires_at_its_deadline_and_not_more_than_a_bucket_later() -> None:
    timers = Timers(lambda when: None)
    run = runner()
    timers.arm(run, 10.0)
    assert timers.expire(9.999) == []
    assert timers.expire(10.0 + 1 / RESOLUTION) == [run]
    assert run.armed == math.inf


def test_a_later_deadline_leaves_the_timer_alone() -> None:
    timers = Timers(lambda when: None)
    run = runner()
    timers.arm(run, 1.0)
    armed = run.armed
    timers.arm(run, 5.0)
    assert run.armed == armed
    assert len(timers) == 1


def test_an_earlier_deadline_moves_the_timer() -> None:
    timers = Timers(lambda when: None)
    run = runner()
    timers.arm(run, 5.0)
    timers.arm(run, 1.0)
    assert timers.expire(1.1) == [run]
    assert timers.expire(6.0) == []


def test_the_event_loop_is_asked_once_for_the_first_deadline_only() -> None:
    asked: list[float] = []
    timers = Timers(asked.append)
    for deadline in (3.0, 4.0, 5.0, 2.0, 6.0):
        timers.arm(runner(), deadline)
    assert len(asked) == 2
    assert 3.0 <= asked[0] <= 3.01 and 2.0 <= asked[1] <= 2.01


def test_a_cancelled_timer_does_not_fire_and_its_empty_bucket_is_not_waited_for() -> None:
    asked: list[float] = []
    timers = Timers(asked.append)
    first, second = runner(), runner()
    timers.arm(first, 1.0)
    timers.arm(second, 9.0)
    timers.cancel(first)
    asked.clear()
    assert timers.expire(0.5) == []
    assert asked and asked[-1] >= 9.0


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 100)), max_size=60))
def test_every_runner_fires_once_at_its_earliest_deadline(orders: list[tuple[int, float]]) -> None:
    timers = Timers(lambda when: None)
    runners = [runner() for _ in range(10)]
    earliest: dict[Runner, float] = {}
    for which, deadline in orders:
        run = runners[which]
        timers.arm(run, deadline)
        earliest[run] = min(deadline, earliest.get(run, math.inf))
    fired: dict[Runner, float] = {}
    now = 0.0
    while now <= 101:
        for run in timers.expire(now):
            assert run not in fired
            fired[run] = now
        now += 0.25
    assert set(fired) == set(earliest)
    for run, deadline in earliest.items():
        assert deadline <= fired[run] <= deadline + 0.25 + 2 / RESOLUTION
