"""Readiness of every data-path socket: one epoll instance that the event loop watches as a single descriptor.

Why not the loop's own readers: performance.md, law 1. Sockets are registered edge-triggered once and
never touched again on the ordinary way; a transport keeps what the edges said until a call proves otherwise.

Invariants:
- an event reaches a connection only through `table`, and `forget` takes it out of the table before it is closed; an
  event of the same batch meant for a closed descriptor finds nothing, or a newcomer for which it is a spurious hint;
- at most BATCH events are taken per poll and the loop gets its turn after ROUNDS polls;
- whatever crosses coroutines is queued in `ready` and runs after the batch, each entry once per turn.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from pylb.clock import Clock
from pylb.clock import clock as process_clock
from pylb.engine.step import READY, TIMEOUT, Runner, step
from pylb.engine.timers import Timers

BATCH: Final = 256
ROUNDS: Final = 64  # polls in one turn: some milliseconds under full load, then the loop's own coroutines run

IN: Final = select.EPOLLIN
OUT: Final = select.EPOLLOUT
RDHUP: Final = select.EPOLLRDHUP
EDGE: Final = select.EPOLLET
STREAM_EVENTS: Final = IN | RDHUP | EDGE  # a connection that is only read so far
STREAM_EVENTS_OUT: Final = IN | OUT | RDHUP | EDGE


class Sink(Protocol):
    """Whoever is in the table."""

    def on_events(self, mask: int) -> None: ...


class Poller:
    """The data path's view of the kernel. One per worker; `attach` hangs it under the running event loop."""

    __slots__ = (
        "_again",
        "_loop",
        "_timer",
        "clock",
        "epoll",
        "modify",
        "ready",
        "register",
        "table",
        "timers",
        "turns",
    )

    def __init__(self, clock: Clock | None = None, epoll: Any = None) -> None:
        self.clock = clock if clock is not None else process_clock
        self.epoll = epoll if epoll is not None else select.epoll()
        self.register: Callable[[int, int], Any] = self.epoll.register
        self.modify: Callable[[int, int], Any] = self.epoll.modify
        self.table: dict[int, Sink] = {}
        self.ready: deque[tuple[Runner, int]] = deque()
        self.timers = Timers(self._schedule)
        self.turns = 0
        self._loop: Any = None
        self._timer: Any = None
        self._again = False

    # -- registration

    def add(self, fd: int, sink: Sink, events: int) -> None:
        self.table[fd] = sink
        self.register(fd, events)

    def forget(self, fd: int) -> None:
        """Takes a descriptor out; the caller closes it next, which removes it from epoll."""
        self.table.pop(fd, None)

    def drop(self, fd: int) -> None:
        """Takes a descriptor out that stays open (handed to someone else, or disarmed)."""
        if self.table.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    # -- waking

    def wake(self, runner: Runner, reason: int = READY) -> None:
        """Steps a runner after the current batch."""
        self.ready.append((runner, reason))
        if not self._again and self._loop is not None:
            self._again = True
            self._loop.call_soon(self.turn)

    # -- turning

    def attach(self, loop: Any) -> None:
        self._loop = loop
        loop.add_reader(self.epoll.fileno(), self.turn)
        if self.timers:
            self._schedule(0.0)
        if self.ready:
            self.wake(*self.ready.pop())

    def detach(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self.epoll.fileno())
            if self._timer is not None:
                self._timer.cancel()
            self._loop = None

    def close(self) -> None:
        self.detach()
        self.epoll.close()

    def turn(self) -> None:
        """Handles what is ready now: up to ROUNDS batches of events, then whatever they woke."""
        self._again = True  # wake-ups from inside are handled here
        table = self.table
        poll = self.epoll.poll
        ready = self.ready
        refresh = self.clock.refresh
        self.turns += 1
        for _ in range(ROUNDS):
            events = poll(0, BATCH)
            refresh()
            for fd, mask in events:
                sink = table.get(fd)
                if sink is not None:
                    sink.on_events(mask)
            for _ in range(len(ready)):
                step(*ready.popleft())
            if not events and not ready:
                break
        self._again = False
        if ready and self._loop is not None:
            self._again = True
            self._loop.call_soon(self.turn)

    # -- time

    def _schedule(self, when: float) -> None:
        if self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, when - self.clock.refresh()), self.tick)

    def tick(self) -> None:
        """Wakes the runners whose timers are due."""
        self._timer = None
        for runner in self.timers.expire(self.clock.refresh()):
            self.wake(runner, TIMEOUT)
