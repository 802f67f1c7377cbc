"""What a stream may wait for besides its own sockets. Rules return one of these in a WAIT verdict.

`begin(run, poller)` starts the wait; `over(now)` says whether it has ended; `cancel()` lets go of it when the stream
ends first. A wait's end wakes the runner through the poller, never inline.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from typing import Any

from pylb.engine.poller import Poller
from pylb.engine.step import Runner


class Sleep:
    """A pause of `seconds`."""

    __slots__ = ("seconds", "until")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until = 0.0

    def begin(self, run: Runner, poller: Poller) -> None:
        self.until = poller.clock.now + self.seconds
        poller.timers.arm(run, self.until)

    def over(self, now: float) -> bool:
        return now >= self.until

    @property
    def deadline(self) -> float:
        return self.until

    def cancel(self) -> None:
        """A timer that fires for nothing is harmless."""


class Body:
    """Until `size` bytes of the body are there (0: all of it), at most `seconds`. The stream does the reading."""

    __slots__ = ("seconds", "size", "until")

    def __init__(self, seconds: float | None, size: int = 0) -> None:
        self.seconds = seconds
        self.size = size
        self.until = math.inf

    def begin(self, run: Runner, poller: Poller) -> None:
        if self.seconds is not None:
            self.until = poller.clock.now + self.seconds
            poller.timers.arm(run, self.until)

    def over(self, now: float) -> bool:
        return now >= self.until

    @property
    def deadline(self) -> float:
        return self.until

    def cancel(self) -> None:
        """Nothing is held."""


class Foreign:
    """An awaitable of the event loop (Lua, Python extensions, do-resolve): a real Task that the stream owns."""

    __slots__ = ("awaitable", "failure", "result", "task")

    deadline = math.inf

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self.awaitable = awaitable
        self.task: asyncio.Task[Any] | None = None
        self.result: Any = None
        self.failure: BaseException | None = None

    def begin(self, run: Runner, poller: Poller) -> None:
        async def follow() -> Any:
            return await self.awaitable

        self.task = asyncio.get_running_loop().create_task(follow())

        def done(task: asyncio.Task[Any]) -> None:
            if not task.cancelled():
                self.failure = task.exception()
                if self.failure is None:
                    self.result = task.result()
            poller.wake(run)

        self.task.add_done_callback(done)

    def over(self, now: float) -> bool:
        return self.task is not None and self.task.done()

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Waits:
    """Factories handed to rules through the program, so that the rules room need not import this one."""

    sleep = staticmethod(Sleep)
    body = staticmethod(Body)
    task = staticmethod(Foreign)
