from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest_asyncio

from tests.unit.runtime import world


@pytest_asyncio.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Any]:
    """`await cli(text)` asks as admin; `.program`, `.service`, `.paths` are what stands behind it."""
    paths = {level: str(tmp_path / f"{level}.sock") for level in ("admin", "operator", "user")}
    program = world.program(world.CONFIG.format(**paths))
    async with world.runtime(program) as service:

        async def ask(text: str | bytes, level: str = "admin") -> str:
            return await world.ask(paths[level], text)

        wrapped: Callable[..., Any] = ask
        wrapped.__dict__.update(program=program, service=service, paths=SimpleNamespace(**paths))
        yield wrapped
