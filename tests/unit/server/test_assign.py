"""Slots, queues, imposed servers; the algorithms have tests of their own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pylb.clock import clock
from pylb.server import state
from pylb.server.assign import ASSIGNED, FULL, NONE, QUEUED, assign, reassign, release
from pylb.server.waiting import leave
from tests.unit.server.backends import Bench, Stream, backend_of


def served(bench: Bench) -> dict[str, int]:
    return {server.name: server.served for server in bench.b.servers}


def test_a_stream_takes_a_slot_and_gives_it_back_once() -> None:
    bench = backend_of("server s1 127.0.0.1:1")
    stream = Stream(bench.b)
    assert assign(stream) == ASSIGNED
    assert (stream.slot, bench.b.served) == (bench.b.servers[0], 1)
    release(stream)
    release(stream)
    assert (stream.slot, served(bench), bench.b.served) == (None, {"s1": 0}, 0)


def test_ten_thousand_waiting_streams_are_served_in_order_without_recursion() -> None:
    bench = backend_of("server s1 127.0.0.1:1 maxconn 1")
    streams = [Stream(bench.b) for _ in range(10_001)]
    assert assign(streams[0]) == ASSIGNED
    assert {assign(stream) for stream in streams[1:]} == {QUEUED}
    assert bench.b.counters.queue_max == 10_000
    start = time.perf_counter()
    for place, stream in enumerate(streams[:-1]):
        release(stream)
        assert bench.woken[-1] is streams[place + 1]
        assert bench.woken[-1].slot is bench.b.servers[0]
    release(streams[-1])
    assert time.perf_counter() - start < 5.0
    assert bench.woken == streams[1:]
    assert served(bench) == {"s1": 0}


def test_positions_in_the_queue_are_kept_for_the_log() -> None:
    bench = backend_of("server s1 127.0.0.1:1 maxconn 1")
    streams = [Stream(bench.b) for _ in range(4)]
    for stream in streams:
        assign(stream)
    for stream in streams:
        release(stream)
    assert [stream.queue_backend for stream in streams] == [0, 1, 2, 3]


def test_a_stream_that_leaves_the_queue_is_passed_over() -> None:
    bench = backend_of("server s1 127.0.0.1:1 maxconn 1")
    first, second, third = streams = [Stream(bench.b) for _ in range(3)]
    for stream in streams:
        assign(stream)
    leave(second)
    leave(second)
    release(first)
    assert bench.woken == [third]
    assert second.slot is None


def test_priorities_come_before_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", 100.0)
    bench = backend_of("server s1 127.0.0.1:1 maxconn 1")
    holder, late, early, urgent = streams = [Stream(bench.b) for _ in range(4)]
    late.priority, early.priority, urgent.priority = (0, 500), (0, 0), (-1, 9000)
    for stream in streams:
        assign(stream)
    for stream in (holder, urgent, early):
        release(stream)
    assert bench.woken == [urgent, early, late]


def test_no_usable_server_is_none_and_disabled_ones_are_not_usable() -> None:
    bench = backend_of("server s1 127.0.0.1:1 disabled\nserver s2 127.0.0.1:1 weight 0")
    assert assign(Stream(bench.b)) == NONE
    state.set_state(bench.b.servers[0], "ready")
    assert assign(Stream(bench.b)) == ASSIGNED


def test_a_full_queue_of_the_one_server_is_full() -> None:
    bench = backend_of("balance source\nserver s1 127.0.0.1:1 maxconn 1 maxqueue 1\nserver s2 127.0.0.1:1 disabled")
    assert [assign(Stream(bench.b)) for _ in range(3)] == [ASSIGNED, QUEUED, FULL]


def test_streams_of_a_server_that_goes_down_look_for_another_one_with_redispatch() -> None:
    bench = backend_of(
        "balance source\noption redispatch\nserver s1 127.0.0.1:1 maxconn 1\nserver s2 127.0.0.1:1 maxconn 1"
    )
    holder, waiter = Stream(bench.b), Stream(bench.b)
    assert (assign(holder), assign(waiter)) == (ASSIGNED, QUEUED)
    state.set_state(holder.slot, "maint")
    assert bench.woken == [waiter]
    assert (waiter.slot, waiter.waiting) == (None, None)
    assert reassign(waiter) == ASSIGNED
    assert waiter.slot is not holder.slot


def test_streams_stay_with_a_server_that_goes_down_without_redispatch() -> None:
    bench = backend_of("balance source\nserver s1 127.0.0.1:1 maxconn 1\nserver s2 127.0.0.1:1 maxconn 1")
    holder, waiter = Stream(bench.b), Stream(bench.b)
    assign(holder), assign(waiter)
    state.set_state(holder.slot, "maint")
    assert bench.woken == []
    release(holder)
    assert bench.woken == [waiter]


def test_a_server_that_comes_up_takes_from_the_backends_queue() -> None:
    bench = backend_of("server s1 127.0.0.1:1 maxconn 1\nserver s2 127.0.0.1:1 maxconn 2 disabled")
    streams = [Stream(bench.b) for _ in range(5)]
    for stream in streams:
        assign(stream)
    state.set_state(bench.b.servers[1], "ready")
    assert bench.woken == streams[1:3]
    assert served(bench) == {"s1": 1, "s2": 2}


def test_the_dynamic_limit_follows_the_backends_load() -> None:
    bench = backend_of("fullconn 100\nserver s1 127.0.0.1:1 minconn 2 maxconn 10")
    limits = []
    for current in (0, 10, 20, 50, 99, 100, 200):
        bench.b.counters.conn_cur = current
        limits.append(bench.b.servers[0].limit())
    assert limits == [2, 2, 2, 5, 9, 10, 10]


@pytest.mark.parametrize(
    ("cookie", "expected", "logged"),
    [
        (b"SRV=two", b"s2", b"V"),
        (b"a=1; SRV=two; b=2", b"s2", b"V"),
        (b"SRV=two|Zabc|Zdef", b"s2", b"V"),
        (b"SRV=none", b"s1", b"I"),
        (b"other=two", b"s1", b"N"),
        (b"SRV=three", b"s1", b"D"),
        (b"XSRV=two", b"s1", b"N"),
    ],
)
def test_the_cookie_names_the_server(cookie: bytes, expected: bytes, logged: bytes) -> None:
    bench = backend_of(
        "cookie SRV insert indirect\nserver s1 127.0.0.1:1 cookie one\nserver s2 127.0.0.1:1 cookie two\n"
        "server s3 127.0.0.1:1 cookie three disabled",
        http=True,
    )
    stream = Stream(bench.b, (b"Cookie", cookie))
    assert assign(stream) == ASSIGNED
    assert (stream.server.label, stream.cookie_request, stream.persistent) == (expected, logged, logged == b"V")


def test_option_persist_sends_to_a_server_that_is_down() -> None:
    bench = backend_of(
        "option persist\ncookie SRV\nserver s1 127.0.0.1:1 cookie one\nserver s2 127.0.0.1:1 cookie two disabled",
        http=True,
    )
    stream = Stream(bench.b, (b"cookie", b"SRV=two"))
    assert assign(stream) == ASSIGNED
    assert stream.server.label == b"s2"


def test_a_full_queue_of_the_cookies_server_is_left_with_redispatch() -> None:
    lines = "cookie SRV\nserver s1 127.0.0.1:1 cookie one maxconn 1 maxqueue 1\nserver s2 127.0.0.1:1 cookie two"
    outcomes: list[list[Any]] = []
    for option in ("", "option redispatch\n"):
        bench = backend_of(option + lines, http=True)
        outcomes.append([assign(Stream(bench.b, (b"cookie", b"SRV=one"))) for _ in range(3)])
    assert outcomes == [[ASSIGNED, QUEUED, FULL], [ASSIGNED, QUEUED, ASSIGNED]]


def test_dispatch_has_one_server_without_a_name() -> None:
    bench = backend_of("dispatch 127.0.0.1:8080")
    stream = Stream(bench.b)
    assert assign(stream) == ASSIGNED
    assert (stream.server.label, stream.server.sockaddr, stream.slot) == (b"<NOSRV>", ("127.0.0.1", 8080), None)


def test_use_server_rules_come_first() -> None:
    bench = backend_of(
        "use-server s2 if { req.hdr(x) two }\nuse-server s3 if { req.hdr(x) three }\nserver s1 127.0.0.1:1\n"
        "server s2 127.0.0.1:1\nserver s3 127.0.0.1:1 weight 0\n",
        http=True,
    )
    chosen = []
    for value in (b"two", b"three", b"two"):
        stream = Stream(bench.b, (b"x", value))
        assert assign(stream) == ASSIGNED
        chosen.append(stream.server.label)
    assert chosen == [b"s2", b"s3", b"s2"]
