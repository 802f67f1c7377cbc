"""Deadlines of data-path coroutines, cheap to set and nearly free to leave alone.

A runner has at most one timer. Timers are lazy: a later deadline is not moved, the coroutine looks at the clock when
the timer fires and arms it anew; only an earlier deadline moves it. Buckets of 4 ms hold sets of runners, a heap holds
the bucket numbers, and one call of the event loop waits for the first one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any, Final

from pylb.engine.step import Runner

RESOLUTION: Final = 250.0  # buckets per second


class Timers:
    """All timers of one worker. `schedule(when)` asks the event loop for a call of `expire` at a monotonic time."""

    __slots__ = ("_buckets", "_order", "_schedule", "_scheduled")

    def __init__(self, schedule: Callable[[float], Any]) -> None:
        self._buckets: dict[int, set[Runner]] = {}
        self._order: list[int] = []
        self._schedule = schedule
        self._scheduled = math.inf

    def arm(self, runner: Runner, deadline: float) -> None:
        """Fires at `deadline` (monotonic seconds) or up to one bucket later, unless an earlier timer is set."""
        tick = int(deadline * RESOLUTION) + 1
        when = tick / RESOLUTION
        if when >= runner.armed:
            return
        if runner.armed != math.inf:
            self.cancel(runner)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = set()
            heapq.heappush(self._order, tick)
            if when < self._scheduled:
                self._scheduled = when
                self._schedule(when)
        bucket.add(runner)
        runner.armed = when

    def cancel(self, runner: Runner) -> None:
        if runner.armed != math.inf:
            bucket = self._buckets.get(round(runner.armed * RESOLUTION))
            if bucket is not None:
                bucket.discard(runner)
            runner.armed = math.inf

    def expire(self, now: float) -> list[Runner]:
        """Takes out every runner whose timer is due and asks for the next call."""
        due: list[Runner] = []
        order = self._order
        limit = now * RESOLUTION
        while order and order[0] <= limit:
            for runner in self._buckets.pop(heapq.heappop(order)):
                runner.armed = math.inf
                due.append(runner)
        while order and not self._buckets[order[0]]:
            del self._buckets[heapq.heappop(order)]
        self._scheduled = order[0] / RESOLUTION if order else math.inf
        if order:
            self._schedule(self._scheduled)
        return due

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self._buckets.values())
