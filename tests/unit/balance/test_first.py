"""`balance first`: servers by id that have a free slot, as they come and go."""

from __future__ import annotations

from typing import Any

from pylb.balance.first import First
from tests.unit.balance.test_static_map import Hashable


def server(number: int, **facts: Any) -> Any:
    made = Hashable(
        name=f"s{number}",
        number=number,
        id=number,
        weight=1,
        usable=True,
        backup=False,
        maxconn=0,
        minconn=0,
        lb=None,
        full=False,
    )
    made.saturated = lambda: made.full
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def test_a_server_may_take_the_id_of_one_that_was_removed() -> None:
    servers = [server(1), server(2)]
    backend: Any = Hashable(servers=servers, config=None)
    algorithm = First(backend)
    gone = servers.pop(0)
    gone.usable = False
    algorithm.update(gone)
    algorithm.forget(gone)
    other = server(1)
    servers.append(other)
    algorithm.update(other)
    assert algorithm.choose(None) is other


def test_full_servers_come_back_when_one_of_their_streams_ends() -> None:
    servers = [server(1, maxconn=1, minconn=1), server(2)]
    algorithm = First(Hashable(servers=servers, config=None))
    servers[0].full = True
    assert algorithm.choose(None) is servers[1]
    servers[0].full = False
    assert algorithm.choose(None) is servers[1]
    algorithm.freed(servers[0])
    assert algorithm.choose(None) is servers[0]


def test_servers_that_flap_do_not_pile_up() -> None:
    servers = [server(1), server(2)]
    algorithm = First(Hashable(servers=servers, config=None))
    for _ in range(300):
        for usable in (False, True):
            servers[1].usable = usable
            algorithm.update(servers[1])
    assert len(algorithm.main.heap) < 100
    assert algorithm.choose(None) is servers[0]
