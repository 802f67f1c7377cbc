"""Background services: ready, failing, stopping."""

from __future__ import annotations

import asyncio

from pylb.background.base import Service


class Working(Service):
    def __init__(self) -> None:
        super().__init__()
        self.ended: list[str] = []

    async def _forever(self, name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append(name)

    async def run(self) -> None:
        self.spawn(self._forever("child"))
        self.ready.set()
        await self._forever("main")


async def test_start_returns_when_the_service_is_ready() -> None:
    service = Working()
    await service.start()
    assert service.ready.is_set()
    await asyncio.sleep(0)
    await service.stop()
    assert sorted(service.ended) == ["child", "main"]
    await service.stop()


async def test_a_service_that_fails_early_does_not_hang_its_start() -> None:
    class Broken(Service):
        async def run(self) -> None:
            raise RuntimeError("no")

    service = Broken()
    await service.start()
    assert isinstance(service.failure, RuntimeError) and not service.ready.is_set()
    await service.stop()


async def test_stop_before_start_is_nothing() -> None:
    await Working().stop()
