"""Builds Loggers from configuration text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pylb import standard
from pylb.clock import clock
from pylb.config import reader
from pylb.log import logger, targets
from pylb.log.logger import Logger

BASE = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n mode http\n"


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    """Tests set the clock by hand; afterwards it runs again."""
    yield
    clock.resync()


class Built:
    """A Logger, the program it was built for, and the problems that were reported."""

    def __init__(self, made: Logger | None, program: Any) -> None:
        self.logger = made
        self.program = program
        self.messages = [item.message for item in program.config.report.items if item.severity >= 2]


@pytest.fixture
def build() -> Iterator[Callable[..., Built]]:
    standard.load()
    programs = []

    def begin(lines: str, *, head: str = "", section: str = "frontend fe") -> Built:
        config = reader.parse_text(f"{head}\n{BASE}{section}\n" + "".join(f" {line}\n" for line in lines.split("\n")))
        program = SimpleNamespace(config=config, log_targets={}, globals=config.globals)
        made = logger.build(config.proxies[0], program)
        targets.open_all(program)
        programs.append(program)
        return Built(made, program)

    yield begin
    for program in programs:
        targets.of(program).close()
