"""The one place that resumes a coroutine of the data path.

Protocol. A data-path coroutine is a generator that yields nothing and is sent a *reason* when something may have
changed: READY (one of its own sockets, or a wait that it asked for, has news), TIMEOUT (its timer fired; timers are
lazy, so it compares the clock with its own deadline), KILLED (an operator or a crash wants it gone), STOPPING (the
process stops: finish what is under way, start nothing new). Reasons are hints: a coroutine checks state and may be
woken for nothing.

Only events of a runner's own sockets call `step` inline. Everything that crosses coroutines (a queue slot, an idle
connection, a kill, a batch of timers) goes through `Poller.wake`, so that no coroutine ever resumes another one on
its stack. Nothing is ever thrown into a coroutine; whatever it raises ends this one alone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

READY: Final = 0
TIMEOUT: Final = 1
KILLED: Final = 2
STOPPING: Final = 3

T = TypeVar("T")
Part = Generator[None, int, T]  # a sub-coroutine that returns a T
Coroutine = Part[None]

log = logging.getLogger("pylb")


class Runner:
    """Drives one coroutine: its resume function, its timer and what to do when it is over.

    Lives as long as the coroutine. `armed` is when its timer fires (infinity: no timer), kept by engine/timers.py.
    """

    __slots__ = ("armed", "begin", "over", "send", "subject")

    def __init__(self, over: Callable[[Runner, BaseException | None], None]) -> None:
        self.send: Callable[[int], None] = _not_started
        self.armed = math.inf
        self.over = over  # called once when the coroutine ends; the exception when it crashed
        self.subject: Any = None  # what it works on (a Session), for dumps and kills

    def start(self, coroutine: Coroutine) -> None:
        """Runs the coroutine up to its first wait."""
        self.send = coroutine.send
        step(self, None)  # type: ignore[arg-type]

    @property
    def alive(self) -> bool:
        return self.send is not _finished


def step(runner: Runner, reason: int) -> None:
    """Resumes a coroutine once. Transport.on_events has it in line, nobody else calls `.send`."""
    send = runner.send
    try:
        send(reason)
    except Exception as ending:
        ended(runner, ending)


def ended(runner: Runner, ending: Exception) -> None:
    """A coroutine has raised: StopIteration at its end, anything else is a crash of this one alone."""
    runner.send = _finished
    if isinstance(ending, StopIteration):
        runner.over(runner, None)
    else:
        log.error("internal error, the stream is closed: %s", runner.subject, exc_info=ending)
        runner.over(runner, ending)


def _not_started(reason: int) -> None:
    """A wake-up before the first step: nothing to do yet."""


def _finished(reason: int) -> None:
    """A wake-up that was queued before the coroutine ended."""
