"""How many idle connections are kept, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from pylb.server import pool
from tests.unit.server.backends import backend_of


class Conn:
    """A transport as far as the pool closes and registers it."""

    def __init__(self) -> None:
        self.fd = 1
        self.runner: Any = None
        self.poller = self
        self.table: dict[int, Any] = {}
        self.closed = False

    def abandon(self) -> None:
        self.closed = True


class Back:
    """A connection to a server."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.conn = Conn()
        self.heads = 1
        self.private = False
        self.opening = b""
        self.idle_since = 0.0


def server_with(words: str = "") -> Any:
    return backend_of(f"server s1 127.0.0.1:1 {words}", http=True).b.servers[0]


def given(server: Any, served: int, now: float = 0.0) -> Back:
    """A connection whose stream is the last but `served` - 1 to hold a slot."""
    server.served = served
    back = Back(server)
    pool.give(back, now, "safe", None)  # type: ignore[arg-type]
    server.served -= 1
    return back


def peak(server: Any, streams: int, now: float = 0.0) -> list[Back]:
    """So many streams at a time, over one after the other."""
    return [given(server, served, now) for served in range(streams, 0, -1)]


@pytest.mark.parametrize(
    ("words", "kept"),
    [("", 3), ("pool-max-conn 2", 2), ("pool-max-conn 0", 0), ("pool-low-conn 5", 3), ("max-reuse 0", 0)],
)
def test_as_many_are_kept_as_were_needed_at_a_time(words: str, kept: int) -> None:
    server = server_with(words)
    peak(server, 3)
    assert len(server.idle) == kept


@pytest.mark.parametrize(("words", "kept"), [("", 1), ("pool-low-conn 3", 3), ("pool-low-conn 3 pool-max-conn 2", 2)])
def test_one_more_is_kept_only_if_so_many_are_wanted(words: str, kept: int) -> None:
    server = server_with(words)
    backs = [given(server, 1) for _ in range(5)]
    assert [back.conn.closed for back in backs] == [False] * kept + [True] * (5 - kept)


def test_a_purge_closes_half_of_what_is_too_many() -> None:
    server = server_with("pool-purge-delay 10s")
    server.purge_at = 10.0
    backs = peak(server, 8)
    assert pool.purge(server, 9.0) == 0
    seen = []
    for now in (10.0, 20.0, 30.0, 40.0, 50.0):
        pool.purge(server, now)
        seen.append(len(server.idle))
    assert seen == [6, 4, 2, 1, 0]
    assert all(back.conn.closed for back in backs)


def test_a_purge_spares_what_has_just_come() -> None:
    server = server_with()
    given(server, 1, now=99.5)
    assert pool.purge(server, 100.0) == 0
    assert pool.purge(server, 105.0) == 1


def test_low_connections_outlive_purges() -> None:
    server = server_with("pool-low-conn 2")
    peak(server, 4)
    for now in (10.0, 20.0, 30.0, 40.0):
        pool.purge(server, now)
    assert len(server.idle) == 2


def test_a_strict_limit_makes_room_for_one_more() -> None:
    server = server_with("maxconn 3 strict-maxconn")
    first, *others = peak(server, 3)
    server.served = 1
    pool.make_room(server)
    assert first.conn.closed and not any(back.conn.closed for back in others)
