"""slowstart: the weight of a server that came up grows in steps, driven by the clock of the event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pylb.background.runtime.show_stat import shown_weight
from pylb.config.reader import parse_text
from pylb.records.proxy import Backend
from pylb.server.equip import equip, link
from pylb.server.server import Server
from pylb.server.state import Operation, set_operation, set_state
from tests.differential.balancing import Programless


class Loop:
    """As much of an event loop as a slow start uses; `advance` is the time that passes."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, Any, Handle]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Any) -> Handle:
        handle = Handle()
        self.calls.append((when, call, handle))
        return handle

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [entry for entry in self.calls if entry[0] <= until]:
            entry = min(due, key=lambda entry: entry[0])
            self.calls.remove(entry)
            self.now = entry[0]
            if not entry[2].cancelled:
                entry[1]()
        self.now = until


class Handle:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    return made


def servers(text: str) -> list[Server]:
    config = parse_text("backend be\n    balance roundrobin\n" + text)
    assert not config.report.fatal, [item.headline() for item in config.report.items]
    backend = Backend("be", 3, config.proxies[-1])
    program = Programless(config.report)
    program.backends = {"be": backend}  # type: ignore[attr-defined]
    equip(backend, program)
    link([backend], config.report)
    return list(backend.servers)


def test_the_weight_grows_by_sixteenths_as_haproxy_shows_it(loop: Loop) -> None:
    (server,) = servers("    server s1 127.0.0.1:80 weight 10 slowstart 4s disabled\n")
    set_state(server, "ready")
    seen = []
    for _ in range(5):
        seen.append((shown_weight(server), server.ramp * 100 // 16, server.operation))
        loop.advance(1.0)
    slow, done = Operation.STARTING, Operation.RUNNING
    assert seen == [(1, 6, slow), (4, 31, slow), (6, 56, slow), (9, 81, slow), (10, 100, done)]
    assert server.warming is None


def test_a_long_start_has_steps_at_whole_seconds(loop: Loop) -> None:
    (server,) = servers("    server s1 127.0.0.1:80 weight 16 slowstart 30s disabled\n")
    set_state(server, "ready")
    seen = []
    for _ in range(13):
        seen.append(shown_weight(server))
        loop.advance(1.0)
    assert seen == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7]  # as the real program shows it
    loop.advance(17)
    assert server.eweight == 256


def test_less_than_a_second_is_one(loop: Loop) -> None:
    (server,) = servers("    server s1 127.0.0.1:80 weight 7 slowstart 500ms disabled\n")
    set_state(server, "ready")
    loop.advance(0.9)
    assert server.eweight == 7
    loop.advance(0.1)
    assert server.eweight == 112


def test_leaving_drain_is_no_start_and_maintenance_ends_one(loop: Loop) -> None:
    (server,) = servers("    server s1 127.0.0.1:80 weight 10 slowstart 4s\n")
    assert server.eweight == 160
    set_state(server, "drain")
    set_state(server, "ready")
    assert server.eweight == 160
    set_state(server, "maint")
    set_state(server, "ready")
    loop.advance(1.0)
    assert server.eweight == 50
    set_state(server, "maint")
    loop.advance(9.0)
    assert server.eweight == 0
    assert server.operation is Operation.RUNNING
    set_state(server, "ready")
    assert server.eweight == 10


def test_a_server_that_checks_find_up_again_starts_slowly(loop: Loop) -> None:
    (server,) = servers("    server s1 127.0.0.1:80 weight 10 slowstart 4s\n")
    set_operation(server, Operation.STOPPED)
    set_operation(server, Operation.RUNNING)
    assert server.operation is Operation.STARTING
    assert server.eweight == 10
    loop.advance(4.0)
    assert server.eweight == 160
    assert server.operation.name == "RUNNING"
