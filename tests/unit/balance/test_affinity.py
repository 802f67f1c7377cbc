"""hash-preserve-affinity: which streams may leave the server that their key names."""

from __future__ import annotations

from typing import Any

from pylb.balance.consistent import Ring


class Some:
    """As much of a server as a ring looks at."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.values: dict[str, Any] = {}
        self.full = False


def ring(count: int) -> tuple[Ring, list[Any]]:
    servers = [Some(number) for number in range(1, count + 1)]
    made = Ring()
    made.extend(dict.fromkeys(servers, 16))
    return made, servers


def full(server: Any) -> bool:
    return bool(server.full)


def test_a_full_server_is_passed_over_and_all_full_ends_with_the_last() -> None:
    made, servers = ring(4)
    for value in range(0, 1 << 32, 1 << 27):
        for server in servers:
            server.full = False
        walk = []
        while len(walk) < len(servers):
            walk.append(made.lookup(value, full, last=True))
            assert not walk[-1].full
            walk[-1].full = True
        assert set(map(id, walk)) == set(map(id, servers))
        assert made.lookup(value, full, last=True) is walk[-1]
        assert made.lookup(value, full) is walk[0]
