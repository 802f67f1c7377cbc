"""How everything beside the request path starts, tells that it is ready, and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Service:
    """A background service: `start` once, `ready` when it serves, `stop` once. Lives as long as its worker.

    A service implements `run`, which works until it is cancelled, and calls `self.ready.set()` when others may rely on
    it. Tasks made with `spawn` end with the service. What `run` raises is kept in `failure` and ends the service alone.
    """

    name = "service"

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.failure: BaseException | None = None
        self._main: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Begins to run; returns when the service is ready, or has ended before that."""
        self._main = asyncio.create_task(self._guarded(), name=self.name)
        waiting = asyncio.create_task(self.ready.wait())
        await asyncio.wait((self._main, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def _guarded(self) -> None:
        try:
            await self.run()
        except asyncio.CancelledError:
            raise
        except Exception as failure:  # kept for whoever supervises
            self.failure = failure

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this service, cancelled when the service stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Cancels everything and waits until it is gone. Safe to call twice, and before start."""
        tasks = [task for task in (self._main, *self._tasks) if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._main = None
