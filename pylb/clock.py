"""Cached time. The hot path reads attributes; only the poller and the loop's own coroutines refresh them.

`now` is monotonic seconds, taken once per wake-up of the poller. Wall-clock time is `wall = now + offset`, so that
dates of one wake-up agree with its durations. Tests pass a `Clock` of their own and set `now` by hand.
"""

from __future__ import annotations

import time


class Clock:
    """Monotonic and wall time of the current wake-up; lives as long as its worker."""

    __slots__ = ("now", "offset", "source")

    def __init__(self, source: object = time.monotonic) -> None:
        self.source = source
        self.now: float = 0.0
        self.offset: float = 0.0
        self.resync()

    def refresh(self) -> float:
        now: float = self.source()  # type: ignore[operator]
        self.now = now
        return now

    def resync(self) -> None:
        """Re-reads the distance between wall and monotonic time (start, and once a second)."""
        self.offset = time.time() - self.refresh()

    @property
    def wall(self) -> float:
        return self.now + self.offset


clock = Clock()
