"""Facts about the process that the runtime socket reports: who it is, since when, and its limits."""

from __future__ import annotations

import os
import resource
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from pylb.clock import clock

VERSION = "2.6.12"  # the HAProxy release whose formats and field lists these are


def open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@dataclass(slots=True)
class ProcessFacts:
    """One per process: `program.process`. Lives as long as the program; a fork calls `refresh`."""

    pid: int = field(default_factory=os.getpid)
    start_wall: float = field(default_factory=time.time)
    start: float = field(default_factory=time.monotonic)
    node: str = field(default_factory=socket.gethostname)
    description: str = ""
    version: str = "0.1.0"
    release_date: str = "2026/11/22"
    nbthread: int = 1
    number: int = 1
    maxconn: int = 2000
    hard_maxconn: int = 2000
    maxconnrate: int = 0
    maxsessrate: int = 0
    memmax: int = 0
    ulimit_n: int = field(default_factory=open_files)
    stopping: bool = False
    tainted: int = 0
    startup_logs: str = ""
    cli_sockets: list[Any] = field(default_factory=list)

    def refresh(self) -> None:
        """After a fork or a change of limits."""
        self.pid = os.getpid()
        self.ulimit_n = open_files()

    @property
    def uptime(self) -> float:
        return max(0.0, clock.source() - self.start) if callable(clock.source) else 0.0


def of(program: Any) -> ProcessFacts:
    """The program's facts, filled from its globals on first use."""
    facts: ProcessFacts | None = getattr(program, "process", None)
    if facts is None:
        facts = program.process = ProcessFacts()
        values = program.config.globals
        facts.maxconn = facts.hard_maxconn = getattr(program, "maxconn", 0) or values.get("maxconn", 2000)
        facts.maxconnrate = values.get("maxconnrate", 0)
        facts.maxsessrate = values.get("maxsessrate", 0)
        facts.node = values.get("node") or facts.node
        facts.description = values.get("description") or ""
    return facts
