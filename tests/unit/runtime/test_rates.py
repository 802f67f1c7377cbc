"""Rates of proxies and servers are read from totals that `roll` looks at once a second, and only where they move."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pylb import counters as module
from pylb.counters import SLICE, ProxyCounters, Rate, roll, rolling


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters and clock of this test only."""
    monkeypatch.setattr(module, "_live", [])
    monkeypatch.setattr(module, "_clock", module._Clock())
    monkeypatch.setattr(module, "process", module.ProcessCounters())


def group() -> tuple[ProxyCounters, ProxyCounters]:
    """A backend and its server; the clock has ticked at 100."""
    backend, server = ProxyCounters(), ProxyCounters(member=True)
    backend.members = [SimpleNamespace(counters=server)]
    roll(100.0)
    return backend, server


def test_a_rate_is_what_came_in_this_second_and_a_share_of_the_last():
    backend, _ = group()
    backend.sess_total += 10
    assert backend.sess_rate.read(100.5) == 10
    roll(101.0)
    assert backend.sess_rate.read(101.0) == 10
    backend.sess_total += 4
    assert backend.sess_rate.read(101.5) == 4 + 5
    assert backend.sess_rate.limit_max == 10
    roll(102.0)
    roll(103.0)
    assert backend.sess_rate.read(103.0) == 0
    assert backend.sess_rate.limit_max == 10


def test_a_rate_that_rested_counts_from_the_last_tick():
    backend, _ = group()
    for second in range(101, 140):
        roll(float(second))
    backend.sess_total += 7
    assert backend.sess_rate.read(139.9) == 7, "nothing of this second is lost by looking at it first now"
    roll(140.0)
    assert backend.sess_rate.last == backend.sess_rate.limit_max == 7
    for second in range(141, 160):
        roll(float(second))
    backend.sess_total += 3
    roll(160.0)
    assert (backend.sess_rate.last, backend.sess_rate.limit_max) == (3, 7)


def test_a_look_at_a_resting_rate_changes_nothing():
    backend, _ = group()
    backend.sess_total += 5
    for second in range(101, 110):
        roll(float(second))
    assert backend.sess_rate.read(109.2) == 0
    backend.sess_total += 5
    roll(110.0)
    assert backend.sess_rate.last == 5


def test_a_server_is_rolled_with_its_backend():
    backend, server = group()
    backend.sess_total += 2
    server.sess_total += 2
    roll(101.0)
    assert (server.sess_rate.last, server.sess_rate.limit_max) == (2, 2)
    roll(102.0)
    assert server.sess_rate.read(102.0) == 0


def test_a_stream_counts_for_its_server_in_the_second_it_ends_in():
    backend, server = group()
    backend.sess_total += 1
    backend.conn_cur += 1
    for second in range(101, 120):
        roll(float(second))
        assert server.sess_rate.last == 0
    backend.conn_cur -= 1
    server.sess_total += 1
    roll(120.0)
    assert server.sess_rate.last == 1
    roll(121.0)
    roll(122.0)
    assert server.sess_rate.read(122.0) == 0


def test_servers_of_a_resting_backend_are_not_looked_at():
    backend, _ = group()
    looked = []

    class Members(list[SimpleNamespace]):
        def __iter__(self):
            looked.append(True)
            return super().__iter__()

    backend.members = Members([SimpleNamespace(counters=ProxyCounters(member=True))])
    roll(101.0)
    assert not looked
    backend.sess_total += 1
    roll(102.0)
    assert len(looked) == 1
    roll(103.0)
    roll(104.0)
    assert len(looked) == 2, "once more after the last movement, so that the rate falls to zero"


def test_a_late_tick_loses_only_what_it_cannot_know():
    backend, _ = group()
    backend.sess_total += 4
    roll(103.5)
    assert backend.sess_rate.last == 0, "in which of the seconds it came, nobody knows"
    assert backend.sess_rate.read(103.9) == 0
    backend.sess_total += 2
    roll(104.0)
    assert backend.sess_rate.last == 2


def test_counters_that_are_gone_are_forgotten():
    kept = ProxyCounters()
    ProxyCounters()
    roll(101.0)
    assert [reference() for reference in module._live] == [kept]


def test_rates_are_made_when_they_are_needed():
    counters = ProxyCounters()
    assert counters._sess_rate is None
    assert isinstance(counters.sess_rate, Rate)
    assert counters.sess_rate is counters.sess_rate


def crowd(count: int) -> tuple[ProxyCounters, list[ProxyCounters]]:
    """A backend and its servers."""
    backend, servers = ProxyCounters(), [ProxyCounters(member=True) for _ in range(count)]
    backend.members = [SimpleNamespace(counters=server) for server in servers]
    roll(100.0)
    return backend, servers


def serve(backend: ProxyCounters, servers: list[ProxyCounters]) -> None:
    for server in servers:
        backend.sess_total += 1
        server.sess_total += 1


def test_many_busy_servers_are_looked_at_in_slices():
    backend, servers = crowd(3 * SLICE)
    for second in (101, 102, 103):
        serve(backend, servers)
        pauses = sum(1 for _ in rolling(float(second)))
        assert pauses == 3
    assert {(server.sess_rate.last, server.sess_rate.limit_max) for server in servers} == {(1, 1)}
    assert backend.sess_rate.last == 3 * SLICE


def test_many_proxies_are_looked_at_in_slices():
    proxies = [ProxyCounters() for _ in range(2 * SLICE)]
    serve(ProxyCounters(), proxies)
    assert sum(1 for _ in rolling(101.0)) == 2


def test_a_rate_that_is_read_between_two_slices_is_right():
    backend, servers = crowd(2 * SLICE)
    serve(backend, servers)
    work = rolling(101.0)
    next(work)
    early, late = servers[0].sess_rate, servers[-1].sess_rate
    assert early.second == 101
    assert late.second == 0, "its turn has not come"
    assert late.read(101.2) == early.read(101.2) == 0, "of the second that is over, 0.8 of one event"
    assert late.last == early.last == 1
    for _ in work:
        pass
    serve(backend, servers)
    roll(102.0)
    assert {server.sess_rate.last for server in servers} == {1}


def test_a_slice_that_comes_late_does_not_turn_back_time():
    backend, servers = crowd(2 * SLICE)
    serve(backend, servers)
    work = rolling(101.0)
    next(work)
    late = servers[-1].sess_rate
    assert late.read(102.9) == 0
    for _ in work:
        pass
    assert late.second == 102


def test_servers_may_come_and_go_during_a_pause():
    backend, servers = crowd(2 * SLICE)
    serve(backend, servers)
    for number, _ in enumerate(rolling(101.0)):
        if not number:
            del backend.members[: SLICE + 10]
            backend.members.append(SimpleNamespace(counters=ProxyCounters(member=True)))
    assert {server.sess_rate.last for server in servers} == {1}
