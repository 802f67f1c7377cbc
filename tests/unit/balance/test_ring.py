"""The ring of consistent hashing against a plain list of all its points, and where hash-key places them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pylb.balance import consistent
from pylb.balance.consistent import Ring
from pylb.balance.keywords import HashType
from pylb.balance.ring_points import base_of, points
from pylb.sample.hashes import avalanche


class Some:
    """As much of a server as a ring looks at."""

    def __init__(self, number: int, **values: Any) -> None:
        self.id = number
        self.values = values
        self.maxconn = 0
        self.address: bytes | None = None
        self.port = 80
        self.backend = SimpleNamespace(config=None)

    def __repr__(self) -> str:
        return f"s{self.id}"


class Plain:
    """The same as a sorted list, as slow as can be. Points that coincide stay in the order of their coming; a server
    that has more than ever comes with all of its points anew."""

    def __init__(self) -> None:
        self.points: list[tuple[int, Some]] = []
        self.weights: dict[Some, int] = {}
        self.most: dict[Some, int] = {}

    def change(self, server: Some, new: int) -> None:
        old = self.weights.get(server, 0)
        if new > self.most.get(server, 0):
            self.most[server] = new
            self.points = [point for point in self.points if point[1] is not server]
            old = 0
        for number in range(old, new):
            key = avalanche(server.id * 4096 + number)
            self.points.insert(bisect_right([point[0] for point in self.points], key), (key, server))
        for number in range(new, old):
            self.points.remove((avalanche(server.id * 4096 + number), server))
        self.weights[server] = new

    def owner(self, value: int) -> Some:
        keys = [point[0] for point in self.points]
        after = bisect_left(keys, value) % len(keys)
        before = bisect_right(keys, value) - 1
        if (value - keys[before]) % 2**32 <= (keys[after] - value) % 2**32:
            return self.points[before][1]
        return self.points[after][1]


CHANGES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from((0, 0, 1, 3, 16, 33, 160))), min_size=1, max_size=30)
# The last id is the first one's again for the ring, which looks at 20 bits.
IDS = (1, 2, 3, 700, 2**20 - 1, 2**20 + 1)


@given(CHANGES, st.sampled_from((0, 10**6)), st.booleans(), st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_changes_leave_the_points_that_a_list_would_have(
    changes: list[tuple[int, int]], crowd: int, filled: bool, values: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consistent, "BLOCK", 8)
        patch.setattr(consistent, "CROWD", crowd)
        servers = [Some(number) for number in IDS]
        ring: Any = Ring()
        plain = Plain()
        if filled:
            ring.extend(dict.fromkeys(servers, 16))
            for server in servers:
                plain.change(server, 16)
        for at, weight in changes:
            ring.change(servers[at], weight)
            plain.change(servers[at], weight)
            keys = [key for block in ring.keys for key in block]
            owners = [owner for block in ring.owners for owner in block]
            assert [*zip(keys, owners, strict=True)] == plain.points
            assert ring.tops == [block[-1] for block in ring.keys]
            assert ring.size == len(keys)
            if keys:
                for value in (*values, keys[0], keys[-1], 0, 2**32 - 1, keys[len(keys) // 2]):
                    assert ring.owner(value) is plain.owner(value)
                    assert ring.lookup(value, lambda _: False) is plain.owner(value)


@given(st.integers(0, 2**32 - 1), st.integers(0, 4096), st.integers(0, 300))
def test_many_points_at_once_are_those_one_by_one(base: int, start: int, count: int) -> None:
    assert points(base, start, start + count) == [avalanche(base + n) for n in range(start, start + count)]


def test_a_walk_visits_every_point_in_order_and_goes_on_where_one_has_gone() -> None:
    servers: list[Any] = [Some(number) for number in range(1, 6)]
    ring = Ring()
    ring.extend(dict.fromkeys(servers, 16))
    order = [owner for block in ring.owners for owner in block]
    assert [ring.walk(None) for _ in range(170)] == (order * 3)[:170]
    assert ring.last is not None
    gone = ring.last[1]
    at = 169 % 80
    ring.change(gone, 0)
    # The walk stands on the next point that is left, whose owner is passed over this once.
    rest = [owner for owner in (*order[at + 1 :], *order) if owner is not gone]
    assert [ring.walk(None) for _ in range(20)] == rest[1:21]


def test_a_walk_ends_when_every_server_was_full() -> None:
    servers: list[Any] = [Some(number) for number in range(1, 4)]
    asked = []
    for server in servers:
        server.maxconn = 1
        server.saturated = lambda server=server: asked.append(server) or True
    ring = Ring()
    ring.extend(dict.fromkeys(servers, 1600))
    assert ring.walk(None) is None
    assert len(asked) == 3


ADDRESS = bytes((192, 0, 2, 7))


def placed(key: str, number: int = 5, address: bytes | None = ADDRESS, port: int = 80, **values: Any) -> int:
    server: Any = Some(number, **{"hash-key": key}, **values)
    server.address = address
    server.port = port
    return base_of(server)


def test_hash_key_tells_what_places_a_server() -> None:
    assert base_of(Some(5)) == placed("id") == 5 * 4096  # type: ignore[arg-type]
    assert placed("addr") == placed("addr", number=9, port=81) != placed("addr", address=bytes(4))
    assert placed("addr-port") == placed("addr-port", number=9) != placed("addr-port", port=81)
    assert placed("guid", guid="a") == placed("guid", number=9, guid="a") != placed("guid", guid="b")
    assert placed("id32", 2**20 + 1) != placed("id32", 1)
    assert placed("id", 2**20 + 1) == placed("id", 1)


@pytest.mark.parametrize("key", ["addr", "addr-port", "guid"])
def test_without_an_address_or_guid_the_id_places_it(key: str) -> None:
    assert placed(key, address=None) == 5 * 4096


def test_all_bits_of_an_id_are_taken_as_they_are_where_keys_are_not_hashed() -> None:
    server: Any = Some(2**31, **{"hash-key": "id32"})
    server.backend.config = {"hash-type": HashType(True, "none")}
    assert base_of(server) == 2**31


def test_a_server_moves_when_what_places_it_has_changed() -> None:
    server: Any = Some(1, **{"hash-key": "addr"})
    server.address = ADDRESS
    ring = Ring()
    ring.extend({server: 16})
    before = list(ring.keys[0])
    server.address = bytes((192, 0, 2, 8))
    ring.change(server, 16)
    assert ring.size == 16
    assert not set(before) & set(ring.keys[0])
