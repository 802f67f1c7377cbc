"""hash-key and the hash function `none`, through whole configurations. HAProxy 2.6 does not know them."""

from __future__ import annotations

import socket

import pytest

from pylb.server.places import locate
from tests.differential.balancing import Ours


def places(ours: Ours, count: int = 200) -> list[str]:
    """The address and port that each of so many keys leads to."""
    found = []
    for number in range(count):
        server = ours.backend.by_label[ours.ask(b"/%d" % number)]
        found.append(f"{socket.inet_ntoa(server.address)}:{server.port}")
    return found


def balanced(key: str, *addresses: str) -> Ours:
    lines = "".join(f"    server s{n} {address} hash-key {key}\n" for n, address in enumerate(addresses))
    return Ours(f"    balance uri\n    hash-type consistent\n{lines}")


@pytest.mark.parametrize("key", ["addr", "addr-port"])
def test_the_order_of_servers_does_not_matter_where_addresses_place_them(key: str) -> None:
    three = ("192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80")
    seen = places(balanced(key, *three))
    assert set(seen) == set(three)
    assert seen == places(balanced(key, *reversed(three)))
    assert seen != places(balanced("id", *reversed(three)))


def test_ports_count_with_addr_port_only() -> None:
    def hosts(key: str, port: int) -> list[str]:
        return [place.partition(":")[0] for place in places(balanced(key, f"192.0.2.1:{port}", f"192.0.2.2:{port}"))]

    assert hosts("addr", 80) == hosts("addr", 81)
    assert hosts("addr-port", 80) != hosts("addr-port", 81)


def test_a_server_that_gets_another_address_moves_on_the_ring() -> None:
    ours = balanced("addr", "192.0.2.1:80", "192.0.2.2:80")
    locate(ours.backend.servers[0], socket.inet_aton("192.0.2.9"))
    assert places(ours) == places(balanced("addr", "192.0.2.9:80", "192.0.2.2:80"))


@pytest.mark.parametrize("expression", ["req.hdr(x-n)", "req.hdr(x-n),add(0)"])
def test_without_a_hash_function_the_key_is_the_number(expression: str) -> None:
    lines = "".join(f"    server s{n} 192.0.2.1:80\n" for n in range(3))
    ours = Ours(f"    balance hash {expression}\n    hash-type map-based none\n{lines}")
    for number in (0, 1, 2, 7, 2**31 + 5, 2**33 + 1):
        expected = number % 2**32 % 3
        assert ours.ask(headers=[(b"x-n", b"%d" % number)]) == b"s%d" % expected
